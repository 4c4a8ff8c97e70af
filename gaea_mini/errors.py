"""The one exception for input that a person can put right."""


class InputError(ValueError):
    """Input that cannot be used: a wrong name, file, shape or number.

    The message is one line. It says what is wrong, where, and what to do about it.
    The command line prints that line and exits with status 2; it prints no
    traceback. In Python it is an ordinary ``ValueError``.

    >>> from gaea_mini.errors import InputError
    >>> raise InputError("lr is 0: give a step size above 0, for example 0.1")
    Traceback (most recent call last):
    gaea_mini.errors.InputError: lr is 0: give a step size above 0, for example 0.1
    """

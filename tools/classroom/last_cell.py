"""Runs after each test of a submission, in its process, and has to fail with a word.

A submission can change how its tests work: hide errors, drop ``assert``, or put a
function of its own in the place of a library's. This finds what is done in a line or
two. Who takes pains can get round it; the instructor guide says so.
"""

_WORD = "a word that nobody can know before"  # the grader puts one in its place
_HOMES = {"numpy": "/usr/lib/numpy/"}  # and where modules come from


def _lies():
    """The comparisons that find different things equal."""
    import sys

    import numpy

    one, two = numpy.array([1.0, 1.0]), numpy.array([1.0, 2.0])
    found = {
        "numpy.allclose": numpy.allclose(one, two),
        "numpy.isclose": numpy.isclose(one, two)[1],
        "numpy.array_equal": numpy.array_equal(one, two),
        "numpy.ndarray": (one == two)[1],
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        one, two = torch.tensor(one), torch.tensor(two)
        found["torch.allclose"] = torch.allclose(one, two)
        found["torch.equal"] = torch.equal(one, two)
    asked = {  # by the names that the tests use, which may be the notebook's own
        "abs": lambda: abs(-2.0) != 2.0,
        "all": lambda: all([False]),
        "any": lambda: any([False]),
        "isinstance": lambda: isinstance(1, str),
        "len": lambda: len([1, 2, 3]) != 3,
        "list": lambda: list((1, 2)) != [1, 2],
        "max": lambda: max([1.0, 2.0]) != 2.0,
        "min": lambda: min([1.0, 2.0]) != 1.0,
        "range": lambda: sum(1 for _ in range(3)) != 3,
        "set": lambda: set([1, 2]) != {1, 2},
        "zip": lambda: sum(1 for _ in zip("ab")) != 2,
    }
    for name, question in asked.items():
        try:
            found[name] = question()
        except Exception:
            pass  # then a test that uses it fails too
    return [name for name, same in found.items() if same]


def _strangers():
    """What was made in the notebook and stands in a module of others."""
    import sys

    found = []
    for place, module in list(sys.modules.items()):
        first = place.split(".")[0]
        if first in _HOMES and (first == "gaea_mini" or place == first):
            file = str(getattr(module, "__file__", None))
            if not file.startswith(_HOMES[first]):
                found.append(place)
        elif place != "builtins":
            continue
        for name, value in list(vars(module).items()):
            homes = getattr(value, "__module__", None), type(value).__module__
            if "__main__" in homes:
                found.append(f"{place}.{name}")
    return found


_changed = sorted({*_lies(), *_strangers()})
# An assert and no raise, as in the tests.
assert False, f"changed: {', '.join(_changed)}" if _changed else _WORD  # noqa: B011

"""Runs after a submission's own cells, in their process, and has to fail with WORD.

A submission can change how its tests work: hide errors, drop ``assert``, or put a
function of its own in the place of a library's. This finds what is done in a line or
two. Who takes pains can get round it; the instructor guide says so.
"""

import sys

import numpy

WORD = "a word that nobody can know before"  # the grader puts one in its place


def lies():
    """The comparisons that find different things equal."""
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
    return [name for name, same in found.items() if same]


def strangers():
    """What was made in the notebook and stands in a module of others."""
    found = []
    for place, module in list(sys.modules.items()):
        if place.split(".")[0] == "gaea_mini" or place in (
            "builtins",
            "numpy",
            "torch",
        ):
            for name, value in list(vars(module).items()):
                homes = getattr(value, "__module__", None), type(value).__module__
                if "__main__" in homes:
                    found.append(f"{place}.{name}")
    return found


changed = sorted({*lies(), *strangers()})
# An assert and no raise, as in the tests.
assert False, f"changed: {', '.join(changed)}" if changed else WORD  # noqa: B011

"""The recorded runs that chapters read: ``python -m gaea_mini records``.

A recipe is a named list of searches. Every search is kept in a cache as soon as it is
done (and continues from its checkpoint if it was cut off), so a recipe resumes where it
stopped. Searches run side by side, one thread each. Finished recipes are written to
``book/records/NAME.json``.

Steps are chosen on seeds from 100 on, by the accuracy of the rounded supernet on
held-out search data, never by a table; results are reported on seeds 0, 1, 2, ... One
rule serves all methods of a recipe, ``Tuning``: a few steps upwards, on two tuning
seeds each; the best two on all tuning seeds; the grid goes on upwards while its last
value is the best, up to ``most`` values. So methods may try different numbers of steps,
and a step that is the last of ``most`` values may not be the best there is; the record
lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gaea_mini.errors import InputError
from gaea_mini.search import PRESETS, Budget


@dataclass(frozen=True)
class Tuning:
    """How a step is chosen.

    Args:
      grids: per method the first steps to try; a method without one has no step.
      seeds: all tuning seeds; the first two sort out, all decide.
      per_decade: values of the grid in a factor of ten, for steps further up.
      most: values that the grid grows to.
    """

    grids: Mapping[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    per_decade: int
    most: int

    def longer(self, grid: list[float]) -> list[float]:
        """The grid with one step more at its upper end."""
        return [*grid, float(f"{grid[-self.per_decade] * 10:g}")]


# From each method's published step upwards. The controls start where GAEA starts.
FINE = Tuning(
    {
        "darts": (3e-4, 1e-3, 3e-3, 1e-2),
        "darts-sgd": (0.1, 0.3, 1.0, 3.0),
        "gaea-darts": (0.1, 0.3, 1.0, 3.0),
    },
    seeds=(100, 101, 102, 103, 104),
    per_decade=2,
    most=8,
)
# Many methods, so wide steps and two seeds; from the published steps again. The logits
# of a theta need a larger factor than weights on the simplex: one value more to begin.
COARSE = Tuning(
    {
        "darts": (3e-4, 3e-3, 3e-2, 0.3),
        "pc-darts": (6e-4, 6e-3, 6e-2, 0.6),
        "gdas": (3e-4, 3e-3, 3e-2, 0.3),
        "enas": (1e-3, 1e-2, 0.1),
        "gaea-darts": (0.1, 1.0, 10.0),
        "gaea-pc-darts": (0.1, 1.0, 10.0),
        "gaea-gdas": (0.1, 1.0, 10.0),
    },
    seeds=(100, 101),
    per_decade=1,
    most=6,
)


@dataclass(frozen=True)
class Recipe:
    """What a record holds.

    Args:
      about: one sentence for the reader of the file.
      space, without: the search space, less some operations.
      source: the pictures, "fashion" or "cifar10".
      objectives: names of the objectives.
      methods: methods whose step is chosen, then reported.
      budget: of every search.
      tuning: how steps are chosen.
      seeds: those that are reported.
      published: methods that are reported at their published step as well.
      borrowed: method: (recipe, method) whose chosen step it takes over.
    """

    about: str
    space: str
    without: tuple[str, ...]
    source: str
    objectives: tuple[str, ...]
    methods: tuple[str, ...]
    budget: Budget
    tuning: Tuning = FINE
    seeds: tuple[int, ...] = tuple(range(10))
    published: tuple[str, ...] = ()
    borrowed: Mapping[str, tuple[str, str]] = field(default_factory=dict)


CHAPTER = replace(
    PRESETS["cpu"],
    preset="chapter",
    size=14,
    pictures=3000,
    epochs=15,
    schedule_epochs=30,
    crop=1,
)
# Four times the epochs of preset cpu, to the end of the weights' schedule, on fewer and
# smaller pictures: does DARTS collapse when it is not stopped early?
LONG = replace(
    PRESETS["cpu"],
    preset="long",
    size=12,
    pictures=4000,
    epochs=100,
    schedule_epochs=100,
    crop=1,
)
NB201 = ("nasbench201", ("none",), "cifar10")
FAMILY = (
    "darts",
    "darts-2nd",
    "pc-darts",
    "gdas",
    "rs-ws",
    "enas",
    "gaea-darts",
    "gaea-pc-darts",
    "gaea-gdas",
)
RECIPES = {
    "compact_fashion": Recipe(
        "The compact space on the shipped pictures, as chapter 'gaea' runs it live.",
        "compact",
        (),
        "fashion",
        ("bilevel",),
        ("darts", "darts-sgd", "gaea-darts"),
        CHAPTER,
        published=("darts", "gaea-darts"),
    ),
    "nasbench201_bilevel": Recipe(
        "NAS-Bench-201 without 'none' on 8,000 CIFAR-10 pictures, preset cpu.",
        *NB201,
        ("bilevel",),
        ("darts", "gaea-darts"),
        PRESETS["cpu"],
    ),
    "nasbench201_single_level": Recipe(
        "NAS-Bench-201 without 'none' on 8,000 CIFAR-10 pictures, preset cpu.",
        *NB201,
        ("single-level",),
        ("darts", "gaea-darts"),
        PRESETS["cpu"],
        # A single-level search takes twice as long; both methods keep the steps that
        # were chosen for them in the bilevel search.
        borrowed={
            "darts": ("nasbench201_bilevel", "darts"),
            "gaea-darts": ("nasbench201_bilevel", "gaea-darts"),
        },
    ),
    "compact_family": Recipe(
        "Every method on the compact space, 8,000 shipped pictures, preset cpu.",
        "compact",
        (),
        "fashion",
        ("bilevel",),
        FAMILY,
        PRESETS["cpu"],
        COARSE,
        seeds=(0, 1, 2),
        # The second order costs more than twice as much and moves the same logits.
        borrowed={"darts-2nd": ("compact_family", "darts")},
    ),
    "nasbench201_family": Recipe(
        "Every method on NAS-Bench-201 without 'none', 8,000 CIFAR-10 pictures, "
        "preset cpu.",
        *NB201,
        ("bilevel",),
        FAMILY,
        PRESETS["cpu"],
        COARSE,
        seeds=(0, 1, 2),
        borrowed={
            "darts": ("nasbench201_bilevel", "darts"),
            "darts-2nd": ("nasbench201_bilevel", "darts"),
            "gaea-darts": ("nasbench201_bilevel", "gaea-darts"),
        },
    ),
    "skip_collapse": Recipe(
        "NAS-Bench-201 without 'none' on 4,000 CIFAR-10 pictures of 12x12 pixels: 100 "
        "epochs, to the end of the weights' schedule.",
        *NB201,
        ("bilevel",),
        ("darts", "gaea-darts", "pc-darts"),
        LONG,
        seeds=(0, 1, 2),
        published=("darts",),
        # Tuned in searches of a quarter of the length.
        borrowed={
            "darts": ("nasbench201_bilevel", "darts"),
            "gaea-darts": ("nasbench201_bilevel", "gaea-darts"),
            "pc-darts": ("nasbench201_family", "pc-darts"),
        },
    ),
    "skip_collapse_single_level": Recipe(
        "NAS-Bench-201 without 'none' on 4,000 CIFAR-10 pictures of 12x12 pixels: 50 "
        "epochs on all pictures, as many steps as 100 on halves.",
        *NB201,
        ("single-level",),
        ("darts", "gaea-darts"),
        replace(LONG, epochs=50, schedule_epochs=50),
        seeds=(0, 1, 2),
        published=("darts",),
        borrowed={
            "darts": ("nasbench201_bilevel", "darts"),
            "gaea-darts": ("nasbench201_bilevel", "gaea-darts"),
        },
    ),
}
# What is not made of searches alone; each has a module, recipe_NAME.
OTHERS = ("alone_cifar10", "compact_ranking", "simplex_theory", "skips_alone")


def recipe_named(name: str) -> Recipe:
    """A recipe by its name."""
    if name not in RECIPES:
        raise InputError(
            f"no recipe {name!r}; there are {', '.join([*RECIPES, *OTHERS])}"
        )
    return RECIPES[name]

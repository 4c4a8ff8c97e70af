"""A rival that prunes: a tree of Parzen estimators proposes, Hyperband stops early.

BOHB (Falkner, Klein, Hutter, ICML 2018) fits one density to the good cells and one to
the others, draws candidates from the first and trains the one with the largest ratio of
the two. Hyperband gives a cell a cheap look first and a dearer one only if it is among
the best third. Optuna has both parts, so this is BOHB's design with Optuna's densities.
"""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.evaluate.rivals import Step, Trainer
from gaea_mini.evaluate.table import Table

ETA = 3  # of three cells one goes on


def bohb(
    table: Table,
    clock: float,
    seed: int = 0,
    rungs: Sequence[int] | None = None,
    candidates: int = 4,
) -> Iterator[Step]:
    """Tree-structured Parzen estimator over all edges at once, under Hyperband.

    The settings that Optuna shares with NAS-Bench-201's command: 4 candidates, no
    random fraction once there is a model, a model from E + 1 cells on, the best 15 %
    (at least E + 1) as the good ones, eta 3. Optuna has no bandwidth factor.

    The cell handed back is the best among those that got furthest. A cell that goes on
    keeps its seed. On NAS-Bench-201 every rung is a training of its own, with a seed of
    its own, as the authors' code draws one at each look. Their BOHB.py asks the entry
    of the 200-epoch training, of which the compact table has the end only; ours asks
    the 12-epoch schedule, as the other rivals do.

    Args:
      rungs: positions in ``table.epochs``, one a rung, as in ``rungs_of``.
      candidates: drawn from the good density for each proposal.
    """
    optuna = load_optuna()
    rungs = rungs_of(table) if rungs is None else rungs
    if not rungs or candidates < 1:
        raise InputError("bohb needs one rung and one candidate at least")
    least = len(table.space.edges) + 1
    draws = np.random.default_rng(seed)
    trainer = Trainer(table, clock, draws)
    with warnings.catch_warnings():
        # ``multivariate`` is marked experimental, and ``gamma`` deprecated: without it
        # the good ones are a tenth of the cells, which is not BOHB's rule.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)
        sampler = optuna.samplers.TPESampler(
            multivariate=True,
            n_startup_trials=least,
            n_ei_candidates=candidates,
            gamma=partial(good, least=least),
            seed=seed,
        )
        study = optuna.create_study(
            direction="maximize",
            sampler=sampler,
            # The study's name decides which bracket a trial is in, so it is fixed.
            study_name=f"seed {seed}",
            pruner=optuna.pruners.HyperbandPruner(
                min_resource=1,
                max_resource=ETA ** (len(rungs) - 1),
                reduction_factor=ETA,
            ),
        )
    operations = list(range(len(table.space.operations)))
    axes = {
        f"edge {edge}": optuna.distributions.CategoricalDistribution(operations)
        for edge in range(len(table.space.edges))
    }
    best, top = "", (-1, -np.inf)
    while True:
        trial = study.ask(axes)
        cell = table.space.format([trial.params[axis] for axis in axes])
        for rung, epoch in enumerate(rungs):
            if rung and continues(table):
                value = trainer.go_on(cell, rungs[rung - 1], epoch)
            else:
                value = trainer.train(cell, epoch)
            if value is None:
                return
            if (rung, value) > top:
                best, top = cell, (rung, value)
            yield Step(trainer.spent, cell, value, best)
            trial.report(value, ETA**rung)
            if rung + 1 < len(rungs) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)


def good(cells: int, least: int) -> int:
    """How many of the cells seen make the density of good ones: 15 %, or ``least``."""
    return min(cells, max(least, 15 * cells // 100))


def rungs_of(table: Table) -> tuple[int, ...]:
    """Positions in ``table.epochs`` that Hyperband climbs.

    On NAS-Bench-201 three times the 12-epoch schedule, as published: the authors' code
    gives BOHB three budgets, and looks the same 12 epochs up (and charges for them) in
    each. On a table of one long training, its last looks, each about a third of the
    next.
    """
    if not continues(table):
        return (0, 0, 0)
    rungs = [len(table.epochs) - 1]
    for place in reversed(range(len(table.epochs) - 1)):
        if table.epochs[place] * ETA <= table.epochs[rungs[-1]]:
            rungs.append(place)
    return tuple(reversed(rungs))


def continues(table: Table) -> bool:
    """Whether the table's epochs are looks at one training, so that a rung goes on."""
    return table.space.name != "nasbench201"


def load_optuna() -> Any:
    """The module, quiet; an InputError where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise InputError(
            "the rival 'bohb' needs Optuna: pip install optuna, then run this again"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

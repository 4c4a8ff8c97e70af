"""Traces, curves, summaries and differences against slow statements of them."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_cells import MadeUp

from gaea_mini.errors import InputError
from gaea_mini.evaluate.comparison import Trace, curve, difference, play, summary
from gaea_mini.evaluate.rivals import evolution, random_search


@pytest.mark.parametrize("rival", [random_search, evolution])
def test_a_trace_says_what_would_be_handed_back_at_each_moment(rival):
    table = MadeUp()
    trace = play(rival, table, 150.0, 3)
    steps = list(rival(MadeUp(), 150.0, 3))
    assert trace.trainings == len(steps)
    for cost in np.linspace(0, 160, 200):
        over = [step for step in steps if step.seconds <= cost]
        (found,) = trace.at([cost])
        if over:
            assert found == table.test(over[-1].best)
        else:
            assert np.isnan(found)
    assert len(trace.costs) < len(steps)


def test_a_clock_too_short_for_one_training_is_refused():
    with pytest.raises(InputError, match="too short for one training"):
        play(random_search, MadeUp(), 0.5, 0)


def test_a_curve_is_the_mean_regret_and_a_band():
    traces = [Trace([float(s)], [80.0 + s]) for s in range(1, 12)]
    found = curve(traces, [0.5, 5.0, 20.0], best=100.0)
    assert found["costs"] == [0.5, 5.0, 20.0]
    assert found["mean"] == [None, None, 14.0]
    assert (found["low"][2], found["high"][2]) == (10.0, 18.0)


def test_a_summary_of_one_value_has_no_deviation():
    assert summary([3.0]) == {"n": 1, "mean": 3.0, "sd": None, "median": 3.0}
    for values in ([], [1.0, np.nan]):
        with pytest.raises(InputError, match="finite"):
            summary(values)


def test_the_interval_is_that_of_all_draws_of_the_seeds():
    a, b = [1.0, 2.0, 6.0], [0.0, 3.0, 1.0]
    every = [np.mean([a[i] - b[i] for i in drawn]) for drawn in np.ndindex(3, 3, 3)]
    low, high = np.quantile(every, [0.025, 0.975], method="inverted_cdf")
    found = difference(a, b, paired=True)
    assert found["mean"] == pytest.approx(5 / 3, abs=1e-3) and found["n"] == [3, 3]
    assert found["low"] == pytest.approx(low, abs=1e-3)
    assert found["high"] == pytest.approx(high, abs=1e-3)


def test_pairing_matters():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, 30)
    a, b = hard + 1 + rng.normal(0, 0.1, 30), hard
    paired, apart = (difference(a, b, paired=p) for p in (True, False))
    assert paired["low"] > 0.9 and paired["high"] < 1.1
    assert apart["low"] < -2 and apart["high"] > 4
    assert paired == difference(a, b, paired=True)  # draws are fixed


@pytest.mark.parametrize(
    ("a", "b", "paired"), [([1.0], [2.0, 3.0], False), ([1.0, 2.0], [1.0] * 3, True)]
)
def test_too_few_or_unequal_values_are_refused(a, b, paired):
    with pytest.raises(InputError, match="needs two values"):
        difference(a, b, paired)


@pytest.mark.parametrize(("last", "level"), [(np.nan, 0.95), (1.0, 95), (1.0, 0.0)])
def test_a_difference_of_no_numbers_or_at_no_level_is_refused(last, level):
    with pytest.raises(InputError, match="finite numbers and a level between 0 and 1"):
        difference([1.0, last], [2.0, 3.0], paired=True, level=level)

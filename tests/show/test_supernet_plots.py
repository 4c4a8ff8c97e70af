"""The figures of chapter mixed_operation say what the record says."""

from __future__ import annotations

import pytest

from gaea_mini.errors import InputError
from gaea_mini.show import records, supernet_plots


@pytest.fixture(scope="module")
def published() -> records.Json:
    return records.load_record("published")


def test_every_published_search_has_its_dot_and_its_number(published) -> None:
    rows = supernet_plots.searches(published)
    assert len(rows) == 12
    ax = supernet_plots.search_costs(published).axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    days = {}
    for line in ax.get_lines():
        for x, y in zip(*line.get_data(), strict=True):
            days[names[int(y)]] = x
    assert days == {row["method"]: row["gpu_days"] for row in rows}
    written = [text.get_text().replace(",", "") for text in ax.texts]
    assert [float(text) for text in written] == sorted(days.values(), reverse=True)
    apart = {line.get_label(): len(line.get_xdata()) for line in ax.get_lines()}
    alone = sum(not row["shares_weights"] for row in rows)
    assert apart == {"every candidate trained": alone, "one network": len(rows) - alone}


def test_a_cost_in_words_is_in_hours(published) -> None:
    made_up = {
        "darts_space": [
            {"method": "slow", "gpu_days": 100, "params_m": 3.3},
            {"method": "quick", "gpu_days": 0.5, "params_m": 3.3},
            {"method": "moved", "gpu_days": 7, "params_m": None},
        ]
    }
    said = supernet_plots.cost_lines(made_up, "slow", "quick")
    assert said == "slow: 2,400 GPU-hours\nquick: 12 GPU-hours\nratio: 200"
    with pytest.raises(InputError, match="no published cost of 'other'"):
        supernet_plots.cost_lines(published, "other", "ENAS")


def test_a_loss_stands_at_the_epoch_that_it_belongs_to() -> None:
    ax = supernet_plots.losses({"a": [[3.0, 1.0], [1.0, 1.0]]}).axes[0]
    line = next(line for line in ax.get_lines() if line.get_label() == "a")
    assert line.get_xdata().tolist() == [1, 2]
    assert line.get_ydata().tolist() == [2.0, 1.0]

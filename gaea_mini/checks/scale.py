"""Checks for the exercises of chapters 12 to 14: pass, or see the case that fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare

# Chapter 12, train_it_alone


def my_rate(function: Function) -> Check:
    """Check the exercise ``ex-cosine``: function(done, lr, lr_min), Eq. (eq-cosine).

    The answer walks the half circle: its height above the middle is a cosine.
    """

    def answer(done: float, lr: float, lr_min: float) -> float:
        height = np.exp(1j * np.pi * done).real  # 1 at the start, -1 at the end
        return float((lr + lr_min) / 2 + (lr - lr_min) / 2 * height)

    rng = np.random.default_rng(0)
    cases = [{"done": d, "lr": 0.1, "lr_min": 0.0} for d in (0.0, 0.5, 1.0)]
    cases += [
        {
            "done": float(rng.uniform()),
            "lr": float(rng.uniform(0.05, 0.5)),
            "lr_min": float(rng.uniform(0, 0.04)),
        }
        for _ in range(30)
    ]
    hint = "lr at done = 0, lr_min at done = 1, their mean at done = 0.5"
    return compare(function, cases, answer, hint=hint)


def my_drop_path(function: Function) -> Check:
    """Check the exercise ``ex-drop-path``: function(x, draws, rate).

    Eq. (eq-drop-path). x is (B, C); draws are B numbers in [0, 1); a picture is
    kept where draws >= rate.
    """

    def answer(x: Any, draws: Any, rate: float) -> Any:
        return np.array(
            [
                [value / (1 - rate) if u >= rate else 0.0 for value in row]
                for row, u in zip(x, draws, strict=True)
            ]
        )

    def cases() -> Iterable[Case]:
        yield {"x": np.ones((2, 2)), "draws": np.array([0.1, 0.9]), "rate": 0.5}
        yield {"x": np.ones((2, 3)), "draws": np.array([0.0, 0.4]), "rate": 0.0}
        rng = np.random.default_rng(1)
        for _ in range(30):
            shape = tuple(rng.integers(2, 5, size=2))
            yield {
                "x": rng.normal(size=shape),
                "draws": rng.uniform(size=shape[0]),
                "rate": float(rng.uniform(0, 0.6)),
            }

    hint = "one draw decides over a whole row; what is kept is divided by 1 - rate"
    return compare(function, cases(), answer, hint=hint)


def my_best_of(function: Function) -> Check:
    """Check the exercise ``ex-best-of``: function(errors, fresh), Eq. (eq-winner).

    errors (n,) choose a cell; fresh (n, m) are new trainings of every cell. The answer
    is the pair (error of the chosen run, mean of the chosen cell's new trainings).
    """

    def answer(errors: Any, fresh: Any) -> Any:
        order = sorted(range(len(errors)), key=lambda i: float(errors[i]))
        first = order[0]
        return np.array([errors[first], sum(fresh[first]) / len(fresh[first])])

    rng = np.random.default_rng(2)
    cases = [
        {
            "errors": np.array([2.6, 2.4, 2.5]),
            "fresh": np.array([[2.5, 2.5], [2.6, 2.5], [2.4, 2.4]]),
        }
    ]
    for _ in range(30):
        n, m = rng.integers(2, 7, size=2)
        cases.append(
            {
                "errors": rng.normal(2.6, 0.1, n),
                "fresh": rng.normal(2.6, 0.1, (n, m)),
            }
        )
    hint = "choose by errors; the second number comes from fresh alone"
    return compare(function, cases, answer, hint=hint)


def my_cut_out(function: Function) -> Check:
    """Check the exercise ``ex-cutout``: function(x, row, column, side).

    x is one picture (H, W). Pixels from row - side // 2 on, ``side`` of them, are 0;
    the same for columns. The square may reach over the border.
    """

    def answer(x: Any, row: int, column: int, side: int) -> Any:
        out = np.array(x, float)
        for r in range(row - side // 2, row - side // 2 + side):
            for c in range(column - side // 2, column - side // 2 + side):
                if 0 <= r < out.shape[0] and 0 <= c < out.shape[1]:
                    out[r, c] = 0
        return out

    rng = np.random.default_rng(3)
    cases = [{"x": np.ones((5, 5)), "row": 2, "column": 2, "side": 2}]
    cases += [{"x": np.ones((5, 5)), "row": 0, "column": 4, "side": 3}]
    for _ in range(30):
        size = int(rng.integers(4, 9))
        cases.append(
            {
                "x": rng.uniform(1, 2, (size, size)),
                "row": int(rng.integers(size)),
                "column": int(rng.integers(size)),
                "side": int(rng.integers(0, 6)),
            }
        )
    hint = "a slice may not start below 0: there -1 means the last row"
    return compare(function, cases, answer, hint=hint)


# Chapter 14, darts_space


def my_size(function: Function) -> Check:
    """Check the exercise ``ex-space-size``: function(nodes, useful).

    Eq. (eq-darts-size). The answer lists the choices of each node and counts them;
    two kinds of cells.
    """

    def answer(nodes: int, useful: int) -> float:
        cells = 1
        for target in range(2, 2 + nodes):
            pairs = [(a, b) for b in range(target) for a in range(b)]
            cells *= len(pairs) * useful * useful
        return float(cells * cells)

    cases = [{"nodes": n, "useful": u} for n in (1, 2, 3, 4, 5) for u in (1, 2, 7)]
    hint = "node t chooses 2 of t edges and an operation on each; there are two cells"
    return compare(function, cases, answer, hint=hint)


def my_top_two(function: Function) -> Check:
    """Check the exercise ``ex-top-two``: function(strengths), Eq. (eq-strength).

    The answer is the pair of kept edges in ascending order; a tie goes to the first.
    """

    def answer(strengths: Any) -> Any:
        left = list(range(len(strengths)))
        kept = []
        for _ in range(2):
            best = max(left, key=lambda e: (strengths[e], -e))
            kept.append(best)
            left.remove(best)
        return np.array(sorted(kept))

    rng = np.random.default_rng(4)
    cases = [{"strengths": np.array([0.2, 0.3, 0.25])}]
    cases += [{"strengths": np.full(n, 0.125)} for n in (2, 3, 5)]
    cases += [
        # Few different values, so that ties are common.
        {"strengths": rng.integers(1, 5, rng.integers(2, 7)) / 10}
        for _ in range(60)
    ]
    hint = "of equal edges those listed first are kept; return them in ascending order"
    return compare(function, cases, answer, hint=hint)


def my_hours(function: Function) -> Check:
    """Check the exercise ``ex-hours``: function(seeds, machines, hours).

    Eq. (eq-rounds). The answer plays it through: a machine that is free takes the
    next seed.
    """

    def answer(seeds: int, machines: int, hours: float) -> float:
        busy = [0.0] * machines
        for _ in range(seeds):
            first = busy.index(min(busy))
            busy[first] += hours
        return max(busy)

    rng = np.random.default_rng(5)
    cases = [{"seeds": 10, "machines": 4, "hours": 2.0}]
    cases += [
        {
            "seeds": int(rng.integers(1, 30)),
            "machines": int(rng.integers(1, 12)),
            "hours": float(rng.uniform(0.5, 3)),
        }
        for _ in range(40)
    ]
    hint = "a machine cannot take half a seed"
    return compare(function, cases, answer, hint=hint)


def my_round(function: Function) -> Check:
    """Check the exercise ``ex-round``: function(theta, none), Eq. (eq-strength).

    theta is (E, O) of one cell with 2 inputs and 4 nodes, or fewer nodes; the answer is
    the operation of every edge, ``none`` where the edge is left out.
    """

    def answer(theta: Any, none: int) -> Any:
        choice = np.full(len(theta), none)
        first, nodes = 0, 2
        while first < len(theta):
            rows = [
                (max(w for o, w in enumerate(row) if o != none), -e)
                for e, row in enumerate(theta[first : first + nodes])
            ]
            for _, minus in sorted(rows, reverse=True)[:2]:
                row = list(theta[first - minus])
                row[none] = -1.0
                choice[first - minus] = row.index(max(row))
            first, nodes = first + nodes, nodes + 1
        return choice

    rng = np.random.default_rng(6)
    cases = [{"theta": np.full((5, 4), 0.25), "none": 0}]
    for _ in range(40):
        edges = (2, 5, 9, 14)[rng.integers(4)]
        operations = int(rng.integers(3, 9))
        # Weights in twentieths: ties between edges are common.
        draw = rng.multinomial(20, np.full(operations, 1 / operations), size=edges)
        cases.append({"theta": draw / 20, "none": int(rng.integers(operations))})
    hint = "the edges of node t are the next t rows; none never wins"
    return compare(function, cases, answer, hint=hint)


# Chapter 13, full_supernet


def my_steps(function: Function) -> Check:
    """Check the exercise ``ex-search-steps``.

    function(pictures, batch, epochs, bilevel), Eq. (eq-search-hours). The answer takes
    whole batches off the pictures until too few are left.
    """

    def answer(pictures: int, batch: int, epochs: int, bilevel: bool) -> float:
        left, steps = (pictures // 2 if bilevel else pictures), 0
        while left >= batch:
            left, steps = left - batch, steps + 1
        return float(epochs * steps)

    rng = np.random.default_rng(7)
    cases = [{"pictures": 1000, "batch": 64, "epochs": 2, "bilevel": True}]
    cases += [
        {
            "pictures": int(rng.integers(200, 5000)),
            "batch": int(rng.choice([32, 64, 100])),
            "epochs": int(rng.integers(1, 30)),
            "bilevel": bool(rng.integers(2)),
        }
        for _ in range(30)
    ]
    hint = "a bilevel search gives the weights one half; a short batch is left out"
    return compare(function, cases, answer, hint=hint)


def my_interval(function: Function) -> Check:
    """Check the exercise ``ex-checkpoint-interval``: function(write, between).

    Eq. (eq-interval). The answer looks for the least waste, Eq. (eq-waste), among many
    intervals.
    """

    def answer(write: float, between: float) -> float:
        low, high = 1e-3 * write, 10 * between
        for _ in range(200):  # ternary search: the waste has one minimum
            a, b = low + (high - low) / 3, high - (high - low) / 3
            # Eq. (eq-waste)
            if write / a + a / (2 * between) < write / b + b / (2 * between):
                high = b
            else:
                low = a
        return (low + high) / 2

    rng = np.random.default_rng(8)
    cases = [{"write": 1.0, "between": 7200.0}]
    cases += [
        {
            "write": float(rng.uniform(0.1, 20)),
            "between": float(10 ** rng.uniform(3, 6)),
        }
        for _ in range(20)
    ]
    hint = "where the derivative of the waste is 0, both parts of it are equal"
    return compare(function, cases, answer, tol=1e-5, hint=hint)


def my_fit(function: Function) -> Check:
    """Check the exercise ``ex-fit``: function(work, seconds), Eq. (eq-cost).

    work is (n, k). The answer solves the normal equations of the relative errors.
    """

    def answer(work: Any, seconds: Any) -> Any:
        rows = np.array(
            [row / time for row, time in zip(work, seconds, strict=True)], float
        )
        return np.linalg.solve(rows.T @ rows, rows.sum(axis=0))

    rng = np.random.default_rng(9)
    cases = [{"work": np.array([[1.0, 1], [1, 2], [1, 4]]), "seconds": np.arange(1, 4)}]
    for _ in range(20):
        work = rng.uniform(1, 10, (8, 3))
        seconds = work @ rng.uniform(0.1, 1, 3) * rng.uniform(0.8, 1.2, 8)
        cases.append({"work": work, "seconds": seconds})
    hint = "divide each row by its time; the right-hand side is then all ones"
    return compare(function, cases, answer, hint=hint)

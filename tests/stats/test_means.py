"""Intervals that may be looked at after every item miss the truth at any look at all in at most alpha of runs."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.stats.means import FiniteMeans, Means, WorkMeans

NAN = float("nan")


def missed(means: Means, values: np.ndarray, truth: np.ndarray, alpha: float, looks: tuple[int, ...]) -> float:
    """Share of rows whose interval misses the truth at any of the looks; values (items, rows)."""
    rows = values.shape[1]
    live, bad, start = np.ones(rows, dtype=bool), np.zeros(rows, dtype=bool), 0
    for look in looks:
        means.add(values[start:look], live)
        start = look
        for row in range(rows):
            interval = means.interval(row, alpha)
            bad[row] |= not interval.low - 1e-12 <= truth[row] <= interval.high + 1e-12
    return float(bad.mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    "chance",
    [pytest.param(0.5, id="coin"), pytest.param(0.97, id="nearly-always-right"), pytest.param(0.02, id="rare")],
)
def test_intervals_for_work_cover_at_every_look(chance: float) -> None:
    """400 runs of 400 items; alpha is 20%, so that misses are enough to count; tolerance 3 standard errors."""
    rng = np.random.default_rng(2)
    values = (rng.random((400, 400)) < chance).astype(float)

    share = missed(WorkMeans(400, 400), values, np.full(400, chance), 0.2, (5, 10, 20, 40, 80, 160, 250, 400))

    assert share <= 0.2 + 3 * (0.2 * 0.8 / 400) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_intervals_for_a_finite_set_cover_at_every_look(missing: float) -> None:
    rng = np.random.default_rng(4)
    values = rng.random((300, 400)) ** 3
    values[rng.random(values.shape) < missing] = NAN
    truth = np.nanmean(values, axis=0)

    share = missed(FiniteMeans(400, 300), values, truth, 0.2, (5, 20, 80, 160, 250, 299, 300))

    assert share <= 0.2 + 3 * (0.2 * 0.8 / 400) ** 0.5


def test_a_finite_set_drawn_to_the_end_leaves_no_doubt() -> None:
    values = np.array([[0.0], [1.0], [0.25], [NAN]])
    means = FiniteMeans(1, 4)
    means.add(values, np.array([True]))

    interval = means.interval(0, 0.05)

    assert interval.low == interval.high == pytest.approx(1.25 / 3)


@pytest.mark.parametrize("kind", [WorkMeans, FiniteMeans])
def test_intervals_narrow_like_one_over_the_root_of_the_items(kind: type[WorkMeans] | type[FiniteMeans]) -> None:
    """And are at most 2.2 times as wide as the interval for a fixed size, which may be looked at once."""
    rng = np.random.default_rng(0)
    means = kind(1, 10_000)
    widths = []
    for n in (100, 900):
        means.add((rng.random((n, 1)) < 0.5).astype(float), np.array([True]))
        interval = means.interval(0, 0.05)
        widths.append(interval.high - interval.low)

    assert 0.25 < widths[1] / widths[0] < 0.4
    assert widths[1] < 2.2 * 2 * 1.96 * 0.5 / 1_000**0.5


def test_batches_do_not_matter() -> None:
    """The buffer of the tally must not show in the numbers."""
    values = np.random.default_rng(0).random((50, 3))
    values[3, 1] = NAN
    live = np.array([True, True, True])
    for kind in (WorkMeans, FiniteMeans):
        whole, pieces = kind(3, 60), kind(3, 60)
        whole.add(values, live)
        for row in values:
            pieces.add(row[None, :], live)

        for i in range(3):
            assert whole.mean(i) == pytest.approx(pieces.mean(i))
            assert list(whole.interval(i, 0.05).__reduce__()[1]) == pytest.approx(
                pieces.interval(i, 0.05).__reduce__()[1]
            )


def test_rounding_to_the_histogram_only_widens() -> None:
    """Values between two cells count as the worse one on each side."""
    values = np.full((500, 1), 1 / 3)
    means = WorkMeans(1, 500)
    means.add(values, np.array([True]))

    interval = means.interval(0, 0.05)

    assert interval.low < 1 / 3 < interval.high

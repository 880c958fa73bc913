"""Breakdowns by group name a candidate only where that survives the number of groups looked at."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.stats import compare_groups

NAN = float("nan")


def coins(*chances: float, items: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((items, len(chances))) < chances).astype(float)


def test_the_group_where_a_candidate_is_better_names_it() -> None:
    groups = {"de": coins(0.9, 0.3, items=80, seed=1), "zh": coins(0.6, 0.6, items=80, seed=2), "hi": np.empty((0, 2))}

    found = {one.group: one for one in compare_groups(["a", "b"], groups)}

    assert [found[group].differs for group in ("de", "zh", "hi")] == ["a", None, None]
    assert found["de"].items == 80
    assert found["de"].means["b"] == pytest.approx(groups["de"][:, 1].mean())
    assert found["hi"].means == {"a": None, "b": None}


def test_evidence_that_suffices_alone_may_not_among_many_groups() -> None:
    group = coins(0.9, 0.6, items=80, seed=4)
    alone = compare_groups(["a", "b"], {"x": group})[0]
    assert alone.differs == "a"
    assert alone.evidence < 1000 / 0.05

    among = compare_groups(["a", "b"], {"x": group} | {f"g{i}": np.empty((0, 2)) for i in range(1_000)})

    assert among[0].differs is None


def test_the_best_of_three_must_beat_both() -> None:
    two_good = np.column_stack([np.ones(60), np.ones(60), np.zeros(60)])
    one_good = np.column_stack([np.ones(60), np.zeros(60), np.zeros(60)])

    found = compare_groups(["a", "b", "c"], {"two": two_good, "one": one_good})

    assert [one.differs for one in found] == [None, "a"]


def test_missing_scores_are_left_out_of_pairs() -> None:
    rows = [[1.0, 0.0], [NAN, 0.0], [1.0, NAN]] * 30

    found = compare_groups(["a", "b"], {"x": rows})[0]

    assert found.means == {"a": 1.0, "b": 0.0}
    assert found.differs == "a"


def test_groups_without_a_difference_are_almost_never_named_however_many_and_whenever_one_stops() -> None:
    """250 sets of 8 groups, each stopped at its most tempting moment: at most 5% + 3 standard errors name anyone.

    A fixed-size test would fail here: its error grows with every look.
    """
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(250):
        gaps = rng.choice([-1.0, 0.0, 1.0], (8, 60), p=[0.25, 0.5, 0.25])
        tempting = [int(np.argmax(np.abs(one.cumsum()))) + 1 for one in gaps]
        groups = {
            f"g{i}": np.column_stack([(g[:n] > 0), (g[:n] < 0)])
            for i, (g, n) in enumerate(zip(gaps, tempting, strict=True))
        }
        wrong += any(one.differs for one in compare_groups(["a", "b"], groups))

    assert wrong / 250 <= 0.05 + 3 * (0.05 * 0.95 / 250) ** 0.5

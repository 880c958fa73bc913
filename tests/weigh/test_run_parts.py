"""The small parts of a run: order, workers, percentiles, groups, what is remembered."""

from __future__ import annotations

import asyncio
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.errors import UsageError
from weighbridge.stats import Rule
from weighbridge.weigh.breakdown import MOST_VALUES, Breakdown
from weighbridge.weigh.crew import Crew
from weighbridge.weigh.drawing import Drawing, draw_order
from weighbridge.weigh.latency import Latencies
from weighbridge.weigh.looks import Looks
from weighbridge.weigh.shown import MOST_ITEMS, Failed, Shown

# --- drawing


@given(st.integers(0, 500), st.integers(0, 2**64), st.none() | st.integers(1, 600))
def test_every_item_is_drawn_once_in_an_order_the_seed_fixes(total: int, seed: int, at_most: int | None) -> None:
    order = draw_order(total, seed, at_most)

    assert len(order) == min(total, total if at_most is None else at_most)
    assert len(set(order.tolist())) == len(order)
    assert set(order.tolist()) <= set(range(total))
    assert order.tolist() == draw_order(total, seed)[: len(order)].tolist()


def test_the_order_of_a_seed_never_changes() -> None:
    """From the PCG64 stream NumPy promises to keep; a run of last year must be repeatable."""
    assert draw_order(10, 0).tolist() == [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]
    assert draw_order(10, 2026).tolist() == draw_order(10, 2026).tolist() != draw_order(10, 0).tolist()


def test_places_are_drawn_evenly() -> None:
    """Chi-square of how often each of 10 items comes first in 5,000 seeds; 9 degrees of freedom, 99.9% is 27.9."""
    first = np.bincount([draw_order(10, seed, 1)[0] for seed in range(5_000)], minlength=10)

    assert float(((first - 500) ** 2 / 500).sum()) < 27.9


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="a seed is a whole number from 0, got -1"):
        draw_order(10, -1)


@settings(deadline=None)
@given(
    st.randoms(use_true_random=False), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=80)
)
def test_landing_in_any_order_weighs_in_drawn_order(rng: Random, scores: list[tuple[float, float]]) -> None:
    rule = Rule(futility=False, alpha=0.2)
    straight = Drawing(("a", "b"), rule, draw_order(len(scores), 0))
    mixed = Drawing(("a", "b"), rule, draw_order(len(scores), 0))
    positions = list(range(len(scores)))

    in_order = [one for position in positions for one in straight.land(position, scores[position])]
    rng.shuffle(positions)
    shuffled = [one for position in positions for one in mixed.land(position, scores[position])]

    assert shuffled == in_order
    assert [one.position for one in shuffled] == list(range(len(shuffled)))
    assert mixed.finish() == straight.finish()


def test_scores_of_an_eliminated_candidate_are_dropped() -> None:
    """Whether one was still under way is chance, and must not reach the contest."""
    drawing = Drawing(("a", "b", "out"), Rule(futility=False), draw_order(400, 0))
    position = 0
    while "out" in drawing.active:
        drawing.land(position, (1.0, 1.0, 0.0))
        position += 1

    (weighed,) = drawing.land(position, (1.0, 1.0, 1.0))

    assert drawing.eliminated == {"out": position}
    assert weighed.scores[:2] == (1.0, 1.0)
    assert math.isnan(weighed.scores[2])


# --- crew


async def run_crew(slots: int, jobs: int, *, fewest: int = 1, most: int = 50) -> tuple[int, int]:
    """Work through a backend with so many places; most under way at once, and workers wanted at the end."""
    places = asyncio.Semaphore(slots)
    left = list(range(jobs))
    under_way = peak = waited = 0

    async def work(position: int) -> None:
        nonlocal under_way, peak, waited
        under_way += 1
        peak = max(peak, under_way)
        waited += places.locked()
        async with places:
            for _ in range(5):  # passes of the loop: every call takes equally long, on a slow machine too
                await asyncio.sleep(0)
        under_way -= 1

    crew = Crew(lambda: left.pop(0) if left else None, work, lambda: waited, fewest=fewest, most=most)
    await crew.run()
    return peak, crew.wanted


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_a_crew_grows_until_the_backend_is_busy_and_hardly_further(slots: int) -> None:
    peak, _ = asyncio.run(run_crew(slots, 300))

    assert slots <= peak <= 1.25 * slots + 1


def test_a_crew_has_its_largest_size() -> None:
    peak, wanted = asyncio.run(run_crew(100, 300, most=5))

    assert (peak, wanted) == (5, 5)


def test_what_a_worker_raises_ends_the_crew_and_leaves_nobody_behind() -> None:
    async def work(position: int) -> None:
        if position == 3:
            raise ValueError("broken")
        await asyncio.Event().wait()

    async def go() -> int:
        left = list(range(10))
        crew = Crew(lambda: left.pop(0) if left else None, work, lambda: 0, fewest=5, most=5)
        with pytest.raises(ValueError, match="broken"):
            await crew.run()
        return len(asyncio.all_tasks())

    assert asyncio.run(go()) == 1


# --- percentiles


@given(st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=300), st.sampled_from([0.05, 0.5, 0.95, 1.0]))
def test_a_percentile_is_within_half_a_percent_of_the_nearest_rank(seconds: list[float], share: float) -> None:
    latencies = Latencies()
    for one in seconds:
        latencies.add(one)

    exact = sorted(seconds)[max(1, math.ceil(share * len(seconds))) - 1]
    assert latencies.quantile(share) == pytest.approx(exact, rel=0.0051)


def test_no_calls_have_no_percentile() -> None:
    assert Latencies().quantile(0.5) is None


# --- groups


def test_groups_hold_the_scores_of_their_items() -> None:
    breakdown = Breakdown(("lang", "urgent"), ("a", "b"))
    for values, scores in [
        (("en", "yes"), (1.0, 0.0)),
        (("de", "yes"), (0.5, math.nan)),
        (("en", "no"), (0.0, 0.0)),
    ]:
        breakdown.add(values, scores)

    groups = {(group.tag, group.value): group for group in breakdown.groups(0.05)}

    assert groups["lang", "en"].means == {"a": 0.5, "b": 0.0}
    assert groups["lang", "de"].means == {"a": 0.5, "b": None}
    assert groups["urgent", "yes"].items == 2
    assert all(group.differs is None for group in groups.values())


def test_a_group_where_one_is_clearly_better_says_so() -> None:
    breakdown = Breakdown(("lang",), ("a", "b"))
    for number in range(300):
        english = number % 2 == 0
        breakdown.add(("en" if english else "de",), (1.0, 0.0 if english else 1.0))

    groups = {group.value: group.differs for group in breakdown.groups(0.05)}

    assert groups == {"en": "a", "de": None}


def test_a_tag_with_a_value_for_each_item_is_left_out() -> None:
    breakdown = Breakdown(("id", "lang"), ("a", "b"))
    for number in range(MOST_VALUES + 5):
        breakdown.add((str(number), "en"), (1.0, 1.0))

    assert [group.tag for group in breakdown.groups(0.05)] == ["lang"]
    assert breakdown.left_out == ("id",)


def test_nothing_weighed_has_no_groups() -> None:
    assert Breakdown(("lang",), ("a", "b")).groups(0.05) == ()


# --- what is remembered


def test_the_items_that_differ_most_are_kept_then_failures_then_the_earliest() -> None:
    shown = Shown(2)
    for position in range(MOST_ITEMS + 500):
        shown.add(position, position, (1.0, 1.0), {})
    shown.add(9_000, 1, (1.0, math.nan), {"b": Failed("cut", "broke")})
    shown.add(9_001, 2, (1.0, 0.0), {})
    shown.add(9_002, 3, (1.0, 0.5), {})

    kept = shown.best_first()

    assert len(kept) == MOST_ITEMS
    assert [one.place for one in kept[:5]] == [2, 3, 1, 0, 1]
    assert kept[-1].before == -(MOST_ITEMS - 4)


def test_with_many_candidates_fewer_items_are_kept() -> None:
    shown = Shown(50)
    for position in range(1_000):
        shown.add(position, position, (1.0,) * 50, {})

    assert len(shown.best_first()) == 400


@pytest.mark.parametrize(("candidates", "most"), [(2, 95), (58, 25)])
def test_looks_are_few_however_many_items_there_are(candidates: int, most: int) -> None:
    looks = Looks(candidates)
    verdict = Drawing(("a", "b"), Rule(), draw_order(10, 0)).contest.verdict()
    for items in range(1, 200_000):
        if looks.due(items):
            looks.take(verdict, items, 2 * items)

    assert 10 <= len(looks.taken) <= most

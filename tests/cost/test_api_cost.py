"""What a workload costs at a provider: the sum by hand, and what an unknown price does to it."""

from __future__ import annotations

import pytest
from cost_cases import make_offer, make_work
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cost.amounts import DAYS_A_MONTH
from weighbridge.cost.api import SHORTEST_TIER, by_provider, cheapest, price_offer

prices = st.floats(0.001, 500)
shares = st.floats(0, 1)


def test_the_bill_is_the_sum_done_by_hand() -> None:
    """10,000 requests a day of 1,000 tokens, 60% cached, and 200 written, at $0.50, $0.05 and $2 a million."""
    cost = price_offer(make_offer(cached=0.05), make_work(cached=0.6))

    a_day = 10_000 * (400 * 0.5 + 600 * 0.05 + 200 * 2.0) / 1e6
    assert cost.usd.value == pytest.approx(a_day * DAYS_A_MONTH)
    assert cost.is_whole
    assert [part.kind for part in cost.parts] == ["input", "cached", "output"]


def test_thoughts_cost_what_output_costs_unless_they_have_a_price() -> None:
    work = make_work(reasoning=0.5)

    usual = price_offer(make_offer(), work)
    own = price_offer(make_offer(reasoning=8.0), work)

    assert usual.usd.value == pytest.approx(price_offer(make_offer(), make_work()).usd.value)
    assert own.usd.value > usual.usd.value


@pytest.mark.parametrize("missing", ["input", "output"])
def test_an_offer_with_a_missing_price_is_partial_says_so_and_cannot_win(missing: str) -> None:
    """A zero here would make the cheapest offer the one with the most holes."""
    holey = price_offer(make_offer("holey", **{"input": 0.001, "output": 0.001} | {missing: None}), make_work())
    dear = price_offer(make_offer("dear", input=50.0, output=100.0), make_work())

    assert holey.unknown == (f"{missing} price",)
    assert not holey.is_whole
    assert cheapest([holey, dear]) == dear
    assert by_provider([holey, dear]) == [dear, holey]


@pytest.mark.parametrize("missing", ["input", "output"])
def test_one_price_of_nothing_beside_another_is_a_hole_in_the_list(missing: str) -> None:
    """Price lists of embedding models and half-filled entries have `output = 0`; no chat model writes for nothing."""
    cost = price_offer(make_offer(**{missing: 0.0}), make_work())

    assert cost.unknown == (f"{missing} price",)


def test_a_free_tier_is_listed_but_never_compared() -> None:
    free = price_offer(make_offer("free", input=0.0, output=0.0), make_work())
    paid = price_offer(make_offer("paid"), make_work())

    assert free.at_nothing
    assert cheapest([free, paid]) == paid
    assert [cost.provider for cost in by_provider([free, paid])] == ["paid", "free"]


@pytest.mark.parametrize("cached", [None, 0.0])
def test_cached_input_without_a_price_is_billed_as_input_and_noted(cached: float | None) -> None:
    cost = price_offer(make_offer(cached=cached), make_work(cached=0.9))

    assert cost.usd == price_offer(make_offer(), make_work()).usd
    assert any("billed as input" in note for note in cost.notes)


def test_a_prompt_longer_than_the_shortest_tier_makes_a_tiered_offer_partial() -> None:
    """The catalogue knows the base tier; a long prompt may cost twice as much."""
    offer = make_offer(tiered=True)

    short = price_offer(offer, make_work(input_tokens=SHORTEST_TIER))
    long = price_offer(offer, make_work(input_tokens=SHORTEST_TIER + 1))

    assert short.is_whole
    assert any("base tier" in note for note in short.notes)
    assert not long.is_whole
    assert "tiers" in long.unknown[0]


def test_the_tiers_of_a_lab_begin_where_its_price_page_says() -> None:
    offer = make_offer(tiered=True, model="openai/gpt-5.4")

    assert price_offer(offer, make_work(input_tokens=150_000)).is_whole
    assert not price_offer(offer, make_work(input_tokens=300_000)).is_whole


def test_sources_that_differ_make_a_range_and_are_named() -> None:
    others = [make_offer(input=1.0, output=4.0, source="litellm")]

    cost = price_offer(make_offer(), make_work(), others=others)

    assert (cost.usd.low, cost.usd.high) == (cost.usd.value, pytest.approx(2 * cost.usd.value))
    assert cost.notes == ("sources differ: litellm, models-dev",)


def test_only_a_provider_whose_discount_is_known_takes_off_for_what_can_wait() -> None:
    work = make_work(batch=0.5)

    known = price_offer(make_offer("openai"), work, batch={"openai": 0.5})
    unknown = price_offer(make_offer("northcloud"), work, batch={"openai": 0.5})

    assert known.usd.value == pytest.approx(0.75 * unknown.usd.value)
    assert any("can wait" in note for note in unknown.notes)


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ({"context_tokens": 1100}, "takes 1,100 tokens"),
        ({"output_limit": 100}, "writes 100 tokens at most"),
    ],
)
def test_an_offer_too_short_for_the_work_cannot_do_it(offer: dict[str, int], why: str) -> None:
    cost = price_offer(make_offer(**offer), make_work())

    assert cost.cannot is not None
    assert why in cost.cannot
    assert cheapest([cost]) is None


@given(prices, prices, st.floats(1, 1e9), st.floats(1.01, 10))
def test_more_requests_cost_more(into: float, out: float, requests: float, more: float) -> None:
    offer = make_offer(input=into, output=out)

    less, dearer = (price_offer(offer, make_work(requests_per_day=each)) for each in (requests, requests * more))

    assert dearer.usd.value > less.usd.value


@given(prices, prices, shares, shares, shares)
def test_a_larger_share_of_cached_input_never_costs_more(
    into: float, out: float, discount: float, one: float, other: float
) -> None:
    """As long as the cache is no dearer than what it saves."""
    offer = make_offer(input=into, output=out, cached=into * discount)
    low, high = sorted((one, other))

    little, much = (price_offer(offer, make_work(cached=share)).usd.value for share in (low, high))

    assert much <= little * (1 + 1e-9)


@given(st.lists(st.tuples(st.none() | st.floats(0, 10), st.none() | st.floats(0, 10)), min_size=1, max_size=12))
def test_no_offer_with_an_unknown_price_ever_stands_before_a_whole_one(
    listed: list[tuple[float | None, float | None]],
) -> None:
    offers = [make_offer(f"p{place}", input=into, output=out) for place, (into, out) in enumerate(listed)]

    ranked = by_provider(price_offer(offer, make_work()) for offer in offers)

    whole = [cost.is_whole for cost in ranked]
    assert whole == sorted(whole, reverse=True)
    best = cheapest(ranked)
    assert best is None or (best.is_whole and all(best.usd.value <= cost.usd.value for cost in ranked if cost.is_whole))

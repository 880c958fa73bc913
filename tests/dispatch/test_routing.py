"""Which backend comes first, who is left alone, and what a minute, a window and a purse hold."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge.chat import Usage
from weighbridge.dispatch.allowance import Allowance, parse_allowance, window_hour
from weighbridge.dispatch.breaker import FAILURES, Breaker
from weighbridge.dispatch.price import cost_usd
from weighbridge.dispatch.purse import Purse, hold, settle
from weighbridge.dispatch.rate import Rate
from weighbridge.dispatch.routing import Strategy, Target, plan
from weighbridge.engines import Price
from weighbridge.engines.engine import Tier
from weighbridge.errors import InputError


def make_targets(*weights: float) -> list[Target]:
    return [Target(f"b{number}", "m", weight=weight) for number, weight in enumerate(weights)]


def first(targets: list[Target], strategy: Strategy, prefix: bytes = b"", rng: Random | None = None) -> str:
    return plan(targets, strategy, now=0.0, rng=rng or Random(1), prefix=prefix)[0].backend


def test_weights_are_shares() -> None:
    targets, rng = make_targets(1, 3), Random(7)

    drawn = Counter(first(targets, "weight", rng=rng) for _ in range(4000))

    assert 0.72 < drawn["b1"] / 4000 < 0.78, "five standard errors around three quarters"


def test_load_counts_what_is_under_way_for_its_weight() -> None:
    targets = make_targets(1, 4)
    targets[0].under_way, targets[1].under_way = 1, 3

    assert first(targets, "load") == "b1"


def test_the_cheapest_comes_first_and_an_unknown_price_last() -> None:
    targets = make_targets(1, 1, 1)
    targets[1].price, targets[2].price = Price(input=2, output=2), Price(input=1, output=2)

    assert [target.backend for target in plan(targets, "price", now=0, rng=Random(1))] == ["b2", "b1", "b0"]


def test_the_quickest_comes_first_and_one_never_measured_before_it() -> None:
    targets = make_targets(1, 1, 1)
    targets[0].measured(0.5)
    targets[1].measured(0.2)

    assert [target.backend for target in plan(targets, "latency", now=0, rng=Random(1))] == ["b2", "b1", "b0"]


def test_a_conversation_stays_and_a_backend_that_goes_moves_only_its_own() -> None:
    targets = make_targets(1, 1, 1, 1)
    talks = [b"conversation %d" % number for number in range(400)]

    before = {talk: first(targets, "affinity", talk) for talk in talks}
    after = {talk: first(targets[:3], "affinity", talk) for talk in talks}

    assert all(before[talk] == after[talk] for talk in talks if before[talk] != "b3")
    assert min(Counter(before.values()).values()) > 60, "a quarter each, give or take"


def test_whoever_is_left_alone_comes_last_but_is_not_lost() -> None:
    targets = make_targets(1, 1)
    for _ in range(FAILURES):
        targets[0].breaker.failed(now=0.0)

    assert [target.backend for target in plan(targets, "order", now=1.0, rng=Random(1))] == ["b1", "b0"]
    assert first(targets[:1], "order") == "b0"


def test_a_breaker_lets_one_probe_through_and_rests_twice_as_long_when_it_fails() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.lets_through(0.0)
        breaker.failed(0.0)

    assert not breaker.lets_through(1.9)
    assert breaker.lets_through(2.0)
    breaker.start()
    assert breaker.state == "half-open"
    assert not breaker.lets_through(2.0), "one probe at a time"
    breaker.failed(2.0)
    assert not breaker.lets_through(5.9)
    assert breaker.lets_through(6.0)
    breaker.start()
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.lets_through(6.0)


@example(limit=1, steps=[4.94820462052561, 0.0])
@given(st.integers(1, 5), st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_ever_holds_more_than_the_limit(limit: int, steps: list[float]) -> None:
    rate, now, passed = Rate(limit), 0.0, []
    for step in steps:
        now += step
        wait = rate.wait_s(now)
        if wait == 0:
            rate.take(now)
            passed.append(now)
        else:
            assert 0 < wait <= 60

    for at in passed:
        assert sum(at - 60 < other <= at for other in passed) <= limit


@pytest.mark.parametrize(
    ("written", "expected"),
    [("5/day", Allowance(5, "day")), ("$0.5/hour", Allowance(0.5, "hour")), (" 100 / month ", Allowance(100, "month"))],
)
def test_a_budget_is_read_as_it_is_written(written: str, expected: Allowance) -> None:
    assert parse_allowance(written) == expected


@pytest.mark.parametrize("written", ["5", "day", "5/week", "-1/day", "1e9/day", "5/day/day", "nan/day", ""])
def test_what_is_no_budget_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="not a budget"):
        parse_allowance(written)


def test_windows_begin_with_the_hour_the_day_and_the_month_of_utc() -> None:
    now = datetime(2026, 11, 22, 13, 45, tzinfo=UTC).timestamp()

    begins = [datetime.fromtimestamp(window_hour(p, now) * 3600, UTC) for p in ("hour", "day", "month")]  # type: ignore[arg-type]

    assert [f"{each:%d %H:%M}" for each in begins] == ["22 13:00", "22 00:00", "01 00:00"]


def test_a_purse_pays_only_what_is_free_and_gets_back_what_a_call_did_not_cost() -> None:
    purse = Purse("key", "k", Allowance(1, "day"))
    purse.free = 1.0

    assert hold((purse,), 0.75, 1.0) is None
    assert hold((purse,), 0.5, 2.0) is purse
    settle((purse,), 0.75, 0.25)
    assert purse.free == pytest.approx(0.75)
    assert hold((purse,), 0.75, 3.0) is None
    assert (purse.free, purse.used_at) == (pytest.approx(0.0), 3.0)


def test_a_call_is_paid_from_all_of_its_purses_or_from_none() -> None:
    rich, poor = (Purse("key", name, Allowance(1, "day")) for name in ("rich", "poor"))
    rich.free, poor.free = 1.0, 0.1

    assert hold((rich, poor), 0.5, 1.0) is poor
    assert (rich.free, poor.free) == (1.0, 0.1)


def test_each_kind_of_token_is_billed_once_at_its_own_rate() -> None:
    price = Price(input=10, output=20, cached=1, cache_write=12, reasoning=30)
    usage = Usage(1000, 500, cached_tokens=300, cache_write_tokens=200, reasoning_tokens=100)

    # 500 x 10 + 300 x 1 + 200 x 12 + 400 x 20 + 100 x 30, a million tokens
    assert cost_usd(usage, price) == pytest.approx((5000 + 300 + 2400 + 8000 + 3000) / 1e6)


def test_a_long_prompt_is_billed_at_its_tier_and_held_at_the_dearest() -> None:
    tiers = (Tier(input=2, output=4, above=100), Tier(input=3, output=6, above=1000))
    price = Price(input=1, output=2, tiers=tiers)

    costs = [cost_usd(Usage(tokens, 0), price) for tokens in (100, 101, 1001)]

    assert costs == pytest.approx([100e-6, 202e-6, 3003e-6])
    assert (price.dearest.input, price.dearest.output) == (3, 6)


def test_a_rate_that_is_missing_makes_the_cost_unknown_never_zero() -> None:
    assert cost_usd(Usage(10, 5), Price(input=1)) is None
    assert cost_usd(Usage(10, 0), Price(input=1)) == pytest.approx(10e-6)
    assert cost_usd(Usage(10, None), Price(input=1, output=1)) is None

"""Own hardware: how many sets, what they cost, and where they cost what a provider costs."""

from __future__ import annotations

import math

import pytest
from cost_cases import make_hardware, make_offer, make_pace, make_work, sure_pace
from hypothesis import assume, given
from hypothesis import strategies as st

from weighbridge.cost.amounts import HOURS_A_MONTH
from weighbridge.cost.api import price_offer
from weighbridge.cost.breakeven import break_even
from weighbridge.cost.hardware import price_own, set_usd


def test_sets_follow_from_the_busiest_hour_and_one_stands_by() -> None:
    """1,000,000 requests a day x 3 at the peak = 34.7 a second, 0.1 s of work each: 3.5 sets busy, 5 at 70%."""
    own = price_own(make_hardware(), make_pace(2000), make_work(requests_per_day=1e6))

    busy = 1e6 / 86_400 * 3 * 200 / 2000
    assert busy == pytest.approx(3.47, abs=0.01)
    assert own.sets.value == math.ceil(busy / 0.7) + 1 == 6
    assert own.usd.value == pytest.approx(6 * 2.0 * HOURS_A_MONTH)
    assert own.load == pytest.approx(busy / 3 / 5)


def test_reading_counts_where_its_speed_is_given_and_what_is_cached_is_not_read() -> None:
    work = make_work(cached=0.5)

    assert sure_pace(2000, 5000).seconds(work).value == pytest.approx(200 / 2000 + 500 / 5000)
    assert make_pace(2000).seconds(work).value == pytest.approx(200 / 2000)


def test_bought_hardware_is_written_off_and_draws_power() -> None:
    """$30,000 over 3 years and 700 W x 1.3 at $0.15: $833.33 and $99.72 a month."""
    hardware = make_hardware(usd_hour=None, buy_usd=30_000.0, watts=700.0)

    assert set_usd(hardware) == pytest.approx(30_000 / 36 + 0.7 * 1.3 * 0.15 * HOURS_A_MONTH)
    assert set_usd(make_hardware(count=8)) == pytest.approx(8 * set_usd(make_hardware()))


def test_people_cost_the_same_whatever_the_volume() -> None:
    hardware = make_hardware(posts=0.2, salary_usd=150_000.0)

    with_people, without = (
        price_own(hardware, make_pace(), make_work()),
        price_own(make_hardware(), make_pace(), make_work()),
    )

    assert with_people.usd.value - without.usd.value == pytest.approx(2500)


@pytest.mark.parametrize(
    ("hardware", "missing"),
    [({"usd_hour": None}, "what a H100-SXM costs"), ({"buy_usd": 30_000.0}, "the power a H100-SXM draws")],
)
def test_hardware_without_a_price_is_partial_and_says_what_is_missing(hardware: dict[str, float], missing: str) -> None:
    own = price_own(make_hardware(**hardware), make_pace(), make_work())

    assert own.unknown == (missing,)
    assert not own.is_whole


def test_the_doubt_of_a_speed_is_carried_into_sets_and_dollars() -> None:
    own = price_own(make_hardware(), make_pace(2000, low=500, high=4000), make_work(requests_per_day=1e6))

    assert own.sets.low < own.sets.value < own.sets.high
    assert own.usd.low < own.usd.value < own.usd.high
    assert own.requests_per_day_a_set.low < own.requests_per_day_a_set.high


def test_what_can_wait_does_not_come_at_the_peak() -> None:
    all_at_once = make_work(requests_per_day=1e6)
    half_waits = make_work(requests_per_day=1e6, batch=0.5)

    assert half_waits.peak_requests_per_second == pytest.approx(all_at_once.peak_requests_per_second * 2 / 3)


@given(st.floats(1, 1e8), st.floats(1, 20), st.floats(10, 1e5))
def test_own_hardware_never_gets_cheaper_with_more_requests(requests: float, more: float, speed: float) -> None:
    less, dearer = (
        price_own(make_hardware(), make_pace(speed), make_work(requests_per_day=each))
        for each in (requests, requests * more)
    )

    assert dearer.usd.value >= less.usd.value


@given(st.floats(0.01, 100), st.floats(50, 50_000), st.floats(0.1, 20), st.integers(0, 3), st.floats(0, 2))
def test_at_break_even_both_cost_the_same(price: float, speed: float, rent: float, spare: int, posts: float) -> None:
    hardware = make_hardware(usd_hour=rent, spare=spare, posts=posts, salary_usd=100_000.0)
    work, pace, offer = make_work(), make_pace(speed), make_offer(input=price, output=4 * price)
    meets = break_even(price_offer(offer, work), price_own(hardware, pace, work), work)
    assume(meets.first is not None and meets.first < 1e9)
    assert meets.first is not None

    there = make_work(requests_per_day=meets.first)

    own, api = price_own(hardware, pace, there).usd.value, price_offer(offer, there).usd.value
    assert own == pytest.approx(api, rel=1e-6)


@given(st.floats(0.01, 100), st.floats(50, 50_000), st.integers(0, 3), st.floats(0.01, 0.999), st.floats(1.001, 30))
def test_before_break_even_own_hardware_is_dearer_and_where_it_stays_it_is_not(
    price: float, speed: float, spare: int, before: float, beyond: float
) -> None:
    hardware = make_hardware(spare=spare)
    work, pace, offer = make_work(), make_pace(speed), make_offer(input=price, output=4 * price)
    meets = break_even(price_offer(offer, work), price_own(hardware, pace, work), work)
    assume(meets.first is not None and meets.stays is not None and meets.stays < 1e8)
    assert meets.first is not None
    assert meets.stays is not None

    little, much = make_work(requests_per_day=meets.first * before), make_work(requests_per_day=meets.stays * beyond)

    assert price_own(hardware, pace, little).usd.value > price_offer(offer, little).usd.value * (1 - 1e-9)
    assert price_own(hardware, pace, much).usd.value <= price_offer(offer, much).usd.value * (1 + 1e-9)


def test_a_set_that_costs_more_than_its_work_is_worth_never_breaks_even() -> None:
    work = make_work()
    api, own = (
        price_offer(make_offer(input=0.001, output=0.001), work),
        price_own(make_hardware(), make_pace(100), work),
    )

    assert break_even(api, own, work).first is None


def test_from_where_it_stays_no_later_step_lifts_own_hardware_above_the_bill_again() -> None:
    """A set that earns little more than it costs: after the first meeting, new steps are dearer again for a while."""
    work, pace, hardware = make_work(), make_pace(2000), make_hardware(spare=1)
    carried = price_own(hardware, pace, work).requests_per_day_a_set.value
    offer = make_offer(input=0.0001, output=1.03 * set_usd(hardware) / carried / (200 * 30.4375) * 1e6)
    meets = break_even(price_offer(offer, work), price_own(hardware, pace, work), work)
    assert meets.first is not None
    assert meets.stays is not None

    def own_is_dearer_on_a_new_step(step: int) -> bool:
        there = make_work(requests_per_day=step * carried * (1 + 1e-6))
        return price_own(hardware, pace, there).usd.value > price_offer(offer, there).usd.value

    first, stays = (math.ceil(each / carried) for each in (meets.first, meets.stays))
    assert stays > first
    assert any(own_is_dearer_on_a_new_step(step) for step in range(first, stays))
    assert not any(own_is_dearer_on_a_new_step(step) for step in range(stays, stays + 200))

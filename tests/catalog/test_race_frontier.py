"""Running bests and lags, against sums done by hand and against the definition written out the slow way."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from racers import DAY_ONE, entry

from weighbridge.catalog.racing.entries import Entry
from weighbridge.catalog.racing.frontier import (
    DAYS_A_MONTH,
    draw_lags,
    frontier,
    lag_between,
    lag_history,
    lead_since,
    quarter_ends,
)

END = DAY_ONE + timedelta(days=365)


def test_the_running_best_is_of_those_that_beat_all_before() -> None:
    slow, first, better = entry("slow", 20, 5), entry("first", 10, 5), entry("better", 30, 6)
    same_day = entry("same day, less", 30, 5.5)

    assert frontier([better, slow, same_day, first]) == (first, better)


def test_the_lag_is_counted_from_the_day_the_leaders_had_that_score() -> None:
    leaders = [entry("one", 0, 50), entry("two", 100, 60), entry("three", 200, 90)]
    followers = [entry("late", 300, 55)]

    lag = lag_between(followers, leaders, END)

    assert lag is not None
    assert lag.reached_by is not None
    assert lag.reached_by.name == "two"
    assert lag.months == pytest.approx((365 - 100) / DAYS_A_MONTH)
    assert lag.months_at_release == pytest.approx((300 - 100) / DAYS_A_MONTH)
    assert lag.points == 35


def test_an_equal_score_is_one_that_was_reached() -> None:
    lag = lag_between([entry("b", 100, 50)], [entry("a", 40, 50)], END)

    assert lag is not None
    assert lag.points == 0
    assert lag.months == pytest.approx(325 / DAYS_A_MONTH)


def test_followers_who_are_ahead_have_a_lag_below_zero() -> None:
    """They had the leaders' best 265 days before the end."""
    lag = lag_between([entry("b", 50, 10), entry("c", 100, 80)], [entry("a", 40, 50)], END)

    assert lag is not None
    assert lag.reached_by is None
    assert lag.months == pytest.approx(-265 / DAYS_A_MONTH)
    assert lag.months_at_release is None


def test_what_was_released_after_the_day_is_not_in_the_race() -> None:
    leaders, followers = [entry("a", 0, 50), entry("a2", 400, 99)], [entry("b", 10, 40)]

    lag = lag_between(followers, leaders, END)

    assert lag is not None
    assert lag.leader.name == "a"
    assert lag_between([entry("b", 400, 40)], leaders, END) is None


def test_without_intervals_there_is_no_interval() -> None:
    """An interval of width zero would look like certainty."""
    lag = lag_between([entry("b", 10, 40)], [entry("a", 0, 50)], END)

    assert lag is not None
    assert lag.interval is None
    assert lag.behind is None


def test_the_draws_have_the_deviation_that_was_published() -> None:
    """A leader at 50 +- 1.645 and a follower at 51: the leader reaches it in 15.87% of the draws."""
    leaders = [entry("a", 0, 50, low=50 - 1.6448536, high=50 + 1.6448536), entry("sure", 300, 90)]

    months = draw_lags([entry("b", 310, 51)], leaders, END, draws=40_000, seed=3)

    assert months is not None
    early = float(np.mean(months > 300 / DAYS_A_MONTH))
    assert early == pytest.approx(0.1587, abs=4 * (0.1587 * 0.8413 / 40_000) ** 0.5)


def test_the_same_seed_gives_the_same_interval() -> None:
    followers = [entry("b", 310, 51, low=45, high=57)]
    leaders = [entry("a", 0, 50, low=40, high=60), entry("sure", 300, 90)]

    once, again = lag_between(followers, leaders, END, seed=5), lag_between(followers, leaders, END, seed=5)

    assert once == again
    assert once is not None
    assert once.interval is not None
    assert once.interval[0] <= once.months <= once.interval[1]


def test_the_model_that_carries_the_figure_is_named() -> None:
    """Without `star` the followers' best is `plain`, whose score the leaders had 200 days before."""
    followers = [entry("plain", 10, 40, model="lab/plain"), entry("star", 350, 60, model="lab/star")]
    leaders = [entry("a", 50, 45), entry("b", 250, 70)]

    lag = lag_between(followers, leaders, END)

    assert lag is not None
    assert ("star", pytest.approx(315 / DAYS_A_MONTH)) in lag.without


def test_all_settings_of_a_model_are_left_out_together() -> None:
    star = [entry(f"star_{effort}", 350, 60 - n, model="lab/star") for n, effort in enumerate(("high", "low"))]
    lag = lag_between([entry("plain", 10, 40), *star], [entry("a", 50, 45), entry("b", 250, 70)], END)

    assert lag is not None
    assert max(months for _, months in lag.without) == pytest.approx(315 / DAYS_A_MONTH)


def test_the_lead_is_held_since_it_was_last_won() -> None:
    """The leaders had it from day 0 to 99, lost it on day 100, and won it back on day 200."""
    leaders = [entry("a", 0, 50), entry("back", 200, 70), entry("further", 300, 80)]
    followers = [entry("f", 100, 60)]

    won, lost = lead_since(followers, leaders, END), lead_since(followers, leaders, DAY_ONE + timedelta(days=150))

    assert won is not None
    assert won.name == "back"
    assert lost is None


def test_a_tie_is_no_lead() -> None:
    assert lead_since([entry("f", 100, 50)], [entry("a", 0, 50)], END) is None


def test_quarters_end_where_the_calendar_says() -> None:
    ends = quarter_ends(date(2023, 11, 5), date(2024, 7, 31))

    assert ends == (date(2023, 12, 31), date(2024, 3, 31), date(2024, 6, 30), date(2024, 7, 31))


entries = st.lists(
    st.builds(entry, st.sampled_from("abcdef"), st.integers(0, 400), st.integers(0, 12).map(float)),
    min_size=1,
    max_size=8,
)


def slow_months(followers: list[Entry], leaders: list[Entry], end: date) -> float:
    """The definition, word by word."""
    best, top = max(each.score for each in followers), max(each.score for each in leaders)
    if top >= best:
        return (end - min(each.released for each in leaders if each.score >= best)).days / DAYS_A_MONTH
    return -(end - min(each.released for each in followers if each.score >= top)).days / DAYS_A_MONTH


@given(entries, entries)
def test_the_lag_is_what_its_definition_says(followers: list[Entry], leaders: list[Entry]) -> None:
    end = DAY_ONE + timedelta(days=400)

    lag = lag_between(followers, leaders, end)

    assert lag is not None
    assert lag.months == pytest.approx(slow_months(followers, leaders, end))
    assert lag_history(followers, leaders, (end,)) == ((end, pytest.approx(lag.months)),)


@given(entries, entries, st.integers(0, 400))
def test_one_more_leader_never_makes_the_lag_smaller(followers: list[Entry], leaders: list[Entry], day: int) -> None:
    end = DAY_ONE + timedelta(days=400)

    before = lag_between(followers, leaders, end)
    after = lag_between(followers, [*leaders, entry("more", day, 12)], end)

    assert before is not None
    assert after is not None
    assert after.months >= before.months - 1e-9

"""Running bests, and how far one group runs behind another.

    frontier   the entries that beat everything released before them, by release date and today's scores
    lag now    end - first day on which the leaders had reached the followers' best score      in months of 30.44 days
    at release release of the followers' best - that day: the lag as it was on that day
    points     the leaders' best score - the followers' best score
    interval   each score drawn anew from its own interval, 10,000 times: 2.5% and 97.5% of the lags

A lag below zero says by how much the followers are ahead. A draw is normal around the score, and half the width of the
90% interval is 1.64 standard deviations, also where the interval leans to one side. Errors are drawn independently
although those of one benchmark are correlated: an interval of lags is rough. `without` is the lag when one model is
taken out: how much one model carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from weighbridge.catalog.racing.entries import Z90, Entry

DAYS_A_MONTH = 30.4375
DRAWS = 10_000
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the followers are behind the leaders on the last day of the data."""

    follower: Entry
    """The followers' best."""
    leader: Entry
    """The leaders' best."""
    reached_by: Entry | None
    """The first leader whose score is at least the followers' best; None where the followers are ahead."""
    points: float
    months: float
    months_at_release: float | None
    """The same, counted to the day on which the followers' best was released."""
    interval: tuple[float, float] | None = None
    """95% of the draws lie in it; None where no entry has an interval of its own."""
    behind: float | None = None
    """Share of the draws in which the followers are behind."""
    since: Entry | None = None
    """The leader whose release put them in front, where they have been since."""
    without: tuple[tuple[str, float], ...] = ()
    """Model left out, and the lag without it: the one that moves it most down, and most up."""


def frontier(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, in order of release, each better than all before it; of one day only the best."""
    best: list[Entry] = []
    for entry in sorted(entries, key=lambda each: (each.released, -each.score, each.name)):
        if not best or entry.score > best[-1].score:
            best.append(entry)
    return tuple(best)


def lag_between(
    followers: Sequence[Entry], leaders: Sequence[Entry], end: date, *, draws: int = DRAWS, seed: int = 0
) -> Lag | None:
    """The lag on the day `end`; None where either group has nobody by then."""
    followers = _in_order(followers, end)
    leaders = _in_order(leaders, end)
    if not followers or not leaders:
        return None
    best, top = _best(followers), _best(leaders)
    reached = next((entry for entry in leaders if entry.score >= best.score), None)
    months = draw_lags(followers, leaders, end, draws=draws, seed=seed)
    return Lag(
        follower=best,
        leader=top,
        reached_by=reached,
        points=top.score - best.score,
        months=_months(followers, leaders, end),
        months_at_release=(best.released - reached.released).days / DAYS_A_MONTH if reached else None,
        interval=None if months is None else _middle(months),
        behind=None if months is None else float(np.mean(months > 0)),
        since=lead_since(followers, leaders, end),
        without=_without(followers, leaders, end),
    )


def lead_since(followers: Sequence[Entry], leaders: Sequence[Entry], end: date) -> Entry | None:
    """The leader whose release put the leaders' running best above the followers', for good until `end`; or None."""
    won: Entry | None = None
    best, top = float("-inf"), float("-inf")
    steps = [(entry, True) for entry in _in_order(leaders, end)] + [
        (entry, False) for entry in _in_order(followers, end)
    ]
    for entry, leads in sorted(steps, key=lambda step: (step[0].released, step[1])):
        best, top = (best, max(top, entry.score)) if leads else (max(best, entry.score), top)
        if top <= best:
            won = None
        elif won is None:
            won = entry
    return won


def lag_history(
    followers: Sequence[Entry], leaders: Sequence[Entry], days: Sequence[date]
) -> tuple[tuple[date, float], ...]:
    """The lag as it would be counted on each of some days, with today's scores; days without both groups left out."""
    counted = ((day, _in_order(followers, day), _in_order(leaders, day)) for day in days)
    return tuple((day, _months(some, others, day)) for day, some, others in counted if some and others)


def quarter_ends(first: date, last: date) -> tuple[date, ...]:
    """The last days of the quarters between two days, and the last day itself."""
    ends = [
        date(year, month, 31 if month in (3, 12) else 30)
        for year in range(first.year, last.year + 1)
        for month in (3, 6, 9, 12)
    ]
    return (*(day for day in ends if first <= day < last), last)


def draw_lags(
    followers: Sequence[Entry], leaders: Sequence[Entry], end: date, *, draws: int, seed: int
) -> Numbers | None:
    """The lag of each draw, (draws,); None where no score has an interval."""
    if not any(entry.low is not None for entry in (*followers, *leaders)):
        return None
    rng = np.random.default_rng(seed)
    return _lags(_drawn(followers, draws, rng), _drawn(leaders, draws, rng), _ages(followers, end), _ages(leaders, end))


def _middle(months: Numbers) -> tuple[float, float]:
    """The ends of the middle 95%."""
    low, high = np.percentile(months, (2.5, 97.5))
    return float(low), float(high)


def _drawn(entries: Sequence[Entry], draws: int, rng: np.random.Generator) -> Numbers:
    """Scores, (draws, entries); one without an interval is the same in each draw."""
    widths = [0.0 if entry.low is None or entry.high is None else entry.high - entry.low for entry in entries]
    score, deviation = np.array([entry.score for entry in entries]), np.array(widths) / (2 * Z90)
    return np.asarray(score + deviation * rng.standard_normal((draws, len(entries))))


def _lags(followers: Numbers, leaders: Numbers, follower_age: Numbers, leader_age: Numbers) -> Numbers:
    """Months of lag, (draws,), of scores (draws, entries in order of release) and ages in months (entries,)."""
    best, top = followers.max(axis=1, keepdims=True), leaders.max(axis=1, keepdims=True)
    behind = leader_age[np.argmax(leaders >= best, axis=1)]
    ahead = follower_age[np.argmax(followers >= top, axis=1)]
    return np.asarray(np.where(top[:, 0] >= best[:, 0], behind, -ahead))


def _months(followers: Sequence[Entry], leaders: Sequence[Entry], end: date) -> float:
    scores = [np.array([[entry.score for entry in some]]) for some in (followers, leaders)]
    return float(_lags(scores[0], scores[1], _ages(followers, end), _ages(leaders, end))[0])


def _without(followers: Sequence[Entry], leaders: Sequence[Entry], end: date) -> tuple[tuple[str, float], ...]:
    """The lag without each model of either frontier: the one that lowers it most and the one that raises it most."""
    now = _months(followers, leaders, end)
    lags = []
    for entry in (*frontier(followers), *frontier(leaders)):
        some = [each for each in followers if each.key != entry.key]
        others = [each for each in leaders if each.key != entry.key]
        if some and others:
            lags.append((entry.name, _months(some, others, end)))
    if not lags:
        return ()
    ends = min(lags, key=lambda each: each[1]), max(lags, key=lambda each: each[1])
    return tuple(each for each in ends if abs(each[1] - now) > 0.05)


def _in_order(entries: Sequence[Entry], end: date) -> list[Entry]:
    return sorted((entry for entry in entries if entry.released <= end), key=lambda each: (each.released, each.name))


def _best(entries: Sequence[Entry]) -> Entry:
    """The highest score; of equal ones the first that was released."""
    return max(entries, key=lambda entry: (entry.score, -entry.released.toordinal()))


def _ages(entries: Sequence[Entry], end: date) -> Numbers:
    return np.array([(end - entry.released).days for entry in entries]) / DAYS_A_MONTH

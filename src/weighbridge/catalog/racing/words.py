"""A race and a leaderboard in words, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from weighbridge.catalog.racing.benchmarks import KINDS
from weighbridge.catalog.racing.entries import Entry
from weighbridge.catalog.racing.leaderboard import Board, Leaderboard, Placed
from weighbridge.catalog.racing.race import Group, Race, Told
from weighbridge.charts.sheet import cut

METHOD = (
    "Composite: one latent general ability a model, and one more for each kind of work, fitted to the logits of all",
    "benchmarks at once, each with its own difficulty, slope and error. 50 is the mean of all models fitted, 10 one",
    "standard deviation. Best setting of each model; scores that labs report of themselves are left out. In brackets",
    "the 80% interval of the model given the benchmarks; then the chance that it is the best of those listed.",
)


def lag_words(told: Told) -> str:
    """`open behind closed: 4.9 months (95% 3.3 to 7.6), 4.7 points`; ahead where the lag is below zero."""
    lag = told.lag
    points = f"{abs(lag.points):.1f} {told.unit}"
    ahead = lag.months < 0 if told.counts_months else lag.points < 0
    who = f"{told.follower} {'ahead of' if ahead else 'behind'} {told.leader}"
    if not told.counts_months:
        return f"{who}: {points}"
    span = f" (95% {_span(lag.interval)})" if lag.interval else ""
    return f"{who}: {abs(lag.months):.1f} months{span}, {points}"


def told_lines(race: Race, told: Told) -> Iterator[str]:
    """A lag with what it is made of and what speaks against it."""
    lag = told.lag
    yield f"{lag_words(told)}; {told.solidity}"
    if lag.reached_by and told.counts_months:
        yield (
            f"  {lag.follower.name} ({lag.follower.score:g}, {lag.follower.released}) has reached what "
            f"{lag.reached_by.name} had on {lag.reached_by.released}; counted to {race.end}, to its own release "
            f"{lag.months_at_release:.1f}"
        )
    if lag.since and told.counts_months:
        yield f"  {told.leader} in front since {lag.since.released} ({lag.since.name})"
    if lag.behind is not None and lag.interval:
        yield f"  behind in {lag.behind:.1%} of the draws"
    yield from (f"  but: {reason}" for reason in told.reasons)


def history_line(told: Told, most: int = 12) -> str:
    """The lag at the end of each quarter, with today's scores."""
    return ", ".join(f"{day:%Y-%m} {months:.1f}" for day, months in told.history[-most:])


def table(races: Sequence[Race]) -> Iterator[str]:
    """One line a benchmark: the best of each group, and both lags."""
    yield f"{'benchmark':<26}{'scores of':<12}{'closed best':<27}{'China-open best':<23}{'West-open best':<23}"
    for race in races:
        cells = [
            _cell(race.group(name), wide) for name, wide in (("closed", 25), ("China-open", 21), ("West-open", 21))
        ]
        yield f"{cut(race.field.benchmark.name, 25):<26}{race.field.snapshot:<12}{'  '.join(cells)}".rstrip()
        for told in race.told:
            because = f": {'; '.join(told.reasons)}" if told.reasons else ""
            yield f"  {lag_words(told)}; {told.solidity}{because}"


def board_lines(board: Board, top: int) -> Iterator[str]:
    """A board as a table of its best."""
    title = f"{board.kind}: {KINDS[board.kind]}" if board.kind else "all work"
    asked = f"at least {board.fewest} of {len(board.benchmarks)} benchmarks"
    yield f"{title} ({asked}; {board.too_few} models with fewer are not placed)"
    for place, placed in enumerate(board.placed[:top], start=1):
        entry = placed.entry
        what = f"open, {entry.region or 'region unknown'}" if entry.is_open else "closed"
        score = f"{placed.score:5.1f} [{placed.low:.1f} to {placed.high:.1f}]"
        yield (
            f"{place:>3}  {cut(entry.model or entry.name, 40):<40} {score:<21} {placed.chance_of_lead:>4.0%}  {what}, "
            f"{len(placed.benchmarks)} benchmarks"
        )
    if not board.placed:
        yield "     nobody with so much evidence"


def race_value(race: Race) -> dict[str, Any]:
    """A race as plain values; every day ISO, months to two places."""
    return {
        "benchmark": race.field.benchmark.name,
        "snapshot": race.field.snapshot,
        "end": race.end.isoformat(),
        "sources": list(race.field.sources),
        "entries": len(race.field.entries),
        "left_out": race.field.left_out,
        "groups": [
            {
                "name": group.name,
                "count": group.count,
                "best": _entry(group.best),
                "tied": list(group.tied),
                "steps": [_entry(entry) for entry in group.steps],
            }
            for group in race.groups
        ],
        "lags": [_told(told) for told in race.told],
    }


def leaderboard_value(board: Leaderboard, top: int) -> dict[str, Any]:
    return {
        "method": " ".join(METHOD),
        "models": board.models,
        "scores": board.scores,
        "rank_correlation_with_eci": None if board.agreement is None else round(board.agreement, 3),
        "models_compared_with_eci": board.compared,
        "boards": [
            {
                "kind": each.kind or "all",
                "benchmarks": list(each.benchmarks),
                "fewest_benchmarks": each.fewest,
                "too_few": each.too_few,
                "placed": [_placed(placed) for placed in each.placed[:top]],
            }
            for each in board.boards
        ],
    }


def _placed(placed: Placed) -> dict[str, Any]:
    return {
        "model": placed.entry.model,
        "name": placed.entry.name,
        "open": placed.entry.is_open,
        "region": placed.entry.region,
        "score": round(placed.score, 2),
        "interval_80": [round(placed.low, 2), round(placed.high, 2)],
        "chance_of_lead": round(placed.chance_of_lead, 4),
        "benchmarks": list(placed.benchmarks),
    }


def _told(told: Told) -> dict[str, Any]:
    lag = told.lag
    counted = told.counts_months
    return {
        "follower": told.follower,
        "leader": told.leader,
        "months": round(lag.months, 2) if counted else None,
        "months_at_release": None if lag.months_at_release is None or not counted else round(lag.months_at_release, 2),
        "interval_95": None if lag.interval is None else [round(end, 2) for end in lag.interval],
        "share_of_draws_behind": lag.behind,
        "points": round(lag.points, 2),
        "unit": told.unit,
        "best_of_followers": _entry(lag.follower),
        "best_of_leaders": _entry(lag.leader),
        "reached_by": _entry(lag.reached_by) if lag.reached_by and counted else None,
        "in_front_since": _entry(lag.since) if lag.since and counted else None,
        "without": [{"name": name, "months": round(months, 2)} for name, months in lag.without],
        "history": [{"day": day.isoformat(), "months": round(months, 2)} for day, months in told.history],
        "solidity": told.solidity,
        "reasons": list(told.reasons),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "model": entry.model,
        "released": entry.released.isoformat(),
        "score": entry.score,
        "interval_90": None if entry.low is None or entry.high is None else [entry.low, entry.high],
        "open": entry.is_open,
        "region": entry.region,
    }


def _cell(group: Group | None, wide: int) -> str:
    if group is None:
        return f"{'-':<{wide}}"
    score = f"{group.best.score:g}"
    return f"{cut(group.best.name, wide - len(score) - 1) + ' ' + score:<{wide}}"


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.1f} to {interval[1]:.1f}"

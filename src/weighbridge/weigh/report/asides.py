"""What stands beside a verdict, a sentence each, for the terminal and the page: where scores come from, sub-groups,
repeats, and what quality costs in dollars and seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from weighbridge.stats.outcomes import OutcomeDifference
from weighbridge.stats.repeats import Repeatability
from weighbridge.weigh.records import RecordedElsewhere, Report

from .names import short_name
from .numbers import MINUS, count, counted, decimals, percent

NAME = 40
SAID = 4
"""Groups, items or candidates that are named in a sentence."""


def recorded_sentences(recorded: RecordedElsewhere, compared: int) -> Iterator[str]:
    """Who recorded the scores, what was paired, and what a live run would have taken."""
    formats = " and ".join(dict.fromkeys(one.format for one in recorded.sources))
    files = counted(len(recorded.sources), "file")
    yield (
        f"Reported by others: {files} ({formats}); nothing was asked or scored here. Items were drawn in random order, "
        f"seed {recorded.seed}."
    )
    yield _pairing(recorded, compared)
    if recorded.live_items < compared:
        yield (
            f"A live run in this order would have ended after {counted(recorded.live_items, 'item')} "
            f"({counted(recorded.live_calls, 'call')})."
        )
    yield from recorded.notes
    for source in recorded.sources:
        yield from (f"{short_name(source.path.rsplit('/', 1)[-1], 60)}: {note}." for note in source.notes)


def _pairing(recorded: RecordedElsewhere, compared: int) -> str:
    unpaired = recorded.items_seen - recorded.items_paired
    said = f"{counted(compared, 'item')} compared"
    if compared < recorded.items_paired:
        said += f" of {count(recorded.items_paired)} that all candidates have"
    if unpaired:
        lacking = sorted(
            ((missing, name) for name, missing in recorded.missing.items() if missing), key=lambda pair: -pair[0]
        )
        whose = ", ".join(f"{short_name(name, NAME)} lacks {count(missing)}" for missing, name in lacking[:SAID])
        said += f"; {counted(unpaired, 'item')} not paired ({whose}{', ...' if len(lacking) > SAID else ''})"
    else:
        said += "; all are paired"
    if recorded.blank:
        said += f"; {counted(recorded.blank, 'answer')} without a score left out"
    return said + "."


def group_sentence(report: Report) -> str | None:
    """What the sub-groups say, with the correction for how many there are."""
    groups = report.groups
    if not groups:
        return None
    named = [group for group in groups if group.differs]
    alpha = f"{100 * report.rule.alpha:.3g}%"
    head = f"By {', '.join(dict.fromkeys(group.tag for group in groups))}: "
    tail = (
        f"Tested together by Holm's procedure: any wrong name among the {len(groups)} has a chance of at most {alpha}."
    )
    if not named:
        return f"{head}in none of {counted(len(groups), 'group')} is anybody shown to be better than all others. {tail}"
    said = ", ".join(
        f"{short_name(group.differs or '', NAME)} in {group.tag} {short_name(group.value, 30)}"
        for group in named[:SAID]
    )
    more = f" and {len(named) - SAID} more" if len(named) > SAID else ""
    rest = len(groups) - len(named)
    unresolved = f"; {rest} unresolved" if rest else ""
    return f"{head}better than all others are {said}{more}{unresolved}. {tail}"


def repeat_sentences(repeats: tuple[Repeatability, ...]) -> Iterator[str]:
    """What several answers to the same item say about each candidate."""
    for one in repeats:
        most = one.pass_rates[-1]
        digits = decimals([most.any_interval])
        answers = str(one.most) if one.fewest == one.most else f"{one.fewest} to {one.most}"
        yield (
            f"Repeats: {short_name(one.name, NAME)} answered {counted(one.items, 'item')} {answers} times: "
            f"pass@{most.k} {percent(most.any, digits)}, pass^{most.k} {percent(most.all, digits)}; "
            f"{_flaky(one)}{_runs(one)}."
        )


def _flaky(one: Repeatability) -> str:
    if not one.flaky:
        return "no item flaky"
    named = ", ".join(short_name(item, 30) for item in one.flaky_items[:SAID])
    return f"{counted(one.flaky, 'item')} flaky ({named}{', ...' if one.flaky > SAID else ''})"


def _runs(one: Repeatability) -> str:
    if one.run_sd is None:
        return ""
    digits = decimals([one.pass_rates[0].any_interval])
    low, high = percent(min(one.runs), digits), percent(max(one.runs), digits)
    return f"; its {len(one.runs)} runs score from {low} to {high}"


def outcome_sentences(report: Report) -> Iterator[str]:
    """Dollars and seconds an item: the leader against the others, the largest difference first."""
    outcomes = report.result.outcomes
    if outcomes is None:
        return
    for what, found, write in (("Cost", outcomes.usd, dollars), ("Latency", outcomes.latency_s, signed_seconds)):
        for one in sorted(found, key=lambda one: -abs(one.difference))[:SAID]:
            yield f"{what}: {outcome_words(one, write)}"


def outcome_words(one: OutcomeDifference, write: Callable[[float], str]) -> str:
    """`A takes 0.31 s an item, B 0.52 s: difference -0.21 s, -0.30 s to -0.12 s, on 60 items.`"""
    first, second = short_name(one.first, NAME), short_name(one.second, NAME)
    spread = "" if one.interval is None else f", {write(one.interval.low)} to {write(one.interval.high)}"
    return (
        f"{first} takes {write(one.first_mean)} an item, {second} {write(one.second_mean)}: difference "
        f"{write(one.difference)}{spread}, on {counted(one.items, 'item')}."
    )


def dollars(value: float) -> str:
    """A difference of dollars for one item, which may be small."""
    if value == 0:
        return "$0"
    places = 2 if abs(value) >= 1 else 6
    return f"{MINUS if value < 0 else ''}${abs(value):.{places}f}"


def signed_seconds(value: float) -> str:
    """A difference of seconds; below a tenth in milliseconds."""
    size = abs(value)
    written = f"{size:.3g} s" if size >= 0.1 else f"{1000 * size:.3g} ms" if size >= 5e-6 else "0 ms"
    return f"{MINUS if value < 0 and written != '0 ms' else ''}{written}"

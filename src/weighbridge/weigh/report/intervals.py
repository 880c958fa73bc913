"""Each candidate's score and each pair's difference, drawn with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weighbridge.stats.records import Comparison, Interval
from weighbridge.weigh.records import CandidateResult, Report

from .markup import Child, Markup, tag
from .numbers import (
    bare_points,
    count,
    counted,
    decimals,
    evidence,
    margin_points,
    percent,
    percent_range,
    points,
    points_range,
)
from .page import Column, candidate, note, section, table
from .strips import Axis, Mark, around_zero, scale, spanning, strip
from .words import in_order, places, turned

PAIRS = 45
"""Pairs that are listed: all of ten candidates."""
FEW = 6
"""Pairs up to which all are shown at once."""


def intervals_section(report: Report) -> Markup:
    margin = report.rule.margin
    aside = [
        tag("p", "A mark is the mean score, its line the interval that holds at every look."),
        tag(
            "p",
            "Pairs are compared on the items both answered, so a difference can be certain although the two "
            "candidates’ own intervals overlap.",
        ),
    ]
    if margin and report.rule.goal == "not-worse":
        aside.append(tag("p", f"The shaded band is the margin: down to −{margin_points(margin)} is not worse."))
    elif margin:
        aside.append(tag("p", f"The shaded band is the margin: inside ±{margin_points(margin)} counts as a tie."))
    return section("scores", "Scores", aside, _forest(report), _pairs(report))


def axis_row(columns: int, axis: Axis, labels: list[str]) -> Markup:
    """A foot for a table whose last column is a strip."""
    return tag(
        "tfoot",
        tag("tr", tag("td", colspan=columns - 1), tag("td", scale(axis, labels), class_="wide")),
        aria_hidden="true",
    )


def _forest(report: Report) -> Markup:
    ranked = in_order(report)
    scored = [one for one in ranked if one.score is not None]
    axis = spanning((end for one in scored for end in (one.interval.low, one.interval.high)), floor=0.0, ceiling=1.0)
    by_name = places(report)
    gone = "decided" if report.rule.goal == "not-worse" else "out"
    columns = [
        Column("Candidate"), Column("Score", number=True), Column("Interval"), Column("Answered", number=True),
        Column("", wide=True),
    ]  # fmt: skip

    def row(one: CandidateResult) -> list[Child]:
        after = report.eliminated.get(one.name)
        after = None if after == report.result.items else after  # the last look ends the run for everybody
        mark = Mark(by_name[one.name], one.score, one.interval, faded=after is not None)
        out = None if after is None else tag("span", f"{gone} after {counted(after, 'item')}", class_="chip")
        who = [candidate(one.name, by_name), tag("span", tag("bdi", one.model), class_="model"), out]
        answered = f"{count(one.calls - one.failed)} of {count(one.calls)}"
        digits = decimals([one.interval])
        spread = percent_range(one.interval, digits) if one.score is not None else "n/a"
        drawn = strip([mark], axis, row=34) if one.score is not None else None
        return [who, tag("b", percent(one.score, digits)), tag("span", spread, class_="nowrap"), answered, drawn]

    foot = axis_row(len(columns), axis, [percent(tick) for tick in axis.ticks])
    return table(columns, map(row, ranked), caption="Score of each candidate", class_="strips", foot=foot)


def _pairs(report: Report) -> Markup | None:
    """Pairs, the one that decides first; from a handful on, the others are folded away."""
    facing = [_facing(pair) for pair in report.comparisons[:PAIRS]]
    if not facing:
        return None
    axis = around_zero([*_ends(facing), 1.3 * report.rule.margin])
    shown, folded = (facing, []) if len(facing) <= FEW else (facing[: FEW - 1], facing[FEW - 1 :])
    rest = len(report.comparisons) - len(facing)
    more = tag("details", tag("summary", counted(len(folded), "more pair")), _pair_table(report, folded, axis))
    left_out = note(f"{count(rest)} more pairs are not shown.") if rest else None
    return tag("div", tag("h3", "Pairs"), _pair_table(report, shown, axis), more if folded else None, left_out)


def _pair_table(report: Report, pairs: Sequence[Comparison], axis: Axis) -> Markup:
    margin, by_name = report.rule.margin, places(report)
    columns = [
        Column("Pair"), Column("Difference"), Column("Evidence", number=True), Column("Items", number=True),
        Column("", wide=True),
    ]  # fmt: skip

    def row(pair: Comparison) -> list[Child]:
        digits = decimals([pair.interval])
        first, second = candidate(pair.first, by_name, 40), candidate(pair.second, by_name, 40)
        needed = tag("span", f" of {evidence(pair.threshold)}", class_="of")
        said = [first, tag("span", "minus ", class_="minus"), second]
        if pair.difference is None:
            return [said, "n/a", [evidence(pair.evidence), needed], count(pair.items), None]
        spread = tag("span", points_range(pair.interval, digits), class_="remark")
        mark = Mark(None, pair.difference, pair.interval)
        drawn = strip([mark], axis, row=34, band=Interval(-margin, margin), zero=True)
        size = [tag("b", points(pair.difference, digits)), spread]
        return [said, size, [evidence(pair.evidence), needed], count(pair.items), drawn]

    foot = axis_row(len(columns), axis, [bare_points(tick) for tick in axis.ticks])
    return table(columns, map(row, pairs), caption="Difference of each pair", class_="strips pairs", foot=foot)


def _facing(pair: Comparison) -> Comparison:
    return turned(pair) if pair.difference is not None and pair.difference < 0 else pair


def _ends(pairs: Iterable[Comparison]) -> Iterable[float]:
    for pair in pairs:
        if pair.difference is not None:
            yield from (pair.interval.low, pair.interval.high)

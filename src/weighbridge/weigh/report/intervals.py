"""Each candidate's score and each pair's difference, drawn with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

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
    if margin:
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
    digits = decimals(one.interval for one in scored)
    by_name = places(report)
    columns = [
        Column("Candidate"), Column("Score", number=True), Column("Interval"), Column("Answered", number=True),
        Column("", wide=True),
    ]  # fmt: skip

    def row(one: CandidateResult) -> list[Child]:
        after = report.eliminated.get(one.name)
        mark = Mark(by_name[one.name], one.score, one.interval, faded=after is not None)
        out = None if after is None else tag("span", f"out after {counted(after, 'item')}", class_="chip")
        who = [candidate(one.name, by_name), tag("span", tag("bdi", one.model), class_="model"), out]
        answered = f"{count(one.calls - one.failed)} of {count(one.calls)}"
        spread = percent_range(one.interval, digits) if one.score is not None else "n/a"
        drawn = strip([mark], axis, row=34) if one.score is not None else None
        return [who, tag("b", percent(one.score, digits)), spread, answered, drawn]

    foot = axis_row(len(columns), axis, [percent(tick) for tick in axis.ticks])
    return table(columns, map(row, ranked), caption="Score of each candidate", class_="strips", foot=foot)


def _pairs(report: Report) -> Markup | None:
    shown = [_facing(pair) for pair in report.comparisons[:PAIRS]]
    if not shown:
        return None
    margin = report.rule.margin
    axis = around_zero([*_ends(shown), margin])
    by_name = places(report)
    columns = [Column("Pair"), Column("Difference"), Column("Evidence", number=True), Column("Items", number=True),
               Column("", wide=True)]  # fmt: skip

    def row(pair: Comparison) -> list[Child]:
        digits = decimals([pair.interval])
        who = [
            candidate(pair.first, by_name, 40),
            tag("span", "minus", class_="minus"),
            candidate(pair.second, by_name, 40),
        ]
        size: list[Child] = [
            tag("b", points(pair.difference, digits)),
            tag("span", points_range(pair.interval, digits), class_="remark"),
        ]
        needed = tag("span", f" of {evidence(pair.threshold)}", class_="of")
        drawn = strip(
            [Mark(None, pair.difference, pair.interval)], axis, row=34, band=Interval(-margin, margin), zero=True
        )
        return [who, size, [evidence(pair.evidence), needed], count(pair.items), drawn]

    foot = axis_row(len(columns), axis, [bare_points(tick) for tick in axis.ticks])
    drawn = table(columns, map(row, shown), caption="Difference of each pair", class_="strips pairs", foot=foot)
    rest = len(report.comparisons) - len(shown)
    return tag(
        "div", tag("h3", "Pairs"), drawn, note(f"{count(rest)} more pairs are in the JSON result.") if rest else None
    )


def _facing(pair: Comparison) -> Comparison:
    return turned(pair) if pair.difference is not None and pair.difference < 0 else pair


def _ends(pairs: Iterable[Comparison]) -> Iterable[float]:
    for pair in pairs:
        if pair.difference is not None:
            yield from (pair.interval.low, pair.interval.high)

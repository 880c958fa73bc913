"""Scores by tag: languages, categories, whatever the task names. A description, corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.weigh.records import Group, Report

from .intervals import axis_row
from .markup import Child, Markup, tag
from .numbers import MISSING, count, decimals, known, percent, percent_range
from .page import Column, candidate, note, section, table
from .plain import one_line
from .strips import Axis, Mark, badge, spanning, strip
from .words import places

THIN = 20
"""Items below which a group is marked thin: its interval spans most of the scale."""
ROWS = 40
"""Groups of one tag that are listed, the largest first."""
TAGS = 12
STRIPS = 3
"""Candidates up to which groups are drawn as intervals; more become a heat table."""


def groups_section(report: Report) -> Markup | None:
    if not report.groups:
        return None
    tags: dict[str, list[Group]] = {}
    for group in report.groups:
        tags.setdefault(group.tag, []).append(group)
    aside = [
        tag("p", "A description, not a verdict of its own. Intervals here are ordinary 95% intervals, one group at a "
            "time: among many groups, some will look far apart by chance."),
        tag("p", "“Better here” is corrected for the number of groups by Holm’s procedure over all tables: the chance "
            "of any wrong name among them is at most that of the verdict."),
        tag("p", f"Groups under {THIN} items are marked thin."),
    ]  # fmt: skip
    written = [_tag_table(report, name, groups) for name, groups in list(tags.items())[:TAGS]]
    rest = len(tags) - len(written)
    return section(
        "groups", "By tag", aside, written, note(f"{count(rest)} more tags are not shown.") if rest else None
    )


def _tag_table(report: Report, name: str, groups: list[Group]) -> Markup:
    groups = sorted(groups, key=lambda group: -group.items)
    shown = groups[:ROWS]
    heading = one_line(name, 60)
    few = len(report.result.candidates) <= STRIPS
    drawn = _as_strips(report, heading, shown) if few else _as_heat(report, heading, shown)
    rest = groups[ROWS:]
    items = sum(group.items for group in rest)
    more = note(f"{count(len(rest))} smaller groups ({count(items)} items) are not shown.") if rest else None
    return tag("div", tag("h3", "By ", tag("bdi", heading)), drawn, more, class_="by-tag")


def _as_strips(report: Report, heading: str, groups: Sequence[Group]) -> Markup:
    names = [one.name for one in report.result.candidates]
    by_name = places(report)
    ends = [end for group in groups for one in group.intervals.values() for end in (one.low, one.high)]
    axis = spanning(ends, floor=0.0, ceiling=1.0)
    columns = [
        Column(heading),
        Column("Items", number=True),
        Column("Mean scores"),
        Column("Better here"),
        Column("", wide=True),
    ]

    def row(group: Group) -> list[Child]:
        scores = [tag("span", badge(by_name[name]), _mean(group, name), class_="who") for name in names]
        return [
            _label(group),
            count(group.items),
            tag("span", scores, class_="scores"),
            _better(group, by_name),
            _drawn(group, names, axis),
        ]

    foot = axis_row(len(columns), axis, [percent(tick) for tick in axis.ticks])
    return table(columns, map(row, groups), caption=f"Scores by {heading}", class_="strips", foot=foot)


def _drawn(group: Group, names: Sequence[str], axis: Axis) -> Markup:
    marks = [
        Mark(place, group.means.get(name), group.intervals[name])
        for place, name in enumerate(names)
        if name in group.intervals and group.means.get(name) is not None
    ]
    return strip(marks, axis, row=15)


def _as_heat(report: Report, heading: str, groups: Sequence[Group]) -> Markup:
    names = [one.name for one in report.result.candidates]
    by_name = places(report)
    columns = [Column(heading), Column("Items", number=True)]
    columns += [Column(one_line(name, 24), number=True) for name in names] + [Column("Better here")]

    def cell(group: Group, name: str) -> Markup:
        mean, interval = group.means.get(name), group.intervals.get(name)
        if mean is None or interval is None or not known(mean):
            return tag("span", MISSING, class_="quiet")
        digits = decimals([interval])
        spread = tag("span", percent_range(interval, digits), class_="remark")
        return tag("span", percent(mean, digits), spread, class_=f"heat h{min(9, int(10 * max(0.0, mean)))}")

    rows = (
        [_label(group), count(group.items), *(cell(group, name) for name in names), _better(group, by_name)]
        for group in groups
    )
    return table(columns, rows, caption=f"Scores by {heading}", class_="heat-table")


def _mean(group: Group, name: str) -> str:
    interval = group.intervals.get(name)
    return MISSING if interval is None else percent(group.means.get(name), decimals([interval]))


def _label(group: Group) -> list[Child]:
    thin = tag("span", "thin", class_="chip") if group.items < THIN else None
    return [tag("bdi", one_line(group.value, 60) or "(empty)"), thin]


def _better(group: Group, by_name: dict[str, int]) -> Child:
    return candidate(group.differs, by_name, 30) if group.differs else tag("span", "unresolved", class_="quiet")

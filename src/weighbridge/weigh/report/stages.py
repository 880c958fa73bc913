"""How it would have looked at each stage: the run told from the first item to the last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from weighbridge.weigh.records import Look, Report

from .charts import Level, Line, chart
from .markup import Child, Markup, tag
from .numbers import bare_points, count, counted, decimals, evidence, known, percent, points, points_range
from .page import Column, candidate, note, section, table
from .strips import Axis, around_zero, spanning
from .words import name_of, places

DRAWN = 240
"""Looks in a chart: more would not be seen at the width of a page."""
TOLD = 9
"""Looks in the table, besides those where what would have been said changed."""
BANDS = 3
"""Candidates up to which intervals are drawn as bands; more would hide each other."""
SETTLED = 0.25
"""Share of the items before which intervals span nearly everything; they run off the chart, so that the rest shows."""
LEAST = 1e-3
"""Evidence below this is drawn at the foot of the chart."""


def stages_section(report: Report) -> Markup:
    looks = report.looks
    aside = tag(
        "p",
        "What the run knew along the way. Intervals and evidence are valid at every moment, so it was allowed to "
        "stop at the first that decided.",
    )
    if len(looks) < 2:
        return section("stages", "Stage by stage", aside, note("The run ended before there was a course to draw."))
    drawn = thinned(looks, DRAWN)
    x = _items_axis(drawn)
    return section(
        "stages",
        "Stage by stage",
        aside,
        _means(report, drawn, x),
        _difference(report, drawn, x),
        _evidence(drawn, x),
        _told(report),
    )


def thinned(looks: Sequence[Look], limit: int) -> tuple[Look, ...]:
    """At most `limit` looks, evenly spaced, with the first and the last."""
    if len(looks) <= limit:
        return tuple(looks)
    last = len(looks) - 1
    return tuple(looks[round(place * last / (limit - 1))] for place in range(limit))


def _items_axis(looks: Sequence[Look]) -> Axis:
    low, high = looks[0].items, max(looks[-1].items, looks[0].items + 1)
    power = 10.0 ** math.floor(math.log10(max(1, (high - low) / 3)))
    step = next(times * power for times in (1, 2, 5, 10) if (high - low) / (times * power) <= 5)
    ticks = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return Axis(low, high, tuple(tick for tick in ticks if tick == round(tick)))


def _means(report: Report, looks: Sequence[Look], x: Axis) -> Markup:
    names = [one.name for one in report.result.candidates]
    banded = len(names) <= BANDS
    lines = [_mean_line(report, name, looks, banded) for name in names]
    settled = [look for look in looks if look.items >= SETTLED * looks[-1].items]
    reach = [end for look in settled for one in look.intervals.values() for end in (one.low, one.high)]
    means = [mean for look in looks for mean in look.means.values() if mean is not None]
    y = spanning(reach + means if banded else means, floor=0.0, ceiling=1.0)
    last = looks[-1]
    said = "; ".join(f"{name_of(name)} {percent(last.means.get(name))}" for name in names)
    drawing = chart(
        lines, x, y, label=f"Mean score of each candidate over the items drawn. At the end: {said}.",
        y_labels=[percent(tick) for tick in y.ticks],
    )  # fmt: skip
    by_name = places(report)
    key = tag("p", (candidate(name, by_name, 40) for name in names), class_="key")
    caption = "Mean score over items drawn" + (", with its interval." if banded else ".")
    return tag("figure", tag("figcaption", tag("b", caption), key), drawing)


def _mean_line(report: Report, name: str, looks: Sequence[Look], banded: bool) -> Line:
    """A candidate's means while it was asked; without a single score there is nothing to draw."""
    place, until = places(report)[name], report.eliminated.get(name, math.inf)
    looks = [look for look in looks if look.items <= until]
    spots = tuple((float(look.items), mean) for look in looks if (mean := look.means.get(name)) is not None)
    if not banded or not spots:
        return Line(place, spots)
    ranges = ((look.items, look.intervals[name]) for look in looks if name in look.intervals)
    band = tuple((float(at), one.low, one.high) for at, one in ranges if known(one.low) and known(one.high))
    return Line(place, spots, band)


def _difference(report: Report, looks: Sequence[Look], x: Axis) -> Markup | None:
    """The deciding pair's difference; only where the run recorded it."""
    pair = looks[-1].pair
    spots = [
        (float(look.items), look.difference, look.difference_interval)
        for look in looks
        if look.pair == pair and look.difference is not None and look.difference_interval is not None
    ]
    if pair is None or len(spots) < 2:
        return None
    later = [spot for spot in spots if spot[0] >= SETTLED * spots[-1][0]]
    margin = report.rule.margin
    reach = [value for _, mean, one in later for value in (mean, one.low, one.high)]
    y = around_zero([*reach, margin])
    line = Line(
        None,
        tuple((at, mean) for at, mean, _ in spots),
        tuple((at, one.low, one.high) for at, _, one in spots if known(one.low) and known(one.high)),
    )
    first, second = (name_of(name) for name in pair)
    digits = decimals([spots[-1][2]])
    end = f"{points(spots[-1][1], digits)}, interval {points_range(spots[-1][2], digits)}"
    drawing = chart(
        [line], x, y, label=f"{first} minus {second} over the items drawn. At the end: {end}.",
        y_labels=[bare_points(tick) for tick in y.ticks], levels=[Level(0.0, "", "zero")], margin=(-margin, margin),
    )  # fmt: skip
    unit = " in points, with its interval" + (" and the margin of a tie" if margin else "")
    caption = tag("b", tag("bdi", first), " minus ", tag("bdi", second), f"{unit}.")
    return tag("figure", tag("figcaption", caption), drawing)


def _evidence(looks: Sequence[Look], x: Axis) -> Markup | None:
    spots = [(float(look.items), max(look.evidence, LEAST)) for look in looks if not math.isnan(look.evidence)]
    threshold = looks[-1].threshold
    if len(spots) < 2 or not known(threshold) or threshold <= 0:
        return None
    top = max([value for _, value in spots if known(value)] + [threshold])
    low = math.floor(math.log10(min([value for _, value in spots] + [1.0])))
    high = max(math.ceil(math.log10(threshold) + 0.3), min(math.ceil(math.log10(top)), low + 12))
    every = max(1, math.ceil((high - low) / 5))
    y = Axis(10.0**low, 10.0**high, tuple(10.0**power for power in range(low, high + 1, every)), log=True)
    needed = Level(threshold, f"certainty needs {evidence(threshold)}", "threshold")
    end = evidence(looks[-1].evidence)
    drawing = chart(
        [Line(None, tuple(spots))], x, y, y_labels=[f"{tick:,.12g}" for tick in y.ticks], levels=[needed],
        label=f"Evidence over the items drawn, on a logarithmic scale. At the end {end}; certainty needs "
        f"{evidence(threshold)}.",
    )  # fmt: skip
    said = "Evidence in the pair that decides (e-value, logarithmic scale). At the end: "
    return tag("figure", tag("figcaption", tag("b", said, end, ".")), drawing)


def _told(report: Report) -> Markup:
    """The same as a table: a few looks, and each at which the answer changed."""
    names = [one.name for one in report.result.candidates]
    by_name = places(report)
    looks = _telling(report.looks)
    columns = [Column("After"), Column("Calls", number=True)]
    columns += [Column(name_of(name), number=True) for name in names[:6]]
    columns += [Column("Evidence", number=True), Column("Would have said")]
    rows: list[list[Child]] = []
    for look in looks:
        digits = decimals(look.intervals[name] for name in names if name in look.intervals)
        said = candidate(look.winner, by_name, 30) if look.winner else look.decision
        means = [percent(look.means.get(name), digits) for name in names[:6]]
        needed = tag("span", " of ", evidence(look.threshold), class_="of")
        rows.append([counted(look.items, "item"), count(look.calls), *means, [evidence(look.evidence), needed], said])
    return tag("details", tag("summary", "The same in figures"), table(columns, rows, caption="Stages in figures"))


def _telling(looks: Sequence[Look]) -> list[Look]:
    changed = [
        look for before, look in pairwise(looks) if (before.decision, before.winner) != (look.decision, look.winner)
    ]
    chosen = {look.items: look for look in (*thinned(looks, TOLD), *changed[:12])}
    return [chosen[items] for items in sorted(chosen)]

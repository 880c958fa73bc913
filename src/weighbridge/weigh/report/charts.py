"""Lines over the items drawn: scores, a difference, or evidence, with their bands.

A chart is two SVGs in one figure, the value labels and the plot. In the plot, lines and bands are drawn in a unit
square stretched to the column (strokes keep their width), and labels are placed by percentage, so text keeps its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, join, tag
from .strips import Axis, hue, shape

HEIGHT = 220
FOOT = 20
"""Pixels under the plot for the labels of the items axis."""
HEAD = 8
UNIT = 1000


@dataclass(frozen=True, slots=True)
class Line:
    index: int | None
    """The candidate's place, for colour, dashes and mark; None for a neutral line."""
    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float, float], ...] = ()
    """(x, low, high) where an interval is known."""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line that means something: zero, a threshold."""

    value: float
    label: str
    name: str
    """CSS class."""


def chart(
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    label: str,
    y_labels: Sequence[str],
    levels: Sequence[Level] = (),
    margin: tuple[float, float] | None = None,
) -> Markup:
    """`label` is the chart in words, for those who do not see it; the figures themselves stand in a table near it."""
    heights = [_height(y, tick) for tick in y.ticks]
    grid = [tag("line", x1=0, x2="100%", y1=at, y2=at, class_="grid") for at in heights]
    values = [
        tag("text", name, x="100%", y=at + 4, text_anchor="end") for at, name in zip(heights, y_labels, strict=True)
    ]
    areas, paths = ([draw(line, x, y) for line in lines] for draw in (_band, _path))
    plot = join([grid, _square(areas), _margin(y, margin), [_level(level, y) for level in levels], _square(paths)])
    ends = [_end(line, x, y) for line in lines]
    feet = [_foot(x, tick) for tick in x.ticks]
    return tag(
        "div",
        tag("svg", values, class_="values", height=HEIGHT, aria_hidden="true"),
        tag("svg", plot, ends, feet, class_="plot", height=HEIGHT, role="img", aria_label=label),
        class_="chart",
    )


def _square(drawn: Sequence[Markup | None]) -> Markup:
    """A square of UNIT by UNIT, stretched over the plot."""
    return tag(
        "svg", drawn, x=0, y=HEAD, width="100%", height=HEIGHT - FOOT - HEAD, viewBox=f"0 0 {UNIT} {UNIT}",
        preserveAspectRatio="none", overflow="visible",
    )  # fmt: skip


def _height(y: Axis, value: float) -> float:
    """Pixels from the top."""
    return round(HEAD + (1 - y.at(value)) * (HEIGHT - FOOT - HEAD), 2)


def _spot(x: Axis, y: Axis, point: tuple[float, float]) -> str:
    return f"{UNIT * x.at(point[0]):.1f} {UNIT * (1 - y.at(point[1])):.1f}"


def _path(line: Line, x: Axis, y: Axis) -> Markup | None:
    if not line.points:
        return None
    spots = "L".join(_spot(x, y, point) for point in line.points)
    return tag("path", d=f"M{spots}", class_=f"line {hue(line.index)}", vector_effect="non-scaling-stroke")


def _band(line: Line, x: Axis, y: Axis) -> Markup | None:
    if len(line.band) < 2:
        return None
    there = [_spot(x, y, (at, high)) for at, _, high in line.band]
    back = [_spot(x, y, (at, low)) for at, low, _ in reversed(line.band)]
    return tag("path", d=f"M{'L'.join(there + back)}Z", class_=f"area {hue(line.index)}")


def _end(line: Line, x: Axis, y: Axis) -> Markup | None:
    """The candidate's mark where its line ends."""
    if not line.points:
        return None
    at, value = line.points[-1]
    dot = tag("path", d=shape(line.index), class_="mark")
    placed = tag("svg", dot, x=x.share(at), y=_height(y, value), overflow="visible", width=1, height=1)
    return tag("g", placed, class_=hue(line.index))


def _margin(y: Axis, margin: tuple[float, float] | None) -> Markup | None:
    if margin is None or margin[0] >= margin[1]:
        return None
    top, bottom = _height(y, margin[1]), _height(y, margin[0])
    return tag("rect", x=0, width="100%", y=top, height=round(bottom - top, 2), class_="band")


def _level(level: Level, y: Axis) -> Markup:
    at = _height(y, level.value)
    ruled = tag("line", x1=0, x2="100%", y1=at, y2=at, class_=level.name)
    return join([ruled, tag("text", level.label, x=4, y=at - 5, class_="level")])


def _foot(x: Axis, tick: float) -> Markup:
    place = x.at(tick)
    anchor = "start" if place < 0.05 else "end" if place > 0.95 else "middle"
    return tag("text", f"{tick:,.0f}", x=x.share(tick), y=HEIGHT - 4, text_anchor=anchor)

"""Intervals drawn on one line each: the strip that the verdict, the forest plots and the tag tables share.

A strip is an SVG without a viewBox: places along it are percentages of its width and sizes are pixels, so it is as
wide as its column, on a phone and on a projector, and its marks and lines keep their size. Candidates are told apart
by the shape of their mark as well as by colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.stats.records import Interval

from .markup import Markup, tag
from .numbers import known

SHAPES = (
    "M0-5.2A5.2 5.2 0 1 1 0 5.2A5.2 5.2 0 1 1 0-5.2Z",  # disc
    "M-4.7-4.7H4.7V4.7H-4.7Z",  # square
    "M0-6.2L6.2 0L0 6.2L-6.2 0Z",  # diamond
    "M0-6L5.8 4.4H-5.8Z",  # triangle
    "M0 6L5.8-4.4H-5.8Z",  # triangle, point down
    "M-1.9-5.4H1.9V-1.9H5.4V1.9H1.9V5.4H-1.9V1.9H-5.4V-1.9H-1.9Z",  # cross
    "M0-6.2L1.6-2H6L2.5.9L3.8 5.4L0 2.8L-3.8 5.4L-2.5.9L-6-2H-1.6Z",  # star
    "M-5.6 0L-2.8-5H2.8L5.6 0L2.8 5H-2.8Z",  # hexagon
)
"""One for each colour of the style sheet (`.c0` to `.c7`), about 11 pixels across, centred on 0 0."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values along a line; `log` places them by their logarithm."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()
    log: bool = False

    def at(self, value: float) -> float:
        """Where `value` lies, 0 to 1; what is outside sits on the edge."""
        low, high, place = (map(math.log10, (self.low, self.high, max(value, 1e-300)))) if self.log else (
            self.low, self.high, value)  # fmt: skip
        return min(1.0, max(0.0, (place - low) / (high - low)))

    def share(self, value: float) -> str:
        """`at` as an SVG percentage."""
        return f"{100 * self.at(value):.2f}%"


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of a strip."""

    index: int | None
    """The candidate's place in the report, which gives colour and shape; None for a neutral mark (a difference)."""
    value: float | None
    interval: Interval
    faded: bool = False


def shape(index: int | None) -> str:
    return SHAPES[2] if index is None else SHAPES[index % len(SHAPES)]


def hue(index: int | None) -> str:
    """CSS class of a candidate's colour."""
    return "cx" if index is None else f"c{index % len(SHAPES)}"


def badge(index: int | None) -> Markup:
    """A candidate's mark on its own, beside its name."""
    used = tag("use", href=f"#mark-{'x' if index is None else index % len(SHAPES)}")
    return tag("svg", used, class_=f"badge {hue(index)}", aria_hidden="true")


def symbols() -> Markup:
    """The marks, once for the page: badges refer to them, which keeps thousands of them small."""
    drawn = ((place, tag("path", d=path)) for place, path in enumerate(SHAPES))
    held = (tag("symbol", path, id=f"mark-{place}", viewBox="-8 -8 16 16") for place, path in drawn)
    return tag("svg", held, width=0, height=0, class_="unseen", aria_hidden="true")


def spanning(values: Iterable[float], *, floor: float, ceiling: float) -> Axis:
    """An axis with round ticks around all known `values`, never beyond what is possible (`floor`, `ceiling`)."""
    inside = [value for value in values if known(value)]
    low, high = min(inside, default=floor), max(inside, default=ceiling)
    step = next((step for step in (0.01, 0.02, 0.05, 0.1) if (high - low) / step <= 6), 0.2)
    first = max(floor, step * math.floor(low / step + 1e-9))
    last = min(ceiling, step * math.ceil(high / step - 1e-9))
    if last - first < 2 * step:
        first, last = max(floor, first - step), min(ceiling, last + step)
    steps = round((last - first) / step)
    return Axis(first, last, tuple(round(first + step * place, 6) for place in range(steps + 1)))


def around_zero(values: Iterable[float]) -> Axis:
    """An axis with zero in its middle, for differences."""
    reach = max((abs(value) for value in values if known(value)), default=1.0)
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if reach / step <= 3), 0.5)
    steps = max(1, math.ceil(reach / step - 1e-9))
    return Axis(-step * steps, step * steps, tuple(round(step * place, 6) for place in range(-steps, steps + 1)))


def strip(
    marks: Sequence[Mark], axis: Axis, *, row: int = 22, band: Interval | None = None, zero: bool = False
) -> Markup:
    """Intervals one below the other. Decorative for screen readers: the numbers always stand in the row beside it."""
    height = row * len(marks)
    under = [
        tag("line", x1=axis.share(tick), x2=axis.share(tick), y1=0, y2=height, class_="grid") for tick in axis.ticks
    ]
    if band is not None and band.high > band.low:
        left, right = axis.at(band.low), axis.at(band.high)
        width = f"{100 * (right - left):.2f}%"
        under.append(tag("rect", x=axis.share(band.low), width=width, y=0, height=height, class_="band"))
    if zero:
        under.append(tag("line", x1=axis.share(0), x2=axis.share(0), y1=0, y2=height, class_="zero"))
    rows = [_row(mark, axis, place * row + row / 2) for place, mark in enumerate(marks)]
    return tag("svg", under, rows, class_="strip", height=height, aria_hidden="true")


def scale(axis: Axis, labels: Sequence[str]) -> Markup:
    """The axis under a column of strips: as many labels as ticks, thinned so that six at most are written."""
    every = max(1, math.ceil(len(axis.ticks) / 6))
    written = [
        tag("text", label, x=axis.share(tick), y=12, text_anchor=_anchor(axis.at(tick)))
        for place, (tick, label) in enumerate(zip(axis.ticks, labels, strict=True))
        if place % every == (len(axis.ticks) // 2) % every
    ]
    return tag("svg", written, class_="strip scale", height=16, aria_hidden="true")


def _row(mark: Mark, axis: Axis, middle: float) -> Markup:
    low, high = mark.interval.low, mark.interval.high
    parts = []
    if known(low) and known(high):
        parts.append(tag("line", class_="span", x1=axis.share(low), x2=axis.share(high), y1=middle, y2=middle))
        for end in (low, high):
            place = axis.share(end)
            parts.append(tag("line", class_="cap", x1=place, x2=place, y1=middle - 4, y2=middle + 4))
    if mark.value is not None and known(mark.value):
        dot = tag("path", d=shape(mark.index), class_="mark")
        parts.append(tag("svg", dot, x=axis.share(mark.value), y=middle, overflow="visible", width=1, height=1))
    return tag("g", parts, class_=f"{hue(mark.index)} faded" if mark.faded else hue(mark.index))


def _anchor(place: float) -> str:
    return "start" if place < 0.02 else "end" if place > 0.98 else "middle"

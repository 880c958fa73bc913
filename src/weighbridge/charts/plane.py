"""Points and lines between two axes, drawn on a sheet or in letters on a terminal.

One description serves both: an axis runs from low to high, plainly or by powers of ten; a series is joined by lines or
stands as dots, and is named at its last point (lines) or beside its letter (dots).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from weighbridge.charts.sheet import GREY, INK, PALE, WHITE, Box, Dot, Label, Line, Shape, Sheet, cut, round_ticks

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 80, 210, 76, 56
COLOURS = ("#222222", "#c8102e", "#0057b8", "#7a7a00", "#8a2be2", "#00755e", "#b35900", "#5a5a5a")
THICK, RADIUS = 2.5, 4.5
LINE = 15.0
"""Least distance between two names."""
ROWS, LEAST_WIDE = 18, 30
UNNAMED = "."
"""The letter of a series whose dots are many and mean nothing one by one."""


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    low: float
    high: float
    is_log: bool = False
    prefix: str = ""
    """Before each number of the scale: `$`."""

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one; ends hold what lies beyond them."""
        if self.is_log:
            low, high, at = math.log(self.low), math.log(self.high), math.log(max(value, self.low / 10))
        else:
            low, high, at = self.low, self.high, value
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Where the axis is marked, in its own unit: powers of ten on a logarithmic one, round steps on others."""
        if not self.is_log:
            return [tick for tick in round_ticks(self.low, self.high) if self.low <= tick <= self.high]
        powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        return [10.0**power for power in powers]

    def written(self, tick: float) -> str:
        """A tick as the axis says it: `$10k`."""
        return f"{self.prefix}{short(tick)}"


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    letter: str
    points: tuple[tuple[float, float], ...]
    joined: bool = True
    colour: str = INK


@dataclass(frozen=True, slots=True)
class Plane:
    title: str
    below: str
    """One line under the title: what the figures rest on."""
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    mark: tuple[float, str] | None = None
    """A value of x that is marked, and what it is."""


def short(value: float) -> str:
    """`1500` as `1.5k`, `2e9` as `2B`."""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale * 0.99999:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.3g}"


def around(values: Sequence[float], *, is_log: bool) -> tuple[float, float]:
    """Ends of an axis that holds all values: whole powers of ten, or round numbers."""
    low, high = min(values), max(values)
    if is_log:
        bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return 10.0**bottom, 10.0 ** max(top, bottom + 1)
    ticks = round_ticks(low, high)
    return ticks[0], ticks[-1]


def draw(plane: Plane) -> Sheet:
    """The plane as a sheet."""
    shapes = [
        Box(0, 0, WIDTH, HEIGHT, WHITE),
        Label(LEFT, 32, plane.title, 20, INK),
        Label(LEFT, 54, cut(plane.below, 120), 13, GREY),
        *_grid(plane),
        *(shape for series in plane.series for shape in _series(plane, series)),
        *_names(plane),
    ]
    ends = "; ".join(f"{each.name}: {plane.y.prefix}{short(each.points[-1][1])}" for each in plane.series)
    return Sheet(plane.title, f"{plane.below}. {ends}", tuple(shapes), WIDTH, HEIGHT)


def _x(plane: Plane, value: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * plane.x.share(value)


def _y(plane: Plane, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * plane.y.share(value)


def _grid(plane: Plane) -> Iterator[Shape]:
    for tick in plane.y.ticks():
        yield Box(LEFT, _y(plane, tick) - 0.5, WIDTH - LEFT - RIGHT, 1, PALE)
        yield Label(LEFT - 8, _y(plane, tick) + 4, plane.y.written(tick), 12, GREY, "end")
    for tick in plane.x.ticks():
        yield Box(_x(plane, tick) - 0.5, TOP, 1, HEIGHT - TOP - BOTTOM, PALE)
        yield Label(_x(plane, tick), HEIGHT - BOTTOM + 20, plane.x.written(tick), 12, GREY, "middle")
    yield Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, plane.x.name, 12, GREY, "middle")
    yield Label(LEFT, TOP - 8, plane.y.name, 12, GREY)
    if plane.mark is not None:
        yield Box(_x(plane, plane.mark[0]) - 1, TOP, 2, HEIGHT - TOP - BOTTOM, GREY)
        yield Label(_x(plane, plane.mark[0]) + 6, HEIGHT - BOTTOM - 8, plane.mark[1], 12, GREY)


def _series(plane: Plane, series: Series) -> Iterator[Shape]:
    places = [(_x(plane, x), _y(plane, y)) for x, y in series.points]
    if series.joined:
        for (x1, y1), (x2, y2) in pairwise(places):
            yield Line(x1, y1, x2, y2, THICK, series.colour)
        return
    for x, y in places:
        yield Dot(x, y, RADIUS, series.colour)
        if series.letter != UNNAMED:
            yield Label(x + RADIUS + 3, y - RADIUS, series.letter, 12, series.colour)


def _names(plane: Plane) -> Iterator[Shape]:
    """Names at the right end, moved apart where they would touch."""
    below = TOP + 4.0
    for series in sorted(plane.series, key=lambda each: _y(plane, each.points[-1][1])):
        y = max(_y(plane, series.points[-1][1]) + 4, below)
        text = series.name if series.joined else f"{series.letter} {series.name}"
        yield Label(WIDTH - RIGHT + 10, y, cut(text, 30), 12, series.colour)
        below = y + LINE


def plot(plane: Plane, width: int = 78) -> str:
    """The plane in letters, at most `width` wide; later series lie over earlier ones. Names stand below."""
    marks = {plane.y.written(tick): tick for tick in plane.y.ticks()}
    margin = max((len(text) for text in marks), default=0) + 2
    wide = max(LEAST_WIDE, width - margin)
    cells = [[" "] * wide for _ in range(ROWS)]
    if plane.mark is not None:
        for row in cells:
            row[_column(plane, plane.mark[0], wide)] = ":"
    for series in plane.series:
        _letters(plane, series, cells)
    named = {_row(plane, tick): text for text, tick in marks.items()}
    lines = [f"{named.get(row, ''):>{margin - 2}} |{''.join(line)}".rstrip() for row, line in enumerate(cells)]
    lines += [" " * (margin - 1) + "+" + "-" * wide, " " * margin + _scale(plane, wide)]
    lines.append(f"{'':>{margin}}{plane.y.name} over {plane.x.name}" + (f"; : {plane.mark[1]}" if plane.mark else ""))
    return "\n".join([*lines, *(f"  {series.letter}  {series.name}" for series in plane.series)])


def _column(plane: Plane, value: float, wide: int) -> int:
    return round((wide - 1) * plane.x.share(value))


def _row(plane: Plane, value: float) -> int:
    return round((ROWS - 1) * (1 - plane.y.share(value)))


def _letters(plane: Plane, series: Series, cells: list[list[str]]) -> None:
    wide = len(cells[0])
    if not series.joined:
        for x, y in series.points:
            cells[_row(plane, y)][_column(plane, x, wide)] = series.letter
        return
    for (x1, y1), (x2, y2) in pairwise(series.points):
        first, last = _column(plane, x1, wide), _column(plane, x2, wide)
        for column in range(first, last + 1):
            along = (column - first) / (last - first) if last > first else 1.0
            rows = (_row(plane, y1), _row(plane, y2))
            cells[round(rows[0] + along * (rows[1] - rows[0]))][column] = series.letter


def _scale(plane: Plane, wide: int) -> str:
    line = [" "] * wide
    until = 0
    for tick in plane.x.ticks():
        text = plane.x.written(tick)
        at = min(wide - len(text), max(0, _column(plane, tick, wide) - len(text) // 2))
        if at >= until:
            line[at : at + len(text)] = text
            until = at + len(text) + 2
    return "".join(line).rstrip()

"""Shapes on a sheet, which svg.py writes and png.py paints: boxes, lines, dots, labels.

Units are those of the sheet, x to the right and y down; colours are `#rrggbb`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INK, GREY, PALE, WHITE = "#222222", "#6b6b6b", "#e4e4e4", "#ffffff"


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line from one end to the other, its thickness around the middle."""

    x1: float
    y1: float
    x2: float
    y2: float
    thick: float
    colour: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text whose baseline is at y."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: Literal["start", "middle", "end"] = "start"


Shape = Box | Line | Dot | Label


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    description: str
    """What the picture shows, for those who do not see it."""
    shapes: tuple[Shape, ...]
    width: int
    height: int


def round_ticks(low: float, high: float) -> tuple[float, ...]:
    """Four to ten round numbers, a step below the lowest to a step above the highest at most."""
    span = max(high - low, 1e-6)
    size = 10.0 ** (len(f"{int(span)}") - 1 if span >= 1 else -1)
    step = next(size * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5) if span / (size * part) <= 7)
    first = int(low // step)
    last = first
    while last * step < high:
        last += 1
    return tuple(step * number for number in range(first, max(last, first + 1) + 1))


def cut(text: str, most: int) -> str:
    """At most so many letters, the last one an ellipsis where some are missing."""
    return text if len(text) <= most else text[: most - 1] + "…"

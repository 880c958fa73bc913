"""Monthly cost over volume: each provider's line, and the staircase of own hardware."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from weighbridge.charts.plane import COLOURS, Axis, Plane, Series, around
from weighbridge.charts.sheet import INK
from weighbridge.cost.comparison import Comparison
from weighbridge.cost.hardware import price_own

SPAN = 30.0
"""The chart reaches from a thirtieth of the volume asked about to thirty times as much."""
STEPS = 240
LETTERS = "ABCDEFGH"


def plane_of(comparisons: Sequence[Comparison]) -> Plane | None:
    """The cheapest provider of each model, and own hardware where it is asked about; None where nothing is whole."""
    volume = comparisons[0].work.requests_per_day
    volumes = [volume * SPAN ** (2 * step / STEPS - 1) for step in range(STEPS + 1)]
    series = [*_providers(comparisons, volumes), *_owned(comparisons, volumes)]
    if not series:
        return None
    costs = [y for each in series for _, y in each.points if y > 0]
    return Plane(
        title="Monthly cost by volume",
        below=_below(comparisons[0]),
        x=Axis("requests a day", volumes[0], volumes[-1], is_log=True),
        y=Axis("$ a month", *around(costs, is_log=True), is_log=True, prefix="$"),
        series=tuple(series),
        mark=(volume, "asked about"),
    )


def _providers(comparisons: Sequence[Comparison], volumes: Sequence[float]) -> list[Series]:
    found: list[Series] = []
    for place, comparison in enumerate(comparisons):
        best = comparison.cheapest
        if best is not None and best.usd.value > 0:
            slope = best.usd.value / comparison.work.requests_per_day
            points = tuple((volume, slope * volume) for volume in (volumes[0], volumes[-1]))
            name = f"{best.provider}, {_short(comparison.model)}"
            found.append(Series(name, LETTERS[place % len(LETTERS)], points, colour=COLOURS[1 + place % 7]))
    return found[: len(LETTERS)]


def _owned(comparisons: Sequence[Comparison], volumes: Sequence[float]) -> list[Series]:
    """Staircases; several models on the same hardware get a digit each."""
    found: list[Series] = []
    owned = [each for each in comparisons if each.served is not None and each.own is not None and each.own.is_whole]
    colours = {each.model: COLOURS[1 + place % 7] for place, each in enumerate(comparisons)}
    for place, comparison in enumerate(owned[:9]):
        assert comparison.served is not None
        hardware, pace = comparison.served.hardware, comparison.served.pace
        points = [
            (volume, price_own(hardware, pace, msgspec.structs.replace(comparison.work, requests_per_day=volume)))
            for volume in volumes
        ]
        letter = "#" if len(owned) == 1 else f"{place + 1}"
        name = f"own {hardware.device} x{hardware.count}" + (f", {_short(comparison.model)}" if len(owned) > 1 else "")
        stairs = _stairs([(volume, cost.usd.value) for volume, cost in points])
        found.append(Series(name, letter, stairs, colour=INK if len(owned) == 1 else colours[comparison.model]))
    return found


def _stairs(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Corners only: a step rises where it begins."""
    corners = [points[0]]
    for (_, before), (x, y) in pairwise(points):
        if y != before:
            corners += [(x, before), (x, y)]
    return (*corners, points[-1])


def _short(model: str) -> str:
    return model.rpartition("/")[2]


def _below(comparison: Comparison) -> str:
    work = comparison.work
    parts = [f"{work.input_tokens:,.0f} tokens in ({work.cached:.0%} cached), {work.output_tokens:,.0f} out a request"]
    if comparison.own is not None:
        parts += [note for note in comparison.own.notes if note.startswith("speed")]
    return "; ".join(parts)

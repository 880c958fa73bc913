"""A race as a picture: boxes and labels on a sheet.

A running best is a staircase, so every line is made of boxes; x is the release date, y the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from weighbridge.catalog.racing.race import Group, Race
from weighbridge.charts.sheet import GREY, INK, PALE, WHITE, Box, Label, Shape, Sheet, cut, round_ticks

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 76, 56
"""Margins: numbers of the scale on the left, names of the best on the right."""
COLOURS = {"closed": "#222222", "China-open": "#c8102e", "West-open": "#0057b8", "Other-open": "#7a7a00"}
"""Told apart in grey as well: by their names at the right end."""
THICK, MARK = 2.5, 7.0
LINE = 15.0
"""Least distance between two names."""


@dataclass(frozen=True, slots=True)
class _Scale:
    first: date
    last: date
    low: float
    high: float

    def x(self, day: date) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - self.first).days / max(1, (self.last - self.first).days)

    def y(self, score: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (score - self.low) / (self.high - self.low)


def draw_race(race: Race) -> Sheet:
    """The running best of closed models and of open ones by region."""
    groups = shown(race)
    steps = [entry for group in groups for entry in group.steps]
    ticks = round_ticks(min(entry.score for entry in steps), max(entry.score for entry in steps))
    scale = _Scale(min(entry.released for entry in steps), race.end, ticks[0], ticks[-1])
    title = f"{race.field.benchmark.name}: best score by release date"
    below = f"scores of {race.field.snapshot}; {', '.join(race.field.sources)}; {len(race.field.entries)} entries"
    shapes = [
        Box(0, 0, WIDTH, HEIGHT, WHITE),
        Label(LEFT, 32, title, 20, INK),
        Label(LEFT, 54, below, 13, GREY),
        *_grid(scale, ticks),
        *(shape for group in groups for shape in _stairs(group, scale, race.end)),
        *_names(groups, scale),
    ]
    return Sheet(title, f"{below}. " + "; ".join(_best(group) for group in groups), tuple(shapes), WIDTH, HEIGHT)


def shown(race: Race) -> tuple[Group, ...]:
    """The groups that a plot shows; `open` is the upper edge of the open ones."""
    return tuple(group for group in race.groups if group.name in COLOURS)


def _best(group: Group) -> str:
    return f"{group.name}: {group.best.name} {group.best.score:g} ({group.best.released})"


def _grid(scale: _Scale, ticks: Sequence[float]) -> Iterator[Shape]:
    for tick in ticks:
        yield Box(LEFT, scale.y(tick) - 0.5, WIDTH - LEFT - RIGHT, 1, PALE)
        yield Label(LEFT - 8, scale.y(tick) + 4, f"{tick:g}", 12, GREY, "end")
    years = scale.last.year - scale.first.year
    months = (1, 4, 7, 10) if years < 2 else (1,)
    for year in range(scale.first.year, scale.last.year + 1):
        for month in months:
            day = date(year, month, 1)
            if scale.first <= day <= scale.last:
                yield Box(scale.x(day) - 0.5, TOP, 1, HEIGHT - TOP - BOTTOM, PALE)
                yield Label(
                    scale.x(day), HEIGHT - BOTTOM + 20, f"{year}" if month == 1 else f"{day:%b}", 12, GREY, "middle"
                )
    yield Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "released", 12, GREY, "middle")


def _stairs(group: Group, scale: _Scale, end: date) -> Iterator[Shape]:
    colour = COLOURS[group.name]
    half = THICK / 2
    for entry, after in zip(group.steps, (*group.steps[1:], None), strict=True):
        x, y = scale.x(entry.released), scale.y(entry.score)
        until = scale.x(after.released if after else end)
        yield Box(x - half, y - half, until - x + THICK, THICK, colour)
        if after:
            yield Box(until - half, scale.y(after.score), THICK, y - scale.y(after.score), colour)
        yield Box(x - MARK / 2, y - MARK / 2, MARK, MARK, colour)


def _names(groups: Sequence[Group], scale: _Scale) -> Iterator[Shape]:
    """The best of each group at the right end, moved apart where they would touch."""
    below = 0.0
    for group in sorted(groups, key=lambda each: -each.best.score):
        y = max(scale.y(group.best.score), below)
        yield Label(WIDTH - RIGHT + 10, y, f"{group.name}: {group.best.score:g}", 13, COLOURS[group.name])
        yield Label(WIDTH - RIGHT + 10, y + LINE, cut(group.best.name, 24), 12, COLOURS[group.name])
        below = y + 2.4 * LINE

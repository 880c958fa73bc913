"""A race on a terminal: a letter for each group where its running best stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from weighbridge.catalog.racing.chart import shown
from weighbridge.catalog.racing.race import Group, Race
from weighbridge.charts.sheet import cut, round_ticks

LETTERS = {"closed": "#", "China-open": "C", "West-open": "W", "Other-open": "o"}
HIGH = 16
LEAST_WIDE = 30


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where days and scores stand."""

    wide: int
    first: date
    end: date
    low: float
    high: float

    def row(self, score: float) -> int:
        return min(HIGH - 1, max(0, round((HIGH - 1) * (self.high - score) / (self.high - self.low))))

    def column(self, day: date) -> int:
        return min(self.wide - 1, (self.wide - 1) * (day - self.first).days // max(1, (self.end - self.first).days))


def plot_race(race: Race, width: int = 78) -> str:
    """Lines of at most `width` letters: scale, staircases (the best group in front), years, who is best."""
    groups = sorted(shown(race), key=lambda group: group.best.score)
    steps = [entry for group in groups for entry in group.steps]
    ticks = round_ticks(min(entry.score for entry in steps), max(entry.score for entry in steps))
    margin = max(len(f"{tick:g}") for tick in ticks) + 2
    first = min(entry.released for entry in steps)
    grid = _Grid(max(LEAST_WIDE, width - margin), first, race.end, ticks[0], ticks[-1])
    cells = [[" "] * grid.wide for _ in range(HIGH)]
    for group in groups:
        _stairs(cells, group, grid)
    named = {grid.row(tick): f"{tick:g}" for tick in ticks}
    lines = [f"{named.get(row, ''):>{margin - 2}} |{''.join(line)}".rstrip() for row, line in enumerate(cells)]
    lines.append(" " * (margin - 1) + "+" + "-" * grid.wide)
    lines.append(" " * margin + _years(grid))
    best = sorted(groups, key=lambda group: -group.best.score)
    return "\n".join([*lines, "", *(_legend(group) for group in best)])


def _stairs(cells: list[list[str]], group: Group, grid: _Grid) -> None:
    for entry, after in zip(group.steps, (*group.steps[1:], None), strict=True):
        start = grid.column(entry.released)
        until = grid.column(after.released) if after else grid.wide
        for column in range(start, max(until, start + 1)):
            cells[grid.row(entry.score)][column] = LETTERS[group.name]


def _years(grid: _Grid) -> str:
    line = [" "] * grid.wide
    for year in range(grid.first.year + 1, grid.end.year + 1):
        at = grid.column(date(year, 1, 1))
        if at + 4 <= grid.wide:
            line[at : at + 4] = f"{year}"
    return "".join(line).rstrip()


def _legend(group: Group) -> str:
    best = group.best
    tied = f"; {len(group.tied)} more with this score" if group.tied else ""
    return (
        f"  {LETTERS[group.name]} {group.name:<11} {cut(best.name, 34):<34} {best.score:>7g}  {best.released}"
        f"  (of {group.count}{tied})"
    )

"""`weighbridge race`: who leads."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
import msgspec

from weighbridge.catalog.racing.benchmarks import BENCHMARKS, HEADLINES, KINDS
from weighbridge.catalog.racing.chart import draw_race
from weighbridge.catalog.racing.entries import LICENCES
from weighbridge.catalog.racing.leaderboard import Leaderboard, rank_now
from weighbridge.catalog.racing.race import Asked, Race, races_of
from weighbridge.catalog.racing.terminal import plot_race
from weighbridge.catalog.racing.words import (
    METHOD,
    board_lines,
    history_line,
    leaderboard_value,
    race_value,
    table,
    told_lines,
)
from weighbridge.catalog.tables import load_scores
from weighbridge.charts.png import to_png
from weighbridge.charts.svg import to_svg
from weighbridge.cli.chosen import held
from weighbridge.errors import InputError, UsageError

PICTURES = (".svg", ".png")
DAY = click.DateTime(["%Y-%m-%d"])
WIDEST = 100


@click.command(short_help="Who leads: open or closed, China or West, and by how many months.")
@click.option("--benchmark", default=None, help="One benchmark instead of the usual five; `--list` names them.")
@click.option(
    "--licence",
    type=click.Choice(LICENCES),
    default="any",
    show_default=True,
    help="Open weights that count. unrestricted: as Epoch AI classes them. commercial: as the licence says.",
)
@click.option("--until", type=DAY, default=None, help="Leave out what was released after this day.")
@click.option("--snapshot", type=DAY, default=None, help="Scores as they stood on this day, where there are several.")
@click.option("--now", "is_now", is_flag=True, help="A leaderboard by kind of work, from all benchmarks together.")
@click.option("--open", "is_open", is_flag=True, help="With --now: only models whose weights are open.")
@click.option("--kind", type=click.Choice(["all", *KINDS]), default=None, help="With --now: one kind of work.")
@click.option(
    "--top", metavar="N", type=click.IntRange(1), default=8, show_default=True, help="With --now: models of each kind."
)
@click.option(
    "--fewest",
    metavar="N",
    type=click.IntRange(1),
    default=None,
    help="With --now: benchmarks a model must have been run on.  [default: 4 of all, 2 of a kind]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write the plot to this file, .svg or .png.",
)
@click.option("--list", "is_list", is_flag=True, help="Name the benchmarks and how many scores each has.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")  # fmt: skip
def race(
    *,
    benchmark: str | None, licence: str, until: datetime | None, snapshot: datetime | None, is_now: bool,
    is_open: bool, kind: str | None, top: int, fewest: int | None, out: Path | None, is_list: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say who leads: the running best of closed and open models, by region, and the lag between them in months.

    The lag is counted on the day of the newest release: how long ago the leaders had what the followers have now. Its
    interval draws each score anew from its own interval. What speaks against a figure is printed beside it.
    """
    if out is not None and (is_now or is_list):
        raise UsageError("--out draws a race", next_move="Leave out --now and --list.")
    if is_list:
        _list(as_json)
    elif is_now:
        board = rank_now(held().catalogue, load_scores(), fewest=fewest, licence=licence, open_only=is_open)
        _now(board, licence, kind, top, as_json)
    else:
        day = None if until is None else until.date()
        _race(Asked(licence, None if snapshot is None else snapshot.date().isoformat(), day), benchmark, out, as_json)


def _race(asked: Asked, benchmark: str | None, out: Path | None, as_json: bool) -> None:
    if out is not None and out.suffix.lower() not in PICTURES:
        raise UsageError(f"no kind of picture is called {out.suffix!r}", next_move="Name the file .svg or .png.")
    names = HEADLINES if benchmark is None else (benchmark,)
    races = races_of(held().catalogue, load_scores(), names, asked)
    if out is not None:
        sheet = draw_race(races[0])
        write_whole(out, to_png(sheet) if out.suffix.lower() == ".png" else to_svg(sheet).encode())
    if as_json:
        more = {"others": [race_value(each) for each in races[1:]]} if benchmark is None else {}
        click.echo(msgspec.json.encode({"licence": asked.licence, **race_value(races[0]), **more}))
    else:
        click.echo("\n".join(_lines(races, asked.licence)))
        if out is not None:
            click.echo(f"\nDrawn: {out}")


def _lines(races: tuple[Race, ...], licence: str) -> Iterator[str]:
    race = races[0]
    field = race.field
    yield f"{field.benchmark.name}: best score by release date"
    counts = f"{len(field.entries)} entries, {field.left_out} rows left out"
    yield f"scores of {field.snapshot} ({', '.join(field.sources)}); {counts}; open weights: {licence} licence"
    yield ""
    yield plot_race(race, min(WIDEST, shutil.get_terminal_size().columns))
    for told in race.told:
        yield ""
        yield from told_lines(race, told)
        if told.history:
            yield f"  by quarter: {history_line(told)}"
    if len(races) > 1:
        yield ""
        yield from table(races)


def _now(board: Leaderboard, licence: str, kind: str | None, top: int, as_json: bool) -> None:
    if as_json:
        value = leaderboard_value(board, top)
        value["boards"] = [each for each in value["boards"] if kind in (None, each["kind"])]
        click.echo(msgspec.json.encode({"licence": licence, **value}))
        return
    click.echo("\n".join(METHOD))
    agreement = "" if board.agreement is None else (
        f" Rank correlation with Epoch's index: {board.agreement:.2f} over {board.compared} models."
    )  # fmt: skip
    click.echo(f"Fitted to {board.scores:,} scores of {board.models} models.{agreement}")
    for each in board.boards:
        if kind in (None, each.kind or "all"):
            click.echo("\n" + "\n".join(board_lines(each, top)))


def _list(as_json: bool) -> None:
    counts = Counter(row.benchmark for row in load_scores())
    if as_json:
        known = [
            {"benchmark": name, "scores": count, "kind": BENCHMARKS[name].kind if name in BENCHMARKS else None}
            for name, count in sorted(counts.items())
        ]
        click.echo(msgspec.json.encode({"benchmarks": known}))
        return
    for name, count in sorted(counts.items()):
        kind = BENCHMARKS[name].kind or "index" if name in BENCHMARKS else "not in the composite"
        click.echo(f"{name:<32}{count:>6,}  {kind}")


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place whole; what was there stays until then."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(path)) from error

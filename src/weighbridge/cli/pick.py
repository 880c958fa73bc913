"""`weighbridge pick`: which models meet a need, in which order, and why the others do not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from weighbridge.cli.chosen import FOLDER
from weighbridge.errors import InputError, UsageError

if TYPE_CHECKING:
    from weighbridge.pick.ranking import Answer

NEAR = 3
EPILOG = """\b
Examples:
  weighbridge pick --init need.toml                write a commented need to start from
  weighbridge pick need.toml                       the ranking, and quality against cost
  weighbridge pick need.toml --why qwen3-32b       everything said of one model
  weighbridge pick need.toml --write task          the first ones as candidates for `weighbridge weigh task`
"""


@click.command(
    short_help="Which models meet a need, ranked with reasons; which do not, and by which rule.", epilog=EPILOG
)
@click.argument("need", required=False, type=click.Path(path_type=Path))
@click.option("--init", type=click.Path(path_type=Path), help="Write a commented need to start from.")
@click.option(
    "--top", metavar="N", type=click.IntRange(1), default=12, show_default=True, help="Models that are listed."
)
@click.option("--why", multiple=True, metavar="MODEL", help="Say everything of one model instead.")
@click.option("--excluded", is_flag=True, help="List every model that is not ranked, with the rule or figure.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw quality against cost: a file .svg or .png.")
@click.option(
    "--write", type=click.Path(path_type=Path), help="Write the first ones as candidates: a folder, or a task.toml."
)
@click.option(
    "--candidates",
    metavar="N",
    type=click.IntRange(2, 20),
    default=4,
    show_default=True,
    help="With --write: how many.",
)
@click.option("--policy", type=click.Path(path_type=Path), help="A policy.toml that holds too.")
@click.option("--data", "data_class", metavar="CLASS", help="Class of the data, as the policy names it.")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: ranked and excluded.")
def pick(
    need: Path | None,
    *,
    init: Path | None,
    top: int,
    why: tuple[str, ...],
    excluded: bool,
    plot: Path | None,
    write: Path | None,
    candidates: int,
    policy: Path | None,
    data_class: str | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Which models meet NEED, a TOML file, in which order and why; and for every other model the rule or the figure
    that excludes it.

    Quality is what others than the lab measured on such work; a model nobody measured is placed by models of its size
    and date, with the doubt that is due. What is not known never passes a rule that asks for it. Exit 1 when no model
    meets the need.
    """
    if init is not None:
        _write_starter(init)
        return
    if need is None:
        raise UsageError("name a NEED", next_move="`weighbridge pick --init need.toml` writes one to start from.")
    if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"no kind of picture is called {plot.suffix!r}", next_move="Name the file .svg or .png.")
    from weighbridge.cli.compose_pick import answer_need, model_ids, write_task

    asked = model_ids(folder, why)
    answer = answer_need(_bytes(need), str(need), folder, policy=policy, data_class=data_class)
    drawn = _draw(answer, plot)
    written = write_task(answer, write, candidates, folder) if write is not None else []
    click.echo(_json(answer) if as_json else "\n".join(_said(answer, asked, top, excluded)))
    for line in (*drawn, *written):
        click.echo(line, err=as_json)
    sys.exit(0 if answer.ranked else 1)


def _json(answer: Answer) -> bytes:
    from weighbridge.pick.words import value_of

    return msgspec.json.encode(value_of(answer))


def _said(answer: Answer, asked: list[str], top: int, excluded: bool) -> Iterator[str]:
    """The answer, or everything of the models that are asked about."""
    from weighbridge.pick.words import reasons

    if not asked:
        yield from _lines(answer, top, excluded)
    for model in asked:
        yield from reasons(answer, model)


def _draw(answer: Answer, path: Path | None) -> list[str]:
    """Draw the plane, where it is asked for and there is one; what is said of it."""
    if path is None:
        return []
    from weighbridge.cli.cost import draw_plane
    from weighbridge.pick.words import plane_of

    plane = plane_of(answer)
    if plane is None:
        return ["", "Nothing to draw: no cost is known."]
    draw_plane(plane, path)
    return ["", f"Drawn: {path}"]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            next_move="`weighbridge pick --init need.toml` writes one to start from.",
        ) from error


def _write_starter(path: Path) -> None:
    from weighbridge.cli.cost import write_new
    from weighbridge.pick.starter import STARTER

    write_new(path, STARTER)
    click.echo(f"Wrote {path}.\nNext: weighbridge pick {path}")


def _lines(answer: Answer, top: int, excluded: bool) -> Iterator[str]:
    from weighbridge.charts.plane import plot
    from weighbridge.cli.columns import in_columns, terminal_width
    from weighbridge.cost.words import work_line
    from weighbridge.pick.ranking import near_misses
    from weighbridge.pick.words import HEADS, plane_of, rows, summary

    need = answer.need
    yield f"{need.file.name or 'A need'}: {need.kinds}"
    yield work_line(need.work)
    yield ""
    if answer.ranked:
        yield in_columns([HEADS, *rows(answer, top)], wrap=False)
        yield ""
    yield from summary(answer, top)
    plane = plane_of(answer)
    if plane is not None:
        yield ""
        yield plot(plane, min(100, terminal_width()))
    near = [] if excluded else near_misses(answer, NEAR if answer.ranked else 4 * NEAR)
    if near:
        yield "\nNot served within the need:" if answer.ranked else "\nFail one thing alone:"
        yield from (f"  {each.id}: {each.because}" for each in near)
    if excluded:
        yield "\nExcluded"
        yield from (f"  {each.id}: {each.because}" for each in answer.excluded)

"""`weighbridge cost`: providers against own hardware, and what training takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.cli.chosen import FOLDER
from weighbridge.errors import InputError, UsageError

EPILOG = """\b
Examples:
  weighbridge cost deepseek-v3.2 --requests 50000/day --in 1200 --out 300 --cached 60%
  weighbridge cost qwen3-32b --requests 50000/day --in 1200 --out 300 --on H100 --usd-hour 2.50
  weighbridge cost --init workload.toml        write a commented file for all of it
  weighbridge cost glm-4.6 kimi-k2 --workload workload.toml --chart cost.svg
  weighbridge cost --train deepseek-v3         what its training took, reckoned and reported
"""
MOST_MOVED = 8
METHODS = ("full", "lora", "qlora")
ENGINES = ("vllm", "sglang", "llamacpp", "ollama", "tensorrt-llm")
MOVED = ("ASSUMPTION", "HALF", "1.5 TIMES", "WINNER")
WORK_OPTIONS = ("requests", "in", "out", "cached", "reasoning", "batch", "peak")
FIT_OPTIONS = ("quant", "engine")
TRAIN_OPTIONS = ("active", "tokens", "mfu", "at_work", "seq", "devices")
OWN_ALONE = ("buy", "years", "watts", "pue", "kwh", "tps", "prefill_tps", "utilisation", "spare", "people")
OWN_OPTIONS = ("usd_hour", "buy", "years", "watts", "pue", "kwh", "tps", "prefill_tps", "utilisation", "spare")


@click.command(short_help="What a workload costs: providers against own hardware; what training takes.", epilog=EPILOG)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--requests", metavar="RATE", help="How often: 50000/day, 1.5M/month, 3/s.")
@click.option("--in", "in_", metavar="TOKENS", help="Tokens of a request, cached ones included.")
@click.option("--out", metavar="TOKENS", help="Tokens of an answer, thoughts included.")
@click.option("--cached", metavar="SHARE", help="Of the input, what providers read from their cache.  [0%]")
@click.option("--reasoning", metavar="SHARE", help="Of the output, what is thought before the answer.  [0%]")
@click.option("--batch", metavar="SHARE", help="Of the requests, those that can wait a day.  [0%]")
@click.option("--peak", metavar="N", help="The busiest hour over the average one.  [3]")
@click.option("--workload", type=click.Path(path_type=Path), help="A file with all of this; options go before it.")
@click.option("--init", type=click.Path(path_type=Path), help="Write a commented workload file to start from.")
@click.option(
    "--on", metavar="DEVICE[xN]", help="Own hardware: the devices of one set, as `weighbridge fit` knows them."
)
@click.option("--usd-hour", metavar="USD", help="Rent of one device.  [the catalogue's]")
@click.option("--buy", metavar="USD", help="Instead: price of one device with its share of the server.")
@click.option("--years", metavar="N", help="Over which it is written off.  [3]")
@click.option("--watts", metavar="W", help="Power of one device with its share of the server.  [the catalogue's]")
@click.option("--pue", metavar="N", help="Power of the whole site over that of its computers.  [1.3]")
@click.option("--kwh", metavar="USD", help="Price of a kilowatt hour.  [0.15]")
@click.option("--tps", metavar="N", help="Tokens a second that one set writes on this work; instead of an estimate.")
@click.option("--prefill-tps", metavar="N", help="Tokens a second that it reads, where --tps leaves reading out.")
@click.option("--utilisation", metavar="SHARE", help="Most of a set that the busiest hour may use.  [70%]")
@click.option("--spare", metavar="N", help="Whole sets that stand by.  [1]")
@click.option("--people", metavar="N@USD", help="Posts and what one costs a year: 0.2@150000.  [nobody]")
@click.option("--quant", metavar="FORMAT", help="Format on own hardware: fp8, Q4_K_M.  [the best that fits]")
@click.option("--engine", type=click.Choice(ENGINES), help="Engine on own hardware.  [the usual one]")
@click.option("--train", "train", is_flag=True, help="Instead: what training MODEL takes; `all` for every known run.")
@click.option("--tune", type=click.Choice(METHODS), help="Instead: what fine-tuning MODEL takes.")
@click.option("--active", metavar="N", help="With --train: parameters that one token uses: 37B.")
@click.option("--tokens", metavar="N", help="With --train or --tune: tokens trained on: 14.8T, 50M.")
@click.option("--mfu", metavar="SHARE", help="With --train: share of the dense bf16 peak that is used.  [40%]")
@click.option("--at-work", metavar="SHARE", help="With --train: share of the time at work.  [90%]")
@click.option("--seq", metavar="N", help="With --train: tokens of a training sequence.  [4096]")
@click.option("--devices", metavar="N", help="With --train: how many work at once, for the days it takes.")
@click.option("--chart", type=click.Path(path_type=Path), help="Draw cost over volume: a file .svg or .png.")
@click.option(
    "--top", metavar="N", type=click.IntRange(1), default=12, show_default=True, help="Providers of each model."
)
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cost(
    models: tuple[str, ...],
    *,
    workload: Path | None,
    init: Path | None,
    chart: Path | None,
    top: int,
    folder: Path,
    train: bool,
    tune: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """What a workload costs a month: each provider of each MODEL, own hardware, and where both cost the same.

    A price that nobody names is never counted as nothing: such a sum is partial, says what is missing, and cannot win.
    """
    if init is not None:
        _write_starter(init)
        return
    options["in"] = options.pop("in_")
    given = {name for name, value in options.items() if value is not None}
    _refuse_stray(given | ({"workload"} if workload else set()), is_training=train or tune is not None)
    if tune is not None:
        from weighbridge.cli.cost_training import print_tuning

        print_tuning(models, tune, options, folder, as_json)
        return
    if train:
        from weighbridge.cli.cost_training import print_training

        print_training(models, options, folder, as_json)
        return
    from weighbridge.cli.compose_cost import Wish, compare_costs

    work, own = _given(workload, options)
    if "on" not in own and (own or given & set(FIT_OPTIONS)):
        raise UsageError("hardware is described, but none is named", next_move="Name it: --on H100, or `on` in [own].")
    picture = _picture(chart)
    wish = Wish(models, work, own, folder, options["quant"], options["engine"])
    _print(compare_costs(wish), top, picture, as_json)


def _refuse_stray(given: set[str], *, is_training: bool) -> None:
    """Raise UsageError for options of the other mode, which would be passed over in silence."""
    foreign = (*WORK_OPTIONS, "workload", *FIT_OPTIONS, *OWN_ALONE) if is_training else TRAIN_OPTIONS
    stray = [f"--{name.replace('_', '-')}" for name in foreign if name in given]
    if stray:
        mode = "goes with no --train or --tune" if is_training else "goes with --train or --tune only"
        raise UsageError(f"{', '.join(stray)} {mode}")


def _given(workload: Path | None, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of work and of own hardware as written: the file's, and over them those of the options."""
    from weighbridge.cost.asked import wrong, wrong_people

    work, own = ({}, {}) if workload is None else _read(workload)
    for name in (*WORK_OPTIONS, *OWN_OPTIONS, "people", "on"):
        value = options.get(name)
        if value is None:
            continue
        mistake = wrong_people(value) if name == "people" else None if name == "on" else wrong(name, value)
        if mistake is not None:
            raise UsageError(mistake[0], where=f"--{name.replace('_', '-')}", next_move=mistake[1])
        (work if name in WORK_OPTIONS else own)[name] = value
    missing = [f"--{name}" for name in ("requests", "in", "out") if name not in work]
    if missing:
        raise UsageError(
            f"what is asked of the model is not said: {', '.join(missing)}",
            next_move="Say it like `--requests 50000/day --in 1200 --out 300`, or in a file: `--init workload.toml`.",
        )
    return work, own


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from weighbridge.cost.asked import read_workload_file
    from weighbridge.formats.problems import Problems

    problems = Problems()
    try:
        work, own = read_workload_file(str(path), path.read_bytes(), problems)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            next_move="`weighbridge cost --init workload.toml` writes one to start from.",
        ) from error
    if problems.found:
        first, *others = problems.found
        raise InputError(
            first.what, where=first.where, next_move="\n  ".join(filter(None, [first.next_move, *map(str, others)]))
        )
    return dict(work), dict(own)


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; UsageError rather than replace one."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{str(path)!r} is already there, and nothing was written") from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(path)) from error


def _write_starter(path: Path) -> None:
    from weighbridge.cost.starter import STARTER

    write_new(path, STARTER)
    click.echo(f"Wrote {path}.\nNext: weighbridge cost MODEL --workload {path}")


def _picture(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"no kind of picture is called {path.suffix!r}", next_move="Name the file .svg or .png.")
    return path


def _print(found: Any, top: int, picture: Path | None, as_json: bool) -> None:
    from weighbridge.cost.words import value_of

    if picture is not None and found.plane is not None:
        draw_plane(found.plane, picture)
    if as_json:
        models = [value_of(found.catalogue, each, moved) for each, moved in found.compared]
        value = {"workload": msgspec.to_builtins(found.work), "models": models, "notes": list(found.notes)}
        click.echo(msgspec.json.encode(value))
        return
    click.echo("\n".join(_lines(found, top)))
    if picture is not None:
        click.echo(f"\nDrawn: {picture}" if found.plane is not None else "\nNothing to draw: no cost is whole.")


def draw_plane(plane: Any, path: Path) -> None:
    """Draw into a file, whole or not at all; its ending says how."""
    from weighbridge.charts.plane import draw
    from weighbridge.charts.png import to_png
    from weighbridge.charts.svg import to_svg
    from weighbridge.cli.race import write_whole

    sheet = draw(plane)
    write_whole(path, to_png(sheet) if path.suffix.lower() == ".png" else to_svg(sheet).encode())


def _lines(found: Any, top: int) -> Iterator[str]:
    from weighbridge.charts.plane import plot
    from weighbridge.cli.columns import terminal_width
    from weighbridge.cost.words import work_line

    yield work_line(found.work)
    for comparison, moved in found.compared:
        yield ""
        yield from _one(found.catalogue, comparison, moved, top)
    for note in found.notes:
        yield f"\n{note}"
    if found.plane is not None:
        yield ""
        yield plot(found.plane, min(100, terminal_width()))


def _one(catalogue: Any, comparison: Any, moved: Sequence[Any], top: int) -> Iterator[str]:
    from weighbridge.cli.columns import in_columns
    from weighbridge.cost.words import HEADS, meeting_lines, moved_rows, own_lines, rows

    yield comparison.model
    if comparison.api:
        table, notes = rows(catalogue, comparison.api[:top])
        yield in_columns([HEADS, *table])
        yield from notes
        if len(comparison.api) > top:
            yield f"and {len(comparison.api) - top} more providers: --top lists them"
    else:
        yield "no provider is known to serve it"
    if comparison.own is not None:
        yield from own_lines(comparison.own)
    yield from meeting_lines(comparison)
    if moved:
        answer = "own hardware less the cheapest provider" if comparison.meets else "the cost"
        yield f"what moves the answer: {answer}, in dollars a month, with half of it and half as much again"
        yield in_columns([MOVED, *moved_rows(moved, MOST_MOVED)])

"""`weighbridge ledger`: what was spent."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.cli.opened_ledger import opened_ledger
from weighbridge.errors import UsageError
from weighbridge.units import format_usd

DEFAULT_BY = "key,route"


@click.command(short_help="What was called and what it cost.")
@click.option("--by", metavar="A,B", default=DEFAULT_BY, show_default=True, help="Sum by these; `` for one sum.")
@click.option("--since", metavar="DATE", help="From this day or moment on; UTC unless said otherwise.")
@click.option("--until", metavar="DATE", help="Up to this day, included, or moment.")
@click.option("--key", metavar="ID", help="Calls of this key only.")
@click.option("--team", metavar="NAME", help="Calls of this team only.")
@click.option("--route", metavar="MODEL", help="Calls of this public model name only.")
@click.option("--model", metavar="ID", help="Calls that asked a backend for this model only.")
@click.option("--caller", metavar="WHO", help="`gateway` or `weigh`; both unless said otherwise.")
@click.option("--csv", "csv_file", metavar="FILE", type=click.Path(path_type=Path), help="Write each call; - prints.")
@click.option("--parquet", metavar="FILE", type=click.Path(path_type=Path), help="Write each call; needs pyarrow.")
@click.option(
    "--config", "path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="As for `serve`."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list of sums.")
def ledger(
    *,
    by: str,
    since: str | None,
    until: str | None,
    csv_file: Path | None,
    parquet: Path | None,
    path: Path | None,
    as_json: bool,
    **only: str | None,
) -> None:
    """What was called and what it cost, by key, team, route, model, backend, caller, outcome, hour, day or month.

    Costs that are not known are counted, never taken for zero.
    """
    from weighbridge.ledger.summary import GROUPS, Chosen, each_call, summarise

    names = [name.strip() for name in by.split(",") if name.strip()]
    for name in names:
        if name not in GROUPS:
            raise UsageError(f"cannot sum by {name!r}", next_move=f"Sum by: {', '.join(GROUPS)}.")
    chosen = Chosen(
        since=moment(since, end=False) if since else None, until=moment(until, end=True) if until else None, **only
    )
    with opened_ledger(path) as db:
        if csv_file is not None:
            _write_csv(csv_file, each_call(db, chosen))
        if parquet is not None:
            _write_parquet(parquet, list(each_call(db, chosen)))
        if csv_file is None and parquet is None:
            sums = summarise(db, chosen, names)
            click.echo(msgspec.json.encode(sums) if as_json else "\n".join(_table(sums, names)))


def moment(text: str, *, end: bool) -> float:
    """Unix seconds; a day without a time is its beginning, or with `end` the beginning of the next."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"not a date: {text!r}", next_move="Write 2027-01-31 or 2027-01-31T12:00:00+00:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment + timedelta(days=end and len(text) <= 10)).timestamp()


def _table(sums: Sequence[Any], names: Sequence[str]) -> Iterable[str]:
    if not sums or not any(each.calls for each in sums):
        return ["No calls."]
    head = [*names, "calls", "failed", "tokens in", "tokens out", "cost"]
    rows = [
        [
            *(each.by[name] or "-" for name in names),
            f"{each.calls:,}",
            f"{each.failed:,}",
            f"{each.input_tokens:,}",
            f"{each.output_tokens:,}",
            _cost(each),
        ]
        for each in sums
    ]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    count = len(names)
    return [
        "  ".join(
            cell.ljust(width) if place < count or place == len(head) - 1 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]


def _cost(each: Any) -> str:
    """What is known of the cost, and of how many calls nothing is; a sum of unknown costs is no $0."""
    if not each.unpriced:
        return format_usd(each.usd)
    unknown = f"{each.unpriced:,} call{'s' * (each.unpriced != 1)} of unknown cost"
    return unknown if each.unpriced == each.calls else f"{format_usd(each.usd)} + {unknown}"


def _write_csv(path: Path, rows: Iterable[Any]) -> None:
    from weighbridge.ledger import CallRow

    def write(file: Any) -> None:
        writer = csv.writer(file)
        writer.writerow(CallRow.__struct_fields__)
        writer.writerows(map(_safe, map(msgspec.structs.astuple, rows)))

    if str(path) == "-":
        write(sys.stdout)
        return
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            write(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _safe(values: tuple[Any, ...]) -> list[Any]:
    """A text that a spreadsheet would run as a formula is given an apostrophe: names of models come from outside."""
    return [f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value for value in values]


def _write_parquet(path: Path, rows: Sequence[Any]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "writing Parquet needs pyarrow", next_move="Install it with `pip install weighbridge[parquet]`."
        ) from error
    from weighbridge.ledger import CallRow

    kinds = {"at": pa.float64(), "usd": pa.float64(), "latency_s": pa.float64(), "ttft_s": pa.float64()}
    whole = ("attempts", "status", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    kinds |= dict.fromkeys(whole, pa.int64())
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in CallRow.__struct_fields__])
    try:
        pq.write_table(pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows], schema=schema), path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error

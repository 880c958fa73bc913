"""Offers, scores, adoption and training runs: compact tables with a line a row, read when they are asked for.

    FOLDER/tables/offers.csv      Offer         FOLDER/tables/adoption.csv   Adoption
    FOLDER/tables/scores.csv      Score         FOLDER/tables/training.csv   TrainingRun
    FOLDER/tables/engines.csv     EngineSupport FOLDER/tables/safety.csv     SafetyEvaluation

The columns are the fields of the records, by name, in any order; an empty cell is a value that is not known. A column
that no record has, a number that is none, a price below zero: an error with file, line and column.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge.catalog.records import Adoption, EngineSupport, Offer, SafetyEvaluation, Score, TrainingRun
from weighbridge.catalog.snapshot import DATA
from weighbridge.errors import InputError
from weighbridge.formats.problems import did_you_mean

R = TypeVar("R", bound=msgspec.Struct)
MOST_BYTES = 64 << 20
TABLES: Mapping[str, type[msgspec.Struct]] = {
    "offers": Offer,
    "scores": Score,
    "adoption": Adoption,
    "training": TrainingRun,
    "engines": EngineSupport,
    "safety": SafetyEvaluation,
}


@cache
def load_offers(folder: Path = DATA) -> tuple[Offer, ...]:
    """Every offer, in the order of the table; the same value each time."""
    return read_table(folder / "tables" / "offers.csv", Offer)


@cache
def load_scores(folder: Path = DATA) -> tuple[Score, ...]:
    """Benchmark results. InputError names file and line of a row that cannot be."""
    return read_table(folder / "tables" / "scores.csv", Score)


@cache
def load_adoption(folder: Path = DATA) -> tuple[Adoption, ...]:
    """Counts of use by day and source. InputError as for `load_scores`."""
    return read_table(folder / "tables" / "adoption.csv", Adoption)


@cache
def load_training(folder: Path = DATA) -> tuple[TrainingRun, ...]:
    """Reported training runs. InputError as for `load_scores`."""
    return read_table(folder / "tables" / "training.csv", TrainingRun)


@cache
def load_engines(folder: Path = DATA) -> tuple[EngineSupport, ...]:
    """Which engine runs which family since which release. InputError as for `load_scores`."""
    return read_table(folder / "tables" / "engines.csv", EngineSupport)


@cache
def load_safety(folder: Path = DATA) -> tuple[SafetyEvaluation, ...]:
    """Published evaluations of safety. InputError as for `load_scores`."""
    return read_table(folder / "tables" / "safety.csv", SafetyEvaluation)


def read_table(path: Path, kind: type[R]) -> tuple[R, ...]:
    """The rows of a table; none where the file is not there. Raises InputError for the first mistake in it."""
    return tuple(row for _, row in read_rows(path, kind))


def read_rows(path: Path, kind: type[R]) -> list[tuple[int, R]]:
    """The rows of a table, each with the line it ends on."""
    if not path.exists():
        return []
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"larger than {MOST_BYTES >> 20} MiB", where=str(path))
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            columns = _columns(path, next(rows, []), kind)
            lines, tables = _tables(path, rows, columns, _required(kind))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not readable as CSV: {error}", where=str(path), next_move="Save it as UTF-8 CSV.") from error
    try:
        return list(zip(lines, msgspec.convert(tables, list[kind], strict=False), strict=True))  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise _explained(path, lines, error) from None


def write_table(path: Path, rows: Sequence[R], kind: type[R]) -> None:
    """Write rows as `read_table` reads them; columns that are empty throughout are left out."""
    fields = msgspec.structs.fields(kind)
    plain = [
        {f.name: getattr(row, f.name) for f in fields if getattr(row, f.name) not in (None, f.default)} for row in rows
    ]
    used = _required(kind).union(*plain)
    names = [field.name for field in fields if field.name in used]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in plain)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _columns(path: Path, header: list[str], kind: type[msgspec.Struct]) -> list[str]:
    known = {field.name for field in msgspec.structs.fields(kind)}
    for name in header:
        if name not in known:
            raise InputError(f"unknown column {name!r}", where=f"{path}:1", next_move=did_you_mean(name, known))
        if header.count(name) > 1:
            raise InputError(f"two columns are called {name!r}", where=f"{path}:1")
    missing = sorted(_required(kind) - set(header))
    if missing:
        raise InputError(f"the column {missing[0]!r} is missing", where=f"{path}:1")
    return header


def _tables(
    path: Path, rows: Any, columns: list[str], required: set[str]
) -> tuple[list[int], list[dict[str, str | None]]]:
    """The line each row of a csv.reader ends on, and the row without its empty cells."""
    lines: list[int] = []
    tables: list[dict[str, str | None]] = []
    for row in rows:
        if len(row) != len(columns):
            what = f"{len(row)} cells under {len(columns)} columns"
            raise InputError(
                what, where=f"{path}:{rows.line_num}", next_move="A text with a comma in it stands in quotes."
            )
        table: dict[str, str | None] = {name: cell for name, cell in zip(columns, row, strict=True) if cell}
        for name in required - table.keys():
            table[name] = None if name == "model" else ""
        lines.append(rows.line_num)
        tables.append(table)
    return lines, tables


def _required(kind: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind) if field.required}


def _explained(path: Path, lines: list[int], error: msgspec.ValidationError) -> InputError:
    what, _, place = str(error).partition(" - at `$[")
    row, _, column = place.rstrip("`").partition("].")
    line = lines[int(row)] if row.isdigit() else 1
    return InputError(what[:1].lower() + what[1:], where=f"{path}:{line}: {column}")

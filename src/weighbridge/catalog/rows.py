"""Rows of the tables held against the catalogue: what they name exists, and what they say may be passed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weighbridge.catalog.records import Adoption, Catalogue, Offer, Score
from weighbridge.catalog.tables import TABLES, read_rows
from weighbridge.catalog.values import wrong_date
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem, Problems, nearest

Row = Any
"""An Offer, Score, Adoption, TrainingRun, EngineSupport or SafetyEvaluation."""
GROUPS = ("family", "bloc", "country", "lab", "provider", "openrouter")
"""What a subject of adoption can be beside a model: `family:Qwen`."""
_DATES = {
    "offers": ("updated",),
    "scores": ("date", "released"),
    "adoption": ("date",),
    "training": ("date",),
    "engines": ("date",),
    "safety": ("date",),
}


def check_tables(folder: Path, catalogue: Catalogue, problems: Problems) -> None:
    """Add what is wrong with the tables of a catalogue; a table that cannot be read counts as one mistake."""
    for name, kind in TABLES.items():
        path = folder / "tables" / f"{name}.csv"
        try:
            rows = read_rows(path, kind)
        except InputError as error:
            problems.add(Problem(error.where or str(path), None, None, error.what, error.next_move))
            continue
        seen: set[object] = set()
        for line, row in rows:
            for column, what, hint in _wrong(name, row, catalogue, seen):
                problems.add(Problem(str(path), line, column or None, what, hint))


def _wrong(name: str, row: Row, catalogue: Catalogue, seen: set[object]) -> Iterator[tuple[str, str, str | None]]:
    """Column (empty for the whole row), mistake and next move."""
    yield from _wrong_source(row, catalogue)
    model = getattr(row, "model", None)
    if model is not None and model not in catalogue.models:
        yield "model", f"there is no model {model!r}", nearest(model, catalogue.models)
    for column in _DATES[name]:
        day = getattr(row, column)
        wrong = wrong_date(day) if day else None
        if wrong is not None:
            yield column, *wrong
    if (
        isinstance(row, Adoption)
        and row.subject.partition(":")[0] not in GROUPS
        and row.subject not in catalogue.models
    ):
        yield "subject", f"there is no model {row.subject!r}", nearest(row.subject, catalogue.models)
    key = (row.provider, row.model_id) if isinstance(row, Offer) else row
    if key in seen:
        yield "", "this row is there twice", "Take one of them out."
    seen.add(key)


def _wrong_source(row: Row, catalogue: Catalogue) -> Iterator[tuple[str, str, str | None]]:
    source = catalogue.sources.get(row.source)
    if source is None:
        yield "source", f"there is no source {row.source!r}", nearest(row.source, catalogue.sources)
    elif isinstance(row, Offer | Score) and not (source.licence and source.attribution):
        hint = "Give the source its licence and attribution, or import it live instead of shipping it."
        yield "source", f"rows of {source.id!r} may not be passed on: it names no licence", hint

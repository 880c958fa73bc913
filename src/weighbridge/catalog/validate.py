"""What must hold in a catalogue, so that no figure stands without a source and no name points nowhere.

    one of each     no two records with one id, no name that means two models          links.py
    nothing loose   every source, lab, licence and model that is named exists          links.py
    plausible       each value is of its field's kind and within its bounds            values.py
    consistent      active <= total, nothing known after its own release; an openness
                    class (III model, II tools, I science) goes with its parts         here
    tables          rows name what exists, and what may be passed on                   rows.py

Every mistake comes with file, line and field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.catalog.links import (
    ENDLESS,
    check_aliases,
    check_chains,
    check_ids,
    check_links,
    check_names,
    check_texts,
)
from weighbridge.catalog.reading import Draft, Placed, read_folder
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.rows import check_tables
from weighbridge.catalog.values import check_facts
from weighbridge.catalog.view import fact_of
from weighbridge.formats.problems import Problem, Problems


@dataclass(frozen=True)
class Examined:
    """A catalogue's files, looked at whole."""

    problems: tuple[Problem, ...]
    """Every mistake, at most a hundred. Records that cannot be read are named alone: whatever points to them would
    seem to point nowhere."""
    catalogue: Catalogue | None
    """None where there is a mistake."""


def examine(folder: Path, *, today: str | None = None) -> Examined:
    """Read and check the files of a catalogue; dates after `today` (ISO) are mistakes too."""
    problems = Problems()
    draft = read_folder(folder, problems)
    catalogue = draft.catalogue()
    if not problems.found:
        validate(draft, problems, today=today)
        check_tables(folder, catalogue, problems)
    return Examined(tuple(problems.found), None if problems.found else catalogue)


def compile_folder(folder: Path, *, today: str | None = None) -> Catalogue:
    """The catalogue of a folder; raises InputError for the first mistake in it."""
    problems = Problems(first_raises=True)
    draft = read_folder(folder, problems)
    validate(draft, problems, today=today)
    return draft.catalogue()


def validate(draft: Draft, problems: Problems, *, today: str | None = None) -> None:
    """Add every mistake that only shows when records are held against each other.

    Without `today` the newest day on which a source was read is the last that a statement can be of.
    """
    catalogue = draft.catalogue()
    read = (placed.record.read for placed in draft.sources if placed.record.read)
    horizon = today or max(read, default=ENDLESS)
    check_ids(draft, problems)
    check_texts(draft, problems)
    check_names(draft, problems)
    check_links(draft, catalogue, horizon, problems)
    check_aliases(draft, catalogue, horizon, problems)
    if check_facts(draft, catalogue, horizon, problems):
        check_chains(draft, catalogue, problems)
        for placed in draft.models:
            _check_model(placed, catalogue, horizon, problems)


def _check_model(placed: Placed[Model], catalogue: Catalogue, horizon: str, problems: Problems) -> None:
    """What the believed facts of one model say of each other."""

    def said(name: str) -> Any:
        fact = fact_of(catalogue, placed.record, name)
        return None if fact is None else fact.value

    for name, what in (*_wrong_sizes(said), *_wrong_days(said, horizon), *_wrong_terms(said)):
        problems.add(placed.problem(("facts", name), what, "Look both up again; keep what each source says."))


Said = Callable[[str], Any]
"""A field's name to its believed value; None where nobody says."""


def _wrong_sizes(said: Said) -> Iterator[tuple[str, str]]:
    total, active = said("parameters_total"), said("parameters_active")
    if isinstance(total, int | float) and isinstance(active, int | float) and active > total:
        yield "parameters_active", f"{active:.6g} active parameters, but {total:.6g} in all"


def _wrong_days(said: Said, horizon: str) -> Iterator[tuple[str, str]]:
    released, cutoff = said("released"), said("knowledge_cutoff")
    if isinstance(released, str) and isinstance(cutoff, str) and cutoff[: len(released)] > released[: len(cutoff)]:
        yield "knowledge_cutoff", f"trained on what was known on {cutoff}, but released on {released}"
    for name in ("released", "weights_released"):
        day = said(name)
        if isinstance(day, str) and day > horizon:
            yield name, f"{day} has not come yet; the newest day known is {horizon}"


def _wrong_terms(said: Said) -> Iterator[tuple[str, str]]:
    weights, licence, openness = said("open_weights"), said("licence"), said("openness")
    if weights is True and licence == "proprietary":
        yield "licence", "weights that can be downloaded, but no licence for them"
    for name, least in (("open_weights", ("I", "II", "III")), ("open_code", ("I", "II")), ("open_data", ("I",))):
        if openness in least and said(name) not in (True, "yes"):
            yield "openness", f"class {openness}, but {name} is {said(name)}"
    if weights is False and licence not in (None, "proprietary"):
        yield "open_weights", f"no weights to download, but a licence for them: {licence}"

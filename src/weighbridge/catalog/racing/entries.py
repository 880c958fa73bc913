"""One benchmark's scores as a race: who entered, released when, open or closed, from where, and how sure the score is.

A row enters when the day of release and whether the weights are open are known: from the row itself, else from the
catalogue. What is left out is counted, never guessed. Where scores move between snapshots (Elo), one snapshot is raced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from weighbridge.catalog.names import find_lab
from weighbridge.catalog.racing.benchmarks import BENCHMARKS, Benchmark
from weighbridge.catalog.records import Catalogue, Score
from weighbridge.catalog.view import fact_of, licence_of
from weighbridge.errors import UsageError

Region = Literal["China", "West", "Other"]
LICENCES = ("any", "unrestricted", "commercial")
WEST = frozenset(
    {
        "US",
        "CA",
        "GB",
        "IE",
        "FR",
        "DE",
        "IT",
        "ES",
        "PT",
        "NL",
        "BE",
        "LU",
        "AT",
        "CH",
        "SE",
        "NO",
        "DK",
        "FI",
        "IS",
        "PL",
        "CZ",
        "SK",
        "HU",
        "SI",
        "HR",
        "RO",
        "BG",
        "GR",
        "EE",
        "LV",
        "LT",
        "MT",
        "CY",
        "AU",
        "NZ",
        "IL",
    }
)
"""North America, Europe, Australia, New Zealand, Israel. Korea, Japan, India and the Emirates count as Other."""
CHINA = frozenset({"CN", "HK", "MO"})
TRUSTED = ("independent", "third-party", "submitted")
"""Who measured: not the lab itself, and nobody who only collects what labs say."""
Z90 = 1.6448536269514722
"""Half a 90% interval in standard errors of a normal."""
_SETTING = re.compile(r"_[\w-]+$|[ -]\((?:high|low|medium|xhigh|max|\d+k[^)]*)\)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model at one setting."""

    name: str
    """As the source writes it."""
    model: str | None
    """Catalogue id."""
    released: date
    score: float
    low: float | None
    high: float | None
    """Ends of a 90% interval; None where the error is not known."""
    is_open: bool
    region: Region | None
    access: str

    @property
    def key(self) -> str:
        """The model, whatever its setting."""
        return self.model or _SETTING.sub("", self.name).casefold()


@dataclass(frozen=True, slots=True)
class Field:
    """Who is in the race of one benchmark."""

    benchmark: Benchmark
    entries: tuple[Entry, ...]
    """Sorted by release, then by name."""
    snapshot: str
    """Day of the newest score; `unknown day` where the source dates none."""
    sources: tuple[str, ...]
    left_out: int
    """Rows without a known release or openness, or whose licence the filter refuses or does not know."""


def field_of(
    catalogue: Catalogue,
    scores: Iterable[Score],
    benchmark: str,
    *,
    licence: str = "any",
    snapshot: str | None = None,
    until: date | None = None,
) -> Field:
    """The race of one benchmark. Raises UsageError for a benchmark, licence or snapshot that does not exist."""
    known = BENCHMARKS.get(benchmark, Benchmark(benchmark, None))
    rows = [row for row in scores if row.benchmark == benchmark and row.independence in TRUSTED]
    if known.scale == "elo":
        rows = _one_snapshot(rows, snapshot)
    elif snapshot is not None:
        rows = [row for row in rows if row.date <= snapshot]
    entries = [entry for row in rows if (entry := _entry(catalogue, row, known, licence))]
    entries = [entry for entry in entries if until is None or entry.released <= until]
    return Field(
        known,
        tuple(sorted(entries, key=lambda entry: (entry.released, entry.name))),
        max((row.date for row in rows), default="") or "unknown day",
        tuple(sorted({row.source for row in rows})),
        len(rows) - len(entries),
    )


def _one_snapshot(rows: Sequence[Score], snapshot: str | None) -> list[Score]:
    days = sorted({row.date for row in rows if snapshot is None or row.date <= snapshot})
    if rows and not days:
        raise UsageError(f"no snapshot up to {snapshot}", next_move=f"The first is of {min(row.date for row in rows)}.")
    return [row for row in rows if row.date == days[-1]] if days else []


def _entry(catalogue: Catalogue, row: Score, benchmark: Benchmark, licence: str) -> Entry | None:
    released = _day(row.released or _said(catalogue, row.model, "released"))
    is_open = row.open_weights if row.open_weights is not None else _said(catalogue, row.model, "open_weights")
    if released is None or not isinstance(is_open, bool):
        return None
    if is_open and not _allowed(catalogue, row, licence):
        return None
    low, high = _interval(row, benchmark)
    return Entry(
        row.model_name, row.model, released, row.score, low, high, is_open, _region_of(catalogue, row), row.access
    )


def _interval(row: Score, benchmark: Benchmark) -> tuple[float | None, float | None]:
    """What the source publishes; else the sampling error over the benchmark's tasks, where their number is known."""
    if row.low is not None and row.high is not None:
        return row.low, row.high
    if benchmark.tasks is None or benchmark.scale != "percent":
        return None, None
    floor = 0.5 / benchmark.tasks
    share = min(max(row.score / 100, floor), 1 - floor)
    margin = 100 * Z90 * math.sqrt(share * (1 - share) / benchmark.tasks)
    return max(0.0, row.score - margin), min(100.0, row.score + margin)


def _allowed(catalogue: Catalogue, row: Score, licence: str) -> bool:
    """Whether open weights pass the filter. What is unknown does not pass one that asks for it."""
    if licence == "any":
        return True
    if licence == "unrestricted":
        return row.access == "unrestricted"
    model = catalogue.models.get(row.model or "")
    terms = licence_of(catalogue, model) if model else None
    return terms is not None and terms.commercial_use == "yes"


def region(countries: str) -> Region | None:
    """The bloc of one or several countries (`US,DE`); Other where they lie in different ones, None where unknown."""
    blocs: set[Region] = {
        "China" if code in CHINA else "West" if code in WEST else "Other" for code in countries.split(",") if code
    }
    return None if not blocs else blocs.pop() if len(blocs) == 1 else "Other"


def _region_of(catalogue: Catalogue, row: Score) -> Region | None:
    said = row.country or _said(catalogue, row.model, "country")
    if said is None and row.lab:
        lab = find_lab(catalogue, row.lab)
        facts = catalogue.labs[lab].country if lab else ()
        said = facts[0].value if facts else None
    return region(said) if isinstance(said, str) else None


def _said(catalogue: Catalogue, model: str | None, name: str) -> object:
    record = catalogue.models.get(model or "")
    fact = fact_of(catalogue, record, name) if record else None
    return fact.value if fact else None


def _day(text: object) -> date | None:
    """A day; of a month or year alone nothing is made, since months are what is counted."""
    return date.fromisoformat(text) if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None

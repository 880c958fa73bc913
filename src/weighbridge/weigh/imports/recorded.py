"""The nouns of an import: a log, the samples it holds, and what the reader is told about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

LONGEST_NAME = 512
"""Characters of an item's id, a candidate's name, a tag's value."""


class Recorded(msgspec.Struct, kw_only=True):
    """One answer that was scored elsewhere: one candidate, one item, one repeat."""

    item: str
    """Its id, as people know it."""
    scores: Mapping[str, Any]
    """Metric to what the log holds for it, unread: numbers, booleans, letters."""
    line: int | None = None
    """Where it stands in its file; None where a file has no lines."""
    candidate: str | None = None
    """None: the log's."""
    key: str | None = None
    """What pairs it with the same item elsewhere, where the id alone might lie: a hash of the item's content."""
    repeat: str | None = None
    """Which of several answers it is; None: the log does not say."""
    failed: str | None = None
    """Why there is no score, as a short stable word; failed is never wrong."""
    error: str = ""
    usd: float | None = None
    latency_s: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tags: Mapping[str, str] = {}
    """What the item can be grouped by."""
    asked: Any = None
    """Whatever the log holds of the question, for the report."""
    expected: Any = None
    answer: str = ""
    note: str = ""


@dataclass(slots=True)
class Log:
    """One file of recorded samples, found but not read."""

    path: Path
    format: str
    """For people: `Inspect log`."""
    read: Callable[[], Iterator[Recorded]]
    candidate: str | None = None
    """Whose samples these are; None where every sample says so itself."""
    given: str | None = None
    """The name that `--from NAME=PATH` gives it."""
    task: str = ""
    settings: str = ""
    """What the model was asked with, as one text: logs that differ here are different candidates."""
    written: str = ""
    """When, as the log says."""
    identity: str = ""
    """The same for a run and its retry."""
    complete: bool = True
    repeats_are_meant: bool = True
    """Whether an item that comes again is another answer; in a bare table it may as well be a mistake."""
    blank_is_missing: bool = False
    """Whether an answer without a score is one that nobody recorded, as in a table, and not one that failed."""
    lower_is_better: frozenset[str] = frozenset()
    """Metrics of which the log says so."""
    could_be: tuple[str, ...] = ()
    """Columns that may be named as candidates, whether they are read or not."""
    notes: list[str] = field(default_factory=list)
    """What the reader should know about this file."""

    @property
    def name(self) -> str:
        return self.path.name


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What of a log to take: the same for all logs of one import."""

    where: Mapping[str, str] = {}
    """Column (or tag) to the only value that counts."""
    columns: Mapping[str, str] = {}
    """`item`, `candidate`, `score`, ... to the column that holds it, where its name does not say so."""
    tags: tuple[str, ...] = ()
    """Fields to group by, beside those that are known for it."""
    candidates: tuple[str, ...] = ()
    """Names asked for; they tell which columns of a wide table are candidates."""
    rows_are_items: bool = False
    repeats: bool = False
    """Whether the same item twice in a table is meant as two answers."""


TAG_FIELDS = (
    "category", "categories", "subject", "topic", "language", "lang", "locale", "difficulty", "level", "domain", "type",
    "group", "subset", "split", "dataset", "source", "repo",
)  # fmt: skip
"""Fields that items are grouped by without being asked for."""


def clipped(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def tags_of(fields: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, str]:
    """Those of an item's fields that it can be grouped by: plain values only."""
    found = {}
    for name in dict.fromkeys((*wanted, *TAG_FIELDS)):
        value = fields.get(name)
        if isinstance(value, str | int | bool) and value != "" and len(str(value)) <= 100:
            found[name] = str(value)
    return found

"""Recorded samples as a table (CSV, JSON Lines, Parquet): wide, a row for each item, or long, one for each item and
model (long_table.py).

    prompt                 the text, under that name or another
    NAME                   scores of a voter, from 0 to 1 (or to `out_of`); blank is missing
    NAME.answer            what it answered            NAME.chars   characters of its reply
    NAME.judge             a judge's score of it       NAME.usd     dollars that it cost
    NAME.input_tokens, NAME.output_tokens              what it read and wrote
    split, category        optional

columns.py knows other spellings. Answers, lengths and so on may also stand in tables of their own, with the same item
in the first column and a column for each voter. Read as a stream: only what is named is kept, and of a prompt only what
a router looks at.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.csv_lines import Row
from weighbridge.formats.table_rows import table_rows
from weighbridge.units import MIB, format_bytes

from .arrays import Floats
from .columns import KINDS, PROMPTS, column, first_of, place_of
from .grams import LONGEST_SEEN
from .long_table import is_long, widen
from .samples import Samples, group_key, model_of
from .side_table import SideTable

MOST_TEXT = 1024 * MIB
"""Of all prompts and answers that are kept."""
LONGEST_ANSWER = 4_000
MOST_ITEMS = 1_000_000
"""More teach a router nothing new."""
FLAGS = {"true": 1.0, "false": 0.0}
BESIDE = tuple(kind for kind in KINDS if kind != "score")


class Places(NamedTuple):
    """Where things stand."""

    samples: Path
    sides: Mapping[str, Path] = {}
    """`prompt`, `answer`, `chars`, `judge` or `usd`, to a table of its own."""
    prompt: str = "prompt"
    category: str = "category"
    split: str = "split"
    item: str | None = None
    """The column that tables of their own are joined by; None is the first."""
    out_of: float = 1.0
    """Scores go from 0 to this."""


def read_samples(places: Places, voters: Sequence[str], strong: str) -> Samples:
    """Raises UsageError for a name that is no column, InputError with file, line and column for anything else."""
    names = [*voters, strong]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name!r} is named twice", next_move="Name each once; further answers are NAME#2.")
    sides = {kind: SideTable(path, names, kind) for kind, path in places.sides.items()}
    with table_rows(places.samples) as (header, rows):
        file = places.samples.name
        if is_long(header) and any(place_of(header, name, "score", file) is None for name in (voters[0], strong)):
            wide = widen(header, rows, names, file, item=places.item, prompt=places.prompt)
            return _Reader(places, wide.header, voters, strong, sides).read(wide.rows)
        return _Reader(places, header, voters, strong, sides).read(rows)


class _Reader:
    """Collects the rows of the main table."""

    def __init__(
        self, places: Places, header: list[str], voters: Sequence[str], strong: str, sides: Mapping[str, SideTable]
    ) -> None:
        self._places = places
        self._name = places.samples.name
        self._header = header
        self._sides = sides
        self._voters = (*voters, strong)
        self._needed = {voters[0], strong}
        self._scores = {name: place for name in self._voters if (place := self._score_place(name)) is not None}
        self._prompt = self._prompt_place()
        self._category = _optional(header, places.category, self._name, must=places.category != "category")
        self._split = _optional(header, places.split, self._name, must=places.split != "split")
        self._item = 0 if places.item is None else column(header, places.item, self._name)
        self._beside = {
            (kind, name): place
            for kind in BESIDE
            for name in self._voters
            if kind not in sides and (place := place_of(header, name, kind, self._name)) is not None
        }
        self._kept: dict[str, array[float]] = {name: array("d") for name in self._voters}
        self._texts: dict[tuple[str, str], list[str]] = {}
        self._numbers: dict[tuple[str, str], array[float]] = {}
        told = [(kind, name) for kind in sides if kind != "prompt" for name in sides[kind].voters]
        for kind, name in [*self._beside, *told]:
            if kind == "answer":
                self._texts[kind, name] = []
            else:
                self._numbers[kind, name] = array("d")
        self._prompts: list[str] = []
        self._prompt_chars: list[int] = []
        self._groups = array("q")
        self._splits: list[str] = []
        self._categories: list[str] = []
        self._digest = hashlib.sha256()
        self._rows = self._left_out = self._size = 0

    def _score_place(self, name: str) -> int | None:
        """None for a further answer of a model without scores, which is a vote only. UsageError for any other."""
        place = place_of(self._header, name, "score", self._name)
        if place is None and (model_of(name) == name or name in self._needed):
            return column(self._header, name, self._name)
        return place

    def _prompt_place(self) -> int:
        """-1 where there is none and none was asked for by name."""
        if self._places.prompt in self._header or self._places.prompt != "prompt":
            return column(self._header, self._places.prompt, self._name)
        found = first_of(self._header, PROMPTS)
        return -1 if found is None else found

    def read(self, rows: Iterable[Row]) -> Samples:
        for row in rows:
            self._add(row)
        return self._samples()

    def _add(self, row: Row) -> None:
        self._rows += 1
        if len(self._prompts) >= MOST_ITEMS:
            what = f"more than {MOST_ITEMS:,} items"
            raise InputError(what, where=self._name, next_move="Draw some of the rows: fewer teach as much.")
        at = f"{self._name}:{row.line}"
        scores = {name: self._score(row, place, at) for name, place in self._scores.items()}
        if any(np.isnan(scores[name]) for name in self._needed):
            self._left_out += 1
            return
        item = row.cells[self._item].strip()
        beside = {kind: side.of(item, at) for kind, side in self._sides.items()}
        prompt = beside["prompt"][""] if "prompt" in beside else row.cells[self._prompt] if self._prompt >= 0 else ""
        for name in self._voters:
            self._kept[name].append(scores.get(name, np.nan))
        self._keep_prompt(prompt, row.cells)
        for (kind, name), texts in self._texts.items():
            said = beside[kind][name] if kind in beside else row.cells[self._beside[kind, name]]
            texts.append(said[:LONGEST_ANSWER])
            self._weigh(said[:LONGEST_ANSWER])
        for (kind, name), numbers in self._numbers.items():
            said = beside[kind][name] if kind in beside else row.cells[self._beside[kind, name]]
            numbers.append(_number(said, kind, at, self._named(kind, name)))
        self._splits.append(row.cells[self._split].strip().lower() if self._split >= 0 else "")
        self._categories.append(row.cells[self._category].strip()[:80] if self._category >= 0 else "")

    def _named(self, kind: str, name: str) -> str:
        """The column, or what it would be called where a table of its own says it."""
        place = self._beside.get((kind, name))
        return f"{name}.{kind}" if place is None else self._header[place]

    def _keep_prompt(self, prompt: str, cells: Sequence[str]) -> None:
        """Cut to what is looked at; without a prompt only rows that are all alike are one group."""
        self._prompt_chars.append(len(prompt))
        self._groups.append(group_key(prompt if prompt.strip() else "\0".join(("", *cells))))
        if len(prompt) > LONGEST_SEEN:
            half = LONGEST_SEEN // 2
            prompt = f"{prompt[: half - 1]}\n{prompt[-half:]}"
        self._prompts.append(prompt)
        self._weigh(prompt)

    def _weigh(self, text: str) -> None:
        self._size += len(text)
        self._digest.update(text.encode("utf-8", "replace") + b"\0")
        if self._size > MOST_TEXT:
            raise InputError(
                f"prompts and answers are longer than {format_bytes(MOST_TEXT)} together",
                where=self._name,
                next_move=f"Draw some of the rows: the first {self._rows:,} were read.",
            )

    def _score(self, row: Row, place: int, at: str) -> float:
        text = row.cells[place]
        if not text.strip():
            return float("nan")
        most = self._places.out_of
        flag = FLAGS.get(text.strip().lower())
        value = _plain_number(text) if flag is None else flag * most
        if value is None or not 0.0 <= value <= most:
            hint = "Scores lie between 0 and 1; leave the cell blank where there is none."
            if value is not None and most == 1.0 and value > 1.0:
                hint += " For another scale name its top, such as --out-of 10."
            what = f"{text.strip()[:40]!r} is not a score from 0 to {most:g}"
            raise InputError(what, where=f"{at}: {self._header[place]}", next_move=hint)
        return value / most

    def _samples(self) -> Samples:
        scores = {name: np.array(values) for name, values in self._kept.items()}
        for values in scores.values():
            self._digest.update(values.tobytes())
        for numbers in self._numbers.values():
            self._digest.update(numbers.tobytes())
        told = {kind: self._of(kind) for kind in BESIDE if kind != "answer"}
        return Samples(
            tuple(self._prompts),
            tuple(self._prompt_chars),
            np.array(self._groups, dtype=np.int64),
            scores,
            {name: tuple(texts) for (_, name), texts in self._texts.items()},
            told["chars"],
            told["judge"],
            told["usd"],
            tuple(self._splits) if any(self._splits) else (),
            tuple(self._categories) if any(self._categories) else (),
            self._digest.hexdigest(),
            self._rows,
            self._left_out,
            told["input_tokens"],
            told["output_tokens"],
        )

    def _of(self, wanted: str) -> dict[str, Floats]:
        return {name: np.array(numbers) for (kind, name), numbers in self._numbers.items() if kind == wanted}


def _optional(header: Sequence[str], name: str, file: str, *, must: bool) -> int:
    """-1 where there is none and none was asked for by name."""
    return column(header, name, file) if must or name in header else -1


def _plain_number(text: str) -> float | None:
    """None for what is no number; `float` would take 1_0 and digits of other scripts."""
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def _number(text: str, kind: str, at: str, column: str) -> float:
    """NaN for a blank cell; -1 is how some tables write a length that is missing."""
    if not text.strip():
        return float("nan")
    value = _plain_number(text)
    if kind == "chars" and value == -1:
        return float("nan")
    most = 1.0 if kind == "judge" else 1e12
    if value is None or not 0.0 <= value <= most:
        what = f"{text.strip()[:40]!r} is not a number from 0 to {most:g}"
        raise InputError(what, where=f"{at}: {column}", next_move="Leave the cell blank where there is none.")
    return value

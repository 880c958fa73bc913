"""Claims out of somebody's table: CSV or Markdown, long (`model,field,value`) or wide (a model a row or a column).

A row that cannot be read is a problem with its line, and the other rows are read: merged cells, a row with more or
fewer cells than the head, a character that cannot be seen. What is no table at all raises InputError.
"""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.catalog.fields import find_field
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem

MOST_BYTES = 8 << 20
MOST_CELL = 2_000
MODEL_TITLES = {"model", "models", "name", "model name", "llm", "llms", "system"}
LONG = ("model", "field", "value")
AS_ASKED = "Write a CSV with the columns model,field,value, or a Markdown table with a row for each model."
_SPLIT = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
_MERGED = re.compile(r"\b(?:col|row)span\b", re.IGNORECASE)
_MARKS = (
    (re.compile(r"<br\s*/?>", re.IGNORECASE), " "),
    (re.compile(r"<sup>.*?</sup>|~~.*?~~|\[\^[^\]]*\]", re.IGNORECASE), ""),
    (re.compile(r"<[^<>]{1,200}>"), ""),
    (re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)"), r"\1"),
    (re.compile(r"\*\*|``?"), ""),
    (re.compile(r"^[*_]+|[*_]+$|\\(?=[|*_])"), ""),
)
"""What Markdown puts around words, and what to leave in its place."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One cell: what somebody says of a field of a model, as it is written there."""

    model: str
    title: str
    """The field, or the head of the column."""
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Article:
    claims: tuple[Claim, ...]
    problems: tuple[Problem, ...]
    """Rows that could not be read."""


@dataclass(frozen=True, slots=True)
class _Table:
    head: list[str]
    rows: list[tuple[int, list[str]]]
    """Line and cells, as many as the head has."""
    line: int


class _Reader:
    """Reads one file and collects what is wrong with single rows."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def wrong(self, line: int, what: str, hint: str) -> None:
        self.problems.append(Problem(self.file, line, None, what, hint))

    def is_row(self, line: int, cells: Sequence[str], head: Sequence[str]) -> bool:
        """Whether a row can be read; what is wrong with it is noted."""
        if len(cells) != len(head):
            what = f"{len(cells)} cells in this row, {len(head)} in the head"
            self.wrong(line, what, "Give each row as many cells as the head has; write merged cells one by one.")
            return False
        for title, cell in zip(head, cells, strict=True):
            unseen = next((c for c in cell if unicodedata.category(c) in _UNSEEN and c not in "\t\n\r"), None)
            if unseen is not None:
                what = f"a character that cannot be seen, U+{ord(unseen):04X}, under {title[:40]!r}"
                self.wrong(line, what, "Write the cell again without it; copying from a page often brings such along.")
                return False
            if len(cell) > MOST_CELL:
                self.wrong(line, f"a cell of {len(cell):,} characters under {title[:40]!r}", "Is a quote left open?")
                return False
        return True

    def merged(self, line: int, what: str) -> None:
        self.wrong(line, what, "Cells are merged here: write the value into each cell it stands for.")


def read_article(content: bytes, file: str) -> Article:
    """The claims of a file, in its order. Raises InputError where it holds no table."""
    text = _decode(content, file)
    reader = _Reader(file)
    lines = text.split("\n")
    if any(_is_rule(line) for line in lines):
        tables = list(_markdown(reader, lines))
    elif re.search(r"<t(?:able|r|d)\b", text, re.IGNORECASE):
        merged = " with merged cells" if _MERGED.search(text) else ""
        raise InputError(f"an HTML table{merged}, which cannot be read", where=file, next_move=AS_ASKED)
    else:
        tables = [_csv(reader, text)]
    claims = [claim for table in tables for claim in _claims(reader, table)]
    if not claims and not reader.problems:
        raise InputError("there is no claim in it", where=file, next_move=AS_ASKED)
    return Article(tuple(claims), tuple(sorted(reader.problems, key=lambda problem: problem.line or 0)))


def _decode(content: bytes, file: str) -> str:
    if len(content) > MOST_BYTES:
        raise InputError(f"larger than {MOST_BYTES >> 20} MiB", where=file, next_move="Check it in parts.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8: byte {content[error.start]:#04x}"
        raise InputError(what, where=f"{file}:{line}", next_move="Save it as UTF-8.") from None


def _cells(line: str) -> list[str]:
    """Cells of a Markdown row, the bars at its ends left out."""
    return [cell.strip(" \t") for cell in _SPLIT.split(re.sub(r"^[ \t]*\||(?<!\\)\|[ \t]*$", "", line))]


def _is_rule(line: str) -> bool:
    return "|" in line and all(_RULE.fullmatch(cell) for cell in _cells(line))


def _markdown(reader: _Reader, lines: Sequence[str]) -> Iterator[_Table]:
    """Every table outside fenced code: a head, a rule below it, rows until one without a bar."""
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        if fenced or number == 0 or not _is_rule(line) or "|" not in lines[number - 1]:
            continue
        head = [plain(cell) for cell in _cells(lines[number - 1])]
        if reader.is_row(number, _cells(line), head) and reader.is_row(number, head, head):
            yield _Table(head, list(_markdown_rows(reader, lines, number + 1, head)), number)


def _markdown_rows(
    reader: _Reader, lines: Sequence[str], first: int, head: list[str]
) -> Iterator[tuple[int, list[str]]]:
    for number in range(first, len(lines)):
        line = lines[number]
        if "|" not in line:
            return
        cells = _cells(line)
        if _MERGED.search(line) or "^^" in cells:
            reader.merged(number + 1, "a cell over several rows or columns")
        elif "||" in line.strip():
            reader.merged(number + 1, "`||` joins two columns (for an empty cell leave a blank between the bars)")
        else:
            cells = [plain(cell) for cell in cells]
            if reader.is_row(number + 1, cells, head):
                yield number + 1, cells


def plain(cell: str) -> str:
    """The words of a Markdown cell, without marks, links, footnotes and what is struck out."""
    for pattern, instead in _MARKS:
        cell = pattern.sub(instead, cell)
    return html.unescape(cell).strip(" \t")


def _csv(reader: _Reader, text: str) -> _Table:
    first = next((line for line in text.split("\n") if line.strip()), "")
    separator = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text), strict=True, delimiter=separator)
    try:
        numbered = [(rows.line_num, [_one_line(cell) for cell in row]) for row in rows]
    except csv.Error as error:
        where = f"{reader.file}:{rows.line_num}"
        raise InputError(f"not readable as CSV: {error}", where=where, next_move=AS_ASKED) from None
    numbered = [(line, cells) for line, cells in numbered if any(cells)]
    if not numbered or len(numbered[0][1]) < 2:
        raise InputError("there is no table in it", where=reader.file, next_move=AS_ASKED)
    line, head = numbered[0]
    good = reader.is_row(line, head, head)
    return _Table(head, [row for row in numbered[1:] if good and reader.is_row(*row, head)], line)


def _one_line(cell: str) -> str:
    """A cell of a CSV, with what was copied from a page (`&amp;`) as it is read there."""
    return re.sub(r"[ \t\n\xa0]+", " ", html.unescape(cell)).strip(" ")


def _claims(reader: _Reader, table: _Table) -> Iterator[Claim]:
    """The claims of a table, however it is laid out."""
    titles = [re.sub(r"[\s_-]+", " ", title.lower()).strip(" *`:") for title in table.head]
    twice = next((title for title in titles if title and titles.count(title) > 1), None)
    if twice is not None:
        reader.wrong(table.line, f"two columns are called {twice[:40]!r}", "Give each column a name of its own.")
        return
    place = next((titles.index(title) for title in titles if title in MODEL_TITLES), None)
    if all(name in titles for name in LONG):
        yield from _long(reader, table, [titles.index(name) for name in LONG])
    elif not any(map(find_field, table.head[1:])) and _are_fields([cells[0] for _, cells in table.rows]):
        yield from _by_column(table)
    elif place is not None:
        yield from _wide(reader, table, place)
    else:
        _check_head(reader, table)
        yield from _wide(reader, table, 0)


def _check_head(reader: _Reader, table: _Table) -> None:
    """Whether the first column of a table without one called model can hold the models."""
    fields = [find_field(title) is not None for title in table.head]
    where = f"{reader.file}:{table.line}"
    if not any(fields):
        raise InputError("no column is called model, and none is a field", where=where, next_move=AS_ASKED)
    if fields[0]:
        raise InputError("no column is called model", where=where, next_move=AS_ASKED)
    if len(fields) == 3 and fields[1] and _are_fields([cells[1] for _, cells in table.rows]):
        raise InputError("the columns have no names", where=where, next_move="Begin it with a line model,field,value.")


def _are_fields(titles: Sequence[str]) -> bool:
    return bool(titles) and 2 * sum(find_field(title) is not None for title in titles) >= len(titles)


def _long(reader: _Reader, table: _Table, places: Sequence[int]) -> Iterator[Claim]:
    for line, cells in table.rows:
        model, title, value = (cells[place] for place in places)
        if not model or not title:
            reader.merged(line, f"no {'field' if model else 'model'} in this row")
        else:
            yield Claim(model, title, value, line)


def _wide(reader: _Reader, table: _Table, place: int) -> Iterator[Claim]:
    """A model a row. An empty cell claims nothing."""
    for line, cells in table.rows:
        if not cells[place]:
            reader.merged(line, "no model in this row")
            continue
        for number, (title, value) in enumerate(zip(table.head, cells, strict=True)):
            if number != place and value and title:
                yield Claim(cells[place], title, value, line)


def _by_column(table: _Table) -> Iterator[Claim]:
    """A model a column, a field a row."""
    for line, cells in table.rows:
        for model, value in zip(table.head[1:], cells[1:], strict=True):
            if model and value and cells[0]:
                yield Claim(model, cells[0], value, line)

"""The parts that every section of the page is made of: sections, tables, facts, names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .markup import Child, Markup, tag
from .plain import one_line
from .strips import badge
from .words import Strong


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `number` aligns right; `wide` takes the room that is left (strips)."""

    title: str
    number: bool = False
    wide: bool = False
    head: Markup | None = None
    """What stands above the column where that is more than its title."""


def section(name: str, title: str, aside: Child, *content: Child) -> Markup:
    """A part of the page: what it is and how to read it on the left, what there is to see on the right."""
    head = tag("header", tag("h2", title, id=f"{name}-title"), tag("div", aside, class_="aside"))
    return tag("section", head, tag("div", content, class_="content"), id=name, aria_labelledby=f"{name}-title")


def sentence(parts: Iterable[str]) -> list[Child]:
    """A sentence of words.py, its names set off."""
    return [tag("strong", part) if isinstance(part, Strong) else part for part in parts]


def candidate(name: str, places: dict[str, int], limit: int = 60) -> Markup:
    """A candidate's name with its mark."""
    return tag("span", badge(places.get(name)), tag("bdi", one_line(name, limit)), class_="who")


def facts(pairs: Iterable[tuple[str, Child, Child]]) -> Markup:
    """(what, value, remark) as a row of small figures."""
    cells = (
        tag("div", tag("dt", what), tag("dd", value, tag("span", remark, class_="remark") if remark else None))
        for what, value, remark in pairs
    )
    return tag("dl", cells, class_="facts")


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[Child]], *, caption: str, class_: str = "", foot: Child = None
) -> Markup:
    """A table whose first column names the row. On a phone each row becomes a card: cells carry their heading."""
    heads = (tag("th", column.head or column.title, scope="col", class_=_align(column)) for column in columns)
    body = (_row(columns, row) for row in rows)
    written = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", heads)),
        tag("tbody", body),
        foot,
        class_=class_ or None,
    )
    return tag("div", written, class_="table")


def note(*children: Child) -> Markup:
    return tag("p", children, class_="note")


def _row(columns: Sequence[Column], row: Sequence[Child]) -> Markup:
    cells = []
    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
        if place == 0:
            cells.append(tag("th", cell, scope="row"))
        else:
            cells.append(tag("td", cell, data_title=column.title or None, class_=_align(column)))
    return tag("tr", cells)


def _align(column: Column) -> str | None:
    return "number" if column.number else "wide" if column.wide else None

"""A page to read: sections of points and tables. What prints it decides how it looks (terminal, Markdown, HTML)."""

from __future__ import annotations

import msgspec


class Point(msgspec.Struct, frozen=True):
    """One thing to know, and who says so."""

    label: str
    text: str
    source: str | None = None
    """Id in sources.toml; None where it follows from the catalogue as a whole."""


class Table(msgspec.Struct, frozen=True):
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as the head."""
    sources: tuple[str, ...] = ()
    """Ids of those whose word is in it."""


class Section(msgspec.Struct, frozen=True):
    title: str
    points: tuple[Point, ...] = ()
    table: Table | None = None


class Page(msgspec.Struct, frozen=True):
    title: str
    sections: tuple[Section, ...]

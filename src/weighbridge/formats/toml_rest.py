"""What can be read of a TOML file in spite of its mistakes, so that whoever mends a file hears of all of them at once.

A first look finds what a record cannot be made of: a key that nobody knows, a value of the wrong kind, a key that is
missing. What makes no sense beyond that can be told only of records. So one is made of the rest of the file, with
empty texts and arrays where there has to be something, and looked at, too. What is found there is left out where it is
no more than what follows from a mistake that was told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from weighbridge.formats.problems import Problem, Problems
from weighbridge.formats.toml_lines import Path
from weighbridge.formats.toml_records import TomlFile, fields_of, read_record, record_in

S = TypeVar("S", bound=msgspec.Struct)


def read_and_check(
    file: TomlFile, kind: type[S], check: Callable[[TomlFile, S, Problems], object], problems: Problems
) -> S | None:
    """The whole file as a record that `check` has nothing against; None after adding every mistake in it."""
    record = read_record(file, (), file.tables, kind, problems)
    if record is not None:
        check(file, record, problems)
        return None if problems.found else record
    if problems.full:
        return None
    rest, found = _Rest(file, kind), Problems()
    readable = read_record(rest, (), rest.tables, kind, Problems())
    if readable is not None:
        check(rest, readable, found)
    for problem in found.found:
        if problem not in rest.follow_ons:
            problems.add(problem)
    return None


class _Rest(TomlFile):
    """A file without what was found wrong in it so far."""

    def __init__(self, file: TomlFile, kind: type[msgspec.Struct]) -> None:
        self._told = {path[:end] for path in file.blamed for end in range(len(path) + 1)}
        """Where a mistake is, and whatever it is in."""
        self._torn = {each for path in file.blamed for each in (path, path[:-1])}
        """Tables with a mistake of their own among them."""
        self._lost: set[Path] = set()
        super().__init__(file.name, file.text, self._readable(file.tables, kind, ()))
        self.whole = file.tables
        self.follow_ons: list[Problem] = []
        """What nobody needs to be told."""

    def problem(self, path: Path, what: str, next_move: str | None = None) -> Problem:
        problem = super().problem(path, what, next_move)
        is_missing = path[:-1] in self._torn and _at(self.whole, path) is None
        if path in self._told or is_missing:
            self.follow_ons.append(problem)
        return problem

    def lost(self, path: Path) -> bool:
        return path in self._lost

    def _readable(self, table: dict[str, Any], kind: type[msgspec.Struct], path: Path) -> dict[str, Any]:
        """What a record of that kind can be made of."""
        found: dict[str, Any] = {}
        for name, field in fields_of(kind).items():
            if name in table:
                self._add_readable(found, name, table[name], field.type, (*path, name))
            if name not in found and field.required:
                found[name] = [] if get_origin(field.type) is tuple else ""
        return found

    def _add_readable(self, found: dict[str, Any], name: str, value: Any, kind: Any, path: Path) -> None:
        record = record_in(kind)
        element = record_in(get_args(kind)[0]) if get_origin(kind) is tuple else None
        if record is not None and isinstance(value, dict):
            found[name] = self._readable(value, record, path)
        elif element is not None and isinstance(value, list) and all(isinstance(part, dict) for part in value):
            found[name] = [self._readable(part, element, (*path, place)) for place, part in enumerate(value)]
        elif path in self._told:
            self._lost.add(path)
        else:
            found[name] = value


def _at(value: Any, path: Path) -> Any:
    """None where nothing is."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value

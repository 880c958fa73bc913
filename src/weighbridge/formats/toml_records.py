"""From the tables of a TOML file to records, naming every mistake in it with its line instead of only the first."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from functools import cache, cached_property
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.formats.toml_lines import Path, key_lines, line_of, written

S = TypeVar("S", bound=msgspec.Struct)


class TomlFile:
    """A parsed TOML file that knows its lines; they are looked for when the first one is asked for."""

    def __init__(self, name: str, text: str, tables: dict[str, Any]) -> None:
        self.name = name
        self.tables = self.whole = tables
        """What is to be read of it, and all that stands in it (toml_rest.py)."""
        self.text = text
        self.blamed: list[Path] = []
        """Where mistakes were found."""

    @cached_property
    def _lines(self) -> dict[Path, int]:
        try:
            return key_lines(self.text)
        except RecursionError:  # nested almost too deeply to be read
            return {}

    def problem(self, path: Path, what: str, next_move: str | None = None) -> Problem:
        """A mistake at a path; the file's first line where it has none."""
        self.blamed.append(path)
        return Problem(self.name, line_of(self._lines, path) or 1, written(path) or None, what, next_move)

    def lost(self, path: Path) -> bool:
        """Whether something stands there that could not be read."""
        return False

    def known(self, *choices: Path) -> Path:
        """The first of these paths that stands in the file; the last one where none does."""
        return next((path for path in choices if path in self._lines), choices[-1])


def read_toml(name: str, data: bytes, problems: Problems) -> TomlFile | None:
    """Parse the bytes of a file called `name`; None after adding what is wrong with them."""
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{error.object[error.start]:02x}"
        problems.add(Problem(name, data.count(b"\n", 0, error.start) + 1, None, what, "Save the file as UTF-8."))
        return None
    try:
        file = TomlFile(name, text, tomllib.loads(text))
    except RecursionError:
        problems.add(Problem(name, None, None, "not readable as TOML: nested too deeply"))
    except ValueError as error:  # TOMLDecodeError, or a number of more digits than Python takes
        what, line = _split_position(str(error))
        problems.add(Problem(name, line, None, f"not readable as TOML: {what}", "See https://toml.io/en/v1.0.0."))
    else:
        odd = next(_odd_numbers(file.tables), None)
        if odd is None:
            return file
        problems.add(file.problem(odd[0], f"{odd[1]} is not a number that can be used here"))
    return None


def _odd_numbers(value: Any, path: Path = ()) -> Iterator[tuple[Path, float]]:
    """NaN and infinity, which TOML has and no setting can mean."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _odd_numbers(part, (*path, key))


def read_record(file: TomlFile, path: Path, value: Any, kind: type[S], problems: Problems) -> S | None:
    """`value`, found at `path`, as a record; None after adding every mistake in it."""
    before = problems.count
    if not isinstance(value, dict):
        problems.add(file.problem(path, f"expected a table, got {_named(value)}"))
        return None
    fields = fields_of(kind)
    for key in value:
        if key not in fields:
            hint = did_you_mean(key, fields)
            problems.add(file.problem((*path, key), f"unknown key {key!r}", hint))
    for name, field in fields.items():
        if name in value:
            _check(file, (*path, name), value[name], field.type, problems)
        elif field.required:
            problems.add(file.problem(path, f"the key {name!r} is missing", _section(path, name)))
    if problems.count > before:
        return None
    record: S | None = _convert(file, path, value, kind, problems)
    return record


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _check(file: TomlFile, path: Path, value: Any, kind: Any, problems: Problems) -> None:
    """Add what is wrong with one value, looking into tables and arrays of tables for everything."""
    record = record_in(kind)
    element = record_in(get_args(kind)[0]) if get_origin(kind) is tuple else None
    if record is not None and isinstance(value, dict):
        read_record(file, path, value, record, problems)
    elif get_origin(kind) is dict and isinstance(value, dict):
        for key, part in value.items():
            _check(file, (*path, key), part, get_args(kind)[1], problems)
    elif element is not None and isinstance(value, list):
        for index, part in enumerate(value):
            read_record(file, (*path, index), part, element, problems)
    else:
        _convert(file, path, value, kind, problems)


def _convert(file: TomlFile, path: Path, value: Any, kind: Any, problems: Problems) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, inside = str(error).partition(" - at `$")
        steps = tuple(int(step) if step.isdigit() else step for step in _steps(inside.rstrip("`")))
        hint = 'Put dates in quotes: "2026-02-03".' if "got `date" in what and "`str" in what else None
        if what.startswith("Invalid enum value"):
            hint = did_you_mean(str(_at(value, steps)), _words_of(kind))
        problems.add(file.problem((*path, *steps), what[:1].lower() + what[1:], hint))
        return None


def _at(value: Any, steps: Path) -> Any:
    """What is inside, as far as the steps are known."""
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value


def _words_of(kind: Any) -> tuple[str, ...]:
    """The words that `Literal[...]`, or `Literal[...] | None`, allows."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return parts
    return tuple(word for part in parts for word in _words_of(part))


def _steps(path: str) -> list[str]:
    """msgspec's `.a[0][...]` as its parts; `...` stands for a key it does not name."""
    return [step for step in path.replace("[", ".").replace("]", "").split(".") if step]


def record_in(kind: Any) -> type[msgspec.Struct] | None:
    """The record type in `Record` or `Record | None`."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def _section(path: Path, name: str) -> str:
    if not path:
        return f"Add a section `[{name}]`."
    return f"Add `{name} = ...` under `{written(path)}`."


def _split_position(message: str) -> tuple[str, int | None]:
    """tomllib's `Expected '=' (at line 3, column 5)` as its text and 3."""
    what, _, place = message.rpartition(" (at line ")
    number = place.split(",")[0]
    return (what, int(number)) if what and number.isdigit() else (message, None)


def _named(value: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "an array"}
    return names.get(type(value), type(value).__name__)

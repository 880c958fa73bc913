"""Checking `[[backend]]` records as far as that goes without starting anything, reading a key or asking a network."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from weighbridge.engines import BackendRecord
from weighbridge.engines.kinds import OPENAI_KINDS
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.engines.registry import check_record
from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_records import TomlFile

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LEAST = (("timeout_s", 0.001), ("concurrency", 1), ("retries", 0))


def check_backends(file: TomlFile, backends: tuple[BackendRecord, ...], problems: Problems) -> None:
    """Every record usable, every name once, no key written out."""
    names = [record.name for record in backends]
    for index, record in enumerate(backends):
        if record.name in names[:index]:
            what = f"two backends are called {record.name!r}"
            problems.add(file.problem(("backend", index, "name"), what, "Rename one of them."))
        _check_values(file, index, record, problems)
        if record.api_key is not None and not record.api_key.startswith("env:"):
            what = f"backend {record.name!r}: a key is written out; files get shared"
            hint = 'Put the key in an environment variable and write `api_key = "env:NAME"`.'
            problems.add(file.problem(("backend", index, "api_key"), what, hint))
            continue
        try:
            check_record(record)
            _check_settings(record)
            if record.kind in _KIND_CHECKS:
                _KIND_CHECKS[record.kind](record)
        except InputError as error:
            field = (error.where or "").rpartition(": ")[2].split(" ")[0]
            problems.add(file.problem(("backend", index, *field.split(".")), error.what, error.next_move))


def _check_values(file: TomlFile, index: int, record: BackendRecord, problems: Problems) -> None:
    if not record.name.strip():
        problems.add(file.problem(("backend", index, "name"), "a backend's name is empty"))
    for field, least in _LEAST:
        value = getattr(record, field)
        if value is not None and not least <= value < math.inf:
            problems.add(file.problem(("backend", index, field), f"`{field}` is at least {least:g}, got {value:g}"))
    for field in ("input", "output", "cached", "cache_write", "reasoning"):
        value = getattr(record.price, field, None)
        if value is not None and value < 0:
            what = f"a price is not below 0, got {value:g}"
            problems.add(file.problem(("backend", index, "price", field), what, "Dollars a million tokens."))


def _check_settings(record: BackendRecord) -> None:
    """`settings` against the table of its kind."""
    if record.kind == "echo":
        from weighbridge.engines.echo import EchoEngine

        EchoEngine(record)  # starts nothing; its settings also depend on each other
    elif record.kind in OPENAI_KINDS:
        from weighbridge.engines.openai import OpenAISettings

        read_own_settings(record, OpenAISettings)
    elif record.kind == "llamacpp":
        from weighbridge.engines.llamacpp.settings import LlamaCppSettings

        read_own_settings(record, LlamaCppSettings)
    else:
        from weighbridge.engines.dialect import KINDS

        read_own_settings(record, KINDS[record.kind])


def _check_llamacpp(record: BackendRecord) -> None:
    from weighbridge.engines.pull.source import parse_source

    where = f"[[backend]] {record.name}: "
    try:
        parse_source(record.source or "")
    except UsageError as error:
        raise InputError(error.what, where=f"{where}source", next_move=error.next_move) from None
    if record.sha256 is not None and not _SHA256.fullmatch(record.sha256):
        raise InputError(f"{record.sha256!r} is no SHA-256", where=f"{where}sha256", next_move="Write 64 hex digits.")


def _check_openai(record: BackendRecord) -> None:
    where = f"[[backend]] {record.name}: base_url"
    hint = 'Write it whole: `base_url = "https://api.example.com/v1"`.'
    try:
        parts = urlsplit(record.base_url or "")
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise InputError(f"{record.base_url!r} is no http or https address", where=where, next_move=hint)
    if parts.password is not None or parts.username is not None:
        raise InputError(
            f"backend {record.name!r}: the address holds a name or a password; files get shared",
            where=where,
            next_move='Use `api_key = "env:NAME"`.',
        )


def _check_address(record: BackendRecord) -> None:
    """For kinds with a usual address: one that is given must be sound."""
    if record.base_url is not None:
        _check_openai(record)


_KIND_CHECKS: dict[str, Callable[[BackendRecord], None]] = {
    "llamacpp": _check_llamacpp,
    "openai": _check_openai,
    **dict.fromkeys(set(OPENAI_KINDS) - {"openai"}, _check_address),
    **dict.fromkeys(("anthropic", "gemini", "ollama", "responses"), _check_address),
}

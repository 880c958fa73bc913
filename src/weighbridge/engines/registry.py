"""From a `[[backend]]` record to its engine: each kind is known by name at once and imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.engines.engine import BackendRecord, Engine
from weighbridge.errors import InputError, WeightsError

if TYPE_CHECKING:
    from weighbridge.net.calls import Calls

KINDS: dict[str, frozenset[str]] = {
    "llamacpp": frozenset({"source", "sha256"}),
    "openai": frozenset({"base_url", "api_key"}),
    "anthropic": frozenset({"base_url", "api_key"}),
    "gemini": frozenset({"base_url", "api_key"}),
    "ollama": frozenset({"base_url", "api_key"}),
    "responses": frozenset({"base_url", "api_key"}),
    "echo": frozenset(),
}
"""Kind to the fields of the record that only it reads; the same field under another kind is a mistake worth naming."""


def make_engine(
    record: BackendRecord,
    *,
    calls: Calls,
    environ: Mapping[str, str],
    weights: Path | None = None,
    threads: int | None = None,
) -> Engine:
    """The engine of one backend, not started. `weights` and `threads` are for engines that run on this machine.

    Raises InputError naming the backend and the field for a record that cannot be used.
    """
    check_record(record)
    if record.kind == "echo":
        from weighbridge.engines.echo import EchoEngine

        return EchoEngine(record)
    if record.kind == "openai":
        from weighbridge.engines.openai import OpenAIEngine

        return OpenAIEngine(record, calls=calls, environ=environ)
    if record.kind in ("anthropic", "gemini", "ollama", "responses"):
        from weighbridge.engines.dialect import DialectEngine

        return DialectEngine(record, calls=calls, environ=environ)
    if weights is None:
        raise WeightsError(
            f"backend {record.name!r} has no weights on this machine",
            where=f"[[backend]] {record.name}: source = {record.source!r}",
            next_move=f"Fetch them with `weighbridge pull {record.source}`.",
        )
    from weighbridge.engines.llamacpp import LlamaCppEngine

    return LlamaCppEngine(record, weights=weights, calls=calls, threads=threads)


def check_record(record: BackendRecord) -> None:
    """Refuse a record that no engine could be made of. Touches neither network nor weights."""
    if record.kind not in KINDS:
        close = get_close_matches(record.kind, KINDS, n=1)
        raise _wrong(
            record, "kind", f"there is no kind {record.kind!r}", f"Did you mean {close[0]!r}?" if close else ""
        )
    mine = KINDS[record.kind]
    for kind, fields in KINDS.items():
        for field in sorted(fields - mine):
            if getattr(record, field) is not None:
                raise _wrong(record, field, f"kind {record.kind!r} has no {field!r}", f"It belongs to kind {kind!r}.")
    needed = {"openai": "base_url", "llamacpp": "source"}.get(record.kind)
    if needed is not None and not getattr(record, needed):
        example = "http://127.0.0.1:8000/v1" if needed == "base_url" else "file:model.gguf"
        raise _wrong(record, needed, f"kind {record.kind!r} needs {needed!r}", f'Add `{needed} = "{example}"`.')


def _wrong(record: BackendRecord, field: str, what: str, hint: str) -> InputError:
    known = f"Known kinds: {', '.join(KINDS)}." if field == "kind" else ""
    return InputError(
        f"backend {record.name!r}: {what}",
        where=f"[[backend]] {record.name}: {field}",
        next_move=" ".join(part for part in (hint, known) if part) or None,
    )

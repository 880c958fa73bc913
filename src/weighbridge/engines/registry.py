"""From a `[[backend]]` record to its engine: each kind is known by name at once and imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.engines.engine import BackendRecord, Engine
from weighbridge.engines.kinds import OPENAI_KINDS, placed
from weighbridge.errors import InputError, WeightsError
from weighbridge.formats.problems import did_you_mean

if TYPE_CHECKING:
    from weighbridge.net.calls import Calls

REACHED = frozenset({"base_url", "api_key"})
STARTED = frozenset({"command", "health", "idle_stop_s"})
KINDS: dict[str, frozenset[str]] = {
    "llamacpp": frozenset({"source", "sha256", "idle_stop_s"}),
    **dict.fromkeys(OPENAI_KINDS, REACHED | STARTED),
    "anthropic": frozenset({"base_url", "api_key"}),
    "gemini": frozenset({"base_url", "api_key"}),
    "ollama": REACHED | STARTED,
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
    folder: Path = Path(),
    locks: Path | None = None,
) -> Engine:
    """The engine of one backend, not started. `weights` and `threads` are for engines that run on this machine; a
    command runs in `folder`, and `locks` is where processes agree on who runs it (None: in the same).

    Raises InputError naming the backend and the field for a record that cannot be used.
    """
    check_record(record)
    if record.kind == "echo":
        from weighbridge.engines.echo import EchoEngine

        return EchoEngine(record)
    if record.command is not None:
        from weighbridge.engines.command import command_server
        from weighbridge.engines.command.engine import CommandEngine

        server = command_server(record, calls=calls, folder=folder, locks=locks or folder)
        return CommandEngine(_reached(record, calls, environ), server)
    if record.kind != "llamacpp":
        return _reached(record, calls, environ)
    if weights is None:
        raise WeightsError(
            f"backend {record.name!r} has no weights on this machine",
            where=f"[[backend]] {record.name}: source = {record.source!r}",
            next_move=f"Fetch them with `weighbridge pull {record.source}`.",
        )
    from weighbridge.engines.llamacpp import LlamaCppEngine

    return LlamaCppEngine(record, weights=weights, calls=calls, threads=threads)


def _reached(record: BackendRecord, calls: Calls, environ: Mapping[str, str]) -> Engine:
    """One that is asked at a URL."""
    if record.kind in OPENAI_KINDS:
        from weighbridge.engines.openai import OpenAIEngine

        return OpenAIEngine(placed(record), calls=calls, environ=environ)
    from weighbridge.engines.dialect import DialectEngine

    return DialectEngine(record, calls=calls, environ=environ)


def check_record(record: BackendRecord) -> None:
    """Refuse a record that no engine could be made of. Touches neither network nor weights."""
    if record.kind not in KINDS:
        raise _wrong(record, "kind", f"there is no kind {record.kind!r}", did_you_mean(record.kind, KINDS) or "")
    mine = KINDS[record.kind]
    for kind, fields in KINDS.items():
        for field in sorted(fields - mine):
            if getattr(record, field) is not None:
                raise _wrong(record, field, f"kind {record.kind!r} has no {field!r}", f"It belongs to kind {kind!r}.")
    needed = {"openai": "base_url", "llamacpp": "source"}.get(record.kind)
    if needed is not None and not getattr(record, needed):
        example = "http://127.0.0.1:8000/v1" if needed == "base_url" else "file:model.gguf"
        raise _wrong(record, needed, f"kind {record.kind!r} needs {needed!r}", f'Add `{needed} = "{example}"`.')
    if record.command is not None and not (record.command and all(record.command)):
        raise _wrong(record, "command", "a command is empty", 'Write `command = ["vllm", "serve", "ORG/NAME"]`.')
    if record.health is not None and record.command is None:
        raise _wrong(record, "health", "`health` says when a `command` is well, and there is none", "Add `command`.")


def _wrong(record: BackendRecord, field: str, what: str, hint: str) -> InputError:
    return InputError(
        f"backend {record.name!r}: {what}",
        where=f"[[backend]] {record.name}: {field}",
        next_move=hint or None,
    )

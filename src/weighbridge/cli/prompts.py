"""`weighbridge prompts`: what routes that keep prompts have kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.cli.compose_serve import ledger_dir
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import UsageError

SHOWN = 100
"""Characters of a prompt in the table."""


@click.command(short_help="Prompts that routes keep: read them, delete them.")
@click.option("--id", "call_id", metavar="ID", help="Of one call, as the ledger and `x-request-id` have it.")
@click.option("--route", metavar="MODEL", help="Of this public model name only.")
@click.option("--key", metavar="ID", help="Of this key only.")
@click.option("--since", metavar="DATE", help="From this day or moment on; UTC unless said otherwise.")
@click.option("--until", metavar="DATE", help="Before this day or moment.")
@click.option("--delete", is_flag=True, help="Delete them for good, now.")
@click.option("--all", "everything", is_flag=True, help="With --delete: all of them.")
@click.option(
    "--config", "path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="As for `serve`."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, prompts whole.")
def prompts(
    *,
    call_id: str | None,
    route: str | None,
    key: str | None,
    since: str | None,
    until: str | None,
    delete: bool,
    everything: bool,
    path: Path | None,
    as_json: bool,
) -> None:
    """Prompts that routes keep, redacted, until their time is up.

    Nothing is kept unless a route of weighbridge.toml has `prompts = { days = N }`.
    """
    from weighbridge.ledger.prompts import Which, stored_prompts

    which = Which(call_id, route, key, _moment(since), _moment(until))
    if delete and which == Which() and not everything:
        raise UsageError("which prompts shall be deleted?", next_move="Name some, or add --all.")
    store = stored_prompts(ledger_dir(path, settings_from_environment()), time.time())
    if delete:
        count = store.forget(which) if store is not None else 0
        click.echo(msgspec.json.encode({"deleted": count}) if as_json else f"{count} deleted")
    else:
        rows = [_shown(row) for row in store.read(which)] if store is not None else []
        click.echo(msgspec.json.encode(rows) if as_json else "\n".join(_table(rows, whole=call_id is not None)))
    if store is not None:
        store.close()


def _moment(text: str | None) -> float | None:
    """Unix seconds."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"not a date: {text!r}", next_move="Write 2027-01-31 or 2027-01-31T12:00:00+00:00.") from error
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _shown(row: Any) -> dict[str, Any]:
    at, end = (datetime.fromtimestamp(each, UTC).isoformat(timespec="seconds") for each in (row.at, row.expires_at))
    named = {"id": row.id, "at": at, "expires_at": end, "route": row.route, "key": row.key, "path": row.path}
    return {**named, "prompt": msgspec.json.decode(row.body)}


def _table(rows: list[dict[str, Any]], *, whole: bool) -> list[str]:
    if not rows:
        return ["No prompts are kept."]
    if whole:
        return [msgspec.json.format(msgspec.json.encode(row), indent=2).decode() for row in rows]
    lines = []
    for row in rows:
        text = msgspec.json.encode(row["prompt"].get("messages") or row["prompt"]).decode()
        cut = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        lines.append(
            f"{row['id']}  {row['at']}  {row['route']}  {row['key'] or '-'}  until {row['expires_at']}\n  {cut}"
        )
    return lines

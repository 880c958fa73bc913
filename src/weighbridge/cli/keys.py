"""`weighbridge keys`: who may call the gateway, and how much they may spend."""

from __future__ import annotations

import ipaddress
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.cli.opened_ledger import opened_ledger
from weighbridge.errors import InputError, UsageError
from weighbridge.units import format_usd

CONFIG = click.option(
    "--config", "path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="As for `serve`."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(short_help="Callers of the gateway: keys, budgets, limits.")
def keys() -> None:
    """Keys for callers of the gateway. A running gateway sees every change at once."""


@keys.command()
@click.option("--name", required=True, metavar="NAME", help="For people; need not be unique.")
@click.option("--budget", metavar="USD/PERIOD", help="5/day, 0.50/hour, 100/month; periods are those of UTC.")
@click.option("--rpm", metavar="N", type=click.IntRange(1), help="Requests a minute.")
@click.option("--tpm", metavar="N", type=click.IntRange(1), help="Tokens a minute, in and out.")
@click.option("--routes", metavar="A,B", help="Models it may ask for; all unless said otherwise.")
@click.option("--addresses", metavar="NET,NET", help="Networks it may be used from, e.g. 10.0.0.0/8.")
@click.option("--team", metavar="NAME", help="Whose budget it shares ([[team]] in the config).")
@click.option("--data-class", metavar="CLASS", help="Of the data its calls carry, for the rules of a policy.")
@click.option("--expires", metavar="DATE", help="2027-01-31, or 2027-01-31T12:00:00+00:00; UTC unless said otherwise.")
@CONFIG
@JSON
def create(
    *,
    name: str,
    budget: str | None,
    rpm: int | None,
    tpm: int | None,
    routes: str | None,
    addresses: str | None,
    team: str | None,
    data_class: str | None,
    expires: str | None,
    path: Path | None,
    as_json: bool,
) -> None:
    """Make a key and show it, this once: only its hash is kept."""
    from weighbridge.dispatch.allowance import parse_allowance
    from weighbridge.ledger.keys import KeyRow, add_key, new_secret

    if not name.strip():
        raise UsageError("a key needs a name")
    allowance = parse_allowance(budget) if budget is not None else None
    row = KeyRow(
        id=f"key_{os.urandom(8).hex()}",
        name=name.strip(),
        team=team,
        created_at=time.time(),
        expires_at=_to_come(expires) if expires is not None else None,
        budget_usd=allowance.usd if allowance else None,
        budget_period=allowance.period if allowance else None,
        rpm=rpm,
        tpm=tpm,
        routes=_listed(routes),
        addresses=_networks(addresses),
        data_class=data_class,
    )
    secret = new_secret()
    with opened_ledger(path) as db:
        add_key(db, row, secret)
    _warn_of_strangers(path, row.routes or (), row.team)
    if as_json:
        click.echo(msgspec.json.encode({"id": row.id, "key": secret}))
    else:
        click.echo(f"{row.id}  {row.name}\n{secret}\nKeep it now: it is not shown again.")


def _warn_of_strangers(path: Path | None, routes: tuple[str, ...], team: str | None) -> None:
    """Say which names the config does not have; it may get them later, so the key is made all the same."""
    from weighbridge.cli.compose_serve import config_at
    from weighbridge.formats.problems import did_you_mean

    config = config_at(path)
    if config is None:
        return
    for what, names, known in (
        ("route", routes, [route.model for route in config.routes]),
        ("team", (team,) if team is not None else (), [one.name for one in config.teams]),
    ):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"There is no [[{what}]] at all."
                click.echo(f"Warning: the config has no {what} {name!r}. {hint}", err=True)


@keys.command(name="list", short_help="Keys, their limits, and what they spent and hold.")
@CONFIG
@JSON
def list_(*, path: Path | None, as_json: bool) -> None:
    """Keys with their limits, and what they have spent and hold in the current period."""
    from weighbridge.ledger.keys import read_keys

    with opened_ledger(path) as db:
        found = [_shown(db, row) for _, row in read_keys(db)]
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    if not found:
        click.echo("No keys. Make one with `weighbridge keys create --name NAME`.")
    for key in found:
        click.echo("  ".join(_words(key)))


@keys.command()
@click.argument("key_id", metavar="ID")
@CONFIG
@JSON
def revoke(*, key_id: str, path: Path | None, as_json: bool) -> None:
    """Refuse a key from now on. It stays in the ledger, with what it has spent."""
    from weighbridge.ledger.keys import revoke_key

    with opened_ledger(path) as db:
        if not revoke_key(db, key_id, time.time()):
            raise _no_key(db, key_id)
    click.echo(msgspec.json.encode({"id": key_id, "revoked": True}) if as_json else f"{key_id} is revoked.")


@keys.command()
@click.argument("key_id", metavar="ID")
@CONFIG
@JSON
def rotate(*, key_id: str, path: Path | None, as_json: bool) -> None:
    """Give a key a new secret; the old one is refused from now on. Limits and spending stay."""
    from weighbridge.ledger.keys import new_secret, rotate_key

    secret = new_secret()
    with opened_ledger(path) as db:
        if not rotate_key(db, key_id, secret):
            raise _no_key(db, key_id)
    if as_json:
        click.echo(msgspec.json.encode({"id": key_id, "key": secret}))
    else:
        click.echo(f"{key_id}\n{secret}\nKeep it now: it is not shown again.")


def _shown(db: sqlite3.Connection, row: Any) -> dict[str, Any]:
    from weighbridge.dispatch.allowance import window_hour
    from weighbridge.ledger.leases import Scope, spent_usd

    now = time.time()
    shown: dict[str, Any] = msgspec.to_builtins(row)
    scope = Scope("key", row.id)
    since = window_hour(row.budget_period, now) if row.budget_period else 0
    shown["spent_usd"] = spent_usd(db, scope, since)
    expired = row.expires_at is not None and now >= row.expires_at
    shown["state"] = "revoked" if row.revoked_at is not None else "expired" if expired else "active"
    return shown


def _words(key: dict[str, Any]) -> Iterator[str]:
    yield key["id"]
    yield key["name"]
    yield key["state"]
    if "budget_usd" in key:
        yield f"{format_usd(key['spent_usd'])} of ${key['budget_usd']:g} a {key['budget_period']}"
    else:
        yield f"{format_usd(key['spent_usd'])} spent"
    for name in ("rpm", "tpm", "team"):
        if name in key:
            yield f"{name} {key[name]}"
    for name in ("routes", "addresses"):
        if name in key:
            yield f"{name} {','.join(key[name])}"


def _no_key(db: sqlite3.Connection, key_id: str) -> InputError:
    from weighbridge.ledger.keys import read_keys

    rows = [row for _, row in read_keys(db)]
    if any(row.id == key_id for row in rows):
        return InputError(f"the key {key_id!r} is revoked", next_move="Make a new one with `weighbridge keys create`.")
    named = [row.id for row in rows if row.name == key_id]
    hint = f"Did you mean {', '.join(named)}?" if named else "See `weighbridge keys list`."
    return InputError(f"there is no key {key_id!r}", next_move=hint)


def _listed(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise UsageError("an empty list would allow nothing", next_move="Leave the option out to allow all.")
    return found


def _networks(text: str | None) -> tuple[str, ...] | None:
    found = _listed(text)
    for each in found or ():
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError as error:
            raise UsageError(f"not a network: {each!r}: {error}", next_move="Write 10.0.0.0/8 or ::1.") from error
    return found


def _to_come(text: str) -> float:
    """Unix seconds of a moment that is not over; a day is its beginning, UTC."""
    from weighbridge.cli.ledger import moment

    seconds = moment(text, end=False)
    if seconds <= time.time():
        raise UsageError(f"{text} is over already", next_move="Name a day to come.")
    return seconds

"""The admin API: keys and sums over HTTP, for whoever holds the admin key; without one in the config there is none.

    POST /admin/keys                 a NewKey; gives {"id", "key"}
    GET  /admin/keys                 all keys, as `weighbridge keys list --json`
    POST /admin/keys/ID/revoke       and /rotate
    GET  /admin/ledger?by=key,route  sums, as `weighbridge ledger --json`

Everything happens in the ledger's thread, so that calls go on meanwhile.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import sqlite3
import time
from collections.abc import Collection
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec

from weighbridge.dispatch.allowance import parse_allowance, window_hour
from weighbridge.errors import CallRefused, InputError, RequestError
from weighbridge.formats.problems import did_you_mean
from weighbridge.ledger.keys import KeyRow, add_key, digest_of, new_secret, read_keys, revoke_key, rotate_key
from weighbridge.ledger.leases import Scope, spent_usd
from weighbridge.ledger.summary import GROUPS, Chosen, summarise

from .head import Head

PATH = "/admin/"


Limit = Annotated[int, msgspec.Meta(ge=1, le=1 << 53)]
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_NETWORK_HINT = "Write networks or addresses: 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32."
_NETWORKS = [{"pattern": rf"^({_BYTE}\.){{3}}{_BYTE}(/(3[0-2]|[12]?[0-9]))?$"}, {"format": "ipv6"}]
Network = Annotated[str, msgspec.Meta(max_length=60, extra_json_schema={"anyOf": _NETWORKS})]
"""`10.0.0.0/8`, or an address."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    budget: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?/(hour|day|month)$")] | None = None
    """Dollars and a period: `5/day`."""
    rpm: Limit | None = None
    """Requests a minute."""
    tpm: Limit | None = None
    """Tokens a minute, in and out."""
    routes: tuple[str, ...] | None = None
    """Public model names it may ask for; left out: all."""
    addresses: tuple[Network, ...] | None = None
    """Networks its callers may come from, as `10.0.0.0/8`; left out: anywhere."""
    team: Name | None = None
    data_class: Name | None = None
    """Of the data its calls carry, whatever their header says."""
    expires_at: Annotated[float, msgspec.Meta(ge=0, le=1e11)] | None = None
    """Unix seconds."""


FILTERS = ("by", "key", "route", "team")
"""What sums may be asked for."""

_new_key = msgspec.json.Decoder(NewKey)


def is_admin(head: Head, admin_digest: bytes | None) -> bool:
    """Whether the request carries the admin key."""
    return admin_digest is not None and hmac.compare_digest(digest_of(head.token), admin_digest)


def check_admin(head: Head, admin_digest: bytes | None) -> None:
    """CallRefused unless the request carries the admin key."""
    if admin_digest is None:
        raise CallRefused("there is no admin API here", status=404, code="not_found")
    if not is_admin(head, admin_digest):
        raise CallRefused(
            "the admin key is not this one" if head.token else "the admin key is missing",
            status=401,
            code="invalid_api_key",
            next_move="Send what `admin_key` of [server] names as `Authorization: Bearer KEY`.",
        )
    if "origin" in head.fields:
        raise CallRefused("calls from web pages are not allowed", status=403, code="origin_not_allowed")


def methods_of(path: str) -> list[str]:
    """What may be asked for at a path of this API; empty where there is nothing."""
    steps = path[len(PATH) :].split("/")
    if steps == ["keys"]:
        return ["GET", "POST"]
    if steps == ["ledger"]:
        return ["GET"]
    return ["POST"] if len(steps) == 3 and steps[0] == "keys" and steps[2] in ("revoke", "rotate") else []


def answer_admin(db: sqlite3.Connection, head: Head, body: bytes, routes: Collection[str]) -> Any:
    """What is answered, as JSON values. `routes`: the public model names there are. Called in the ledger's thread."""
    steps = head.path[len(PATH) :].split("/")
    if (head.method, steps) == ("GET", ["keys"]):
        return [_shown(db, row) for _, row in read_keys(db)]
    if (head.method, steps) == ("POST", ["keys"]):
        return _create(db, body, routes)
    if (head.method, steps) == ("GET", ["ledger"]):
        return _sums(db, head.query)
    if head.method == "POST" and len(steps) == 3 and steps[0] == "keys" and steps[2] in ("revoke", "rotate"):
        return _change(db, steps[1], steps[2])
    raise CallRefused(f"there is nothing at {head.method} {head.path[:200]!r}", status=404, code="not_found")


def _create(db: sqlite3.Connection, body: bytes, routes: Collection[str]) -> dict[str, Any]:
    try:
        asked = _new_key.decode(body)
        allowance = parse_allowance(asked.budget) if asked.budget is not None else None
        for each in asked.addresses or ():
            ipaddress.ip_network(each, strict=False)
    except msgspec.ValidationError as error:
        raise _mistake(body, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the key cannot be made: the body is no JSON object ({error})") from None
    except ValueError as error:
        raise RequestError(f"the key cannot be made: {error}", field="addresses", next_move=_NETWORK_HINT) from None
    row = KeyRow(
        id=f"key_{os.urandom(8).hex()}",
        name=asked.name,
        team=asked.team,
        created_at=time.time(),
        expires_at=asked.expires_at,
        budget_usd=allowance.usd if allowance else None,
        budget_period=allowance.period if allowance else None,
        rpm=asked.rpm,
        tpm=asked.tpm,
        routes=asked.routes,
        addresses=asked.addresses,
        data_class=asked.data_class,
    )
    secret = new_secret()
    add_key(db, row, secret)
    strange = [name for name in asked.routes or () if name not in routes]
    warnings = [f"there is no route {name!r} here. {did_you_mean(name, routes) or ''}".rstrip() for name in strange]
    return {"id": row.id, "key": secret} | ({"warnings": warnings} if warnings else {})


def _mistake(body: bytes, said: str) -> RequestError:
    """What is wrong with a NewKey, and how it is written."""
    what, _, path = said.rstrip("`").partition(" - at `$.")
    unknown = what.rpartition("unknown field `")[2].rstrip("`") if "unknown field `" in what else None
    if unknown is not None:
        hint = did_you_mean(unknown, NewKey.__struct_fields__)
        return RequestError(f"a key has no {unknown[:40]!r}", field=unknown[:40], next_move=hint)
    if path == "budget" and "regex" in what:
        try:
            parse_allowance(str(msgspec.json.decode(body)["budget"]))
        except InputError as error:
            return RequestError(error.what, field=path, next_move=error.next_move)
        return RequestError("not a budget as the API takes it", field=path, next_move="Write it so: 5/day.")
    return RequestError(f"the key cannot be made: {what[:1].lower()}{what[1:]}", field=path or None)


def _change(db: sqlite3.Connection, key_id: str, how: str) -> dict[str, Any]:
    if how == "revoke" and revoke_key(db, key_id, time.time()):
        return {"id": key_id, "revoked": True}
    secret = new_secret()
    if how == "rotate" and rotate_key(db, key_id, secret):
        return {"id": key_id, "key": secret}
    raise CallRefused(f"there is no key {key_id[:80]!r} to {how}", status=404, code="key_not_found")


def _shown(db: sqlite3.Connection, row: KeyRow) -> dict[str, Any]:
    since = window_hour(row.budget_period, time.time()) if row.budget_period else 0  # type: ignore[arg-type]
    return {**msgspec.to_builtins(row), "spent_usd": spent_usd(db, Scope("key", row.id), since)}


def _sums(db: sqlite3.Connection, query: str) -> list[Any]:
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    for name in given:
        if name not in FILTERS:
            hint = did_you_mean(name, FILTERS)
            raise RequestError(f"the ledger cannot be asked for {name[:40]!r}", field=name[:40], next_move=hint)
    by = [name for name in given.get("by", "key,route").split(",") if name]
    for name in by:
        if name not in GROUPS:
            raise RequestError(f"cannot sum by {name[:40]!r}", field="by", next_move=f"Sum by: {', '.join(GROUPS)}.")
    chosen = Chosen(key=given.get("key"), route=given.get("route"), team=given.get("team"))
    return summarise(db, chosen, by)

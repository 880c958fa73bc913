"""The callers a worker knows, by the hash of their key; looked up again whenever the ledger's mark has moved."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from weighbridge.dispatch.allowance import Allowance, Period
from weighbridge.dispatch.purse import Purse
from weighbridge.dispatch.rate import Limit, Rate
from weighbridge.dispatch.shared_rate import SharedMinutes, SharedRate
from weighbridge.errors import CallRefused
from weighbridge.ledger.keys import KeyRow, digest_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Caller:
    """One key, with what this worker has seen of it."""

    __slots__ = (
        "data_class",
        "expires_at",
        "id",
        "name",
        "networks",
        "purse",
        "requests",
        "revoked",
        "routes",
        "team",
        "tokens",
    )

    def __init__(self, row: KeyRow, minutes: SharedMinutes | None, before: Caller | None) -> None:
        """`before`: the same key as it was known until now; its rates and its purse go on."""
        self.id = row.id
        self.name = row.name
        self.team = row.team
        self.data_class = row.data_class
        self.expires_at = row.expires_at
        self.revoked = row.revoked_at is not None
        self.routes = None if row.routes is None else frozenset(row.routes)
        self.networks = None if row.addresses is None else tuple(map(_network, row.addresses))
        self.requests: Limit | None = _limit(
            row.rpm, minutes, f"requests {row.id}", before.requests if before else None
        )
        self.tokens: Limit | None = _limit(row.tpm, minutes, f"tokens {row.id}", before.tokens if before else None)
        self.purse: Purse | None = _purse(row, before.purse if before else None)

    def refuse_unless_valid(self, now: float) -> None:
        """`now` in Unix seconds. Says no more than that the key is no good: whoever holds it may not be its owner."""
        if self.revoked:
            raise bad_key("the key was revoked")
        if self.expires_at is not None and now >= self.expires_at:
            raise bad_key("the key has expired")

    def refuse_unless_from(self, address: str) -> None:
        if self.networks is None:
            return
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            ip = None
        if ip is None or not any(ip in network for network in self.networks):
            raise CallRefused("the key may not be used from this address", status=403, code="address_not_allowed")


class Keyring:
    def __init__(self, minutes: SharedMinutes | None) -> None:
        """`minutes`: where limits are counted together with other workers; None: there are none."""
        self._minutes = minutes
        self._by_digest: dict[bytes, Caller] = {}
        self._by_id: dict[str, Caller] = {}
        self.generation = 0
        """Counts how often the keys were replaced; what was looked up under another one is looked up again."""

    @property
    def is_empty(self) -> bool:
        return not self._by_id

    @property
    def callers(self) -> Iterable[Caller]:
        return self._by_id.values()

    def replace(self, rows: Iterable[tuple[bytes, KeyRow]]) -> None:
        by_digest: dict[bytes, Caller] = {}
        by_id: dict[str, Caller] = {}
        for digest, row in rows:
            by_digest[digest] = by_id[row.id] = Caller(row, self._minutes, self._by_id.get(row.id))
        self._by_digest, self._by_id = by_digest, by_id
        self.generation += 1

    def find(self, token: bytes) -> Caller | None:
        return self._by_digest.get(digest_of(token))


def bad_key(what: str) -> CallRefused:
    return CallRefused(
        what,
        status=401,
        code="invalid_api_key",
        next_move="Send a key made with `weighbridge keys create` as `Authorization: Bearer KEY`.",
    )


def _limit(limit: int | None, minutes: SharedMinutes | None, name: str, before: Limit | None) -> Limit | None:
    if limit is None:
        return None
    if before is not None:
        before.limit = limit
        return before
    return Rate(limit) if minutes is None else SharedRate(minutes, name, limit)


def _purse(row: KeyRow, before: Purse | None) -> Purse | None:
    if row.budget_usd is None or row.budget_period is None:
        return None
    period: Period = row.budget_period  # type: ignore[assignment]
    allowance = Allowance(row.budget_usd, period)
    if before is not None and before.allowance == allowance:
        return before
    return Purse("key", row.id, allowance)


def _network(text: str) -> Network:
    return ipaddress.ip_network(text, strict=False)

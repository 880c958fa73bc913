"""Whole answers, given again to requests that are the same byte for byte: opt-in for each route, bounded, forgotten
after a while, and never across keys unless the route says so."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from weighbridge.chat import Usage

from .config import CacheTable


class Kept(NamedTuple):
    body: bytes
    usage: Usage
    model: str | None
    """The one that was served."""
    until: float


class AnswerCache:
    """Of one route in one worker. Times are seconds of one clock that never goes back."""

    def __init__(self, table: CacheTable) -> None:
        self._table = table
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._bytes = 0

    def key(self, path: str, body: bytes, caller: str | None) -> bytes:
        """What an answer is kept under; the dialect is in the path."""
        owner = "" if self._table.across_keys else f"key {caller}"
        digest = hashlib.blake2b(f"{owner}\0{path}\0".encode(), digest_size=20)
        digest.update(body)
        return digest.digest()

    def find(self, key: bytes, now: float) -> Kept | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now >= kept.until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def keep(self, key: bytes, body: bytes, usage: Usage, model: str | None, now: float) -> None:
        """The least recently used go when there is no room; an answer larger than all of it is not kept."""
        if key in self._kept:
            self._drop(key)
        if len(body) > self._table.bytes:
            return
        while self._bytes + len(body) > self._table.bytes:
            self._drop(next(iter(self._kept)))
        self._kept[key] = Kept(body, usage, model, now + self._table.seconds)
        self._bytes += len(body)

    def _drop(self, key: bytes) -> None:
        self._bytes -= len(self._kept.pop(key).body)

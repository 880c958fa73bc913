"""Keeps prompts for routes that say so: redacted and written in a thread of its own, deleted when their time is up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from weighbridge.errors import LedgerError
from weighbridge.ledger.prompts import DAY_S, PromptRow, Prompts
from weighbridge.ledger.redaction import NotStored, Redaction, redact, redaction

from .ask import Ask
from .routes import Route

MOST_WAITING = 64 << 20
"""Bytes of prompts that wait to be written; further ones are not kept."""
LOOK_S = 1.0
"""How often what is past its time is looked for."""
log = logging.getLogger("weighbridge.gateway")


class Waiting(NamedTuple):
    """A request that is to be kept."""

    id: str
    at: float
    route: str
    key: str | None
    path: str
    body: bytes


class PromptKeeper:
    """Of one worker. Made only where a route keeps prompts."""

    def __init__(self, routes: Mapping[str, Route], data_dir: Path) -> None:
        """Raises LedgerError where the store cannot be used."""
        self._rules: dict[str, tuple[Redaction, float]] = {}
        self._store = Prompts(data_dir)
        for name, route in routes.items():
            table = route.table.prompts
            if table is not None:
                self._rules[name] = redaction(table.redact, table.patterns), table.days * DAY_S
                self._store.shorten(name, table.days * DAY_S)
        self._waiting: list[Waiting] = []
        self._bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._writing: asyncio.Future[None] | None = None
        self._looked_at = float("-inf")

    def keep(self, call_id: str, ask: Ask, at: float) -> None:
        """Remember a request that was admitted, if its route keeps them."""
        name = ask.route.model
        if name not in self._rules:
            return
        body = ask.carrier.cache_body
        if self._bytes + len(body) > MOST_WAITING:
            log.error("more prompts wait to be written than there is room for; one of %s is not kept", name)
            return
        self._bytes += len(body)
        caller = ask.caller.id if ask.caller is not None else None
        self._waiting.append(Waiting(call_id, at, name, caller, ask.head.path, body))

    def tend(self, now: float) -> None:
        """Write what waits, and delete what is past its time; `now` on the clock that never goes back."""
        if self._writing is not None and not self._writing.done():
            return
        if self._waiting or now - self._looked_at >= LOOK_S:
            self._looked_at = now
            waiting, self._waiting = self._waiting, []
            self._bytes = 0
            self._writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write, waiting)

    def close(self) -> None:
        """Write what is left."""
        self._thread.shutdown(wait=True)
        self._write(self._waiting)
        self._waiting = []
        self._store.close()

    def _write(self, waiting: list[Waiting]) -> None:
        """In the thread."""
        try:
            rows = [self._row(each) for each in waiting]
            if rows:
                self._store.keep(rows)
            end = self._store.next_end()
            if end is not None and end <= time.time():
                self._store.forget_expired(time.time())
        except LedgerError as error:
            log.error("%s", error)

    def _row(self, one: Waiting) -> PromptRow:
        rules, seconds = self._rules[one.route]
        try:
            body = redact(one.body, rules)
        except NotStored as why:
            body = f'{{"not stored":"{why}"}}'
        return PromptRow(one.id, one.at, one.at + seconds, one.route, one.key, one.path, body)

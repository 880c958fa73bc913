"""What a gateway does beside answering, a few times a second: keys, times, leases, the journal."""

from __future__ import annotations

import asyncio
import logging
import time
from time import perf_counter
from typing import TYPE_CHECKING

from weighbridge.errors import LedgerError

if TYPE_CHECKING:
    from .app import Gateway

TICK_S = 0.05
"""How often keys and times are looked after."""
FOLD_S = 0.25
BUSY_CALLS_S = 1000.0
"""Above so many calls a second the journal is folded only once it has grown to BACKLOG_BYTES."""
BACKLOG_BYTES = 64 << 20
log = logging.getLogger("weighbridge.gateway")


async def tend(gateway: Gateway) -> None:
    """Until cancelled."""
    folded_at = perf_counter()
    ended = 0
    while True:
        await asyncio.sleep(TICK_S)
        gateway.now = now = perf_counter()
        gateway.date.set(time.time())
        gateway.begin_ids()
        try:
            gateway.callers.load()
        except LedgerError as error:
            log.error("%s", error)
        gateway.register.note_long_calls()
        for call in tuple(gateway.register.calls):
            call.check(now)
        if now - folded_at < FOLD_S:
            continue
        check_clients(gateway, now)
        await _tend_rules(gateway)
        rate = (gateway.register.count - ended) / (now - folded_at)
        ended, folded_at = gateway.register.count, now
        if rate < BUSY_CALLS_S or gateway.books.journal.backlog_bytes > BACKLOG_BYTES:
            await _keep_books(gateway, now)


def check_clients(gateway: Gateway, now: float) -> None:
    """Times of connections, and what needs no other look than a few times a second."""
    for client in tuple(gateway.clients):
        client.check(now)
    if gateway.board is not None:
        gateway.board.post(gateway.metrics, gateway.gauges())
    if gateway.keeper is not None:
        gateway.keeper.tend(now)
    for door in gateway.doors.values():
        if door.pool is not None:
            door.pool.tend(now)
        elif door.local is not None and door.local.is_running:
            gateway.spawn(door.local.tend())


async def _tend_rules(gateway: Gateway) -> None:
    if gateway.rules is not None:
        try:
            await gateway.rules.tend()
        except LedgerError as error:
            log.error("%s", error)


async def _keep_books(gateway: Gateway, now: float) -> None:
    """Fold the journal, and give back money that nobody has asked for lately."""
    try:
        if gateway.books.journal.backlog_bytes:
            gateway.books.journal.backlog_bytes = 0
            await gateway.books.fold()
        await gateway.loans.give_back(now)
    except LedgerError as error:
        log.error("%s", error)

"""One worker's gateway: what stands behind every path, who is let in, and how calls end.

Calls that end in the same turn of the loop are written to the journal together (`_write_down`), then settled, then
their clients get the rest of their answers.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Coroutine, Sequence
from difflib import get_close_matches
from random import Random
from time import perf_counter
from typing import Any

from weighbridge.chat.dialect import Stamp
from weighbridge.dispatch.policy import AllowAll
from weighbridge.dispatch.purse import Purse
from weighbridge.dispatch.routing import plan
from weighbridge.errors import CallRefused, LedgerError, WeighbridgeError

from . import metrics, reply
from .ask import Ask
from .books import Books
from .cache import AnswerCache
from .carrier import Carrier
from .client import Client
from .endpoints import Endpoints
from .exchange import Exchange
from .head import Head, Heads
from .hedge import HedgedExchange
from .kept import keeper_for
from .keyring import Caller, Keyring, bad_key
from .money import Admission, Short, Till, over_budget
from .refusal import openai_refusal
from .routes import Aim, Parts
from .rules import Rules
from .shared import Board

TICK_S = 0.05
"""How often keys and times are looked after."""
FOLD_S = 0.25
BUSY_CALLS_S = 1000.0
"""Above so many calls a second the journal is folded only once it has grown to BACKLOG_BYTES."""
BACKLOG_BYTES = 64 << 20
DRY_S = 0.25
"""After a budget had nothing left, how long calls are refused without asking the ledger again."""
IDLE_PURSE_S = 1.0
log = logging.getLogger("weighbridge.gateway")


class Gateway:
    """Not thread-safe: everything happens in one event loop."""

    def __init__(self, parts: Parts, books: Books, *, is_public: bool, rng: Random) -> None:
        """`is_public`: it listens on more than loopback."""
        server = self.server = parts.server
        self.routes = parts.routes
        self.doors = parts.doors
        self.admin_digest = parts.admin_digest
        self._rules = None if isinstance(parts.policy, AllowAll) else Rules(parts.policy, books)
        self.books = books
        self.heads = Heads()
        self.keyring = Keyring(parts.shared.minutes if parts.shared is not None else None)
        self._board = Board(parts.shared.folder) if parts.shared is not None else None
        self.date = reply.Dater()
        self.metrics = metrics.Metrics()
        self.now = perf_counter()
        """Seconds that never go back, as of the last tick."""
        self.is_closing = False
        self.is_sick = ""
        """Why calls cannot be recorded, if they cannot."""
        self._is_public = is_public
        self.rng = rng
        self._till = Till(parts.teams, allow_unpriced=server.unknown_price == "allow")
        self._purses: set[Purse] = set()
        self._clients: set[Client] = set()
        self._calls: set[Exchange] = set()
        self._ended: list[Exchange] = []
        self._ended_calls = 0
        self._process = os.urandom(6).hex()
        self._begin_ids()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loans: dict[Purse, asyncio.Task[float]] = {}
        self.endpoints = Endpoints(self)
        self.started_at = int(time.time())
        self.unix_now = time.time
        self._keeper = keeper_for(parts.routes, books.data_dir)
        self._tracer = parts.tracer() if parts.tracer is not None else None
        self._load_keys()
        self.date.set(time.time())
        self.tending = asyncio.ensure_future(self._tend())

    # --- connections

    def welcome(self, client: Client) -> bool:
        self._clients.add(client)
        return len(self._clients) <= self.server.connections

    def farewell(self, client: Client) -> None:
        self._clients.discard(client)

    def next_id(self) -> str:
        """Unique among processes, and sortable by time to a tick; the request's id and its row's."""
        return f"{self._ids}{next(self._numbers):08x}"

    def _begin_ids(self) -> None:
        """The part of ids that is the same for a tick: milliseconds and what tells this process from others."""
        self._ids = f"{int(time.time() * 1000):012x}{self._process}"

    def stamp(self, model: str) -> Stamp:
        return Stamp(self.next_id(), int(time.time()), model)

    def answer(self, client: Client, head: Head, body: bytes) -> None:
        """A whole request has come."""
        endpoint = head.endpoint
        if endpoint is None:
            endpoint = head.endpoint = self.endpoints.find(head)
        try:
            endpoint.answer(client, head, body)
        except WeighbridgeError as error:
            self.refuse(client, head, error)
        except Exception:
            request_id = self.next_id()
            log.exception("request %s failed", request_id)
            said = reply.openai_error("the gateway failed; its log knows why", kind="server_error", code="internal")
            client.finish(reply.whole(500, said, self.date.field, request_id, close=True), close=True)

    def refuse(self, client: Client, head: Head, error: WeighbridgeError) -> None:
        _, data = self.say_no(error, head, self.next_id())
        client.finish(data)

    def say_no(self, error: WeighbridgeError, head: Head, request_id: str) -> tuple[int, bytes]:
        """A whole answer for an error, in the client's dialect, and its status."""
        close = not head.keep_alive
        front = head.endpoint.front if head.endpoint is not None else None
        if front is None:
            status, more, body = openai_refusal(error)
        else:
            refusal = front.error(error)
            status, body = refusal.status, refusal.body
            fields = (each for each in refusal.headers if each[0] not in ("content-type", "x-request-id"))
            more = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")
        return status, reply.whole(status, body, self.date.field, request_id, more=more, close=close)

    # --- calls

    def call(self, client: Client, head: Head, carrier: Carrier) -> None:
        """Admit a call and start it. Raises what refuses it."""
        caller = self.caller_of(client, head)
        route = self.routes.get(carrier.model)
        if route is None or (caller is not None and caller.routes is not None and route.model not in caller.routes):
            raise self.no_route(carrier.model, caller)
        if len(self._calls) >= self.server.calls or self.is_closing:
            raise CallRefused("the gateway is full", status=503, code="overloaded", retry_after_s=1.0)
        output = carrier.most_output
        if output is None:
            output = self.server.hold_output_tokens * carrier.answers
        ask = Ask(client, head, carrier, caller=caller, route=route, output_tokens=output)
        if self._rules is not None:
            self._rules.apply(ask, self.next_id, self.unix_now)
        if route.cache is not None and not carrier.stream and self._answer_again(ask, route.cache):
            return
        try:
            admission = self._till.admit(ask, self.now)
        except Short as short:
            self.spawn(self._admit_later(ask, short))
            return
        self._start(ask, admission)

    def _answer_again(self, ask: Ask, cache: AnswerCache) -> bool:
        """Give an answer that was given before to the same request; nothing is sent and nothing is billed."""
        caller = ask.caller
        ask.cache_key = cache.key(ask.head.path, ask.carrier.cache_body, caller.id if caller is not None else None)
        kept = cache.find(ask.cache_key, self.now)
        if kept is None:
            return False
        tokens = self._till.count(ask, self.now)
        exchange = Exchange(self, ask, Admission(caller, (), 0.0, tokens), ask.aims)
        if self._keeper is not None:
            self._keeper.keep(exchange.id, ask, exchange.at)
        if self._tracer is not None:
            self._tracer.begin(exchange.id, ask)
        exchange.answer_again(kept)
        return True

    def _start(self, ask: Ask, admission: Admission) -> None:
        route = ask.route
        if route.cascade is not None:
            route.cascade.begin(self, ask, admission)
            return
        aims = ask.aims
        if len(aims) > 1:
            prefix = ask.carrier.prefix if route.table.strategy == "affinity" else b""
            aims = plan(aims, route.table.strategy, now=self.now, rng=self.rng, prefix=prefix)
        self.send(ask, admission, aims)

    def send(self, ask: Ask, admission: Admission, aims: Sequence[Aim]) -> None:
        """Start an admitted call, whose answer the client gets, at the first of these targets."""
        route = ask.route
        is_plain = route.hedge is None and not route.table.continuations
        exchange = (Exchange if is_plain else HedgedExchange)(self, ask, admission, aims)
        ask.client.work = exchange
        self.launch(exchange, ask)

    def launch(self, exchange: Exchange, ask: Ask, *, keep: bool = True) -> None:
        """keep: whether its request is kept, where the route keeps requests."""
        if self._keeper is not None and keep:
            self._keeper.keep(exchange.id, ask, exchange.at)
        if self._tracer is not None:
            self._tracer.begin(exchange.id, ask)
        self._calls.add(exchange)
        exchange.start()

    async def _admit_later(self, ask: Ask, short: Short) -> None:
        """A purse is empty here: ask the ledger for more, and admit the call or refuse it."""
        waiting = ask.client.work = _Waiting()
        try:
            while True:
                await self._fill(short.purse, short.usd)
                if waiting.is_abandoned:
                    return
                try:
                    admission = self._till.admit(ask, self.now)
                except Short as again:
                    short = again
                else:
                    self._start(ask, admission)
                    return
        except WeighbridgeError as error:
            if not waiting.is_abandoned:
                self.refuse(ask.client, ask.head, error)

    async def _fill(self, purse: Purse, usd: float) -> None:
        """Borrow for a purse; whoever asks meanwhile waits for the same loan. CallRefused where there is no more."""
        loan = self._loans.get(purse)
        if loan is None or loan.done():  # a loan that is over lends nothing more, though it may not be forgotten yet
            if perf_counter() < purse.dry_until:
                raise over_budget(purse, usd)
            loan = self._loans[purse] = asyncio.ensure_future(self._borrow(purse, usd))
            loan.add_done_callback(lambda done: self._forget_loan(purse, done))
        if not await asyncio.shield(loan):
            raise over_budget(purse, usd)

    def _forget_loan(self, purse: Purse, loan: asyncio.Future[float]) -> None:
        if self._loans.get(purse) is loan:
            del self._loans[purse]

    async def _borrow(self, purse: Purse, usd: float) -> float:
        lent = await self.books.lend(purse, max(usd - max(purse.free, 0.0), 0.0) or usd)
        if lent:
            purse.free += lent
            self._purses.add(purse)
        else:
            purse.dry_until = perf_counter() + DRY_S
        return lent

    def caller_of(self, client: Client, head: Head) -> Caller | None:
        """Who is calling; None where no key is wanted. CallRefused for a key that is no good."""
        keyring = self.keyring
        if head.generation != keyring.generation:
            head.caller = keyring.find(head.token) if head.token else None
            if head.caller is None and head.token and self._load_keys():
                head.caller = keyring.find(head.token)
            head.generation = keyring.generation
        caller: Caller | None = head.caller
        if caller is None:
            if self._wants_keys():
                raise bad_key("the key is not known" if head.token else "no key was sent")
            if "origin" in head.fields:  # a web page in somebody's browser, which must not reach loopback unasked
                raise CallRefused("calls from web pages are not allowed", status=403, code="origin_not_allowed")
            return None
        caller.refuse_unless_valid(self.unix_now())
        if caller.networks is not None:
            caller.refuse_unless_from(client.address)
        return caller

    def _wants_keys(self) -> bool:
        auth = self.server.auth
        return auth == "keys" or (auth == "auto" and (self._is_public or not self.keyring.is_empty))

    def no_route(self, model: str, caller: Caller | None) -> CallRefused:
        names = sorted(self.names_for(caller))
        close = get_close_matches(model[:80], names, n=1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        return CallRefused(
            f"there is no model {model[:80]!r} here",
            status=404,
            code="model_not_found",
            next_move=f"{meant}Models: {', '.join(names[:12]) or 'none'}.",
        )

    # --- how calls end

    def finish(self, exchange: Exchange) -> None:
        """A call has ended: it is written down at the end of this turn of the loop."""
        self._calls.discard(exchange)
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._write_down)
        self._ended.append(exchange)

    def _write_down(self) -> None:
        ended, self._ended = self._ended, []
        lines = [exchange.line() for exchange in ended]
        try:
            self.books.append(lines)
        except LedgerError as error:
            self._cannot_record(error, ended)
            self._trace(ended, lines)
            return
        self.is_sick = ""
        count = self.metrics.count
        for exchange, line in zip(ended, lines, strict=True):
            exchange.deliver()
            count(line)
        self._ended_calls += len(ended)
        self._trace(ended, lines)

    def _trace(self, ended: list[Exchange], lines: list[tuple[Any, ...]]) -> None:
        if self._tracer is not None:
            for exchange, line in zip(ended, lines, strict=True):
                self._tracer.ended(line, exchange.reasons)

    def _cannot_record(self, error: LedgerError, ended: list[Exchange]) -> None:
        """Their money stays held: what is not written down is not settled. The answers are paid for and delivered."""
        if not self.is_sick:
            log.error("%s", error)
        self.is_sick = error.what
        for exchange in ended:
            exchange.deliver_unsettled()

    # --- what others ask of it

    def names_for(self, caller: Caller | None) -> list[str]:
        """Public names that a caller may ask for."""
        return [name for name in self.routes if caller is None or caller.routes is None or name in caller.routes]

    def why_not_ready(self) -> str:
        """Empty while calls can be recorded and each route has a backend that is not left alone."""
        if self.is_closing:
            return "closing"
        asleep = [
            name
            for name, route in self.routes.items()
            if not any(aim.breaker.lets_through(self.now) for aim in route.aims)
        ]
        return self.is_sick or (f"no backend answers for: {', '.join(asleep[:12])}" if asleep else "")

    @property
    def calls_under_way(self) -> frozenset[Exchange]:
        return frozenset(self._calls)

    def metrics_text(self) -> bytes:
        """Of all workers."""
        gauges = self.gauges()
        return self.metrics.text(gauges) if self._board is None else self._board.text(self.metrics, gauges)

    def gauges(self) -> list[metrics.Gauge]:
        return [
            ("weighbridge_connections", "Clients connected.", len(self._clients)),
            ("weighbridge_calls_under_way", "Calls under way.", len(self._calls)),
        ]

    # --- housekeeping

    def _load_keys(self) -> bool:
        """Look whether keys were changed; True if they were."""
        rows = self.books.changed_keys()
        if rows is None:
            return False
        self.keyring.replace(rows)
        return True

    async def _tend(self) -> None:
        """Look after keys, times, leases and the journal until cancelled."""
        folded_at = perf_counter()
        ended = 0
        while True:
            await asyncio.sleep(TICK_S)
            self.now = now = perf_counter()
            self.date.set(time.time())
            self._begin_ids()
            try:
                self._load_keys()
            except LedgerError as error:
                log.error("%s", error)
            self._note_long_calls()
            for exchange in tuple(self._calls):
                exchange.check(now)
            if now - folded_at < FOLD_S:
                continue
            self._check_clients(now)
            await self._tend_rules()
            rate = (self._ended_calls - ended) / (now - folded_at)
            ended, folded_at = self._ended_calls, now
            if rate < BUSY_CALLS_S or self.books.journal.backlog_bytes > BACKLOG_BYTES:
                await self._keep_books(now)

    def _check_clients(self, now: float) -> None:
        for client in tuple(self._clients):
            client.check(now)
        if self._board is not None:
            self._board.post(self.metrics, self.gauges())
        if self._keeper is not None:
            self._keeper.tend(now)
        for door in self.doors.values():
            if door.pool is not None:
                door.pool.tend(now)
            elif door.local is not None and door.local.is_running:
                self.spawn(door.local.tend())

    async def _tend_rules(self) -> None:
        if self._rules is not None:
            try:
                await self._rules.tend()
            except LedgerError as error:
                log.error("%s", error)

    async def _keep_books(self, now: float) -> None:
        """Fold the journal, and give back money that nobody has asked for lately."""
        try:
            if self.books.journal.backlog_bytes:
                self.books.journal.backlog_bytes = 0
                await self.books.fold()
            surplus = [(p, p.free) for p in self._purses if p.free > 0 and now - p.used_at > IDLE_PURSE_S]
            for purse, usd in surplus:
                purse.free -= usd
                self._purses.discard(purse)
            if surplus:
                await self.books.give_back(surplus)
        except LedgerError as error:
            log.error("%s", error)

    def _note_long_calls(self) -> None:
        """Write down calls that outlast a tick, with what is held for them, for the case that we end before them."""
        fresh = [exchange for exchange in self._calls if not exchange.is_noted]
        if fresh:
            try:
                self.books.append([exchange.opening() for exchange in fresh])
            except LedgerError as error:
                log.error("%s", error)
                return
            for exchange in fresh:
                exchange.is_noted = True

    async def close(self, patience_s: float) -> None:
        """Take no new calls, let those under way end for so long, then end them and write everything down."""
        self.is_closing = True
        deadline = perf_counter() + patience_s
        for client in tuple(self._clients):
            if client.is_idle:
                client.close()
        while self._calls and perf_counter() < deadline:
            await asyncio.sleep(0.01)
        for exchange in tuple(self._calls):
            exchange.abandon()
        await asyncio.sleep(0)
        for client in tuple(self._clients):
            client.close()
        await asyncio.gather(*(door.close() for door in self.doors.values()))
        if self._keeper is not None:
            self._keeper.close()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        if self._board is not None:
            self._board.post(self.metrics, self.gauges())
        self.tending.cancel()
        await asyncio.gather(self.tending, return_exceptions=True)
        if self._rules is not None:
            self._rules.write_counts()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Waiting:
    """A client waits to be admitted."""

    def __init__(self) -> None:
        self.is_abandoned = False

    def abandon(self) -> None:
        self.is_abandoned = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...

"""One worker's gateway: what stands behind every path, who is let in, and how calls begin.

callers.py     whose key it is                    register.py   how calls end
loans.py       money for purses                   tending.py    what is looked after meanwhile
exchange.py    one call                           client.py     one connection
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Coroutine, Sequence
from random import Random
from time import perf_counter
from typing import Any

from weighbridge.chat.dialect import Stamp
from weighbridge.dispatch.policy import AllowAll
from weighbridge.dispatch.routing import plan
from weighbridge.errors import CallRefused, WeighbridgeError

from . import metrics, reply
from .ask import Ask
from .attempts import Attempts
from .books import Books
from .cache import AnswerCache
from .callers import Callers
from .carrier import Carrier
from .client import Client
from .dialects import PASSED_ON
from .endpoints import Endpoints
from .exchange import Exchange
from .head import Head, Heads
from .hedge import HedgedExchange
from .kept import keeper_for
from .keyring import Caller
from .loans import Loans, Waiting
from .money import Admission, Short, Till
from .reads import read_buffer
from .refusal import no_route, openai_refusal
from .register import Register
from .routes import Aim, Parts
from .rules import Rules
from .shared import Board
from .tending import tend

log = logging.getLogger("weighbridge.gateway")


class Gateway:
    """Not thread-safe: everything happens in one event loop."""

    def __init__(self, parts: Parts, books: Books, *, is_public: bool, rng: Random) -> None:
        """`is_public`: it listens on more than loopback."""
        server = self.server = parts.server
        self.routes = parts.routes
        self.doors = parts.doors
        self.admin_digest = parts.admin_digest
        self.rules = None if isinstance(parts.policy, AllowAll) else Rules(parts.policy, books)
        self.books = books
        self.heads = Heads()
        self.reads = read_buffer()
        """What clients' connections read into, one at a time."""
        self.callers = Callers(server, books, parts.shared, is_public=is_public)
        self.board = Board(parts.shared.folder) if parts.shared is not None else None
        self.date = reply.Dater()
        self.metrics = metrics.Metrics()
        self.now = perf_counter()
        """Seconds that never go back, as of the last tick."""
        self.is_closing = False
        self.rng = rng
        self._till = Till(parts.teams, allow_unpriced=server.unknown_price == "allow")
        self.clients: set[Client] = set()
        self._process = os.urandom(6).hex()
        self.begin_ids()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self.loans = Loans(books)
        self.endpoints = Endpoints(self)
        self.started_at = int(time.time())
        self.unix_now = time.time
        self.keeper = keeper_for(parts.routes, books.data_dir)
        self._tracer = parts.tracer() if parts.tracer is not None else None
        self.register = Register(books, self.metrics, self._tracer)
        self.date.set(time.time())
        self.tending = asyncio.ensure_future(tend(self))

    # --- connections

    def welcome(self, client: Client) -> bool:
        self.clients.add(client)
        return len(self.clients) <= self.server.connections

    def farewell(self, client: Client) -> None:
        self.clients.discard(client)

    def next_id(self) -> str:
        """Unique among processes, and sortable by time to a tick; the request's id and its row's."""
        return f"{self._ids}{next(self._numbers):08x}"

    def begin_ids(self) -> None:
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
        caller = self.callers.of(client, head)
        route = self.routes.get(carrier.model)
        if route is None or (caller is not None and caller.routes is not None and route.model not in caller.routes):
            raise no_route(carrier.model, self.names_for(caller))
        if len(self.register.calls) >= self.server.calls or self.is_closing:
            raise CallRefused("the gateway is full", status=503, code="overloaded", retry_after_s=1.0)
        output = carrier.most_output
        if output is None:
            output = self.server.hold_output_tokens * carrier.answers
        ask = Ask(client, head, carrier, caller=caller, route=route, output_tokens=output)
        if self.rules is not None:
            self.rules.apply(ask, self.next_id, self.unix_now)
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
        caller, fields = ask.caller, ask.head.fields
        place = "\n".join((ask.head.path, *(f"{name}: {fields[name]}" for name in PASSED_ON if name in fields)))
        ask.cache_key = cache.key(place, ask.carrier.cache_body, caller.id if caller is not None else None)
        kept = cache.find(ask.cache_key, self.now)
        if kept is None:
            return False
        tokens = self._till.count(ask, self.now)
        exchange = Exchange(self, ask, Admission(caller, (), 0.0, tokens), ask.aims)
        if self.keeper is not None:
            self.keeper.keep(exchange.id, ask, exchange.at)
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
        if self.keeper is not None and keep:
            self.keeper.keep(exchange.id, ask, exchange.at)
        if self._tracer is not None:
            self._tracer.begin(exchange.id, ask)
        self.register.calls.add(exchange)
        exchange.start()

    async def _admit_later(self, ask: Ask, short: Short) -> None:
        """A purse is empty here: ask the ledger for more, and admit the call or refuse it."""
        waiting = ask.client.work = Waiting()
        try:
            while True:
                await self.loans.fill(short.purse, short.usd)
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
        return self.register.is_sick or (f"no backend answers for: {', '.join(asleep[:12])}" if asleep else "")

    @property
    def calls_under_way(self) -> frozenset[Attempts]:
        return frozenset(self.register.calls)

    def metrics_text(self) -> bytes:
        """Of all workers."""
        gauges = self.gauges()
        return self.metrics.text(gauges) if self.board is None else self.board.text(self.metrics, gauges)

    def gauges(self) -> list[metrics.Gauge]:
        return [
            ("weighbridge_connections", "Clients connected.", len(self.clients)),
            ("weighbridge_calls_under_way", "Calls under way.", len(self.register.calls)),
        ]

    async def close(self, patience_s: float) -> None:
        """Take no new calls, let those under way end for so long, then end them and write everything down."""
        self.is_closing = True
        deadline = perf_counter() + patience_s
        for client in tuple(self.clients):
            if client.is_idle:
                client.close()
        while self.register.calls and perf_counter() < deadline:
            await asyncio.sleep(0.01)
        for exchange in tuple(self.register.calls):
            exchange.abandon()
        await asyncio.sleep(0)
        for client in tuple(self.clients):
            client.close()
        await asyncio.gather(*(door.close() for door in self.doors.values()))
        if self.keeper is not None:
            self.keeper.close()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        if self.board is not None:
            self.board.post(self.metrics, self.gauges())
        self.tending.cancel()
        await asyncio.gather(self.tending, return_exceptions=True)
        if self.rules is not None:
            self.rules.write_counts()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

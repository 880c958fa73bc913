"""A call that is asked twice: a second backend beside a slow one; who answers first is taken, the other is dropped.

    first backend ....................| content?  yes: the second one is dropped
                 after `hedge` seconds| second backend .....| content?  yes: the first one is dropped

Until one of them has content (or a whole answer) nothing has reached the client, so both are the same to it. The call
is recorded once, flagged `hedged`; its cost is that of the answer plus what the dropped one may be billed, which no
backend says: its prompt, as the other counted it, and a token for each event that came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

from weighbridge.chat import Piece, Usage
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import BackendUnreachable, CallTimedOut, EngineError, StreamCut, WeighbridgeError

from .carrier import Carrier, Flow
from .continuation import ContinuedExchange, flagged
from .exchange import MOST_HELD
from .flows import PieceFlow
from .local import LocalEngine, LocalRun
from .routes import Aim
from .upstream import Upstream

FLAG = "hedged"


class Lost:
    """A backend that was asked and dropped before it had answered."""

    __slots__ = ("aim", "events")

    def __init__(self, aim: Aim, events: int) -> None:
        self.aim = aim
        self.events = events
        """That had come of its answer, each about a token."""

    def usd(self, input_tokens: int) -> float | None:
        return cost_usd(Usage(input_tokens=input_tokens, output_tokens=self.events), self.aim.price)


class Rival:
    """The second attempt, as long as it is open which of the two is taken; then it hands everything on."""

    def __init__(self, exchange: HedgedExchange, aim: Aim) -> None:
        self.exchange = exchange
        self.aim = aim
        self.upstream: Upstream | LocalRun | None = None
        self.call_off: Callable[[], Any] | None = None
        self.flow: Flow | None = None
        self.held = b""
        self.left_out: tuple[str, ...] = ()
        self.pieces: list[Piece] = []
        self.sent_at = perf_counter()
        self.was_sent = False
        self._leads = False
        """It is the exchange's own attempt now."""

    # --- on its way

    def start(self) -> None:
        self.aim.under_way += 1
        self.aim.breaker.start()
        local, pool = self.aim.door.local, self.aim.door.pool
        if local is not None:
            self._run_local(local)
            return
        assert pool is not None
        upstream = pool.take()
        if upstream is None:
            self.call_off = pool.dial(self.exchange.route.table.connect_s, self._dialled)
        else:
            self._send(upstream)

    def _dialled(self, got: Upstream | EngineError) -> None:
        self.call_off = None
        if self._leads:
            self.exchange.dialled(got)
        elif isinstance(got, Upstream):
            self._send(got)
        else:
            self.failed(got)

    def _send(self, upstream: Upstream) -> None:
        carrier = self.exchange.carrier
        before = carrier.left_out
        try:
            data = carrier.request(self.aim)
        except WeighbridgeError:
            upstream.close()
            self._end_attempt()
            self.exchange.rival_out(self)
            return
        self.left_out, carrier.left_out = carrier.left_out, before
        self.was_sent = True
        self.upstream = upstream
        upstream.send(self, data, stream=carrier.stream)

    def _run_local(self, local: LocalEngine) -> None:
        try:
            request = self.exchange.carrier.canonical(self.aim)
        except WeighbridgeError:
            self._end_attempt()
            self.exchange.rival_out(self)
            return
        self.was_sent = True
        self.upstream = LocalRun(local, request, self)

    def lead(self) -> None:
        """From here on the exchange hears everything."""
        self._leads = True

    def drop(self) -> Lost | None:
        """The other one is taken. What this one may be billed, unless it was never sent."""
        if self.call_off is not None:
            self.call_off()
        if self.upstream is not None:
            self.upstream.drop()
        self._end_attempt(gave_up=True)
        return Lost(self.aim, self.flow.events if self.flow is not None else 0) if self.was_sent else None

    def _end_attempt(self, *, gave_up: bool = False) -> None:
        self.upstream = None
        self.aim.under_way -= 1
        if gave_up:
            self.aim.breaker.gave_up()

    # --- upstream.Carried

    def opened(self, upstream: Upstream) -> None:
        if self._leads:
            self.exchange.opened(upstream)

    def flowed(self, data: bytes) -> None:
        if self._leads:
            self.exchange.flowed(data)
            return
        if self.flow is None:
            self.flow = self.exchange.make_flow(self.aim)
        try:
            self.held += self.flow.feed(data)
        except EngineError as error:
            self._drop_failed(error)
            return
        if self.flow.begun or self.flow.done:
            done = self.flow.done
            self.exchange.rival_leads(self, first=True)
            self.exchange.led(done=done)
        elif len(self.held) > MOST_HELD:
            self._drop_failed(StreamCut("the backend sent a stream without any content"))

    def flowed_out(self) -> None:
        if not self._leads and (self.flow is None or not (self.flow.done or self.flow.finished)):
            self.failed(StreamCut("the stream ended before the answer did"))
            return
        if not self._leads:
            self.exchange.rival_leads(self, first=True)
        self.exchange.flowed_out()

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        if not self._leads and status != 200:
            self._end_attempt()
            if status >= 500 or status == 429:
                self.aim.failures += 1
                self.aim.breaker.failed(perf_counter())
            else:
                self.aim.breaker.succeeded()
            self.exchange.rival_out(self)
            return
        if not self._leads:
            try:
                self.exchange.carrier.whole(self.aim, body)
            except EngineError as error:
                self.failed(error)
                return
            self.exchange.rival_leads(self, first=True)
        self.exchange.answered(status, head, body)

    def failed(self, error: EngineError) -> None:
        if self._leads:
            self.exchange.failed(error)
            return
        self.aim.failures += 1
        self.aim.breaker.failed(perf_counter())
        self._end_attempt()
        self.exchange.rival_out(self)

    def _drop_failed(self, error: EngineError) -> None:
        if self.upstream is not None:
            self.upstream.drop()
        self.failed(error)

    # --- local.Told

    def piece(self, piece: Piece) -> None:
        if self._leads:
            self.exchange.piece(piece)
        elif not self.exchange.carrier.stream:
            self.pieces.append(piece)
        else:
            self._streamed(piece)

    def _streamed(self, piece: Piece) -> None:
        flow = self.flow
        if not isinstance(flow, PieceFlow):
            flow = self.flow = self.exchange.make_pieces(self.aim)
        try:
            self.held += flow.take((piece,))
        except EngineError as error:
            self._drop_failed(error)
            return
        if flow.begun:
            self.exchange.rival_leads(self, first=True)
            self.exchange.led(done=False)

    def pieces_out(self) -> None:
        if not self._leads:
            self.exchange.rival_leads(self, first=True)
        self.exchange.pieces_out()


class HedgedExchange(ContinuedExchange):
    """A call whose route asks a second backend when the first one is slow."""

    _rival: Rival | None = None
    _timer: asyncio.TimerHandle | None = None
    _was_hedged = False
    _lost: tuple[Lost, ...] = ()

    def start(self) -> None:
        is_first = not self._attempts
        super().start()
        hedge = self.route.hedge
        if is_first and hedge is not None and len(self._plan) > 1:
            hedge.called()
            self._timer = asyncio.get_running_loop().call_later(hedge.delay_s, self._ask_second)

    def _ask_second(self) -> None:
        self._timer = None
        hedge = self.route.hedge
        if hedge is None or self._is_over or self._is_open or self._attempts > 1:
            return
        aim = self._plan[1]
        if aim is self._aim or not aim.breaker.lets_through(self.gateway.now) or not hedge.may_ask():
            return
        self._attempts += 1
        self._was_hedged = True
        self._rival = Rival(self, aim)
        self._rival.start()

    # --- what the rival needs

    @property
    def carrier(self) -> Carrier:
        return self._carrier

    def dialled(self, got: Upstream | EngineError) -> None:
        self._dialled(got)

    def rival_out(self, rival: Rival) -> None:
        """The second attempt came to nothing; the first one goes on."""
        self._rival = None

    def rival_leads(self, rival: Rival, *, first: bool) -> None:
        """The rival is this call's attempt from here on; with `first` because it answered first."""
        if rival is not self._rival:
            return
        self._rival = None
        if first:
            self._drop_own()
        rival.lead()
        self._aim, self._upstream, self._call_off = rival.aim, rival.upstream, rival.call_off
        self._flow, self._held, self._pieces = rival.flow, rival.held, rival.pieces
        self._carrier.left_out = rival.left_out
        self._sent_at = rival.sent_at
        self._heard_at = self.gateway.now if rival.flow is not None else 0.0

    def led(self, *, done: bool) -> None:
        """What the rival held back may go out."""
        held, self._held = self._held, b""
        if done:
            self._end_stream(held)
        elif held:
            self._hold_back(held)

    def _drop_own(self) -> None:
        if self._call_off is not None:
            self._call_off()
        if self._upstream is not None:
            self._lost = (*self._lost, Lost(self._aim, self._flow.events if self._flow is not None else 0))
            self._drop_upstream()
        self._aim.under_way -= 1
        self._aim.breaker.gave_up()

    def _drop_rival(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rival, self._rival = self._rival, None
        if rival is not None:
            lost = rival.drop()
            if lost is not None:
                self._lost = (*self._lost, lost)

    # --- the first attempt's own fate

    def failed(self, error: EngineError) -> None:
        rival = self._rival
        if self._is_over or self._is_open or rival is None or isinstance(error, CallTimedOut):
            super().failed(error)
            return
        self._attempt_over()
        self._aim.failures += 1
        self._aim.breaker.failed(perf_counter())
        self._billed_attempts += not isinstance(error, BackendUnreachable)
        self._call_off = None
        self.rival_leads(rival, first=False)

    def _refused(self, status: int, head: bytes, body: bytes) -> None:
        rival = self._rival
        if rival is None or self._is_open:
            super()._refused(status, head, body)
            return
        self._attempt_over()
        if status >= 500 or status == 429:
            self._aim.failures += 1
            self._aim.breaker.failed(perf_counter())
        else:
            self._aim.breaker.succeeded()
        self.rival_leads(rival, first=False)

    def _open_stream(self) -> None:
        self._drop_rival()
        self._measure()
        super()._open_stream()

    def _succeed_whole(self, out: bytes, usage: Usage, served: str | None) -> None:
        self._drop_rival()
        self._measure()
        super()._succeed_whole(out, usage, served)

    def _measure(self) -> None:
        if self.route.hedge is not None:
            self.route.hedge.measured(perf_counter() - self._started_at)

    def abandon(self) -> None:
        if not self._is_over:
            self._drop_rival()
        super().abandon()

    # --- what both cost

    def _finish_ok(self) -> None:
        super()._finish_ok()
        self._add_lost()

    def _fail(self, error: WeighbridgeError, *, status: int) -> None:
        self._drop_rival()
        super()._fail(error, status=status)
        if self.usd_is != "held":
            self._add_lost()

    def _add_lost(self) -> None:
        """What was dropped may be billed: as the answer's backend counted the prompt, else a token for each byte."""
        if not self._lost:
            return
        read = self.usage.input_tokens
        costs = [lost.usd(read if read is not None else self._carrier.body_bytes) for lost in self._lost]
        known = [usd for usd in (self.usd, *costs) if usd is not None]
        whole = len(known) == len(costs) + 1
        self.usd, self.usd_is = (sum(known), "estimated") if whole else (None, None)

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        line = super().line(kind)
        if not self._was_hedged:
            return line
        return flagged(line, FLAG)

"""The second of two attempts at one call: asked, held back, and either in the lead or dropped (hedge.py)."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from weighbridge.chat import Piece, Usage
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import EngineError, StreamCut, WeighbridgeError

from .attempts import RACE_S, log
from .carrier import Flow
from .exchange import MOST_HELD
from .flows import PieceFlow
from .local import LocalEngine, LocalRun
from .routes import Aim
from .upstream import Upstream

if TYPE_CHECKING:
    from .hedge import HedgedExchange


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
            self._cannot_send(upstream)
            return
        except Exception:  # as in Exchange: nobody above would hear of it
            log.exception("request %s failed", self.exchange.id)
            self._cannot_send(upstream)
            return
        self.left_out, carrier.left_out = carrier.left_out, before
        self.was_sent = True
        self.upstream = upstream
        upstream.send(self, data, stream=carrier.stream)

    def _cannot_send(self, upstream: Upstream) -> None:
        upstream.close()
        self._end_attempt()
        self.exchange.rival_out(self)

    def _run_local(self, local: LocalEngine) -> None:
        try:
            request = self.exchange.carrier.canonical(self.aim)
        except WeighbridgeError:
            self._end_attempt()
            self.exchange.rival_out(self)
            return
        if self.exchange.carrier.on_request is not None:
            self.exchange.carrier.on_request(self.aim, b"")
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

    def stale(self, error: EngineError) -> None:
        pool = self.aim.door.pool
        if self._leads:
            self.exchange.stale(error)
        elif pool is None or perf_counter() - self.sent_at > RACE_S:
            self.failed(error)
        else:  # as in Attempts: the backend never saw it
            self.upstream = None
            self.was_sent = False
            self.call_off = pool.dial(self.exchange.route.table.connect_s, self._dialled)

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

"""One call's attempts: sent, tried again elsewhere if need be, given up, or left by its client.

start -> a connection -> sent ...... answered           (exchange.py)
  ^                               .. refused, failed -> the next target, or the same a little later
  |                               .. stale           -> a new connection, for the backend never saw it
  +-------------------------------------------------/
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import Any

from weighbridge.chat import Piece, Usage
from weighbridge.errors import BackendUnreachable, CallTimedOut, CannotAsk, EngineError, StreamCut, WeighbridgeError

from .carrier import Flow
from .finishes import reasons_in
from .local import LocalEngine, LocalRun
from .record import Record
from .refusal import refused_by, retry_after_of
from .upstream import Upstream

log = logging.getLogger("weighbridge.gateway")
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 8.0
RACE_S = 0.5
"""A kept connection that is closed within that time was being closed when the request was sent."""
ELSEWHERE = frozenset({401, 403, 404, 408, 409, 425, 429})
"""Statuses below 500 that say something of the backend or of our key there; another backend may do better."""


class Attempts(Record, ABC):
    """What is done until there is an answer; what becomes of one stands in exchange.py."""

    _billed_attempts = 0
    """Attempts that broke after they were sent: a backend may bill them."""
    _upstream: Upstream | LocalRun | None = None
    _call_off: Callable[[], Any] | None = None
    """Ends waiting for a connection, or for the next attempt."""
    _is_trying = False
    """An attempt is under way, and counted as such at its target."""
    _flow: Flow | None = None
    _held = b""
    """Of a stream that has no content yet."""
    _is_open = False
    """The client has got the beginning of its answer."""
    _is_over = False
    _heard_at = 0.0
    _events_heard = 0
    _pieces: list[Piece]

    def start(self) -> None:
        """Make the next attempt."""
        aim = self._aim
        if self._attempts:
            aim = self._aim = self._plan[self._attempts % len(self._plan)]
            self._call_off = None
            self._flow = None
            self._held = b""
            self._heard_at = 0.0
            self._first_piece_at = None
            self._sent_at = perf_counter()
        self._attempts += 1
        self._is_trying = True
        aim.under_way += 1
        aim.breaker.start()
        if aim.door.local is not None:
            self._run_local(aim.door.local)
            return
        pool = aim.door.pool
        assert pool is not None
        upstream = pool.take()
        if upstream is None:
            self._call_off = pool.dial(self.route.table.connect_s, self._dialled)
        else:
            self._send(upstream)

    def _dialled(self, got: Upstream | EngineError) -> None:
        self._call_off = None
        if isinstance(got, Upstream):
            self._sent_at = perf_counter()  # an engine that had to be started first is not slow to answer
            self._send(got)
        else:
            self.failed(got)

    def _send(self, upstream: Upstream) -> None:
        try:
            data = self._carrier.request(self._aim)
        except WeighbridgeError as error:
            upstream.close()
            self._cannot_ask(error)
            return
        except Exception:  # the gateway's outer edge too: nobody above would hear of it, and the client would wait
            log.exception("request %s failed", self.id)
            upstream.close()
            self._cannot_ask(WeighbridgeError("the gateway failed; its log knows why"))
            return
        self._upstream = upstream
        upstream.send(self, data, stream=self._carrier.stream)

    def _run_local(self, local: LocalEngine) -> None:
        """Ask an engine in this process."""
        try:
            request = self._carrier.canonical(self._aim)
        except WeighbridgeError as error:
            self._cannot_ask(error)
            return
        if self._carrier.on_request is not None:
            self._carrier.on_request(self._aim, b"")
        self._pieces = []
        self._upstream = LocalRun(local, request, self)

    def _cannot_ask(self, error: WeighbridgeError) -> None:
        """The request cannot be said to this backend, or cannot be read at all. Another backend may speak otherwise."""
        self._attempt_over()
        if isinstance(error, CannotAsk) and self._attempts < len(self._plan):
            self.start()
        else:
            self._give_up(error)

    def _attempt_over(self) -> None:
        self._upstream = None
        if self._is_trying:
            self._is_trying = False
            self._aim.under_way -= 1

    # --- what comes of them

    def stale(self, error: EngineError) -> None:
        """A connection that was kept from an earlier call was closed before a byte of the answer came. At once: it was
        closed before the request reached the backend, so that it is sent again, on a new one. Later: a failure."""
        pool = self._aim.door.pool
        if self._is_over:
            return
        if pool is None or perf_counter() - self._sent_at > RACE_S:
            self.failed(error)
            return
        self._upstream = None
        self._call_off = pool.dial(self.route.table.connect_s, self._dialled)

    def failed(self, error: EngineError) -> None:
        """This attempt has come to nothing; another one is made if that may help and nothing was said yet."""
        if self._is_over:
            return
        if self._is_trying:
            self._attempt_over()
            self._aim.failures += 1
            self._aim.breaker.failed(perf_counter())
            self._billed_attempts += not isinstance(error, BackendUnreachable)
        error.what = self._aim.door.clean(error.what)
        error.where = error.where or f"backend {self._aim.backend}"
        if self._is_open:
            self._break_off(error)
        elif error.retryable and self._attempts <= self.route.table.retries:
            self._again(error)
        else:
            self._give_up(error)

    def _refused(self, status: int, head: bytes, body: bytes) -> None:
        aim = self._aim
        error = refused_by(aim, status, head, body)
        self._attempt_over()
        if status >= 500 or status == 429:
            aim.failures += 1
            aim.breaker.failed(perf_counter())
        else:
            aim.breaker.succeeded()
        may_help = error.retryable or (status in ELSEWHERE and self._attempts < len(self._plan))
        if may_help and self._attempts <= self.route.table.retries:
            self._again(error)
        else:
            self._give_up(error)

    def _again(self, error: EngineError) -> None:
        """At the next target at once; after all have been tried, a little later."""
        self._error = error
        rounds, left = divmod(self._attempts, len(self._plan))
        if left:
            self.start()
            return
        wait = min(FIRST_WAIT_S * 2 ** (rounds - 1), LONGEST_WAIT_S)
        asked = retry_after_of(error)
        if asked is not None:
            if asked > LONGEST_WAIT_S:
                self._give_up(error)
                return
            wait = max(wait, asked)
        self._call_off = asyncio.get_running_loop().call_later(wait, self.start).cancel

    # --- the end

    def abandon(self) -> None:
        """The client has left."""
        if self._is_over:
            return
        self._billed_attempts += self._upstream is not None
        self._drop_upstream()
        if self._is_trying:
            self._attempt_over()
            self._aim.breaker.gave_up()
        self._fail(StreamCut("the client left before the answer was whole"), status=499)

    def pause(self) -> None:
        if self._upstream is not None:
            self._upstream.pause()

    def resume(self) -> None:
        if self._upstream is not None:
            self._heard_at = self.gateway.now
            self._upstream.resume()

    def check(self, now: float) -> None:
        """Fail what takes too long."""
        table = self.route.table
        if self._is_over:
            return
        if self._flow is not None and self._flow.events != self._events_heard:
            self._events_heard = self._flow.events
            self._heard_at = now
        if now - self._started_at >= table.total_s:
            self._drop_upstream()
            error = CallTimedOut(f"no whole answer within {table.total_s:g} s")
            self.failed(error)
        elif self._upstream is None:
            return
        elif self._first_piece_at is None and now - self._sent_at >= table.first_piece_s:
            self._drop_upstream()
            self.failed(BackendUnreachable(f"the backend sent no content in {table.first_piece_s:g} s"))
        elif self._heard_at and self._first_piece_at and now - self._heard_at >= table.gap_s:
            self._drop_upstream()
            self.failed(StreamCut(f"the backend fell silent for {table.gap_s:g} s, in the middle of its answer"))

    def _drop_upstream(self) -> None:
        """Or what waits for one."""
        if self._call_off is not None:
            self._call_off()
            self._call_off = None
        if self._upstream is not None:
            self._upstream.drop()
            self._upstream = None

    def _give_up(self, error: WeighbridgeError) -> None:
        """Nothing was said yet, and nothing more is tried."""
        status, self.final = self.gateway.say_no(error, self._head, self.id)
        self.must_close = False
        self._fail(error, status=status)

    def _fail(self, error: WeighbridgeError, *, status: int) -> None:
        self._is_over = True
        self._error = error
        self.outcome = "failed"
        self.status = status
        if not self._billed_attempts:
            self.usd, self.usd_is = 0.0, "counted"
        elif self._flow is not None and self._aim.price is not None:
            self.usage = Usage(input_tokens=None, output_tokens=self._flow.events)
            self.usd, self.usd_is = self._estimate(), "estimated"
        elif self.admission.purses:
            self.usd, self.usd_is = self.admission.held_usd, "held"
        self.gateway.register.end(self)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer ended, or each of several; for traces alone, and read out of it only then."""
        if self._flow is not None:
            return self._flow.reasons
        return reasons_in(self.final.partition(b"\r\n\r\n")[2])

    def _estimate(self) -> float | None:
        """Of a stream that broke: the prompt as it was held, and a token for each event that came."""
        assert self._flow is not None
        usd = self.route.most_usd(self._carrier.body_bytes, self._flow.events)
        return min(usd, self.admission.held_usd) if self.admission.purses else usd

    # --- what a backend says (upstream.Carried, local.Told)

    @abstractmethod
    def opened(self, upstream: Upstream) -> None: ...

    @abstractmethod
    def flowed(self, data: bytes) -> None: ...

    @abstractmethod
    def flowed_out(self) -> None: ...

    @abstractmethod
    def answered(self, status: int, head: bytes, body: bytes) -> None: ...

    @abstractmethod
    def piece(self, piece: Piece) -> None: ...

    @abstractmethod
    def pieces_out(self) -> None: ...

    @abstractmethod
    def _break_off(self, error: EngineError) -> None:
        """The answer broke after its first piece."""

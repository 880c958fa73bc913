"""A call that is asked twice: a second backend beside a slow one; who answers first is taken, the other is dropped.

    first backend ....................| content?  yes: the second one is dropped
                 after `hedge` seconds| second backend .....| content?  yes: the first one is dropped

Until one of them has content (or a whole answer) nothing has reached the client, so both are the same to it. The call
is recorded once, flagged `hedged`; its cost is that of the answer plus what the dropped one may be billed, which no
backend says: its prompt, as the other counted it, and a token for each event that came.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from weighbridge.chat import Usage
from weighbridge.errors import BackendUnreachable, CallTimedOut, EngineError, WeighbridgeError

from .carrier import Carrier
from .continuation import flagged
from .continued import ContinuedExchange
from .rival import Lost, Rival
from .upstream import Upstream

FLAG = "hedged"


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
        self._is_trying = True
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

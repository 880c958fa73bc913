"""One call on its way: admitted, sent, tried again elsewhere if need be, answered, recorded, settled.

    admitted -> sent -> [nothing useful came: the next target] -> content -> end -> journal -> settled -> client

Until the first content piece nothing has reached the client, so another target can take over unseen. After it the
answer belongs to its backend: if that breaks off, the client gets an error in its own dialect, never a clean end.
The last bytes of an answer leave after the call stands in the journal: who has an answer can find it in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from weighbridge.chat import Piece, Usage
from weighbridge.chat.join import join
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import (
    BackendUnreachable,
    CallTimedOut,
    CannotAsk,
    EngineError,
    StreamCut,
    WeighbridgeError,
)

from . import reply
from .ask import Ask
from .cache import Kept
from .carrier import Flow
from .chunked import LAST_CHUNK, chunk
from .finishes import reasons_in
from .flows import PieceFlow
from .local import LocalEngine, LocalRun
from .money import Admission
from .openai_raw import EventStream
from .refusal import refused_by, retry_after_of
from .routes import Aim
from .upstream import Upstream

if TYPE_CHECKING:
    from .app import Gateway

log = logging.getLogger("weighbridge.gateway")
MOST_HELD = 1 << 20
"""Bytes of a stream without content that are held back before the backend counts as broken."""
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 8.0
ELSEWHERE = frozenset({401, 403, 404, 408, 409, 425, 429})
"""Statuses below 500 that say something of the backend or of our key there; another backend may do better."""


class Exchange:
    status = 200
    outcome = "ok"
    served: str | None = None
    usd: float | None = None
    usd_is: str | None = None
    final = b""
    must_close = False
    is_noted = False
    """The journal says that it is under way."""
    _attempts = 0
    _billed_attempts = 0
    """Attempts that broke after they were sent: a backend may bill them."""
    _upstream: Upstream | LocalRun | None = None
    _call_off: Callable[[], Any] | None = None
    _flow: Flow | None = None
    _held = b""
    _stream_head = b""
    _is_open = False
    _is_over = False
    _error: WeighbridgeError | None = None
    _heard_at = 0.0
    _events_heard = 0
    _first_piece_at: float | None = None
    _pieces: list[Piece]

    def __init__(self, gateway: Gateway, ask: Ask, admission: Admission, plan: Sequence[Aim]) -> None:
        self.gateway = gateway
        self.id = gateway.next_id()
        self.at = gateway.unix_now()
        self.route = ask.route
        self.admission = admission
        self.usage = _NO_USAGE
        self._client = ask.client
        self._head = ask.head
        self._carrier = ask.carrier
        self._cache_key = ask.cache_key
        self._decisions = ask.decisions
        self._plan = plan
        self._aim = plan[0]
        self._started_at = self._sent_at = perf_counter()

    # --- attempts

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
        self._aim.under_way -= 1
        self._upstream = None

    # --- what the backend says (upstream.Carried)

    def opened(self, upstream: Upstream) -> None:
        self._heard_at = perf_counter()

    def flowed(self, data: bytes) -> None:
        flow = self._flow
        if flow is None:
            flow = self._flow = self._carrier.flow(self._aim)
        try:
            out = flow.feed(data)
        except EngineError as error:
            self._drop_upstream()
            self.failed(error)
            return
        if flow.done:
            self._end_stream(out)
        elif out:
            self._forward(out)

    def _forward(self, out: bytes) -> None:
        if self._is_open:
            self._client.write(out if self._head.is_http_1_0 else chunk(out))
        else:
            self._hold_back(out)

    def flowed_out(self) -> None:
        flow = self._flow
        if self._is_over:
            return
        self._upstream = None
        if flow is None or not (flow.done or flow.finished):
            self.failed(StreamCut("the stream ended before the answer did"))
            return
        self._end_stream(b"")

    # --- what an engine in this process says (local.Told)

    def piece(self, piece: Piece) -> None:
        if self._is_over:
            return
        if not self._carrier.stream:
            self._pieces.append(piece)
            return
        flow = self._flow
        if not isinstance(flow, PieceFlow):
            flow = self._flow = self._carrier.pieces()
        try:
            out = flow.take((piece,))
        except EngineError as error:
            self._drop_upstream()
            self.failed(error)
            return
        if out:
            self._forward(out)

    def pieces_out(self) -> None:
        if self._is_over:
            return
        self._upstream = None
        if self._carrier.stream:
            self._end_stream(b"")
            return
        answer = join(self._pieces)
        try:
            out = self._carrier.write(answer)
        except EngineError as error:
            self.failed(error)
            return
        self._succeed_whole(out, answer.usage, answer.model)

    # --- whole answers

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        if status != 200:
            self._refused(status, head, body)
            return
        try:
            out, usage, served = self._carrier.whole(self._aim, body)
        except EngineError as error:
            self.failed(error)
            return
        self._upstream = None
        self._succeed_whole(out, usage, served)

    def _succeed_whole(self, out: bytes, usage: Usage, served: str | None) -> None:
        aim = self._aim
        self.usage, self.served = usage, served
        names = self._carrier.left_out
        if names or not self._head.keep_alive:
            close, more = not self._head.keep_alive, reply.left_out(names)
            self.final = reply.whole(200, out, self.gateway.date.field, self.id, more=more, close=close)
        else:
            self.final = reply.usual(out, self.gateway.date.field, self.id)
        aim.under_way -= 1
        aim.breaker.succeeded()
        now = self._first_piece_at = perf_counter()
        aim.measured(now - self._sent_at)
        if self._cache_key and self.route.cache is not None:
            self.route.cache.keep(self._cache_key, out, usage, served, self.gateway.now)
        self._finish_ok()

    def answer_again(self, kept: Kept) -> None:
        """What was answered to the same request before."""
        self.served = kept.model
        self.outcome = "cached"
        self.usd, self.usd_is = 0.0, "counted"
        more = b"x-weighbridge-cache: hit\r\n"
        close = not self._head.keep_alive
        self.final = reply.whole(200, kept.body, self.gateway.date.field, self.id, more=more, close=close)
        self._is_over = True
        self.gateway.finish(self)

    def failed(self, error: EngineError) -> None:
        """This attempt has come to nothing; another one is made if that may help and nothing was said yet."""
        if self._is_over:
            return
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

    # --- streams

    def _hold_back(self, out: bytes) -> None:
        """Nothing goes to the client before there is content: until then another backend can take over."""
        flow = self._flow
        assert flow is not None
        self._held += out
        self._heard_at = self.gateway.now
        if flow.begun:
            self._open_stream()
            held, self._held = self._held, b""
            self._client.write(self._stream_head + (held if self._head.is_http_1_0 else chunk(held)))
            if isinstance(flow, EventStream) and isinstance(self._upstream, Upstream) and not self._head.is_http_1_0:
                self._upstream.on_chunks = flow.passing_on(self._client.write)
        elif len(self._held) > MOST_HELD:
            self._drop_upstream()
            self.failed(StreamCut(f"the backend sent {len(self._held):,} bytes of a stream without any content"))

    def _open_stream(self) -> None:
        """The answer is this backend's now; its head goes out with its first bytes."""
        self._is_open = True
        now = perf_counter()
        self._first_piece_at = now
        self._aim.measured(now - self._sent_at)
        chunked = not self._head.is_http_1_0
        gateway = self.gateway
        kind, more = self._carrier.stream_type, reply.left_out(self._carrier.left_out)
        self._stream_head = reply.stream_head(gateway.date.field, self.id, kind=kind, chunked=chunked, more=more)

    def _end_stream(self, out: bytes) -> None:
        flow = self._flow
        assert flow is not None
        try:
            out += flow.end()
        except EngineError as error:
            self._drop_upstream()
            self.failed(error)
            return
        out = self._held + out
        self._held = head = b""
        if not self._is_open:
            self._open_stream()
            head = self._stream_head
        if self._upstream is not None:
            self._upstream.linger()
            self._upstream = None
        self._aim.under_way -= 1
        self._aim.breaker.succeeded()
        self.usage = flow.usage or _NO_USAGE
        self.served = flow.model
        self.final = head + self._last(out)
        self._finish_ok()

    def _last(self, out: bytes) -> bytes:
        if self._head.is_http_1_0:
            self.must_close = True
            return out
        return (chunk(out) if out else b"") + LAST_CHUNK

    def _break_off(self, error: EngineError) -> None:
        """The answer broke after its first piece: say so in the client's dialect."""
        self.final = self._last(self._carrier.broken(error))
        self._fail(error, status=200)

    # --- the end

    def abandon(self) -> None:
        """The client has left."""
        if self._is_over:
            return
        if self._call_off is not None:
            self._call_off()
        if self._upstream is not None:
            self._billed_attempts += 1
            self._drop_upstream()
            self._aim.under_way -= 1
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
        if self._upstream is not None:
            self._upstream.drop()
            self._upstream = None

    def _finish_ok(self) -> None:
        self._is_over = True
        usage = self.usage
        self.usd = cost_usd(usage, self._aim.price)
        if self.usd is not None:
            self.usd_is = "counted"
        self.gateway.finish(self)

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
        self.gateway.finish(self)

    def _estimate(self) -> float | None:
        """Of a stream that broke: the prompt as it was held, and a token for each event that came."""
        assert self._flow is not None
        usd = self.route.most_usd(self._carrier.body_bytes, self._flow.events)
        return min(usd, self.admission.held_usd) if self.admission.purses else usd

    # --- for the journal

    @property
    def cost_usd(self) -> float:
        """What the budgets pay: the cost, or all that was held where it is not known."""
        return self.usd if self.usd is not None else self.admission.held_usd

    @property
    def tokens(self) -> int | None:
        usage = self.usage
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        return usage.input_tokens + usage.output_tokens

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer ended, or each of several; for traces alone, and read out of it only then."""
        if self._flow is not None:
            return self._flow.reasons
        return reasons_in(self.final.partition(b"\r\n\r\n")[2])

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        """The journal's line, in the order of CallRow's columns."""
        usage, error, caller, aim = self.usage, self._error, self.admission.caller, self._aim
        is_ok = self.outcome != "failed"
        ended = perf_counter()
        first = self._first_piece_at
        flags = None
        if is_ok and self.served is not None and self.served != aim.model and aim.door.local is None:
            flags = "model-mismatch"
        if self.admission.purses and self.usd is not None and self.usd > self.admission.held_usd:
            flags = "over-hold" if flags is None else f"{flags} over-hold"
        return (
            kind,
            self.id,
            self.at,
            "gateway",
            None,
            None,
            None,
            None,
            aim.backend,
            aim.model,
            self.served,
            self.outcome,
            None if is_ok else getattr(error, "reason", None) or getattr(error, "code", "error"),
            None if is_ok or error is None else error.what[:500],
            self._attempts,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
            self.usd,
            ended - self._started_at,
            first - self._started_at if first is not None else None,
            None,
            caller.id if caller is not None else None,
            caller.team if caller is not None else None,
            self.route.model,
            self.status,
            self.usd_is,
            flags,
            self._decisions.get(aim),
        )

    def opening(self) -> tuple[Any, ...]:
        """The line that says it is under way: how it will be recorded if nothing more is heard of it."""
        line = list(self.line("open"))
        held = self.admission.held_usd if self.admission.purses else None
        line[_OUTCOME], line[_REASON], line[_ERROR] = "failed", "gateway ended", "the gateway ended before the call did"
        line[_USD], line[_USD_IS], line[_STATUS] = held, None if held is None else "held", None
        return tuple(line)

    def deliver_unsettled(self) -> None:
        """The call could not be written down: its money stays held, but the answer is the client's."""
        if self.status != 499:
            self._client.finish(self.final, close=self.must_close)

    def deliver(self) -> None:
        """The call is in the journal: settle, and let the client have the rest."""
        self.admission.settle(self.cost_usd, self.tokens)
        self.deliver_unsettled()


_NO_USAGE = Usage()
_OUTCOME, _REASON, _ERROR, _USD, _STATUS, _USD_IS = 11, 12, 13, 19, 26, 27

"""One call on its way: admitted, sent, tried again elsewhere if need be, answered, recorded, settled.

    admitted -> sent -> [nothing useful came: the next target] -> content -> end -> journal -> settled -> client

Until the first content piece nothing has reached the client, so another target can take over unseen. After it the
answer belongs to its backend: if that breaks off, the client gets an error in its own dialect, never a clean end.
The last bytes of an answer leave after the call stands in the journal: who has an answer can find it in the ledger.
"""

from __future__ import annotations

from time import perf_counter

from weighbridge.chat import Piece, Usage
from weighbridge.chat.join import join
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import EngineError, StreamCut

from . import reply
from .attempts import Attempts
from .cache import Kept
from .chunked import LAST_CHUNK, chunk
from .flows import PieceFlow
from .openai_raw import EventStream
from .record import NO_USAGE
from .upstream import Upstream

MOST_HELD = 1 << 20
"""Bytes of a stream without content that are held back before the backend counts as broken."""


class Exchange(Attempts):
    _stream_head = b""

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
        self._attempt_over()
        aim.breaker.succeeded()
        now = self._first_piece_at = perf_counter()
        aim.measured(now - self._sent_at)
        if self._cache_key and self.route.cache is not None:
            self.route.cache.keep(self._cache_key, out, usage, served, self.gateway.now, left_out=names)
        self._finish_ok()

    def answer_again(self, kept: Kept) -> None:
        """What was answered to the same request before."""
        self.served = kept.model
        self.outcome = "cached"
        self.usd, self.usd_is = 0.0, "counted"
        more = b"x-weighbridge-cache: hit\r\n" + reply.left_out(kept.left_out)
        close = not self._head.keep_alive
        self.final = reply.whole(200, kept.body, self.gateway.date.field, self.id, more=more, close=close)
        self._is_over = True
        self.gateway.register.end(self)

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
        self._attempt_over()
        self._aim.breaker.succeeded()
        self.usage = flow.usage or NO_USAGE
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

    def _finish_ok(self) -> None:
        self._is_over = True
        usage = self.usage
        self.usd = cost_usd(usage, self._aim.price)
        if self.usd is not None:
            self.usd_is = "counted"
        self.gateway.register.end(self)

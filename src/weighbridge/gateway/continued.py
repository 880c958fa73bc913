"""A call whose route lets other backends go on with a stream that broke (continuation.py says how and when)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weighbridge.chat import Piece, Usage
from weighbridge.chat.dialect import StreamEncoder
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import BadAnswer, CannotAsk, EngineError, WeighbridgeError

from .carrier import Flow
from .continuation import FLAG, Continuation, Part, can_be_told, flagged, prompt_of
from .dialects import Conversation
from .exchange import Exchange
from .flows import PieceFlow
from .routes import Aim
from .seam import Kept, KeptFlow, KeptPieces, WatchedFlow


class ContinuedExchange(Exchange):
    """A call whose route lets other backends go on with a stream that broke."""

    _kept: Kept | None = None
    _parts: tuple[Part, ...] = ()
    _went_on = 0
    _opened_at: float | None = None
    _whole_plan: Sequence[Aim] = ()
    _asked: tuple[Aim, ...] = ()

    @property
    def _conversation(self) -> Conversation | None:
        """What was asked, if it is a conversation that may be gone on with."""
        carrier = self._carrier
        if isinstance(carrier, Continuation):
            return carrier.conversation
        return carrier if isinstance(carrier, Conversation) else None

    def start(self) -> None:
        if not self._attempts:
            self._whole_plan = self._plan
        super().start()

    # --- reading beside

    def make_flow(self, aim: Aim) -> Flow:
        """The flow of an attempt; it is read beside where the route may have to go on with it."""
        carrier, back = self._carrier, aim.door.back
        if not self.route.table.continuations or not isinstance(carrier, Conversation) or back is None:
            return carrier.flow(aim)
        try:
            request = carrier.canonical(aim)
        except WeighbridgeError:  # forwarded as it came, and our own reader would not have taken it
            return carrier.flow(aim)
        if carrier.is_raw(aim):
            return WatchedFlow(carrier.flow(aim), back.reader(request, lenient=True), back.framing, Kept())
        return KeptFlow(back.reader(request), back.framing, carrier.encoder(), Kept())

    def make_pieces(self, aim: Aim) -> PieceFlow:
        """The same for an engine in process."""
        carrier = self._carrier
        if isinstance(carrier, Continuation):
            return carrier.pieces_for(aim)
        if not self.route.table.continuations or not isinstance(carrier, Conversation):
            return carrier.pieces()
        return KeptPieces(carrier.encoder(), Kept())

    def flowed(self, data: bytes) -> None:
        if self._flow is None:
            self._flow = self.make_flow(self._aim)
        self._goes_on()
        super().flowed(data)
        flow = self._flow
        if isinstance(flow, WatchedFlow | KeptFlow) and flow.broken is not None and not self._is_over:
            self._drop_upstream()
            self.failed(flow.broken)

    def piece(self, piece: Piece) -> None:
        if self._flow is None and self._carrier.stream and not self._is_over:
            self._flow = self.make_pieces(self._aim)
        self._goes_on()
        super().piece(piece)

    def _goes_on(self) -> None:
        """Something came: of a continuation it is no first piece."""
        if self._opened_at is not None:
            self._first_piece_at = self._opened_at

    # --- going on

    def _break_off(self, error: EngineError) -> None:
        flow = self._flow
        if isinstance(flow, WatchedFlow | KeptFlow | KeptPieces):
            self._kept = flow.kept
        self._asked = (*self._asked, self._aim)
        aim = self._next_aim() if self._can_go_on() else None
        if aim is None or self._conversation is None or self._kept is None:
            super()._break_off(error)
            return
        if flow is not None:
            read = flow.usage.input_tokens if flow.usage is not None else None
            if isinstance(self._carrier, Continuation) and self._carrier.mender is not None:
                read = self._carrier.mender.own.input_tokens
            written = self._kept.texts - sum(part.output_tokens for part in self._parts)
            self._parts = (*self._parts, Part(self._aim, read, written))
        self._error = error
        self._went_on += 1
        self._opened_at = self._opened_at or self._first_piece_at
        encoder = flow.encoder if isinstance(flow, KeptFlow | KeptPieces) else self._encoder()
        self._carrier = Continuation(self._conversation, encoder, self._kept, self._parts)
        self._plan = (aim,)
        self.start()

    def _encoder(self) -> StreamEncoder:
        """The one that goes on writing; where bytes were forwarded, one in the state it would be in had it written
        them."""
        carrier = self._carrier
        if isinstance(carrier, Continuation):
            return carrier.encoder
        assert isinstance(carrier, Conversation)
        assert self._kept is not None
        encoder = carrier.encoder()
        for piece in self._kept.pieces:
            encoder.piece(piece)
        return encoder

    def _can_go_on(self) -> bool:
        flow, kept, conversation = self._flow, self._kept, self._conversation
        if conversation is None or kept is None or not kept.is_plain or not kept.text.strip():
            return False
        if self._went_on >= self.route.table.continuations or (flow is not None and flow.finished):
            return False
        request = conversation.canonical(self._aim)
        is_held = request.schema is not None or request.any_json or bool(request.choices)
        return not is_held and not (conversation.is_raw(self._aim) and conversation.dialect == "openai_responses")

    def _next_aim(self) -> Aim | None:
        """A backend that was not asked yet and goes on from a beginning."""
        conversation, now = self._conversation, self.gateway.now
        assert conversation is not None
        for aim in self._whole_plan:
            if aim not in self._asked and aim.breaker.lets_through(now) and can_be_told(conversation, aim):
                return aim
        return None

    # --- a continuation never begins an answer anew

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        if self._is_open and status == 200:
            self.failed(BadAnswer("the backend was asked for a stream and answered without one"))
        else:
            super().answered(status, head, body)

    def _again(self, error: EngineError) -> None:
        if self._is_open:
            self._break_off(error)
        else:
            super()._again(error)

    def _give_up(self, error: WeighbridgeError) -> None:
        if not self._is_open:
            super()._give_up(error)
        elif isinstance(error, EngineError):
            self._break_off(error)
        else:
            super()._break_off(CannotAsk(error.what))

    # --- what all parts cost

    def _finish_ok(self) -> None:
        if not self._parts:
            super()._finish_ok()
            return
        carrier = self._carrier
        own = carrier.mender.own if isinstance(carrier, Continuation) and carrier.mender is not None else Usage()
        super()._finish_ok()
        read = prompt_of(self._parts, own)
        costs = [cost_usd(own, self._aim.price)]
        costs += [cost_usd(part.usage(read), part.aim.price) for part in self._parts]
        self._bill(costs)

    def _fail(self, error: WeighbridgeError, *, status: int) -> None:
        self._first_piece_at = self._first_piece_at or self._opened_at
        super()._fail(error, status=status)
        if not self._parts or self.usd_is == "held":
            return
        costs = [cost_usd(part.usage(self._carrier.body_bytes), part.aim.price) for part in self._parts]
        self._bill([self.usd or 0.0, *costs])

    def _bill(self, costs: Sequence[float | None]) -> None:
        """What the call cost altogether; unknown where a part of it is."""
        known = [usd for usd in costs if usd is not None]
        self.usd, self.usd_is = (sum(known), "estimated") if len(known) == len(costs) else (None, None)

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        line = super().line(kind)
        if not self._went_on:
            return line
        return flagged(line, FLAG)

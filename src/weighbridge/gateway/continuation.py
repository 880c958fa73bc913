"""An answer that broke off in its middle is gone on with by another backend, where the route allows it.

What the client has got is read beside the bytes that go to it. When the stream breaks, another backend of the route is
given the conversation with that text as the beginning of its answer, and goes on; its pieces are written into the same
stream. Nothing is repeated or lost: only a backend that goes on from a beginning is asked (Anthropic's and Ollama's
dialects, llama.cpp, OpenAI-compatible ones whose `continues` says how), and only for an answer that is plain text so
far. Otherwise the client gets the error in its dialect, as without this.

Counts and costs are the sums of all parts; of the part that broke they are estimated, for nobody counted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from weighbridge.chat import Answer, ChatRequest, Piece, Usage
from weighbridge.chat.dialect import StreamEncoder
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.request import Message
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import BadAnswer, CannotAsk, EngineError, WeighbridgeError
from weighbridge.ledger import CallRow

from .carrier import Flow
from .dialects import Conversation, whole_request
from .exchange import Exchange
from .flows import PieceFlow
from .routes import Aim
from .seam import Kept, KeptFlow, KeptPieces, MendedFlow, MendedPieces, Mender, Seam, WatchedFlow

FLAG = "continued"
_FLAGS = CallRow.__struct_fields__.index("flags") + 1


class Part:
    """A part of an answer that broke off."""

    __slots__ = ("aim", "input_tokens", "output_tokens")

    def __init__(self, aim: Aim, input_tokens: int | None, output_tokens: int) -> None:
        self.aim = aim
        self.input_tokens = input_tokens
        """As the backend counted them; None where it had not said."""
        self.output_tokens = output_tokens
        """About as many: a token for each piece of text."""

    def usage(self, prompt_tokens: int | None) -> Usage:
        """`prompt_tokens`: of its prompt, as far as others know."""
        read = self.input_tokens if self.input_tokens is not None else prompt_tokens
        return Usage(input_tokens=read, output_tokens=self.output_tokens)


def prompt_of(parts: Sequence[Part], own: Usage) -> int | None:
    """Tokens of the request as it came: what the last part read without the text it was given to go on from."""
    if own.input_tokens is None:
        return None
    return max(0, own.input_tokens - sum(part.output_tokens for part in parts))


def total(parts: Sequence[Part], own: Usage) -> Usage:
    """Counts of an answer in parts, the last of which counted `own`."""
    written = sum(part.output_tokens for part in parts)
    known, asked = own.input_tokens, prompt_of(parts, own)
    usages = [part.usage(asked) for part in parts]
    reads = [usage.input_tokens for usage in usages if usage.input_tokens is not None]
    is_known = known is not None and len(reads) == len(usages)
    return msgspec.structs.replace(
        own,
        input_tokens=known + sum(reads) if is_known and known is not None else None,
        output_tokens=None if own.output_tokens is None else own.output_tokens + written,
    )


class Continuation:
    """Carries the rest of an answer: the conversation with its beginning up, the stream's end down."""

    stream = True
    answers = 1
    left_out: tuple[str, ...] = ()

    def __init__(self, carrier: Conversation, encoder: StreamEncoder, kept: Kept, parts: Sequence[Part]) -> None:
        self.conversation = carrier
        self.encoder = encoder
        self._kept = kept
        self._parts = parts
        self._written = sum(part.output_tokens for part in parts)
        self._text = kept.text
        self.model = carrier.model
        self.body_bytes = carrier.body_bytes
        self.most_output = carrier.most_output
        self.mender: Mender | None = None
        self.on_request = carrier.on_request

    @property
    def stream_type(self) -> bytes:
        return self.conversation.stream_type

    @property
    def prefix(self) -> bytes:
        return self.conversation.prefix

    @property
    def cache_body(self) -> bytes:
        return self.conversation.cache_body

    def canonical(self, aim: Aim) -> ChatRequest:
        request = self.conversation.canonical(aim)
        if request.prompt is not None:
            request = msgspec.structs.replace(request, prompt=request.prompt + self._text)
        else:
            request = _with_beginning(request, self._text.rstrip())
        most = request.sampling.max_tokens
        if most is None:
            return request
        left = msgspec.structs.replace(request.sampling, max_tokens=max(1, most - self._written))
        return msgspec.structs.replace(request, sampling=left)

    def request(self, aim: Aim) -> bytes:
        back = aim.door.back
        assert back is not None
        sent = back.encode(self.canonical(aim), stream=True)
        data = whole_request(aim.door.head(sent.path, sent.headers), sent.body)
        return data if self.on_request is None else self.on_request(aim, data)

    def flow(self, aim: Aim) -> Flow:
        back = aim.door.back
        assert back is not None
        return MendedFlow(back.reader(self.canonical(aim)), back.framing, self.encoder, self._kept, self._mend(aim))

    def pieces_for(self, aim: Aim) -> PieceFlow:
        return MendedPieces(self.encoder, self._kept, self._mend(aim))

    def pieces(self) -> PieceFlow:
        raise AssertionError("asked with the backend it is for")

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        raise BadAnswer("the backend was asked for a stream and answered without one")

    def write(self, answer: Answer) -> bytes:
        raise AssertionError("the rest of a stream is no whole answer")

    def broken(self, error: WeighbridgeError) -> bytes:
        return self.encoder.broken(error)

    def _mend(self, aim: Aim) -> Mender:
        is_text = self.conversation.canonical(aim).prompt is not None
        seam = Seam(self._text, echoes=_echoes(aim), trims=not is_text)
        self.mender = Mender(seam, lambda own: total(self._parts, own))
        return self.mender


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
            if aim not in self._asked and aim.breaker.lets_through(now) and _can_be_told(conversation, aim):
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


def flagged(line: tuple[Any, ...], flag: str) -> tuple[Any, ...]:
    """A journal line (Exchange.line) that says one thing more of its call."""
    flags = line[_FLAGS]
    return (*line[:_FLAGS], f"{flags} {flag}" if flags else flag, *line[_FLAGS + 1 :])


def _with_beginning(request: ChatRequest, text: str) -> ChatRequest:
    """The conversation with the answer's beginning as its last message."""
    messages = request.messages
    if request.continues:
        last = messages[-1]
        if not isinstance(last.content, str):
            raise CannotAsk("the beginning of the answer is in parts, which cannot be gone on with")
        begun = msgspec.structs.replace(last, content=last.content + text)
        return msgspec.structs.replace(request, messages=(*messages[:-1], begun))
    begun = Message(role="assistant", content=text)
    return msgspec.structs.replace(request, messages=(*messages, begun), continues=True)


def _can_be_told(conversation: Conversation, aim: Aim) -> bool:
    """Whether the backend can be told to go on from a beginning."""
    try:
        request = conversation.canonical(aim)
        if request.prompt is None:
            request = _with_beginning(request, "x")
        if aim.door.back is not None:
            aim.door.back.encode(request, stream=True)
    except WeighbridgeError:
        return False
    return aim.door.back is not None or aim.door.record.kind == "llamacpp"


def _echoes(aim: Aim) -> bool:
    back = aim.door.back
    return isinstance(back, OpenAIBack) and back.spelling.continues == "echoed_prefix"

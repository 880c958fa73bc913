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

from weighbridge.chat import Answer, ChatRequest, Usage
from weighbridge.chat.dialect import StreamEncoder
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.request import Message
from weighbridge.errors import BadAnswer, CannotAsk, WeighbridgeError
from weighbridge.ledger import CallRow

from .carrier import Flow
from .dialects import Conversation, whole_request
from .flows import PieceFlow
from .routes import Aim
from .seam import Kept, MendedFlow, MendedPieces, Mender, Seam

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


def can_be_told(conversation: Conversation, aim: Aim) -> bool:
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

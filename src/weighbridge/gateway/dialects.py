"""A conversation, carried from any front to any back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from weighbridge.chat import Answer, ChatRequest, Usage
from weighbridge.chat.anthropic import AnthropicFront
from weighbridge.chat.dialect import Asked, Front, Stamp, StreamEncoder
from weighbridge.chat.prompt_kind import prompted
from weighbridge.errors import BadAnswer, RequestError, WeighbridgeError

from .carrier import Flow
from .flows import PieceFlow, RawFlow, TranslatedFlow
from .openai_raw import EventStream, read_whole
from .openai_request import Peek, conversation_start, swap_model, with_model
from .outline import Body, Outline, in_one
from .peeks import Seen
from .reply import openai_error
from .routes import Aim

MakeStamp = Callable[[str], Stamp]
"""What an answer is known by, for a public model name."""

COUNT_PATH = "/v1/messages/count_tokens"
PASSED_ON = ("anthropic-version", "anthropic-beta", "openai-beta")
"""Header fields of the dialects themselves, which a backend of the same dialect is given as they came."""


def whole_request(head: bytes, body: bytes) -> bytes:
    """`head` goes up to content-length's value."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def request_in_parts(head: bytes, body: Body) -> Body:
    """The same of a body that may be in parts, and then stays so."""
    if isinstance(body, bytes):
        return whole_request(head, body)
    return (b"%b%d\r\n\r\n" % (head, sum(map(len, body))), *body)


class Conversation:
    """Of one request. `fields` are its header fields, by lower-case name; `stamp` makes what an answer is known by, for
    a public model name."""

    on_request: Callable[[Aim, bytes], bytes] | None = None
    left_out: tuple[str, ...] = ()
    _asked: Asked | None = None
    _stamp: Stamp | None = None

    def __init__(
        self,
        front: Front,
        path: str,
        body: bytes,
        *,
        seen: Seen,
        fields: Mapping[str, str],
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._front = front
        self._path = path
        self._body = body
        self._fields = fields
        self._new_stamp = stamp
        self.body_bytes = len(body)
        self.model = seen.model
        self.stream = seen.stream and path != COUNT_PATH
        self.most_output = 1 if path == COUNT_PATH else seen.most_output  # what counting costs at most
        self.answers = 1

    @property
    def stream_type(self) -> bytes:
        return self._front.stream_type.encode()

    @property
    def prefix(self) -> bytes:
        return conversation_start(self._body)

    @property
    def cache_body(self) -> bytes:
        return self._body

    def request(self, aim: Aim) -> Body:
        if self.left_out:
            self.left_out = ()
        data = self._raw_request(aim) if self._is_raw(aim) else self._translated(aim)
        return data if self.on_request is None else self.on_request(aim, in_one(data))

    def _translated(self, aim: Aim) -> bytes:
        back = aim.door.back
        assert back is not None
        sent = back.encode(self.canonical(aim), stream=self.stream)
        self.left_out = sent.left_out
        return whole_request(aim.door.head(sent.path, sent.headers), sent.body)

    def flow(self, aim: Aim) -> Flow:
        back = aim.door.back
        assert back is not None
        if self._is_raw(aim):
            return RawFlow(back.reader(self._shape(), lenient=True), back.framing)
        return TranslatedFlow(back.reader(self.canonical(aim)), back.framing, self._encoder())

    def pieces(self) -> PieceFlow:
        return PieceFlow(self._encoder())

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        back = aim.door.back
        assert back is not None
        if not self._is_raw(aim):
            answer = back.decode(body, self.canonical(aim))
            return self.write(answer), answer.usage, answer.model
        if self._path == COUNT_PATH:
            return body, Usage(input_tokens=0, output_tokens=0), None
        answer = back.decode(body, self._shape(), lenient=True)
        return body, answer.usage, answer.model

    def write(self, answer: Answer) -> bytes:
        if self._path != COUNT_PATH:
            return self._front.encode(answer, self._read(), self._stamped())
        if answer.usage.input_tokens is None:
            raise BadAnswer("the backend does not say how many tokens a request has")
        return AnthropicFront().counted(answer.usage.input_tokens)

    def broken(self, error: WeighbridgeError) -> bytes:
        try:
            return self._encoder().broken(error)
        except RequestError:  # carried as it came, and our own reader would not have taken it
            return b"data: %b\n\n" % openai_error(error.what, kind="server_error", code=None)

    def canonical(self, aim: Aim) -> ChatRequest:
        request = msgspec.structs.replace(self._read().request, model=aim.model)
        if aim.prompt is not None:
            messages = prompted(request.messages, aim.prompt, aim.model)
            request = msgspec.structs.replace(request, messages=messages)
        if self._path == COUNT_PATH:  # no other dialect counts without answering; one token is the shortest answer
            sampling = msgspec.structs.replace(request.sampling, max_tokens=1)
            request = msgspec.structs.replace(request, sampling=sampling)
        return request

    # --- for who goes on with a broken stream (continuation.py)

    @property
    def dialect(self) -> str:
        """The front's name."""
        return self._front.name

    @property
    def asked(self) -> Asked:
        """RequestError where our own reader does not take what was forwarded as it came."""
        return self._read()

    def is_raw(self, aim: Aim) -> bool:
        """Whether a backend's bytes are forwarded as they are."""
        return self._is_raw(aim)

    def encoder(self, stamp: Stamp | None = None) -> StreamEncoder:
        """A new one for the answer's stream."""
        return self._front.stream(self._read(), stamp or self._stamped())

    def _is_raw(self, aim: Aim) -> bool:
        back = aim.door.back
        return back is not None and back.name == self._front.name and not back.adapts and aim.prompt is None

    def _raw_request(self, aim: Aim) -> Body:
        fields = tuple((name, self._fields[name]) for name in PASSED_ON if name in self._fields)
        if self._front.name == "anthropic" and "anthropic-version" not in self._fields:
            fields += (("anthropic-version", "2023-06-01"),)
        body = swap_model(self._body, self.model, aim.model)
        path = self._path.removeprefix("/v1/").removeprefix("/")
        return request_in_parts(aim.door.head(path, fields), body)

    def _shape(self) -> ChatRequest:
        """What a reader must know of a request that was not read: whether it is a conversation."""
        return ChatRequest(model="", prompt="" if self._path.endswith(("/generate", "/completions")) else None)

    def _read(self) -> Asked:
        if self._asked is None:
            self._asked = self._front.decode(self._path, self._body)
        return self._asked

    def _stamped(self) -> Stamp:
        """The same for all of an answer."""
        if self._stamp is None:
            self._stamp = self._new_stamp(self.model)
        return self._stamp

    def _encoder(self) -> StreamEncoder:
        return self._front.stream(self._read(), self._stamped())


class OpenAIConversation(Conversation):
    """With OpenAI's dialect on both sides, only what must be known is read."""

    def __init__(
        self,
        front: Front,
        path: str,
        body: bytes,
        *,
        asked: Peek,
        found: Outline | None,
        fields: Mapping[str, str],
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._peek = asked
        self._outline = found
        self._front = front
        self._path = path
        self._body = body
        self._fields = fields
        self._new_stamp = stamp
        self.body_bytes = len(body)
        self.model = asked.model
        self.stream = asked.stream is True
        answers = self.answers = 1 if asked.n is None and asked.best_of is None else asked.answers
        each = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
        self.most_output = None if each is None or each < 0 else each * answers

    def _raw_request(self, aim: Aim) -> Body:
        door = aim.door
        asks = self.stream and door.stream_usage and not self._peek.wants_usage
        body = with_model(self._body, self._peek, aim.model, ask_usage=asks, found=self._outline)
        return request_in_parts(door.head(self._path[4:]), body)  # 4: below the base URL's /v1

    def flow(self, aim: Aim) -> Flow:
        if self._is_raw(aim):
            return EventStream(wants_usage=self._peek.wants_usage)
        return super().flow(aim)

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        if self._is_raw(aim):
            usage, model = read_whole(body)
            return body, usage, model
        return super().whole(aim, body)

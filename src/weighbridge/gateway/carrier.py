"""How a request and its answer are carried between the dialect of a client and that of a backend.

same dialect        original bytes, with the model's name swapped (OpenAIRaw)
another dialect     through the canonical records of `chat` (translate.py)
"""

from __future__ import annotations

from typing import Protocol

from weighbridge.chat import Usage
from weighbridge.errors import WeighbridgeError

from .openai_raw import EventStream, Peek, conversation_start, read_whole, with_model
from .reply import openai_error
from .routes import Aim


class Flow(Protocol):
    """A streamed answer on its way to the client."""

    begun: bool
    done: bool
    finished: bool
    usage: Usage | None
    model: str | None
    events: int

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the next bytes. Raises EngineError."""
        ...

    def end(self) -> bytes:
        """What the client still gets, once the backend's stream has ended well. Raises EngineError."""
        ...

    def broken(self, error: WeighbridgeError) -> bytes:
        """An error in the client's dialect, in place of the rest."""
        ...


class Carrier(Protocol):
    """Of one request."""

    model: str
    """The public name that was asked for."""
    stream: bool
    stream_type: bytes
    body_bytes: int
    """Of the request, as the client sent it."""

    @property
    def most_output(self) -> int | None:
        """Tokens of all answers together, where the request bounds them."""
        ...

    @property
    def answers(self) -> int:
        """How many are asked for."""
        ...

    @property
    def prefix(self) -> bytes:
        """What the beginning of the conversation is known by."""
        ...

    def request(self, aim: Aim) -> bytes:
        """The whole request for a backend. Raises CannotAsk for what its dialect cannot say."""
        ...

    def flow(self, aim: Aim) -> Flow: ...

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        """A whole answer for the client, its counts, the model that was served. Raises EngineError."""
        ...


class OpenAIRaw:
    """OpenAI's dialect on both sides."""

    __slots__ = ("_body", "_path", "_peek", "body_bytes", "model", "stream")

    stream_type = b"text/event-stream; charset=utf-8"

    def __init__(self, path: str, body: bytes, asked: Peek) -> None:
        """`path`: below the base URL, e.g. `chat/completions`."""
        self._path = path
        self._body = body
        self.body_bytes = len(body)
        self._peek = asked
        self.model = asked.model
        self.stream = asked.stream is True

    @property
    def most_output(self) -> int | None:
        return 0 if self._path == "embeddings" else self._peek.most_output

    @property
    def answers(self) -> int:
        return self._peek.answers

    @property
    def prefix(self) -> bytes:
        return conversation_start(self._body)

    def request(self, aim: Aim) -> bytes:
        door = aim.door
        asks = self.stream and door.stream_usage and not self._peek.wants_usage
        body = with_model(self._body, self._peek, aim.model, ask_usage=asks)
        return b"%b%d\r\n\r\n%b" % (door.heads[self._path], len(body), body)

    def flow(self, aim: Aim) -> Flow:
        return _RawFlow(wants_usage=self._peek.wants_usage)

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        usage, model = read_whole(body)
        return body, usage, model


class _RawFlow(EventStream):
    __slots__ = ()

    def end(self) -> bytes:
        return b""

    def broken(self, error: WeighbridgeError) -> bytes:
        return b"data: %b\n\n" % openai_error(error.what, kind="server_error", code=_code(error))


def _code(error: WeighbridgeError) -> str:
    return str(getattr(error, "code", None) or getattr(error, "reason", "error")).replace(" ", "_")

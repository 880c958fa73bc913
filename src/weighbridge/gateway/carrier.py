"""How a request and its answer are carried between the dialect of a client and that of a backend.

    same dialect, OpenAI's       original bytes, read as little as can be     openai_raw.py
    same dialect, another        original bytes, its events read on the side  flows.py
    different dialects           through the canonical records of `chat`      dialects.py, flows.py
    texts to vectors             either way                                   embeddings.py

A route may lead to backends of several dialects, so it is decided anew for each attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from weighbridge.chat import Answer, ChatRequest, Usage
from weighbridge.errors import WeighbridgeError

from .flows import PieceFlow
from .outline import Body
from .routes import Aim


class Flow(Protocol):
    """A streamed answer on its way to the client."""

    begun: bool
    """Content has been seen: from here on the answer belongs to its backend."""
    done: bool
    """The backend said that nothing more comes."""
    usage: Usage | None
    model: str | None
    events: int
    """About as many as tokens were written."""

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer ended, or each of several, once it has; in the words of `Piece.finish`."""
        ...

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the next bytes. Raises EngineError."""
        ...

    def end(self) -> bytes:
        """What the client still gets, once the backend's stream has ended well. Raises EngineError."""
        ...


class Carrier(Protocol):
    """Of one request."""

    on_request: Callable[[Aim, bytes], bytes] | None
    """Changes a whole request to a backend before it is sent; for traces."""
    model: str
    """The public name that was asked for."""
    stream: bool
    body_bytes: int
    """Of the request, as the client sent it."""
    left_out: tuple[str, ...]
    """Hints of the request that the backend's dialect has no word for, once it was written."""

    @property
    def stream_type(self) -> bytes:
        """Content type of a streamed answer."""
        ...

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

    @property
    def cache_body(self) -> bytes:
        """What makes two requests the same."""
        ...

    def request(self, aim: Aim) -> Body:
        """The whole request for a backend. Raises CannotAsk for what its dialect cannot say."""
        ...

    def flow(self, aim: Aim) -> Flow: ...

    def canonical(self, aim: Aim) -> ChatRequest:
        """For an engine in process. Raises RequestError, or CannotAsk where it is no conversation."""
        ...

    def pieces(self) -> PieceFlow:
        """For what an engine in process answers."""
        ...

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        """A whole answer for the client, its counts, the model that was served. Raises EngineError."""
        ...

    def write(self, answer: Answer) -> bytes:
        """A canonical answer in the client's dialect."""
        ...

    def broken(self, error: WeighbridgeError) -> bytes:
        """An error in a stream of the client's dialect, in place of the rest."""
        ...

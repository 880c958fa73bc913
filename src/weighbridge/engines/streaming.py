"""How an engine reads a streamed answer, whatever its dialect: piece by piece, until the answer says it is over.

When the stream breaks before that, the error keeps the text that had come; after that a cut changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

from weighbridge.chat import Answer, Piece
from weighbridge.errors import StreamCut
from weighbridge.net.calls import Headers, Stream

LINGER_S = 0.1
"""How long a finished stream may take to end its connection's turn before the connection is given up."""


class Reader(Protocol):
    """What is known of an answer while it comes; every dialect's event reader is one."""

    done: bool
    """The backend said that nothing more comes."""
    texts: list[str]
    """Text given so far."""

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended; only counts can still be missing."""
        ...

    def end(self) -> Piece:
        """The last piece. StreamCut if the stream ended before the answer did."""
        ...


async def read_pieces(
    response: Stream, read: Callable[[bytes], Iterable[Piece]], reader: Reader
) -> AsyncIterator[Piece]:
    """Every piece, the last one from `reader.end()`; `read` hands a chunk to the reader and gives its pieces.

    Raises StreamCut, whose `pieces` are the texts that had come, and whatever EngineError `read` raises.
    """
    try:
        async for chunk in response.chunks():
            for piece in read(chunk):
                yield piece
            if reader.done:
                break
    except StreamCut as error:
        if not reader.finished:
            error.pieces = error.pieces or tuple(reader.texts)
            raise
    yield reader.end()
    await response.linger(LINGER_S)


async def read_whole(response: Stream) -> bytes:
    """The body of an answer that a server sends at once though a stream was asked for."""
    return b"".join([chunk async for chunk in response.chunks()])


def is_event_stream(headers: Headers) -> bool:
    """Whether the answer comes as server-sent events, as its head says."""
    return (headers.get("content-type") or "").lower().startswith("text/event-stream")


def as_piece(answer: Answer) -> Piece:
    """A whole answer as the one piece of its stream."""
    return Piece(
        text=answer.text,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        finish=answer.finish or "stop",
        usage=answer.usage,
        model=answer.model,
        logprobs=answer.logprobs,
    )

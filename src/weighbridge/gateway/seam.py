"""What a client has got of a stream, and how another backend's words are put to it without a gap or a double.

kept     pieces read beside the bytes that went to the client
seam     what the new backend says first: white space the client has already (chat templates strip it from the end
         of a message, so it is written again), or, at vendors that answer so, the whole beginning
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from weighbridge.chat import Piece, Usage
from weighbridge.chat.dialect import EventReader, Framing, StreamEncoder
from weighbridge.errors import BadAnswer, EngineError
from weighbridge.net.sse import SseParser

from .carrier import Flow
from .flows import PieceFlow, TranslatedFlow

_EVENT = re.compile(rb".*?(?:\r\n\r\n|\n\n)", re.DOTALL)
_LINE = re.compile(rb".*?\n", re.DOTALL)


class Kept:
    """Pieces that went to the client."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.is_plain = True
        """Nothing but text so far: what can be gone on from."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def texts(self) -> int:
        """Pieces with text: about as many as tokens."""
        return sum(bool(piece.text) for piece in self.pieces)

    def add(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.reasoning or piece.thoughts or piece.tool_calls or piece.call_parts:
                self.is_plain = False
            self.pieces.append(piece)


class WatchedFlow:
    """A stream forwarded as it is, read beside. An error among its events does not go out: it is raised, or, where
    something came before it, kept in `broken`."""

    def __init__(self, inner: Flow, reader: EventReader, framing: Framing, kept: Kept) -> None:
        self._inner = inner
        self._reader = reader
        self._sse = SseParser() if framing == "sse" else None
        self._event = _EVENT if framing == "sse" else _LINE
        self.kept = kept
        self.broken: EngineError | None = None

        self.begun = False
        self.done = False
        self.finished = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0

    def feed(self, data: bytes) -> bytes:
        out = self._inner.feed(data)
        self._see()
        good = 0
        for event in self._event.finditer(out):
            try:
                self.kept.add(self._read(event.group()))
            except EngineError as error:
                if not good:
                    raise
                self.broken = error
                return out[:good]
            good = event.end()
        return out

    def end(self) -> bytes:
        out = self._inner.end()
        self._see()
        return out

    @property
    def reasons(self) -> tuple[str, ...]:
        return self._inner.reasons

    def _see(self) -> None:
        inner = self._inner
        self.begun, self.done, self.finished = inner.begun, inner.done, inner.finished
        self.usage, self.model, self.events = inner.usage, inner.model, inner.events

    def _read(self, event: bytes) -> list[Piece]:
        if self._sse is None:
            return self._reader.feed(event)
        return [piece for each in self._sse.feed(event) for piece in self._reader.feed(each.data, each.event)]


class KeptFlow(TranslatedFlow):
    """A translated stream whose pieces are kept."""

    def __init__(self, reader: EventReader, framing: Framing, encoder: StreamEncoder, kept: Kept) -> None:
        super().__init__(reader, framing, encoder)
        self.encoder = encoder
        self.kept = kept
        self.broken: EngineError | None = None

    def feed(self, data: bytes) -> bytes:
        """As without keeping; but what came before an error still goes out, and the error is kept for afterwards."""
        reader, out = self._reader, b""
        try:
            for payload, kind in self._events(data):
                out += self.take(reader.feed(payload, kind))
        except EngineError as error:
            if not out:
                raise
            self.broken = error
        self.done, self.finished = reader.done, reader.finished
        return out

    def take(self, pieces: Iterable[Piece]) -> bytes:
        pieces = list(pieces)
        out = super().take(pieces)
        self.kept.add(pieces)
        return out

    def _events(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        if self._sse is None:
            yield from ((line, b"") for line in self._lines.feed(data))
        else:
            yield from ((event.data, event.event) for event in self._sse.feed(data))


class KeptPieces(PieceFlow):
    """The same of an engine in process."""

    def __init__(self, encoder: StreamEncoder, kept: Kept) -> None:
        super().__init__(encoder)
        self.encoder = encoder
        self.kept = kept

    def take(self, pieces: Iterable[Piece]) -> bytes:
        pieces = list(pieces)
        out = super().take(pieces)
        self.kept.add(pieces)
        return out


class Seam:
    """Takes out of a continuation what the client has already."""

    def __init__(self, before: str, *, echoes: bool, trims: bool) -> None:
        """`before`: the text so far. `echoes`: the backend begins with all of it again. `trims`: the white space at its
        end was not sent, or may have been stripped."""
        bare = before.rstrip() if trims else before
        self._echo = bare if echoes else ""
        self._space = before[len(bare) :]

    def take(self, text: str) -> str:
        """What is new of it. BadAnswer where a promised echo is none: then nobody knows where the answer goes on."""
        if self._echo and text:
            common = min(len(self._echo), len(text))
            if self._echo[:common] != text[:common]:
                raise BadAnswer("the backend did not go on from the beginning it was given")
            self._echo, text = self._echo[common:], text[common:]
        while self._space and text:
            if text[0] != self._space[0]:
                self._space = ""
                break
            self._space, text = self._space[1:], text[1:]
        return text


class Mender:
    """Mends pieces of a continuation before they are written: the seam, and the counts of all parts."""

    def __init__(self, seam: Seam, total: Callable[[Usage], Usage]) -> None:
        """`total`: the counts of all parts, from those of this one."""
        self._seam = seam
        self._total = total
        self.own = Usage()
        """What this backend alone has counted."""

    def mend(self, pieces: Iterable[Piece]) -> list[Piece]:
        return [self._mended(piece) for piece in pieces]

    def _mended(self, piece: Piece) -> Piece:
        if piece.text:
            piece = msgspec.structs.replace(piece, text=self._seam.take(piece.text))
        if piece.usage is not None:
            self.own = piece.usage
            piece = msgspec.structs.replace(piece, usage=self._total(piece.usage))
        return piece


class MendedFlow(KeptFlow):
    """A backend's continuation."""

    def __init__(
        self, reader: EventReader, framing: Framing, encoder: StreamEncoder, kept: Kept, mender: Mender
    ) -> None:
        super().__init__(reader, framing, encoder, kept)
        self._mender = mender

    def take(self, pieces: Iterable[Piece]) -> bytes:
        return super().take(self._mender.mend(pieces))


class MendedPieces(KeptPieces):
    """The same of an engine in process."""

    def __init__(self, encoder: StreamEncoder, kept: Kept, mender: Mender) -> None:
        super().__init__(encoder, kept)
        self._mender = mender

    def take(self, pieces: Iterable[Piece]) -> bytes:
        return super().take(self._mender.mend(pieces))

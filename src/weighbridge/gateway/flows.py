"""Streams on their way from a backend to a client: forwarded as they are, or taken apart and written anew."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.chat import Piece, Usage
from weighbridge.chat.dialect import EventReader, Framing, StreamEncoder
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

from .cut import Cutter


class PieceFlow:
    """Pieces to a client's dialect."""

    def __init__(self, encoder: StreamEncoder) -> None:
        self._encoder = encoder
        self.begun = False
        self.done = False
        self.finished = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0
        self.reasons: tuple[str, ...] = ()

    def take(self, pieces: Iterable[Piece]) -> bytes:
        out = b""
        for piece in pieces:
            self.events += 1
            if not self.begun and _has_content(piece):
                self.begun = True
            if piece.usage is not None:
                self.usage = piece.usage
            if piece.model is not None:
                self.model = piece.model
            if piece.finish is not None:
                self.finished = True
                self.reasons = (piece.finish,)
            out += self._encoder.piece(piece)
        return out

    def feed(self, data: bytes) -> bytes:
        raise AssertionError("an engine in process answers in pieces")

    def end(self) -> bytes:
        return self._encoder.end()


class TranslatedFlow(PieceFlow):
    """A backend's events, through pieces, to a client's dialect."""

    def __init__(self, reader: EventReader, framing: Framing, encoder: StreamEncoder) -> None:
        super().__init__(encoder)
        self._reader = reader
        self._sse = SseParser() if framing == "sse" else None
        self._lines = LineParser()

    def feed(self, data: bytes) -> bytes:
        reader = self._reader
        out = b""
        if self._sse is not None:
            for payload, kind, _ in self._sse.feed(data):
                pieces = reader.feed(payload, kind)
                if pieces:
                    out += self.take(pieces)
        else:
            for line in self._lines.feed(data):
                out += self.take(reader.feed(line))
        self.done = reader.done
        self.finished = reader.finished
        return out

    def end(self) -> bytes:
        out = b""
        for line in self._lines.end():
            out += self.take(self._reader.feed(line))
        out += self.take((self._reader.end(),))
        return out + self._encoder.end()


class RawFlow:
    """A stream forwarded as it is, event by event; a reader looks on for counts and for where content begins."""

    def __init__(self, reader: EventReader, framing: Framing) -> None:
        self._reader = reader
        self._cutter = Cutter(framing)
        self._sse = SseParser() if framing == "sse" else None
        self.begun = False
        self.done = False
        self.finished = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0
        self.reasons: tuple[str, ...] = ()

    def feed(self, data: bytes) -> bytes:
        data = self._cutter.feed(data)
        if data:
            self._look(data)
        return data

    def end(self) -> bytes:
        rest = self._cutter.held
        if rest and self._sse is None:  # a last line without its end
            self._look(rest + b"\n")
        last = self._reader.end()
        self.usage, self.model = last.usage, last.model
        self.reasons = (last.finish,) if last.finish is not None else ()
        return rest if self._sse is None else b""

    def _look(self, data: bytes) -> None:
        reader = self._reader
        if self._sse is not None:
            events = [(event.data, event.event) for event in self._sse.feed(data)]
        else:
            events = [(line, b"") for line in data.split(b"\n") if line.strip()]
        self.events += len(events)
        for payload, kind in events:
            pieces = reader.feed(payload, kind)
            if not self.begun and any(map(_has_content, pieces)):
                self.begun = True
        self.done = reader.done
        self.finished = reader.finished


def _has_content(piece: Piece) -> bool:
    return bool(piece.text or piece.reasoning or piece.tool_calls or piece.call_parts or piece.finish)

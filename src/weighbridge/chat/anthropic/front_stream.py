"""A streamed canonical answer as Anthropic's events.

    message_start, then for each block content_block_start, deltas, content_block_stop, then message_delta, message_stop

A tool call's block stays open while its arguments are no whole JSON yet, so that calls a backend writes in turns keep
their own.
"""

from __future__ import annotations

from typing import Any

from weighbridge.chat.answer import CallPart, Piece, Usage
from weighbridge.chat.anthropic.front_answer import stop_reason, usage_counts
from weighbridge.chat.anthropic.front_error import error_json
from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.call_parts import CallFlow
from weighbridge.chat.dialect import Stamp
from weighbridge.chat.json_text import answer_json, lenient_object, text_json
from weighbridge.chat.request import Thought
from weighbridge.chat.signatures import of_call, sealed
from weighbridge.errors import WeighbridgeError

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TEXT = b'{"type":"text","text":""}'
_THINKING = b'{"type":"thinking","thinking":"","signature":""}'
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessageStream:
    def __init__(self, stamp: Stamp, model: str) -> None:
        self._stamp = stamp
        self._model = model
        self._begun = False
        self._next = 0
        self._open = ""
        """Kind of the block that text or reasoning goes into."""
        self._calls: dict[int, tuple[int, list[str]]] = {}
        """Of calls whose blocks are open: the call's index to the block's, and the arguments so far."""
        self._flow = CallFlow()
        self._finish: str | None = None
        self._stopped_by: str | None = None
        self._usage: Usage | None = None

    def piece(self, piece: Piece) -> bytes:
        out = [] if self._begun else [self._start()]
        if piece.reasoning:
            self._into("thinking", _THINKING, out)
            out.append(_DELTA % (self._next, b"thinking_delta", b"thinking", text_json(piece.reasoning)))
        for thought in piece.thoughts:
            self._thought(thought, out)
        if piece.text:
            self._into("text", _TEXT, out)
            out.append(_DELTA % (self._next, b"text_delta", b"text", text_json(piece.text)))
        for part in self._flow.parts(piece):
            self._call(part, out)
        self._finish = piece.finish or self._finish
        self._stopped_by = piece.stop_sequence or self._stopped_by
        self._usage = piece.usage or self._usage
        return b"".join(out)

    def end(self) -> bytes:
        out = [] if self._begun else [self._start()]
        self._close(out)
        self._close_calls(out)
        delta = {"stop_reason": stop_reason(self._finish, self._stopped_by), "stop_sequence": self._stopped_by}
        event = {"type": "message_delta", "delta": delta, "usage": usage_counts(self._usage)}
        out.append(b"event: message_delta\ndata: %b\n\n" % answer_json(event))
        out.append(_MESSAGE_STOP)
        return b"".join(out)

    def broken(self, error: WeighbridgeError) -> bytes:
        return b"event: error\ndata: %b\n\n" % error_json(error)

    def ping(self) -> bytes:
        return PING if self._begun else b""

    def _start(self) -> bytes:
        self._begun = True
        message: dict[str, Any] = {
            "id": f"msg_{self._stamp.id}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_counts(None),
        }
        return b"event: message_start\ndata: %b\n\n" % answer_json({"type": "message_start", "message": message})

    def _into(self, kind: str, block: bytes, out: list[bytes]) -> None:
        """Open a block of this kind, unless one is."""
        if self._open == kind:
            return
        self._close(out)
        self._close_calls(out)
        self._open = kind
        out.append(_START % (self._next, block))

    def _thought(self, thought: Thought, out: list[bytes]) -> None:
        if thought.redacted is not None:
            data = text_json(sealed(thought, NAME))
            self._into("redacted", b'{"type":"redacted_thinking","data":%b}' % data, out)
        else:
            self._into("thinking", _THINKING, out)
            if thought.text:
                out.append(_DELTA % (self._next, b"thinking_delta", b"thinking", text_json(thought.text)))
            if thought.signature:
                proof = text_json(sealed(thought, NAME))
                out.append(_DELTA % (self._next, b"signature_delta", b"signature", proof))
        self._close(out)

    def _call(self, part: CallPart, out: list[bytes]) -> None:
        opened = self._calls.get(part.index)
        if opened is None:
            if part.signature is not None:
                self._close(out)
                self._thought(of_call(part.signature), out)
            self._close(out)
            self._close_calls(out, only_whole=True)
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
            out.append(_START % (self._next, answer_json(block)))
            opened = self._calls[part.index] = self._next, []
            self._next += 1
        if part.arguments:
            opened[1].append(part.arguments)
            out.append(_DELTA % (opened[0], b"input_json_delta", b"partial_json", text_json(part.arguments)))

    def _close(self, out: list[bytes]) -> None:
        if self._open:
            out.append(_STOP % self._next)
            self._next += 1
            self._open = ""

    def _close_calls(self, out: list[bytes], *, only_whole: bool = False) -> None:
        for index, (block, arguments) in tuple(self._calls.items()):
            if not only_whole or (arguments and lenient_object("".join(arguments)) is not None):
                out.append(_STOP % block)
                del self._calls[index]

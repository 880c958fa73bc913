"""A streamed canonical answer as the chunks of a chat completion or a completion."""

from __future__ import annotations

from typing import Any

from weighbridge.chat.answer import CallPart, Piece, Usage
from weighbridge.chat.call_parts import CallFlow
from weighbridge.chat.dialect import Asked, Stamp
from weighbridge.chat.json_text import answer_json, text_json
from weighbridge.chat.openai_front.front_answer import (
    finish_reason,
    listed_logprobs,
    logprobs_wire,
    usage_counts,
)
from weighbridge.chat.openai_front.front_error import error_json
from weighbridge.chat.reasoning_details import write_details
from weighbridge.errors import WeighbridgeError

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
"""A comment: every parser of server-sent events skips it."""


class ChunkStream:
    """What both kinds share: the frame of a chunk, the last chunks, errors."""

    def __init__(self, asked: Asked, stamp: Stamp, prefix: str, kind: str) -> None:
        self._asked = asked
        head = {
            "id": f"{prefix}-{stamp.id}",
            "object": kind,
            "created": stamp.created,
            "model": stamp.model or asked.request.model,
        }
        self._head = b"data: " + answer_json(head)[:-1]
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._begun = False

    def note(self, piece: Piece) -> None:
        self._finish = piece.finish or self._finish
        self._usage = piece.usage or self._usage

    def chunk(self, what: bytes, logprobs: bytes = b"null", finish: bytes = b"null") -> bytes:
        """`what` is the delta or the text, with its name."""
        return b'%b,"choices":[{"index":0,%b,"logprobs":%b,"finish_reason":%b}]}\n\n' % (
            self._head,
            what,
            logprobs,
            finish,
        )

    def last(self, empty: bytes) -> bytes:
        out = self.chunk(empty, finish=b'"%b"' % finish_reason(self._finish).encode())
        counts = usage_counts(self._usage) if self._asked.usage else None
        if counts is not None:
            out += b'%b,"choices":[],"usage":%b}\n\n' % (self._head, answer_json(counts))
        return out + DONE

    def broken(self, error: WeighbridgeError) -> bytes:
        """Without `[DONE]`: an answer that broke never ends cleanly."""
        return b"data: %b\n\n" % error_json(error)

    def ping(self) -> bytes:
        return PING if self._begun else b""


class ChatChunks(ChunkStream):
    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        super().__init__(asked, stamp, "chatcmpl", "chat.completion.chunk")
        self._flow = CallFlow()
        self._called: set[int] = set()
        self._thoughts = 0

    def piece(self, piece: Piece) -> bytes:
        out = self._role()
        if piece.reasoning:
            text = text_json(piece.reasoning)
            out += self.chunk(b'"delta":{"reasoning_content":%b,"reasoning":%b}' % (text, text))
        if piece.thoughts:
            listed = answer_json(write_details(piece.thoughts, self._thoughts))
            self._thoughts += len(piece.thoughts)
            out += self.chunk(b'"delta":{"reasoning_details":%b}' % listed)
        if piece.text or piece.logprobs:
            logprobs = b"null"
            if piece.logprobs:
                logprobs = b'{"content":%b,"refusal":null}' % answer_json(logprobs_wire(piece.logprobs))
            out += self.chunk(b'"delta":{"content":%b}' % text_json(piece.text), logprobs)
        if piece.tool_calls or piece.call_parts:
            out += self._calls(piece)
        self.note(piece)
        return out

    def end(self) -> bytes:
        return self._role() + self.last(b'"delta":{}')

    def _role(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self.chunk(b'"delta":{"role":"assistant","content":""}')

    def _calls(self, piece: Piece) -> bytes:
        listed = [self._part(part) for part in self._flow.parts(piece)]
        return self.chunk(b'"delta":{"tool_calls":%b}' % answer_json(listed)) if listed else b""

    def _part(self, part: CallPart) -> dict[str, Any]:
        function: dict[str, Any] = {"arguments": part.arguments}
        if part.index in self._called:
            return {"index": part.index, "function": function}
        self._called.add(part.index)
        named = {"name": part.name, **function}
        wire = {"index": part.index, "id": part.id, "type": "function", "function": named}
        if part.signature is not None:
            wire["extra_content"] = {"google": {"thought_signature": part.signature}}
        return wire


class CompletionChunks(ChunkStream):
    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        super().__init__(asked, stamp, "cmpl", "text_completion")
        self._offset = 0

    def piece(self, piece: Piece) -> bytes:
        self._begun = True
        self.note(piece)
        out = b""
        if piece.reasoning:
            out += self.chunk(b'"text":"","reasoning_content":%b' % text_json(piece.reasoning))
        if piece.text or piece.logprobs:
            logprobs = b"null"
            if piece.logprobs:
                logprobs = answer_json(listed_logprobs(piece.logprobs, self._offset))
            self._offset += len(piece.text)
            out += self.chunk(b'"text":%b' % text_json(piece.text), logprobs)
        return out

    def end(self) -> bytes:
        return self.last(b'"text":""')

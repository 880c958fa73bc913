"""What an Anthropic backend answers, whole or streamed, as canonical records. Fields nobody asked for are ignored."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, Usage
from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.anthropic.wire import Usage as WireUsage
from weighbridge.chat.openai_wire import decode_json, error_text, one_line
from weighbridge.chat.pieces_reader import Calling, PiecesReader, blocks, count, part_of
from weighbridge.chat.request import Thought, ToolCall
from weighbridge.errors import BackendRefused, BadAnswer, EngineError

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Status of an error that comes in the middle of a stream, by its type."""
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


class _Block(msgspec.Struct):
    """A block of an answer, of any type."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None


class _Whole(msgspec.Struct):
    content: list[_Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None
    type: str | None = None
    error: Any = None


class _Delta(msgspec.Struct):
    """Any delta: of a block, or of the message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str
    message: _Whole | None = None
    index: int = 0
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: WireUsage | None = None
    error: Any = None


def read_answer(body: bytes, *, lenient: bool = False) -> Answer:
    """BadAnswer for what is none, BackendRefused for an error sent as an answer; `lenient` passes over blocks of
    types that are not known here."""
    whole = decode_json(body, _Whole)
    if whole.type == "error" or whole.error:
        raise in_band(whole.error)
    if whole.content is None:
        raise BadAnswer("the answer holds no content")
    texts: list[str] = []
    thoughts: list[Thought] = []
    calls: list[ToolCall] = []
    for block in whole.content:
        if block.type == "text":
            texts.append(block.text or "")
        elif block.type == "thinking":
            thoughts.append(_thought(block.thinking or "", block.signature))
        elif block.type == "redacted_thinking":
            thoughts.append(Thought(redacted=block.data or "", signed_by=NAME))
        elif block.type == "tool_use":
            calls.append(_tool_call(block, len(calls)))
        elif not lenient:
            raise _unknown(block.type)
    return Answer(
        text="".join(texts),
        reasoning="".join(thought.text for thought in thoughts),
        tool_calls=tuple(calls),
        finish=_finish(whole.stop_reason),
        usage=read_usage(whole.usage),
        model=whole.model,
        thoughts=blocks(thoughts),
        stop_sequence=whole.stop_sequence,
    )


class MessageReader(PiecesReader):
    """The events of one streamed message."""

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self._lenient = lenient
        self._blocks: dict[int, _Block] = {}
        self._by_index: dict[int, Calling] = {}
        self._proofs: dict[int, str] = {}
        self._counts = WireUsage()

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        if self.done:
            return []
        read = decode_json(data, _Event)
        kind = read.type
        if kind == "content_block_delta":
            return self._delta(read)
        if kind == "content_block_start":
            return self._begin(read)
        if kind == "content_block_stop":
            return self._stop(read.index)
        if kind == "message_start" and read.message is not None:
            self.model = read.message.model
            self._count(read.message.usage)
        elif kind == "message_delta":
            if read.delta is not None and read.delta.stop_reason is not None:
                self.finish = _finish(read.delta.stop_reason)
                self.stop_sequence = read.delta.stop_sequence
            self._count(read.usage)
        elif kind == "message_stop":
            self.done = True
        elif kind == "error":
            self.break_off(in_band(read.error))
        return []

    def _begin(self, read: _Event) -> list[Piece]:
        block = read.content_block
        if block is None:
            raise BadAnswer("a block of the answer begins without saying what it is")
        self._blocks[read.index] = block
        if block.type == "text":
            return self.text(block.text or "")
        if block.type == "thinking":
            self._proofs[read.index] = block.signature or ""
            return [Piece(reasoning=block.thinking)] if block.thinking else []
        if block.type == "redacted_thinking":
            return [Piece(thoughts=(Thought(redacted=block.data or "", signed_by=NAME),))]
        if block.type == "tool_use":
            given = "" if not block.input else _as_text(block.input)
            call = self._by_index[read.index] = self.begin_call(block.id or "", block.name or "", given)
            return [Piece(call_parts=(call.opening(),))]
        if not self._lenient:
            raise _unknown(block.type)
        return []

    def _delta(self, read: _Event) -> list[Piece]:
        delta = read.delta
        if delta is None or read.index not in self._blocks:
            raise BadAnswer(f"the answer goes on with a block {read.index} that was never begun")
        if delta.type == "text_delta":
            return self.text(delta.text or "")
        if delta.type == "thinking_delta":
            return [Piece(reasoning=delta.thinking)] if delta.thinking else []
        if delta.type == "signature_delta":
            self._proofs[read.index] = self._proofs.get(read.index, "") + (delta.signature or "")
        elif delta.type == "input_json_delta" and delta.partial_json:
            call = self._by_index.get(read.index)
            if call is None:
                if self._lenient:
                    return []
                raise BadAnswer("arguments came for a block that is no tool call")
            return [Piece(call_parts=(call.add(delta.partial_json),))]
        return []

    def _stop(self, index: int) -> list[Piece]:
        self._blocks.pop(index, None)
        proof = self._proofs.pop(index, "")
        return [Piece(thoughts=(Thought(signature=proof, signed_by=NAME),))] if proof else []

    def _count(self, usage: WireUsage | None) -> None:
        """Counts are cumulative; what an event does not say stands."""
        if usage is None:
            return
        for name in WireUsage.__struct_fields__:
            value = getattr(usage, name)
            if value is not None:
                setattr(self._counts, name, value)
        self.usage = read_usage(self._counts)


def read_usage(usage: WireUsage | None) -> Usage:
    """The whole prompt is what was read anew, from the cache and into it."""
    if usage is None:
        return Usage()
    anew, out = count(usage.input_tokens), count(usage.output_tokens)
    cached, written = count(usage.cache_read_input_tokens), count(usage.cache_creation_input_tokens)
    details = usage.output_tokens_details
    return Usage(
        input_tokens=None if anew is None else anew + (cached or 0) + (written or 0),
        output_tokens=out,
        cached_tokens=cached if anew is not None else None,
        reasoning_tokens=part_of(count(details.thinking_tokens) if details is not None else None, out),
        cache_write_tokens=written if anew is not None else None,
    )


def in_band(raw: Any) -> EngineError:
    """An error inside an answer, with the status its type has."""
    kind = raw.get("type") if isinstance(raw, dict) else None
    return BackendRefused(f"an error instead of an answer: {error_text(raw)}", status=STATUS.get(str(kind), 500))


def read_count(body: bytes) -> int:
    """Of count_tokens; BadAnswer where it is no count."""
    raw = decode_json(body, dict[str, Any])
    tokens = count(raw.get("input_tokens"))
    if tokens is None:
        raise BadAnswer("the backend gave no count of tokens")
    return tokens


def _thought(text: str, signature: str | None) -> Thought:
    return Thought(text, signature, signed_by=NAME) if signature else Thought(text)


def _tool_call(block: _Block, place: int) -> ToolCall:
    if not block.name:
        raise BadAnswer("a tool call has no name")
    return ToolCall(block.id or f"call_{place}", block.name, _as_text(block.input if block.input is not None else {}))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _finish(reason: str | None) -> str | None:
    return None if reason is None else FINISH.get(reason, one_line(reason, 40))


def _unknown(kind: str) -> BadAnswer:
    error = BadAnswer(f"the answer holds a block of the type {one_line(kind, 40)!r}, which was not asked for")
    error.retryable = False
    return error

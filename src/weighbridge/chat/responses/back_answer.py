"""What a backend of OpenAI's responses answers, whole or streamed, as canonical records."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, Usage
from weighbridge.chat.openai_wire import decode_json, error_text, in_band_error, one_line, read_logprobs
from weighbridge.chat.pieces_reader import Calling, PiecesReader, blocks, count, part_of
from weighbridge.chat.request import Thought, ToolCall
from weighbridge.chat.responses.wire import NAME
from weighbridge.errors import BackendRefused, BadAnswer

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    logprobs: Any = None


class _Item(msgspec.Struct):
    type: str
    id: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class _Details(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    output: list[_Item] | None = None
    model: str | None = None
    status: str | None = None
    incomplete_details: _Details | None = None
    usage: Any = None
    error: Any = None


class _Event(msgspec.Struct):
    type: str
    response: _Response | None = None
    item: _Item | None = None
    output_index: int = 0
    delta: str | None = None
    logprobs: Any = None
    message: str | None = None
    code: Any = None
    error: Any = None


def read_answer(body: bytes, *, lenient: bool = False) -> Answer:
    """BadAnswer for what is none, BackendRefused for an error sent as an answer; `lenient` passes over items of
    types that are not known here."""
    whole = decode_json(body, _Response)
    if whole.error:
        raise in_band_error(whole.error)
    if whole.output is None:
        raise BadAnswer("the answer holds no output")
    if whole.status in ("queued", "in_progress") and not lenient:
        raise BadAnswer(f"the answer is not written yet: its status is {whole.status!r}")
    texts: list[str] = []
    thoughts: list[Thought] = []
    calls: list[ToolCall] = []
    logprobs: Any = []
    refused = False
    for item in whole.output:
        if item.type == "message":
            for part in item.content or ():
                refused = refused or part.refusal is not None
                texts.append(part.text or part.refusal or "")
                logprobs += part.logprobs if isinstance(part.logprobs, list) else []
        elif item.type == "reasoning":
            thoughts.append(_thought(item))
        elif item.type == "function_call":
            calls.append(_call(item, len(calls)))
        elif not lenient:
            raise _unknown(item.type)
    return Answer(
        text="".join(texts),
        reasoning="".join(thought.text for thought in thoughts),
        tool_calls=tuple(calls),
        finish="refusal" if refused else _finish(whole, bool(calls)),
        usage=read_usage(whole.usage),
        model=whole.model,
        logprobs=read_logprobs(logprobs),
        thoughts=blocks(thoughts),
    )


class ResponseReader(PiecesReader):
    """The events of one streamed response."""

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self._lenient = lenient
        self._by_index: dict[int, Calling] = {}
        self._refused = False
        self._reasoned: set[int] = set()

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        if self.done or data.strip() == b"[DONE]":
            self.done = True
            return []
        read = decode_json(data, _Event)
        kind = read.type
        if kind == "response.output_text.delta":
            return self._text(read)
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            self._reasoned.add(read.output_index)
            return [Piece(reasoning=read.delta)] if read.delta else []
        if kind == "response.refusal.delta":
            self._refused = True
            return self.text(read.delta or "")
        if kind == "response.function_call_arguments.delta":
            return self._arguments(read)
        if kind == "response.output_item.added" and read.item is not None:
            return self._added(read, read.item)
        if kind == "response.output_item.done" and read.item is not None:
            return self._item_done(read, read.item)
        if kind in ("response.completed", "response.incomplete") and read.response is not None:
            self._completed(read.response)
        elif kind in ("error", "response.failed"):
            self._failed(read)
        elif kind == "response.created" and read.response is not None:
            self.model = read.response.model
        return []

    def _text(self, read: _Event) -> list[Piece]:
        logprobs = read_logprobs(read.logprobs) if read.logprobs else ()
        if not logprobs:
            return self.text(read.delta or "")
        self.texts.append(read.delta or "")
        return [Piece(read.delta or "", logprobs=logprobs)]

    def _arguments(self, read: _Event) -> list[Piece]:
        call = self._by_index.get(read.output_index)
        if call is None:
            raise BadAnswer("arguments came for a call that was never begun")
        return [Piece(call_parts=(call.add(read.delta),))] if read.delta else []

    def _added(self, read: _Event, item: _Item) -> list[Piece]:
        if item.type == "function_call":
            call = self.begin_call(item.call_id or item.id or "", item.name or "", item.arguments or "")
            self._by_index[read.output_index] = call
            return [Piece(call_parts=(call.opening(),))]
        if item.type not in ("message", "reasoning") and not self._lenient:
            raise _unknown(item.type)
        return []

    def _item_done(self, read: _Event, item: _Item) -> list[Piece]:
        if item.type != "reasoning":
            return []
        thought = _thought(item)
        if thought.signature is None:
            return []
        told = read.output_index in self._reasoned
        return [Piece(thoughts=(msgspec.structs.replace(thought, text="" if told else thought.text),))]

    def _completed(self, response: _Response) -> None:
        self.done = True
        self.model = response.model or self.model
        self.usage = read_usage(response.usage)
        self.finish = "refusal" if self._refused else _finish(response, bool(self.calls))

    def _failed(self, read: _Event) -> None:
        error = read.error or (read.response.error if read.response is not None else None)
        if error is None and read.message:
            error = {"message": read.message, "code": read.code}
        self.break_off(in_band_error(error) if error else BackendRefused("the response failed", status=500))


def read_usage(raw: Any) -> Usage:
    if not isinstance(raw, dict):
        return Usage()
    total, written = count(raw.get("input_tokens")), count(raw.get("output_tokens"))
    read, thought = raw.get("input_tokens_details"), raw.get("output_tokens_details")
    cached = count(read.get("cached_tokens")) if isinstance(read, dict) else None
    cache_written = count(read.get("cache_write_tokens")) if isinstance(read, dict) else None
    reasoning = count(thought.get("reasoning_tokens")) if isinstance(thought, dict) else None
    return Usage(total, written, part_of(cached, total), part_of(reasoning, written), part_of(cache_written, total))


def _finish(response: _Response, called: bool) -> str:
    if response.status in ("failed", "cancelled"):
        raise BadAnswer(f"the backend gave the answer up: {response.status}; {error_text(response.error)}")
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details is not None else None
        return INCOMPLETE.get(reason or "", one_line(reason or "length", 40))
    return "tool_calls" if called else "stop"


def _thought(item: _Item) -> Thought:
    text = "".join(part.text or "" for part in item.summary or ())
    text = text or "".join(part.text or "" for part in item.content or ())
    if item.encrypted_content:
        return Thought(text, item.encrypted_content, signed_by=NAME, id=item.id)
    return Thought(text)


def _call(item: _Item, place: int) -> ToolCall:
    if not item.name:
        raise BadAnswer("a tool call has no name")
    return ToolCall(item.call_id or item.id or f"call_{place}", item.name, item.arguments or "{}")


def _unknown(kind: str) -> BadAnswer:
    error = BadAnswer(f"the answer holds an item of the type {one_line(kind, 40)!r}, which was not asked for")
    error.retryable = False
    return error

"""Ollama's API as its servers speak it; its base URL ends before `/api`."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, Usage
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.ollama_api.back_request import write_request
from weighbridge.chat.ollama_api.wire import NAME
from weighbridge.chat.openai_wire import decode_json, error_text, one_line, read_logprobs
from weighbridge.chat.pieces_reader import PiecesReader, count, not_carried
from weighbridge.chat.request import ChatRequest
from weighbridge.errors import BackendRefused, BadAnswer


class _Function(msgspec.Struct):
    name: str = ""
    arguments: Any = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None
    images: Any = None


class _Object(msgspec.Struct):
    """A whole answer, or one line of a stream."""

    model: str | None = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    logprobs: Any = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


class OllamaBack:
    name = NAME
    adapts = False
    framing: Framing = "lines"

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        return write_request(request, stream=stream)

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        reader = LineReader(lenient=lenient)
        pieces = reader.feed(body)
        if not reader.done:
            raise BadAnswer("the answer does not say that it is done")
        last = reader.end()
        return Answer(
            text="".join(piece.text for piece in pieces),
            reasoning="".join(piece.reasoning for piece in pieces),
            tool_calls=last.tool_calls,
            finish=last.finish,
            usage=last.usage or Usage(),
            model=last.model,
            logprobs=tuple(each for piece in pieces for each in piece.logprobs),
        )

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        return LineReader(lenient=lenient)


class LineReader(PiecesReader):
    """The lines of one streamed answer, of chat or of generate; `lenient` passes over pictures."""

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self._lenient = lenient

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        if self.done:
            return []
        line = decode_json(data, _Object)
        if line.error:
            self.break_off(BackendRefused(f"an error instead of an answer: {error_text(line.error)}", status=500))
        self.model = self.model or line.model
        message = line.message or _Message(line.response, line.thinking)
        if message.images and not self._lenient:
            raise not_carried("pictures")
        out = [Piece(reasoning=message.thinking)] if message.thinking else []
        text, logprobs = message.content or "", read_logprobs(line.logprobs)
        if text or logprobs:
            if text:
                self.texts.append(text)
            out.append(Piece(text, logprobs=logprobs))
        for call in message.tool_calls or ():
            out.append(self._call(call))
        if line.done:
            self._finish(line)
        return out

    def _call(self, call: _Call) -> Piece:
        arguments = call.function.arguments
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
        begun = self.begin_call(call.id or "", call.function.name, text)
        return Piece(call_parts=(begun.opening(),))

    def _finish(self, line: _Object) -> None:
        self.done = True
        reason = one_line(line.done_reason or "stop", 40)
        self.finish = "tool_calls" if self.calls and reason == "stop" else reason
        self.usage = Usage(input_tokens=count(line.prompt_eval_count), output_tokens=count(line.eval_count))

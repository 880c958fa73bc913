"""A canonical answer, whole or streamed, as Ollama's objects; a stream is one object a line.

Arguments of tools are objects here, so a call is sent once they are complete. Signed reasoning loses its signature:
this wire has no place for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from weighbridge.chat.answer import Answer, Piece, TokenLogprob, Usage
from weighbridge.chat.dialect import Asked, Stamp
from weighbridge.chat.json_text import answer_json, lenient_object, text_json
from weighbridge.chat.ollama_api.front_request import GENERATE
from weighbridge.chat.problems import problem_of
from weighbridge.chat.request import ToolCall
from weighbridge.errors import BadAnswer, WeighbridgeError


def write_answer(answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
    """BadAnswer for a tool call whose arguments are no object."""
    wire: dict[str, Any] = {"model": stamp.model or asked.request.model, "created_at": created_at(stamp)}
    if asked.own == GENERATE:
        wire["response"] = answer.text
        if answer.reasoning:
            wire["thinking"] = answer.reasoning
    else:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.reasoning:
            message["thinking"] = answer.reasoning
        if answer.tool_calls:
            message["tool_calls"] = calls_wire(answer.tool_calls, 0)
        wire["message"] = message
    if answer.logprobs:
        wire["logprobs"] = logprobs_wire(answer.logprobs)
    wire |= ending(answer.finish, answer.usage)
    if answer.latency_s:
        wire["total_duration"] = int(answer.latency_s * 1_000_000_000)
    return answer_json(wire)


class LineStream:
    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        model = stamp.model or asked.request.model
        self._head = answer_json({"model": model, "created_at": created_at(stamp)})[:-1]
        self._generate = asked.own == GENERATE
        self._calls = 0
        self._finish: str | None = None
        self._usage: Usage | None = None

    def piece(self, piece: Piece) -> bytes:
        out = b""
        if piece.reasoning:
            out += self._line(b"", thinking=text_json(piece.reasoning))
        if piece.text or piece.logprobs:
            out += self._line(text_json(piece.text), logprobs=piece.logprobs)
        if piece.tool_calls:
            listed = answer_json(calls_wire(piece.tool_calls, self._calls))
            self._calls += len(piece.tool_calls)
            out += self._line(b"", calls=listed)
        self._finish = piece.finish or self._finish
        self._usage = piece.usage or self._usage
        return out

    def end(self) -> bytes:
        said = b'"response":""' if self._generate else b'"message":{"role":"assistant","content":""}'
        last = answer_json(ending(self._finish, self._usage))
        return b"%b,%b,%b\n" % (self._head, said, last[1:])

    def broken(self, error: WeighbridgeError) -> bytes:
        """A line without `done`."""
        return answer_json({"error": problem_of(error).message}) + b"\n"

    def ping(self) -> bytes:
        """This wire has no sign of life."""
        return b""

    def _line(
        self, text: bytes, *, thinking: bytes = b"", calls: bytes = b"", logprobs: Sequence[TokenLogprob] = ()
    ) -> bytes:
        more = (b',"thinking":%b' % thinking if thinking else b"") + (b',"tool_calls":%b' % calls if calls else b"")
        text = text or b'""'
        if self._generate:
            said = b'"response":%b%b' % (text, more)
        else:
            said = b'"message":{"role":"assistant","content":%b%b}' % (text, more)
        listed = b',"logprobs":%b' % answer_json(logprobs_wire(logprobs)) if logprobs else b""
        return b'%b,%b%b,"done":false}\n' % (self._head, said, listed)


def created_at(stamp: Stamp) -> str:
    return datetime.fromtimestamp(stamp.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ending(finish: str | None, usage: Usage | None) -> dict[str, Any]:
    """What the last object carries; a call of tools ends with `stop` here."""
    reason = "stop" if finish in (None, "tool_calls") else finish
    wire: dict[str, Any] = {"done": True, "done_reason": reason}
    if usage is not None and usage.input_tokens is not None:
        wire["prompt_eval_count"] = usage.input_tokens
    if usage is not None and usage.output_tokens is not None:
        wire["eval_count"] = usage.output_tokens
    return wire


def calls_wire(calls: Sequence[ToolCall], first: int) -> list[dict[str, Any]]:
    """Calls numbered from `first`."""
    out = []
    for index, call in enumerate(calls, first):
        arguments = lenient_object(call.arguments)
        if arguments is None:
            raise BadAnswer(f"the model's arguments for the tool {call.name!r} are no JSON object")
        out.append({"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}})
    return out


def logprobs_wire(logprobs: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    return [
        {
            "token": each.token,
            "logprob": each.logprob,
            "top_logprobs": [{"token": token, "logprob": at} for token, at in each.top.items()],
        }
        for each in logprobs
    ]

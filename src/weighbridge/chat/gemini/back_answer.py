"""What a Gemini backend answers, whole or streamed, as canonical records."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, TokenLogprob, Usage
from weighbridge.chat.gemini.back_request import NAME
from weighbridge.chat.join import join
from weighbridge.chat.openai_wire import decode_json, error_text, is_number, one_line
from weighbridge.chat.pieces_reader import PiecesReader, count, part_of
from weighbridge.chat.request import Thought
from weighbridge.errors import BackendRefused, BadAnswer

FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
GIVEN_UP = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"}
    | {"MALFORMED_RESPONSE", "OTHER"}
)
"""Endings that mean there is no answer."""


class _Call(msgspec.Struct):
    name: str = ""
    args: Any = None
    id: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: Any = None
    executable_code: Any = None
    code_execution_result: Any = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: Any = None


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None
    cached_content_token_count: Any = None
    tool_use_prompt_token_count: Any = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Response(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Counts | None = None
    model_version: str | None = None
    prompt_feedback: _Feedback | None = None
    error: Any = None


def read_answer(body: bytes, *, lenient: bool = False) -> Answer:
    """BadAnswer for what is none, BackendRefused for an error sent as an answer; `lenient` passes over parts of kinds
    that are not known here."""
    reader = ContentReader(lenient=lenient)
    pieces = reader.feed(body)
    if not reader.finished:
        raise BadAnswer("the answer holds no candidate that is finished")
    return join([*pieces, reader.end()])


class ContentReader(PiecesReader):
    """The events of one streamed answer; the last one carries the reason it ended."""

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self._lenient = lenient

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        if self.done:
            return []
        read = decode_json(data, _Response)
        if read.error:
            self.break_off(_in_band(read.error))
        self.model = self.model or read.model_version
        if read.usage_metadata is not None:
            self.usage = read_usage(read.usage_metadata)
        if read.prompt_feedback is not None and read.prompt_feedback.block_reason:
            self.finish = "content_filter"
        candidate = next((each for each in read.candidates or () if not each.index), None)
        return [] if candidate is None else self._candidate(candidate)

    def _candidate(self, candidate: _Candidate) -> list[Piece]:
        out: list[Piece] = []
        for part in candidate.content.parts or () if candidate.content is not None else ():
            out += self._part(part)
        logprobs = _logprobs(candidate.logprobs_result)
        if logprobs:
            out.append(Piece(logprobs=logprobs))
        if candidate.finish_reason is not None:
            self._ended(candidate)
        return out

    def _part(self, part: _Part) -> list[Piece]:
        if part.inline_data or part.executable_code or part.code_execution_result:
            if self._lenient:
                return []
            raise BadAnswer("a part of the answer is neither text, thought nor a tool call")
        if part.function_call is not None:
            call = part.function_call
            text = msgspec.json.encode(call.args if call.args is not None else {}).decode()
            begun = self.begin_call(call.id or "", call.name, text, part.thought_signature)
            return [Piece(call_parts=(begun.opening(),))]
        out = []
        if part.text and part.thought:
            out.append(Piece(reasoning=part.text))
        elif part.text:
            out += self.text(part.text)
        if part.thought_signature:
            out.append(Piece(thoughts=(Thought(signature=part.thought_signature, signed_by=NAME),)))
        return out

    def _ended(self, candidate: _Candidate) -> None:
        reason = candidate.finish_reason or "STOP"
        if reason in GIVEN_UP:
            said = f": {one_line(candidate.finish_message, 160)}" if candidate.finish_message else ""
            self.break_off(BadAnswer(f"the backend gave the answer up: {reason}{said}"))
        finish = FINISH.get(reason, one_line(reason, 40).lower())
        self.finish = "tool_calls" if self.calls and finish == "stop" else finish


def read_usage(counts: _Counts) -> Usage:
    """Thoughts are counted beside the answer there, and in it here."""
    prompt, tools = count(counts.prompt_token_count), count(counts.tool_use_prompt_token_count)
    said, thought = count(counts.candidates_token_count), count(counts.thoughts_token_count)
    whole = None if prompt is None else prompt + (tools or 0)
    written = None if said is None and thought is None else (said or 0) + (thought or 0)
    cached = part_of(count(counts.cached_content_token_count), whole)
    return Usage(input_tokens=whole, output_tokens=written, cached_tokens=cached, reasoning_tokens=thought)


def _logprobs(raw: Any) -> tuple[TokenLogprob, ...]:
    """{chosenCandidates: [{token, logProbability}], topCandidates: [{candidates: [...]}]}, side by side."""
    if not isinstance(raw, dict) or not isinstance(raw.get("chosenCandidates"), list):
        return ()
    tops = raw.get("topCandidates")
    tops = tops if isinstance(tops, list) else []
    out = []
    for place, chosen in enumerate(raw["chosenCandidates"]):
        token = _token(chosen)
        if token is None:
            raise BadAnswer(f"a log-probability is not one: {chosen!r:.120}")
        top = tops[place].get("candidates") if place < len(tops) and isinstance(tops[place], dict) else None
        likeliest = [_token(each) for each in top] if isinstance(top, list) else []
        out.append(TokenLogprob(*token, {each[0]: each[1] for each in likeliest if each is not None}))
    return tuple(out)


def _token(raw: Any) -> tuple[str, float] | None:
    if isinstance(raw, dict) and isinstance(raw.get("token"), str) and is_number(raw.get("logProbability")):
        return raw["token"], float(raw["logProbability"])
    return None


def _in_band(raw: Any) -> BackendRefused:
    code = raw.get("code") if isinstance(raw, dict) else None
    status = code if type(code) is int and 400 <= code <= 599 else 500
    return BackendRefused(f"an error instead of an answer: {error_text(raw)}", status=status)

"""A whole canonical answer as an Anthropic message.

Its counts must be numbers, so what a backend did not count is 0 here; the ledger keeps it unknown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Usage
from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.dialect import Stamp
from weighbridge.chat.json_text import answer_json, lenient_object
from weighbridge.chat.request import Thought
from weighbridge.chat.signatures import of_call, sealed
from weighbridge.errors import BadAnswer

STOPPED = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
}


def write_answer(answer: Answer, stamp: Stamp, model: str) -> bytes:
    """The body of a message. BadAnswer for a tool call whose arguments are no object: this wire carries only that."""
    content = [block(thought) for thought in thoughts_of(answer)]
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    for call in answer.tool_calls:
        arguments = lenient_object(call.arguments)
        if arguments is None:
            raise BadAnswer(f"the model's arguments for the tool {call.name!r} are no JSON object")
        if call.signature is not None:
            content.append(block(of_call(call.signature)))
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return answer_json(
        {
            "id": f"msg_{stamp.id}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": stop_reason(answer.finish, answer.stop_sequence),
            "stop_sequence": answer.stop_sequence,
            "usage": usage_counts(answer.usage),
        }
    )


def thoughts_of(answer: Answer) -> tuple[Thought, ...]:
    return answer.thoughts or ((Thought(answer.reasoning),) if answer.reasoning else ())


def block(thought: Thought) -> dict[str, Any]:
    if thought.redacted is not None:
        return {"type": "redacted_thinking", "data": sealed(thought, NAME)}
    return {"type": "thinking", "thinking": thought.text, "signature": sealed(thought, NAME)}


def stop_reason(finish: str | None, stop_sequence: str | None) -> str:
    if finish in (None, "stop") and stop_sequence is not None:
        return "stop_sequence"
    return STOPPED.get(finish or "stop", "end_turn")


def usage_counts(usage: Usage | None) -> dict[str, Any]:
    """`input_tokens` without what was read from or written to the cache."""
    usage = usage or Usage()
    read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    counts: dict[str, Any] = {
        "input_tokens": max((usage.input_tokens or 0) - read - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens or 0,
    }
    if usage.reasoning_tokens is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts


def count_body(tokens: int) -> bytes:
    """The answer of count_tokens."""
    return msgspec.json.encode({"input_tokens": tokens})

"""A whole canonical answer as a response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import Asked, Stamp
from weighbridge.chat.json_text import answer_json
from weighbridge.chat.request import Thought
from weighbridge.chat.responses import items
from weighbridge.chat.signatures import of_call


def write_answer(answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
    output = list(_output(answer, stamp))
    return answer_json(items.closed(items.response(asked, stamp), output, answer.finish, answer.usage))


def _output(answer: Answer, stamp: Stamp) -> Iterator[dict[str, Any]]:
    thoughts = answer.thoughts or ((Thought(answer.reasoning),) if answer.reasoning else ())
    place = 0
    for thought in thoughts:
        yield items.reasoning_item(f"rs_{stamp.id}_{place}", thought)
        place += 1
    if answer.text:
        refused = answer.finish == "refusal"
        part = items.refusal_part(answer.text) if refused else items.text_part(answer.text, answer.logprobs)
        yield items.message_item(f"msg_{stamp.id}_{place}", [part], items.status_of(answer.finish))
        place += 1
    for call in answer.tool_calls:
        if call.signature is not None:
            yield items.reasoning_item(f"rs_{stamp.id}_{place}", of_call(call.signature))
            place += 1
        yield items.call_item(f"fc_{stamp.id}_{place}", call.id, call.name, call.arguments)
        place += 1

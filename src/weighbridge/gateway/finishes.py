"""Why an answer ended, in one vocabulary whatever the dialect: `stop`, `length`, `tool_calls`, `content_filter`,
`refusal`, or the backend's own word. For traces: nothing of this is read unless somebody asks."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.anthropic.back_answer import FINISH as ANTHROPIC
from weighbridge.chat.openai_wire import FINISH as OPENAI
from weighbridge.chat.responses.back_answer import INCOMPLETE

LONGEST = 40


class _Choice(msgspec.Struct):
    finish_reason: Any = None


class _Why(msgspec.Struct):
    reason: Any = None


class _Item(msgspec.Struct):
    type: Any = None


class _Answer(msgspec.Struct):
    """The member that says it, in each dialect; no two have the same one."""

    choices: list[_Choice] | None = None
    stop_reason: Any = None
    done_reason: Any = None
    status: Any = None
    incomplete_details: _Why | None = None
    output: list[_Item] | None = None


_answer = msgspec.json.Decoder(_Answer)


def reasons_in(body: bytes) -> tuple[str, ...]:
    """Of a whole answer, of each choice it has; none where it does not say, or is no answer."""
    try:
        said = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    if said.choices is not None:
        return words(choice.finish_reason for choice in said.choices)
    if said.status == "incomplete":
        return words((said.incomplete_details.reason if said.incomplete_details is not None else None,))
    if said.status == "completed":
        return ("tool_calls",) if any(item.type == "function_call" for item in said.output or ()) else ("stop",)
    return words((said.stop_reason or said.done_reason,))


def words(raw: Any) -> tuple[str, ...]:
    """What backends say, as we say it."""
    named = (each[:LONGEST] for each in raw if isinstance(each, str) and each)
    return tuple(_KNOWN.get(each, each) for each in named)


_KNOWN = {**ANTHROPIC, **INCOMPLETE, **OPENAI}

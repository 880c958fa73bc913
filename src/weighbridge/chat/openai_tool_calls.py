"""Whole tool calls out of the parts a chat answer sends them in.

Parts belong together by `index`. Servers differ: some give every call the index 0 and a new id, some give no index at
all; then a new id, or a name without an id, begins a new call. Arguments come as text in parts, or as the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from weighbridge.chat.answer import CallPart
from weighbridge.chat.request import ToolCall
from weighbridge.errors import BadAnswer

MOST_TOOL_CALLS = 256
"""In one answer; one that opens more is none."""
NO_INDEX = -1


class FunctionPart(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class GooglePart(msgspec.Struct):
    thought_signature: str | None = None


class ExtraPart(msgspec.Struct):
    google: GooglePart | None = None


class ToolCallPart(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    extra_content: ExtraPart | None = None
    """Where Google's own OpenAI endpoint puts the signature of a call."""


@dataclass
class _Call:
    """A tool call that is still being written."""

    place: int
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    signature: str | None = None
    told: int | None = None
    """How many parts of the arguments were given on; None before its name was."""


class ToolCallJoiner:
    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._latest: dict[int, _Call] = {}
        """The server's index to the latest call begun under it."""

    def take(self, parts: Sequence[ToolCallPart] | None, function_call: FunctionPart | None) -> None:
        """Parts of one message; `function_call` is the older spelling, one call only."""
        for part in parts or ():
            google = part.extra_content.google if part.extra_content is not None else None
            signature = google.thought_signature if google is not None else None
            index = part.index if part.index is not None else NO_INDEX
            self._take(index, part.id or "", part.function, signature)
        if function_call is not None:
            self._take(0, "", function_call)

    def whole(self) -> tuple[ToolCall, ...]:
        """All calls in the order they began; BadAnswer for one without a name."""
        if any(not call.name for call in self._calls):
            raise BadAnswer("a tool call has no name")
        return tuple(
            ToolCall(call.id or f"call_{call.place}", call.name, "".join(call.arguments) or "{}", call.signature)
            for call in self._calls
        )

    def news(self) -> tuple[CallPart, ...]:
        """What came since it was last asked; a call is first told of when its name is known."""
        return tuple(_part(call) for call in self._calls if _has_news(call)) if self._calls else ()

    def _take(self, index: int, id_: str, function: FunctionPart | None, signature: str | None = None) -> None:
        name = (function.name if function is not None else None) or ""
        call = self._latest.get(index)
        if call is None or _begins_another(call, index, id_, name):
            if len(self._calls) >= MOST_TOOL_CALLS:
                raise BadAnswer(f"the answer holds more than {MOST_TOOL_CALLS} tool calls")
            call = self._latest[index] = _Call(len(self._calls), id_)
            self._calls.append(call)
        call.id = call.id or id_
        call.name = call.name or name
        call.signature = signature or call.signature
        if function is not None and function.arguments:
            call.arguments.append(_as_text(function.arguments))


def _has_news(call: _Call) -> bool:
    return bool(call.name) and (call.told is None or call.told < len(call.arguments))


def _part(call: _Call) -> CallPart:
    """What was not told yet; the id is settled with the first part."""
    arguments = "".join(call.arguments[call.told or 0 :])
    first = call.told is None
    call.told = len(call.arguments)
    call.id = call.id or f"call_{call.place}"
    return (
        CallPart(call.place, call.id, call.name, arguments, call.signature)
        if first
        else CallPart(call.place, arguments=arguments)
    )


def _begins_another(call: _Call, index: int, id_: str, name: str) -> bool:
    if id_ and call.id:
        return id_ != call.id
    return index == NO_INDEX and not id_ and bool(name)


def _as_text(arguments: str | dict[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()

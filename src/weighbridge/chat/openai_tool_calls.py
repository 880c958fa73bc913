"""Whole tool calls out of the parts a chat answer sends them in.

Parts belong together by `index`. Servers differ: some give every call the index 0 and a new id, some give no index at
all; then a new id, or a name without an id, begins a new call. Arguments come as text in parts, or as the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from weighbridge.chat.request import ToolCall
from weighbridge.errors import BadAnswer

MOST_TOOL_CALLS = 256
"""In one answer; one that opens more is none."""
NO_INDEX = -1


class FunctionPart(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallPart(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None


@dataclass
class _Call:
    """A tool call that is still being written."""

    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ToolCallJoiner:
    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._latest: dict[int, _Call] = {}
        """The server's index to the latest call begun under it."""

    def take(self, parts: Sequence[ToolCallPart] | None, function_call: FunctionPart | None) -> None:
        """Parts of one message; `function_call` is the older spelling, one call only."""
        for part in parts or ():
            self._take(part.index if part.index is not None else NO_INDEX, part.id or "", part.function)
        if function_call is not None:
            self._take(0, "", function_call)

    def whole(self) -> tuple[ToolCall, ...]:
        """All calls in the order they began; BadAnswer for one without a name."""
        if any(not call.name for call in self._calls):
            raise BadAnswer("a tool call has no name")
        return tuple(
            ToolCall(call.id or f"call_{place}", call.name, "".join(call.arguments) or "{}")
            for place, call in enumerate(self._calls)
        )

    def _take(self, index: int, id_: str, function: FunctionPart | None) -> None:
        name = (function.name if function is not None else None) or ""
        call = self._latest.get(index)
        if call is None or _begins_another(call, index, id_, name):
            if len(self._calls) >= MOST_TOOL_CALLS:
                raise BadAnswer(f"the answer holds more than {MOST_TOOL_CALLS} tool calls")
            call = self._latest[index] = _Call(id_)
            self._calls.append(call)
        call.id = call.id or id_
        call.name = call.name or name
        if function is not None and function.arguments:
            call.arguments.append(_as_text(function.arguments))


def _begins_another(call: _Call, index: int, id_: str, name: str) -> bool:
    if id_ and call.id:
        return id_ != call.id
    return index == NO_INDEX and not id_ and bool(name)


def _as_text(arguments: str | dict[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()

"""What a message tells the echo engine to answer: the markers `answer=`, `answer.NAME=`, `echo: ` and `call: `."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Choice, Text, ToolCall
from weighbridge.engines.echo.schema import smallest_value
from weighbridge.errors import CannotAsk


def plain(content: str | tuple[Any, ...]) -> str:
    """The text of a message, without its images."""
    return content if type(content) is str else "".join(part.text for part in content if type(part) is Text)


def tokens(characters: int) -> int:
    """One for four characters, rounded up."""
    return -(-characters // 4)


def last_words(request: ChatRequest) -> str:
    """What was said last that wants an answer."""
    if request.prompt is not None:
        return request.prompt
    for message in reversed(request.messages):
        if message.role in ("user", "tool"):
            return plain(message.content)
    return ""


def marked(said: str, choice: str | None) -> str | None:
    """What stands after the last marker, to the end of its line; `answer.NAME=` goes before `answer=`."""
    markers: Sequence[str] = ("answer=", "echo: ") if choice is None else (f"answer.{choice}=", "answer=", "echo: ")
    for marker in markers:
        at = said.rfind(marker)
        if at >= 0:
            start = at + len(marker)
            end = said.find("\n", start)
            return said[start : end if end >= 0 else None].strip()
    return None


def label_in(value: str, choice: Choice) -> str | None:
    """The label a marker names: the whole value, the longest label it starts with, or a field of a JSON object."""
    if value in choice.labels:
        return value
    if value.startswith("{") and is_json(value):
        named = msgspec.json.decode(value).get(choice.name)
        return named if named in choice.labels else None
    fitting = [label for label in choice.labels if value.startswith(label)]
    return max(fitting, key=len, default=None)


def tool_calls(request: ChatRequest, said: str, digest: bytes) -> tuple[ToolCall, ...]:
    """Calls the message asks for by `call: NAME {json}`; one of the tools' smallest calls where one is required."""
    if not request.tools or request.tool_choice == "none":
        return ()
    named = {tool.name: tool for tool in request.tools}
    if request.tool_choice not in ("auto", "required"):
        if request.tool_choice not in named:
            raise CannotAsk(f"tool_choice names {request.tool_choice!r}, which is not among the tools {sorted(named)}")
        named = {request.tool_choice: named[request.tool_choice]}
    calls = []
    for line in said.splitlines():
        name, _, arguments = line.removeprefix("call: ").partition(" ")
        if line.startswith("call: ") and name in named:
            calls.append((name, arguments.strip() or "{}"))
    if not calls and request.tool_choice != "auto":
        tool = list(named.values())[digest[12] % len(named)]
        calls.append((tool.name, msgspec.json.encode(smallest_value(tool.parameters)).decode()))
    stem = digest[:6].hex()
    return tuple(ToolCall(f"call_{stem}_{at}", name, arguments) for at, (name, arguments) in enumerate(calls))


def is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True

"""A client's responses request as the canonical one.

Reasoning, text and calls that follow each other make one assistant's message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from weighbridge.chat.dialect import Asked
from weighbridge.chat.reading import read_body
from weighbridge.chat.request import ChatRequest, Image, Message, Sampling, Text, Thought, ToolCall
from weighbridge.chat.request import Tool as CanonicalTool
from weighbridge.chat.responses.wire import (
    FIELDS,
    NAME,
    Chosen,
    InputImage,
    InputText,
    Item,
    ObjectFormat,
    OutputText,
    Part,
    ReasoningText,
    RefusalPart,
    Request,
    SchemaFormat,
)
from weighbridge.chat.signatures import is_of_call, opened
from weighbridge.errors import RequestError

HINTS = ("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store")
NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}

_decoder = msgspec.json.Decoder(Request)


def read_request(body: bytes) -> Asked:
    """RequestError names the field that is wrong or cannot be carried."""
    wire = read_body(_decoder, body)
    system = (Message(role="system", content=wire.instructions),) if wire.instructions else ()
    if isinstance(wire.input, str):
        said: tuple[Message, ...] = (Message(role="user", content=wire.input),)
    else:
        said = tuple(_Conversation().read(wire.input))
    if not said:
        raise RequestError("`input` is empty: a conversation needs at least one message", field="input")
    format_ = wire.text.format if wire.text is not None else None
    named = format_ if isinstance(format_, SchemaFormat) else None
    reasoning = wire.reasoning
    extra = {name: getattr(wire, name) for name in HINTS if getattr(wire, name) is not None}
    request = ChatRequest(
        model=wire.model,
        messages=(*system, *said),
        sampling=Sampling(max_tokens=wire.max_output_tokens, temperature=wire.temperature, top_p=wire.top_p),
        schema=named.schema if named is not None else None,
        schema_name=named.name if named is not None else "",
        schema_strict=named.strict if named is not None else None,
        any_json=isinstance(format_, ObjectFormat),
        tools=tuple(_tool(tool) for tool in wire.tools or ()),
        tool_choice=_choice(wire),
        parallel_calls=wire.parallel_tool_calls,
        reasoning_effort=reasoning.effort if reasoning is not None else None,
        show_reasoning=True if reasoning is not None and reasoning.summary is not None else None,
        logprobs=_logprobs(wire),
        user=wire.user,
        metadata=wire.metadata or {},
        service_tier=wire.service_tier,
        extra=extra,
        extra_from=NAME if extra else "",
    )
    return Asked(request, stream=bool(wire.stream), own=wire)


class _Conversation:
    def __init__(self) -> None:
        self._thoughts: list[Thought] = []
        self._reasoning: list[str] = []
        self._text: tuple[str | tuple[Text | Image, ...], bool] | None = None
        """(content, whether it is a refusal) of the assistant's message being put together."""
        self._calls: list[ToolCall] = []
        self._proof: str | None = None

    def read(self, items: Sequence[Item]) -> Iterator[Message]:
        for at, item in enumerate(items):
            _check(item, at)
            if item.type == "reasoning":
                thought = _thought(item)
                if is_of_call(thought):
                    self._proof = thought.signature
                    continue
                if self._text is not None or self._calls:
                    yield from self._said()
                self._thoughts.append(thought)
                self._reasoning.append(thought.text)
            elif item.type == "function_call":
                self._calls.append(ToolCall(item.call_id or "", item.name or "", item.arguments or "", self._proof))
                self._proof = None
            elif item.type == "message" and item.role == "assistant":
                if self._text is not None or self._calls:
                    yield from self._said()
                self._text = _content(item.content, at)
            else:
                yield from self._said()
                yield _other(item, at)
        yield from self._said()

    def _said(self) -> Iterator[Message]:
        """The assistant's message as far as it is put together."""
        if self._thoughts or self._text is not None or self._calls:
            content, refused = self._text or ("", False)
            proven = any(thought.signature or thought.redacted is not None for thought in self._thoughts)
            yield Message(
                role="assistant",
                content=content,
                reasoning="".join(self._reasoning) or None,
                thoughts=tuple(self._thoughts) if proven else (),
                tool_calls=tuple(self._calls),
                refused=refused,
            )
        self._thoughts, self._reasoning, self._text, self._calls = [], [], None, []


def _thought(item: Item) -> Thought:
    content = item.content if isinstance(item.content, list) else []
    text = "".join(each.text for each in item.summary or ())
    text = text or "".join(part.text for part in content if isinstance(part, ReasoningText))
    thought = opened(text, item.encrypted_content or "", NAME)
    return msgspec.structs.replace(thought, id=item.id) if thought.signed_by == NAME else thought


def _check(item: Item, at: int) -> None:
    """Each type has its fields, some of which it needs."""
    place = f"input[{at}]"
    allowed = FIELDS[item.type]
    for name in Item.__struct_fields__:
        if name not in allowed and getattr(item, name) is not None:
            raise RequestError(f"`{place}.{name}`: an item of the type {item.type!r} has none", field=f"{place}.{name}")
    needed = {
        "message": ("role", "content"),
        "function_call": ("call_id", "name"),
        "function_call_output": ("call_id",),
    }
    for name in needed.get(item.type, ()):
        if getattr(item, name) is None:
            raise RequestError(f"`{place}.{name}` is missing", field=f"{place}.{name}")


def _other(item: Item, at: int) -> Message:
    if item.type == "function_call_output":
        output = item.output or ""
        content: Any = output if isinstance(output, str) else _parts(output, f"input[{at}].output")
        return Message(role="tool", content=content, tool_call_id=item.call_id)
    content, refused = _content(item.content, at)
    if refused:
        raise RequestError(f"`input[{at}].content`: only an assistant refuses", field=f"input[{at}].content")
    return Message(role="user" if item.role == "user" else "system", content=content)


def _content(content: str | list[Part] | None, at: int) -> tuple[str | tuple[Text | Image, ...], bool]:
    """(content, whether it is a refusal)"""
    if content is None or isinstance(content, str):
        return content or "", False
    if len(content) == 1 and isinstance(content[0], RefusalPart):
        return content[0].refusal, True
    return _parts(content, f"input[{at}].content"), False


def _parts(content: Sequence[Part], place: str) -> str | tuple[Text | Image, ...]:
    """A string where that says all."""
    out: list[Text | Image] = []
    for index, part in enumerate(content):
        if isinstance(part, (InputText, OutputText)):
            out.append(Text(part.text))
        elif isinstance(part, InputImage):
            out.append(Image(part.image_url, part.detail))
        else:
            field = f"{place}[{index}]"
            kind = part.__struct_config__.tag
            raise RequestError(f"`{field}`: a part of the type {kind!r} cannot stand here", field=field)
    if len(out) == 1 and isinstance(out[0], Text):
        return out[0].text
    return tuple(out) if out else ""


def _tool(tool: Any) -> CanonicalTool:
    parameters = NO_PARAMETERS if tool.parameters is None else tool.parameters
    return CanonicalTool(tool.name, parameters, tool.description or "", tool.strict)


def _choice(wire: Request) -> str:
    choice = wire.tool_choice
    if choice is None:
        return "auto"
    if not isinstance(choice, Chosen):
        return choice
    if choice.name not in [tool.name for tool in wire.tools or ()]:
        raise RequestError(f"`tool_choice` names {choice.name!r}, which is not among the tools", field="tool_choice")
    return choice.name


def _logprobs(wire: Request) -> int | None:
    wanted = "message.output_text.logprobs" in (wire.include or ())
    return (wire.top_logprobs or 0) if wanted else wire.top_logprobs or None

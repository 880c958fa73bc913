"""OpenAI chat completions, as the many servers that speak it speak it: a request to a body, an answer back.

Pure: bytes and records in, records out. Reads reasoning under both names (`reasoning`, `reasoning_content`) and inside
the text (`<think>`), and joins streamed tool calls into whole ones.
Source: https://platform.openai.com/docs/api-reference/chat, and what vLLM, SGLang, Ollama and llama-server do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece
from weighbridge.chat.openai_messages import encode_message, with_system_in_first_user
from weighbridge.chat.openai_reasoning import reasoning_fields
from weighbridge.chat.openai_stream import AnswerStream, Body
from weighbridge.chat.openai_tool_calls import FunctionPart, ToolCallJoiner, ToolCallPart
from weighbridge.chat.openai_wire import (
    Spelling,
    check_error,
    constraint_fields,
    decode_json,
    finish_word,
    read_logprobs,
    read_usage,
    sampling_fields,
    stream_fields,
    with_extra,
)
from weighbridge.chat.pieces_reader import not_carried
from weighbridge.chat.reasoning_details import read_details
from weighbridge.chat.request import ChatRequest, Tool, ToolCall
from weighbridge.chat.thinking import Split, split_thinking
from weighbridge.errors import BadAnswer, CannotAsk


class _Message(msgspec.Struct):
    """`message` of a whole answer and `delta` of a streamed one."""

    content: str | list[Any] | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    refusal: str | None = None
    tool_calls: list[ToolCallPart] | None = None
    function_call: FunctionPart | None = None
    audio: Any = None
    images: Any = None


class _Logprobs(msgspec.Struct):
    content: Any = None


class _Choice(msgspec.Struct):
    index: int | None = None
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: Any = None
    logprobs: _Logprobs | None = None


def encode(request: ChatRequest, spelling: Spelling, *, stream: bool) -> dict[str, Any]:
    """The body that asks for `request`. CannotAsk names what this wire cannot say."""
    if request.prompt is not None:
        raise CannotAsk("the chat endpoint takes a conversation, not a text to be continued")
    if not request.messages:
        raise CannotAsk("a conversation needs at least one message")
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    if request.continues and spelling.continues == "refuse":
        raise CannotAsk(
            "the conversation ends with the beginning of an answer, which this backend would not go on from"
        )
    messages = request.messages if spelling.system == "keep" else with_system_in_first_user(request.messages)
    body["messages"] = [encode_message(message, spelling) for message in messages]
    if request.continues:
        _go_on(body, spelling)
    body |= sampling_fields(request.sampling, spelling)
    body |= constraint_fields(request, spelling)
    if request.tools or request.tool_choice not in ("auto", "none"):
        body |= _encode_tools(request)
    body |= reasoning_fields(request, spelling)
    if request.n != 1:
        raise CannotAsk(f"`n` is {request.n}: one call is one answer here")
    body |= {name: value for name, value in _labels(request).items() if value}
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    body |= stream_fields(spelling, stream=stream) | dict(spelling.adds)
    for name, other in spelling.renames:
        if name in body:
            body[other] = body.pop(name)
    return with_extra(body, request)


def _go_on(body: dict[str, Any], spelling: Spelling) -> None:
    """Say that the last message is the beginning of the answer."""
    if spelling.continues == "final_message":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    elif spelling.continues in ("prefix", "echoed_prefix"):
        body["messages"][-1]["prefix"] = True


def decode(body: bytes, spelling: Spelling) -> Answer:
    """A whole answer. BadAnswer for what is none, BackendRefused for an error sent as an answer."""
    whole = decode_json(body, Body[_Choice])
    check_error(whole.error)
    choice = whole.first()
    if choice is None or choice.message is None:
        raise BadAnswer("the answer holds no message")
    message = choice.message
    text, reasoning = _said(message)
    if not reasoning:
        split = split_thinking(text, spelling.thinking)
        text, reasoning = split.text, split.reasoning
    calls = ToolCallJoiner()
    calls.take(message.tool_calls, message.function_call)
    finish = finish_word(choice.finish_reason)
    return Answer(
        text=message.refusal or text,
        reasoning=reasoning,
        tool_calls=calls.whole(),
        finish="refusal" if message.refusal else finish,
        usage=read_usage(whole.usage),
        model=whole.model,
        logprobs=read_logprobs(choice.logprobs.content) if choice.logprobs else (),
        thoughts=read_details(message.reasoning_details),
    )


class ChatStream(AnswerStream[_Choice]):
    """The events of a chat completion; tool calls are given whole, with the last piece."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__(spelling, Body[_Choice])
        self._calls = ToolCallJoiner()
        self._structured = False
        """Reasoning comes in a field of its own, so the text holds none."""

    def _read(self, choice: _Choice) -> list[Piece]:
        delta = choice.delta or choice.message
        if delta is None:
            return []
        if type(delta.content) is str and _is_only_text(delta) and choice.logprobs is None:
            split = Split(delta.content) if self._structured else self._splitter.feed(delta.content)
            return self._pieces(split, ())
        self._calls.take(delta.tool_calls, delta.function_call)
        text, reasoning = _said(delta)
        held = ""
        if reasoning and not self._structured:
            self._structured = True
            held = self._splitter.end().text
        if delta.refusal:
            self._ended_as = "refusal"
            text += delta.refusal
        split = Split(held + text, reasoning) if self._structured or delta.refusal else self._splitter.feed(text)
        logprobs = read_logprobs(choice.logprobs.content) if choice.logprobs else ()
        thoughts = read_details(delta.reasoning_details, streamed=True) if delta.reasoning_details else ()
        return self._pieces(split, logprobs, self._calls.news(), thoughts)

    def _tool_calls(self) -> tuple[ToolCall, ...]:
        return self._calls.whole()


def _encode_tools(request: ChatRequest) -> dict[str, Any]:
    names = [tool.name for tool in request.tools]
    choice: Any = request.tool_choice
    if choice not in ("auto", "none", "required"):
        if choice not in names:
            raise CannotAsk(f"tool_choice names {choice!r}, which is not among the tools {names}")
        choice = {"type": "function", "function": {"name": choice}}
    if not names:
        raise CannotAsk(f"tool_choice is {choice!r}, but there are no tools")
    parallel = {} if request.parallel_calls is None else {"parallel_tool_calls": request.parallel_calls}
    return {"tools": [_encode_tool(tool) for tool in request.tools], "tool_choice": choice, **parallel}


def _encode_tool(tool: Tool) -> dict[str, Any]:
    described: dict[str, Any] = {"description": tool.description} if tool.description else {}
    strict = {} if tool.strict is None else {"strict": tool.strict}
    function = {"name": tool.name, **described, "parameters": tool.parameters, **strict}
    return {"type": "function", "function": function}


def _labels(request: ChatRequest) -> dict[str, Any]:
    return {"user": request.user, "metadata": request.metadata, "service_tier": request.service_tier}


def _reasoning(message: _Message) -> str:
    """Under either name; servers in transition send both with the same text."""
    first, second = message.reasoning, message.reasoning_content
    if isinstance(first, str) and first:
        return first
    return second if isinstance(second, str) else ""


def _is_only_text(message: _Message) -> bool:
    """As nearly all pieces of a stream are."""
    return not (
        message.reasoning
        or message.reasoning_content
        or message.tool_calls
        or message.function_call
        or message.refusal
        or message.reasoning_details
        or message.audio
        or message.images
    )


def _said(message: _Message) -> tuple[str, str]:
    """(text, reasoning) of a message, its content in one string or in parts (Mistral: text and thinking). BadAnswer for
    what is neither: sound (OpenAI) and pictures (OpenRouter) stand beside the content."""
    if message.audio or message.images:
        raise not_carried("sound" if message.audio else "pictures")
    reasoning = _reasoning(message)
    if not isinstance(message.content, list):
        return message.content or "", reasoning
    texts = []
    for part in message.content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "thinking":
            reasoning += _flat(part.get("thinking"))
        else:
            raise BadAnswer(f"a part of the answer is neither text nor thinking: {part!r:.80}")
    return "".join(texts), reasoning


def _flat(thinking: Any) -> str:
    if isinstance(thinking, list):
        return "".join(
            part["text"] for part in thinking if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return thinking if isinstance(thinking, str) else ""

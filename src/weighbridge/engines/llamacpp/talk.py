"""Answers that the model writes freely or under a schema: conversations, continued texts, tool calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Piece, Usage, openai_chat, openai_completions
from weighbridge.chat.openai_wire import Spelling
from weighbridge.engines.llamacpp import tools
from weighbridge.engines.llamacpp.server import Server
from weighbridge.engines.llamacpp.template import Template
from weighbridge.errors import EngineCrashed, EngineError
from weighbridge.net.sse import SseParser

SPELLING = Spelling()
CHAT = Spelling(
    reasoning_switch="enable_thinking",
    efforts=("minimal", "low", "medium", "high", "xhigh", "max"),
    continues="last_message",
)
"""Templates read `enable_thinking` and `reasoning_effort`, each those that know it; the server goes on from a last
message of the assistant's."""
Reader = openai_chat.ChatStream | openai_completions.CompletionStream


class Talk:
    """Streams answers from one server."""

    def __init__(self, server: Server, template: Template, *, tools_in_template: bool) -> None:
        self._server = server
        self._template = template
        self._tools_in_template = tools_in_template

    async def answer(self, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        """The pieces of an answer; the last one ends it."""
        if request.prompt is not None:
            pieces = self._continued(request, slot)
        elif not self._tools_in_template and tools.is_about_tools(request):
            pieces = self._called(request, slot)
        elif not request.tools or request.tool_choice in ("auto", "none"):
            pieces = self._conversed(request, slot)
        else:
            pieces = self._forced(request, slot)
        async for piece in pieces:
            yield piece

    async def _continued(self, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        body = openai_completions.encode(request, SPELLING, stream=True)
        if body.pop("response_format", None) is not None:  # the server reads it for conversations only
            body["json_schema"] = request.schema if request.schema is not None else {"type": "object"}
        reader = openai_completions.CompletionStream(SPELLING)
        async for piece in self._streamed("/v1/completions", body, reader, slot):
            yield piece

    async def _conversed(self, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        body = openai_chat.encode(request, CHAT, stream=True)
        if request.tools:
            body["parallel_tool_calls"] = request.parallel_calls is not False
        effort = body.pop("reasoning_effort", None)
        if effort is not None:
            body["chat_template_kwargs"] = {"reasoning_effort": effort, **body.get("chat_template_kwargs", {})}
        opens = await self._template.opens_thinking(body.get("chat_template_kwargs", {}))
        reader = openai_chat.ChatStream(Spelling(thinking="inside" if opens else "auto"))
        async for piece in self._streamed("/v1/chat/completions", body, reader, slot):
            yield piece

    async def _forced(self, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        """A call that must come, from a template that knows tools.

        llama.cpp knows no tool by name, so that one is offered alone; and it lets a model talk before the call, for
        as long as it likes. If none came, the call is asked for under a schema, which leaves no way around it.
        """
        offered = msgspec.structs.replace(request, tools=tools.offered(request), tool_choice="required")
        spent = Usage()
        try:
            pieces = [piece async for piece in self._conversed(offered, slot)]
            spent = pieces[-1].usage or spent
            if pieces[-1].tool_calls:
                for piece in pieces:
                    yield piece
                return
        except EngineCrashed:
            raise
        except EngineError as error:
            if "does not match the expected" not in error.what:  # the server's words for text it takes for no call
                raise
        async for piece in self._called(request, slot):
            yield msgspec.structs.replace(piece, usage=_added(spent, piece.usage or Usage()))

    async def _called(self, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        """Tools of which the template knows nothing: told in the prompt, answered under a schema, read back whole."""
        prompted = tools.as_prompted(request)
        if prompted.schema is None:
            async for piece in self._conversed(prompted, slot):
                yield piece
            return
        prompt = await self._template.render(prompted)
        extra = {name: value for name, value in request.extra.items() if name != "chat_template_kwargs"}
        text = msgspec.structs.replace(
            prompted, messages=(), prompt=prompt, reasoning_effort=None, reasoning_tokens=None, thinks=None, extra=extra
        )
        pieces = [piece async for piece in self._continued(text, slot)]
        words, calls = tools.read_back("".join(piece.text for piece in pieces))
        last = pieces[-1]
        yield msgspec.structs.replace(last, text=words, tool_calls=calls, finish="tool_calls" if calls else last.finish)

    async def _streamed(self, path: str, body: dict[str, Any], reader: Reader, slot: int) -> AsyncIterator[Piece]:
        events = SseParser()
        body = {"cache_prompt": True, "id_slot": slot, **body}
        async with self._server.stream(path, body) as chunks:
            async for chunk in chunks:
                for event in events.feed(chunk):
                    for piece in reader.feed(event.data):
                        yield piece
            last = reader.end()
        yield last


def _added(one: Usage, other: Usage) -> Usage:
    """Both; a count that is unknown in one of them is unknown."""

    def total(first: int | None, second: int | None) -> int | None:
        return None if first is None or second is None else first + second

    return Usage(
        total(one.input_tokens, other.input_tokens),
        total(one.output_tokens, other.output_tokens),
        total(one.cached_tokens, other.cached_tokens),
        total(one.reasoning_tokens, other.reasoning_tokens),
    )

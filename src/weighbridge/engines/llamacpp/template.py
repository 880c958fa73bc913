"""What a model's own chat template does with a conversation, found out by letting the server apply it."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat import ChatRequest
from weighbridge.chat.openai_chat import encode
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.thinking import CLOSE, OPEN
from weighbridge.engines.llamacpp.rank import Asks
from weighbridge.errors import EngineError

PROBE = "weighbridge_probe"


class Template:
    """The chat template of one server."""

    def __init__(self, server: Asks) -> None:
        self._server = server
        self._opens: dict[bytes, bool] = {}

    async def shows_tools(self) -> bool:
        """Whether it writes a tool's name anywhere into the prompt."""
        function = {"name": PROBE, "description": "", "parameters": {"type": "object", "properties": {}}}
        try:
            return PROBE in await self._apply(_QUESTION, tools=[{"type": "function", "function": function}])
        except EngineError:  # the template itself fails over tools
            return False

    async def opens_thinking(self, options: dict[str, Any]) -> bool:
        """Whether it writes the opening tag itself, so that all before the closing one is reasoning.

        The server sees to that for models it knows; this is for the others. Asked once for each set of options.
        """
        key = msgspec.json.encode(options, order="deterministic")
        if key not in self._opens:
            said = await self._apply(_QUESTION, chat_template_kwargs=options)
            self._opens[key] = said.rstrip().endswith(OPEN)
        return self._opens[key]

    async def render(self, request: ChatRequest) -> str:
        """The conversation as the model reads it, up to where a constrained answer stands.

        A model that would think first is asked not to (`enable_thinking`, which templates read that know it), and
        where its template opens the reasoning all the same, it is closed.
        """
        plain = msgspec.structs.replace(
            request,
            choices=(),
            choose="text",
            baseline=None,
            schema=None,
            reasoning_effort=None,
            reasoning_tokens=None,
            thinks=None,
        )
        asked = encode(plain, Spelling(), stream=False)
        options = {"enable_thinking": False, **asked.get("chat_template_kwargs", {})}
        if request.reasoning_effort is not None:
            options["reasoning_effort"] = request.reasoning_effort
        text = await self._apply(asked["messages"], chat_template_kwargs=options)
        for opening, closing in zip(OPEN, CLOSE, strict=True):
            if text.rstrip().endswith(opening):
                return f"{text}\n\n{closing}\n\n"
        return text

    async def _apply(self, messages: list[dict[str, Any]], **more: Any) -> str:
        said = await self._server.post("/apply-template", {"messages": messages, **more})
        return str(said.get("prompt", ""))


_QUESTION = [{"role": "user", "content": "?"}]

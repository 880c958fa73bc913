"""GGUF weights run here by llama.cpp, in a child process of their own.

A file without `tokenizer.chat_template` is a base model and only continues texts: the server would put a conversation
into ChatML, which the model has never seen, without a word. Where a chat template ignores tools, the engine writes
them into the prompt and holds the answer to a schema (tools.py). Both are found out when the engine starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Piece, Text, openai_chat, openai_completions
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.thinking import OPEN
from weighbridge.engines.engine import Ability, BackendRecord
from weighbridge.engines.llamacpp import tools
from weighbridge.engines.llamacpp.labels import Labels
from weighbridge.engines.llamacpp.params import available_memory, plan, slots_for
from weighbridge.engines.llamacpp.server import Server
from weighbridge.engines.llamacpp.settings import LlamaCppSettings
from weighbridge.engines.llamacpp.slots import Slots
from weighbridge.engines.llamacpp.threads import machine_threads
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.errors import BadAnswer, CannotAsk, EngineError
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.net.calls import Calls
from weighbridge.net.sse import SseParser

SPELLING = Spelling()
ALWAYS = {Ability.COMPLETION, Ability.SCHEMA, Ability.GRAMMAR, Ability.RANK, Ability.LOGPROBS}
CHANGING = ("seed", "max_tokens", "kv_type_k", "kv_type_v", "flash_attention", "gpu_layers", "step_tokens")
"""Settings that can change an answer; the others change when it comes, or whether."""
PROBE = "weighbridge_probe"
HASHED_AT_ONCE = 1 << 20


class LlamaCppEngine:
    """One file of weights, one server process."""

    def __init__(self, record: BackendRecord, *, weights: Path, calls: Calls, threads: int | None = None) -> None:
        """`threads` is this engine's share of the machine; None is all of it. Touches no file; InputError for
        settings that are wrong."""
        self._settings = read_own_settings(record, LlamaCppSettings)
        self._record = record
        self._weights = weights
        self._calls = calls
        self._threads = threads or machine_threads()
        self.name = record.name
        self.model = record.model or weights.name
        self.abilities: frozenset[Ability] = frozenset()
        slots = slots_for(self._settings, self._threads)
        self.concurrency = record.concurrency or slots
        self._slots = Slots(slots)
        self._server: Server | None = None
        self._labels: Labels | None = None
        self._header: GgufHeader | None = None
        self._tools_in_template = False
        self._thinking: dict[bytes, bool] = {}
        self._sha256 = record.sha256

    async def start(self) -> None:
        if self._server is not None:
            return
        _check_installed(self.name)
        header = await asyncio.to_thread(read_gguf, self._weights)
        header.check_whole()
        server = self._make_server(header)
        try:
            hashing = asyncio.to_thread(_sha256, self._weights)
            if self._sha256 is None:
                self._sha256, _ = await asyncio.gather(hashing, server.start())
            else:
                hashing.close()
                await server.start()
            await self._learn(server, header)
        except BaseException:
            await server.close()
            raise
        self._header, self._server = header, server

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    @property
    def pid(self) -> int | None:
        """Of the engine's own process, while there is one."""
        return None if self._server is None else self._server.pid

    @property
    def address(self) -> str | None:
        """Where it listens on loopback, for looking at it from outside; every request there needs its key."""
        return None if self._server is None else self._server.address

    def fingerprint(self) -> dict[str, str]:
        """Valid after `start`. Threads, slots and context are left out: they do not decide what is answered."""
        assert self._server is not None
        assert self._header is not None
        report = self._server.report
        template = self._header.chat_template
        changing = {name: getattr(self._settings, name) for name in CHANGING}
        return {
            "engine": f"llamacpp {importlib.metadata.version('xllamacpp')}",
            "build": msgspec.json.encode(report.get("build"), order="sorted").decode(),
            "cpu": str(report.get("cpu", "")),
            "weights": f"sha256:{self._sha256}",
            "template": hashlib.sha256(template.encode()).hexdigest() if template else "none",
            "settings": msgspec.json.encode(changing, order="sorted").decode(),
        }

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        server, labels = self._server, self._labels
        if server is None or labels is None:
            raise CannotAsk("the engine is not started", where=f"backend {self.name}")
        self._refuse(request)
        async with self._slots.take(_beginning(request)) as slot:
            if request.choices and request.choose != "text":
                choose = labels.ranked if request.choose == "logprob" else labels.constrained
                yield self._named(await choose(request, slot))
            elif request.prompt is not None:
                async for piece in self._continued(server, request, slot):
                    yield piece
            else:
                async for piece in self._conversed(server, request, slot):
                    yield piece

    def _make_server(self, header: GgufHeader) -> Server:
        where = f"backend {self.name}"
        planned = plan(header, self._settings, threads=self._threads, memory=available_memory(), where=where)
        return Server(
            self.name,
            self._weights,
            planned.params,
            calls=self._calls,
            timeout_s=self._record.timeout_s,
            start_timeout_s=self._settings.start_timeout_s,
            restarts=self._settings.restarts,
            on_start=self._slots.forget,
        )

    async def _learn(self, server: Server, header: GgufHeader) -> None:
        """What this model can do, by looking and by trying."""
        props = await server.get("/props")
        self._labels = Labels(server, name=self.name, turn_end=str(props.get("eos_token") or "\n"))
        abilities = set(ALWAYS)
        if header.chat_template:
            abilities |= {Ability.CHAT, Ability.TOOLS}
            caps = props.get("chat_template_caps", {})
            if caps.get("supports_reasoning_effort"):
                abilities.add(Ability.REASONING_EFFORT)
            self._tools_in_template = await _shows_tools(server)
        self.abilities = frozenset(abilities)

    def _refuse(self, request: ChatRequest) -> None:
        if request.prompt is None and Ability.CHAT not in self.abilities:
            raise CannotAsk(
                f"{self.model} has no chat template (`tokenizer.chat_template` is not in the file), so it is a base "
                "model: it continues texts and cannot be asked in a conversation",
                where=f"backend {self.name}",
                next_move='Set `endpoint = "completion"`, or use a variant of the model made for chat.',
            )
        refuse_what_it_lacks(self, request)

    async def _continued(self, server: Server, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        body = openai_completions.encode(request, SPELLING, stream=True)
        if body.pop("response_format", None) is not None:  # the server reads it for conversations only
            body["json_schema"] = request.schema
        reader = openai_completions.CompletionStream(SPELLING)
        async for piece in self._streamed(server, "/v1/completions", body, reader, slot):
            yield piece

    async def _conversed(self, server: Server, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        if request.tools and not self._tools_in_template:
            yield await self._called(server, request, slot)
            return
        forced = request.tool_choice if request.tools else "auto"
        if forced not in ("auto", "none"):
            # llama.cpp knows no tool by name: it is offered alone, and a call is required.
            request = msgspec.structs.replace(request, tools=tools.offered(request), tool_choice="required")
        called = False
        async for piece in self._chat(server, request, slot):
            called = called or bool(piece.tool_calls)
            if piece.finish is not None and forced not in ("auto", "none") and not called:
                raise BadAnswer(f"a tool call was required ({forced}) and none came", where=f"backend {self.name}")
            yield piece

    async def _called(self, server: Server, request: ChatRequest, slot: int) -> Piece:
        """An answer of a model whose template ignores tools, read back once it is whole."""
        prompted = tools.as_prompted(request)
        pieces = [piece async for piece in self._chat(server, prompted, slot)]
        text = "".join(piece.text for piece in pieces)
        last = pieces[-1]
        if prompted.schema is None:
            return msgspec.structs.replace(last, text=text)
        said, calls = tools.read_back(text)
        return msgspec.structs.replace(last, text=said, tool_calls=calls, finish="tool_calls" if calls else last.finish)

    async def _chat(self, server: Server, request: ChatRequest, slot: int) -> AsyncIterator[Piece]:
        body = openai_chat.encode(request, SPELLING, stream=True)
        if request.tools:
            body["parallel_tool_calls"] = True
        effort = body.pop("reasoning_effort", None)
        if effort is not None:
            body["chat_template_kwargs"] = {"reasoning_effort": effort, **body.get("chat_template_kwargs", {})}
        opens = await self._opens_thinking(server, body.get("chat_template_kwargs", {}))
        reader = openai_chat.ChatStream(Spelling(thinking="inside" if opens else "auto"))
        async for piece in self._streamed(server, "/v1/chat/completions", body, reader, slot):
            yield piece

    async def _opens_thinking(self, server: Server, options: dict[str, Any]) -> bool:
        """Whether the chat template itself writes the opening tag, so that all before the closing one is reasoning.

        The server sees to that for models it knows; here for the others. Asked once for each set of options.
        """
        key = msgspec.json.encode(options, order="deterministic")
        if key not in self._thinking:
            asked = {"messages": [{"role": "user", "content": "?"}], "chat_template_kwargs": options}
            said = await server.post("/apply-template", asked)
            self._thinking[key] = str(said.get("prompt", "")).rstrip().endswith(OPEN)
        return self._thinking[key]

    async def _streamed(
        self,
        server: Server,
        path: str,
        body: dict[str, Any],
        reader: openai_chat.ChatStream | openai_completions.CompletionStream,
        slot: int,
    ) -> AsyncIterator[Piece]:
        body = {"cache_prompt": True, "id_slot": slot, **body, "model": self.model}
        events = SseParser()
        async with server.stream(path, body) as chunks:
            async for chunk in chunks:
                for event in events.feed(chunk):
                    for piece in reader.feed(event.data):
                        yield piece
            last = self._named(reader.end())
        yield last

    def _named(self, piece: Piece) -> Piece:
        return msgspec.structs.replace(piece, model=self.model)


def _check_installed(name: str) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise EngineError(
            "xllamacpp, which runs GGUF weights on this machine, is not installed",
            where=f"backend {name}",
            next_move="Install it with `python -m pip install 'weighbridge[local]'`.",
        )


async def _shows_tools(server: Server) -> bool:
    """Whether the chat template writes a tool's name anywhere into the prompt."""
    function = {"name": PROBE, "description": "", "parameters": {"type": "object", "properties": {}}}
    asked = {"messages": [{"role": "user", "content": "?"}], "tools": [{"type": "function", "function": function}]}
    try:
        said = await server.post("/apply-template", asked)
    except EngineError:  # the template itself fails over tools
        return False
    return PROBE in str(said.get("prompt", ""))


def _beginning(request: ChatRequest) -> str:
    """The request as one text, for finding the slot that has seen its beginning."""
    if request.prompt is not None:
        return request.prompt
    texts = []
    for message in request.messages:
        parts = (message.content,) if isinstance(message.content, str) else message.content
        texts += [part if isinstance(part, str) else part.text if isinstance(part, Text) else "" for part in parts]
    return "\n".join(texts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

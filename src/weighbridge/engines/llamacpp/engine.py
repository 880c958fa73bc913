"""GGUF weights run here by llama.cpp, in a child process of their own.

A file without `tokenizer.chat_template` is a base model and only continues texts: the server would put a conversation
into ChatML, which the model has never seen, without a word. Where a chat template ignores tools, the engine writes
them into the prompt and holds the answer to a schema (tools.py). Both are found out when the engine starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import msgspec

from weighbridge.chat import ChatRequest, Piece, Text
from weighbridge.engines.engine import Ability, BackendRecord
from weighbridge.engines.llamacpp.installed import check_installed
from weighbridge.engines.llamacpp.labels import Labels
from weighbridge.engines.llamacpp.params import available_memory, plan, slots_for
from weighbridge.engines.llamacpp.server import Server
from weighbridge.engines.llamacpp.settings import LlamaCppSettings
from weighbridge.engines.llamacpp.slots import Slots
from weighbridge.engines.llamacpp.talk import Talk
from weighbridge.engines.llamacpp.template import Template
from weighbridge.engines.llamacpp.threads import machine_threads
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.errors import BackendUnreachable, CannotAsk, EngineError
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.net.calls import Calls

ALWAYS = {Ability.COMPLETION, Ability.SCHEMA, Ability.GRAMMAR, Ability.RANK, Ability.LIKELIHOOD, Ability.LOGPROBS}
CHANGING = ("seed", "max_tokens", "kv_type_k", "kv_type_v", "flash_attention", "gpu_layers", "step_tokens")
"""Settings that can change an answer; the others change when it comes, or whether."""


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
        self._talk: Talk | None = None
        self._sha256 = record.sha256

    async def start(self) -> None:
        if self._server is not None:
            return
        check_installed(self.name)
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
            "computes_on": f"{', '.join(report.get('devices', ()))}; {report.get('cpu', '')}",
            "weights": f"sha256:{self._sha256}",
            "template": hashlib.sha256(template.encode()).hexdigest() if template else "none",
            "settings": msgspec.json.encode(changing, order="sorted").decode(),
        }

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        if self._server is None or self._labels is None or self._talk is None:
            raise CannotAsk("the engine is not started", where=f"backend {self.name}")
        self._refuse(request)
        try:
            async with self._slots.take(_beginning(request)) as slot:
                if request.choices and request.choose != "text":
                    yield self._last(await self._in_time(self._labels.choose(request, slot)))
                else:
                    async for piece in self._talk.answer(request, slot):
                        yield piece if piece.finish is None else self._last(piece)
        except EngineError as error:
            error.where = error.where or f"backend {self.name}"
            raise

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
        template = Template(server)
        self._labels = Labels(server, template, name=self.name, turn_end=str(props.get("eos_token") or "\n"))
        shows_tools = False
        abilities = set(ALWAYS)
        if header.chat_template:
            abilities |= {Ability.CHAT, Ability.TOOLS}
            caps = props.get("chat_template_caps", {})
            if caps.get("supports_reasoning_effort"):
                abilities.add(Ability.REASONING_EFFORT)
            shows_tools = await template.shows_tools()
        self._talk = Talk(server, template, tools_in_template=shows_tools)
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
        if request.service_tier not in (None, "auto", "default"):
            raise CannotAsk(
                f"an engine on this machine has no service tier {request.service_tier!r}",
                where=f"backend {self.name}",
                next_move="Leave `service_tier` out.",
            )

    async def _in_time(self, choosing: Awaitable[Piece]) -> Piece:
        """One call of several requests, which together may take what one call may."""
        try:
            async with asyncio.timeout(self._record.timeout_s):
                return await choosing
        except TimeoutError:
            raise BackendUnreachable(
                f"no answer within {self._record.timeout_s:g} s", next_move="Raise the backend's timeout_s."
            ) from None

    def _last(self, piece: Piece) -> Piece:
        """The piece that ends an answer."""
        if self._server is not None:
            self._server.answered()
        return msgspec.structs.replace(piece, model=self.model)


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

"""Any OpenAI-compatible URL: vLLM, SGLang, Ollama, llama-server, hosted APIs.

A request goes to `chat/completions`, or to `completions` where it is a text to be continued. One `answer` is one
attempt; every way it can fail is an EngineError that names the backend, the place and the next move, and never holds
the key. Labels ranked by log-probability, and several labels in a continuation, take one call a label
(labels.py).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from weighbridge.chat import Answer, ChatRequest, Piece, openai_chat, openai_completions
from weighbridge.chat.join import join
from weighbridge.chat.openai_wire import Continues, Guided, Spelling, read_labels
from weighbridge.chat.quirks import fit, quirks_of, spelled
from weighbridge.chat.thinking import Thinking
from weighbridge.engines.engine import Ability, BackendRecord
from weighbridge.engines.labels import as_text
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.engines.openai.access import Access, read_access
from weighbridge.engines.openai.labels import Labeller
from weighbridge.engines.openai.likelihood import rank_by_likelihood
from weighbridge.engines.openai.refusals import MOST_ERROR_BYTES, refusal, served_models
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.engines.streaming import as_piece, is_event_stream, read_pieces, read_whole
from weighbridge.errors import CannotAsk, EngineError
from weighbridge.net.calls import Calls, Headers, Response, Timeouts
from weighbridge.net.origin import split_url
from weighbridge.net.sse import Event, SseParser

BEHAVIOUR = "1"
"""Part of the fingerprint: raised whenever the same request would be sent or read differently."""

DEFAULT_ABILITIES = frozenset(Ability) - {Ability.EMBEDDINGS}
LIST_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=5.0, gap_s=5.0, total_s=10.0)

Seconds = Annotated[float, msgspec.Meta(gt=0)]
_Reader = openai_chat.ChatStream | openai_completions.CompletionStream


class OpenAISettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`settings` of a backend of kind `openai`."""

    abilities: tuple[Ability, ...] | None = None
    """What the backend can do; None is everything but embeddings, and what it cannot do it refuses itself."""
    stream: bool = True
    """Whether free text is read as it is written."""
    stream_usage: bool = True
    """Whether to ask for token counts at the end of a stream; a few old servers refuse the field."""
    guided: Guided = "schema"
    """How labels and schemas are enforced."""
    thinking: Thinking = "auto"
    """How `<think>` blocks are told from the answer."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """None: the newer name for api.openai.com, the older one elsewhere."""
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """Under which name earlier turns' reasoning is sent back."""
    top_logprobs: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    """How many of the likeliest tokens are asked for when labels are ranked; most servers allow 20 at most."""
    headers: dict[str, str] = {}
    """Further headers; a value `env:NAME` is looked up like the key."""
    connect_s: Seconds = 10.0
    gap_s: Seconds | None = None
    """Longest silence within an answer; None is the whole timeout_s."""
    quirks: Literal["off", "refuse", "force"] = "off"
    """What is known of the model's family: not used; used, and what the model would not take is refused; or changed."""
    continues: Continues = "refuse"
    """How an answer goes on from a last message of the assistant's, if it does."""
    check: bool = False
    """Whether `start` asks the backend for its models, so that a wrong address or key ends a run before it begins."""


class OpenAIEngine:
    """Asks one OpenAI-compatible backend."""

    def __init__(
        self,
        record: BackendRecord,
        *,
        calls: Calls,
        environ: Mapping[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` is the wall clock in Unix seconds, which a Retry-After date is measured against."""
        self._own = own = read_own_settings(record, OpenAISettings)
        self._access: Access = read_access(record, own.headers, environ)
        self._calls = calls
        self._access.check(calls)
        self._now = now
        self._spelling = Spelling(
            guided=own.guided,
            max_tokens=own.max_tokens_field or self._access.usual_max_tokens_field,
            reasoning=own.reasoning_field,
            thinking=own.thinking,
            stream_usage=own.stream_usage,
        )
        self._timeouts = Timeouts(
            connect_s=min(own.connect_s, record.timeout_s),
            first_byte_s=record.timeout_s,
            gap_s=own.gap_s or record.timeout_s,
            total_s=record.timeout_s,
        )
        self._labeller = Labeller(self._spelling, own.top_logprobs, self._whole)
        self._offered: tuple[str, ...] | None = None
        self._known: dict[str, dict[str, Any]] = {}
        self.name = record.name
        self.model = record.model or self._access.host
        self.abilities = frozenset(own.abilities) if own.abilities is not None else DEFAULT_ABILITIES
        self.concurrency = record.concurrency or 8

    async def start(self) -> None:
        """Nothing to start; with `check = true`, a look whether the backend is there and takes the key."""
        if self._own.check:
            await self.probe()

    async def close(self) -> None:
        """The connections belong to the client that was handed in."""

    async def probe(self) -> tuple[str, ...]:
        """The models the backend says it serves; EngineError if it cannot be reached or refuses the key."""
        try:
            return await self._models()
        except EngineError as error:
            self._access.name_in(error, self._access.url("models"))
            raise

    def fingerprint(self) -> dict[str, str]:
        """What an answer depends on beside the request; what only changes how it is carried is left out."""
        own = self._own
        matters: dict[str, Any] = {"guided": own.guided, "thinking": own.thinking, "top_logprobs": own.top_logprobs}
        matters |= {"quirks": own.quirks} if own.quirks != "off" else {}
        matters |= {"reasoning_field": own.reasoning_field, "headers": own.headers}
        return {
            "engine": f"openai {BEHAVIOUR}",
            "url": self._access.base_url,
            "settings": msgspec.json.encode(matters, order="deterministic").decode(),
        }

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """One attempt, streamed or in one piece. Raises subclasses of EngineError only, which name the backend."""
        refuse_what_it_lacks(self, request)
        try:
            request = self._fitted(request)
            if request.choices and request.choose == "logprob":
                yield await self._labeller.rank(request)
            elif request.choices and request.choose == "likelihood":
                yield await rank_by_likelihood(request, self._read)
            elif request.choices and request.choose == "grammar":
                yield await self._constrained(request)
            elif self._own.stream:
                async for piece in self._streamed(request):
                    yield piece
            else:
                yield as_piece(await self._whole(request, self._encode(request, stream=False)))
        except EngineError as error:
            self._access.name_in(error, self._access.url(_path(request)))
            raise

    def _quirks(self, model: str) -> dict[str, Any]:
        """Of one model; few are asked for, so each is looked up once."""
        if self._own.quirks == "off":
            return {}
        if model not in self._known:
            self._known[model] = quirks_of(model or self.model, split_url(self._access.base_url)[0].host)
        return self._known[model]

    def _fitted(self, request: ChatRequest) -> ChatRequest:
        return fit(request, self._quirks(request.model), force=self._own.quirks == "force").request

    def _spelled(self, request: ChatRequest) -> Spelling:
        quirks = self._quirks(request.model)
        return spelled(self._spelling, quirks) if quirks else self._spelling

    async def _constrained(self, request: ChatRequest) -> Piece:
        if request.prompt is not None:
            return await self._labeller.fill_in(request)
        answer = await self._whole(request, self._encode(request, stream=False))
        labels = read_labels(answer.text, request, self._spelling, answer.finish)
        return msgspec.structs.replace(as_piece(answer), text=as_text(request.choices, labels))

    def _encode(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        if request.prompt is not None:
            return openai_completions.encode(request, self._spelling, stream=stream)
        return openai_chat.encode(request, self._spelled(request), stream=stream)

    async def _whole(self, request: ChatRequest, body: dict[str, Any]) -> Answer:
        """One call, its answer read at once."""
        response = await self._posted(request, body)
        if is_event_stream(response.headers):
            return self._read_stream_whole(request, response.body)
        return self._decode(request, response.body)

    async def _read(self, request: ChatRequest, body: dict[str, Any]) -> bytes:
        """One call, its answer as it came."""
        return (await self._posted(request, body)).body

    async def _posted(self, request: ChatRequest, body: dict[str, Any]) -> Response:
        url, headers = self._access.url(_path(request)), self._access.headers
        response = await self._calls.request("POST", url, headers, _as_bytes(body), self._timeouts)
        if response.status != 200:
            raise await self._refusal(request, response.status, response.headers, response.body)
        return response

    async def _streamed(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """One call, its answer read as it comes; also one that a server sends whole though a stream was asked for."""
        body = _as_bytes(self._encode(request, stream=True))
        url, headers = self._access.url(_path(request)), self._access.headers
        async with self._calls.stream("POST", url, headers, body, self._timeouts) as response:
            if response.status != 200:
                content = await response.read(MOST_ERROR_BYTES)
                raise await self._refusal(request, response.status, response.headers, content)
            if not is_event_stream(response.headers):
                yield as_piece(self._decode(request, await read_whole(response)))
                return
            reader = self._reader(request)
            async for piece in read_pieces(response, _cutter(reader), reader):
                yield piece

    def _read_stream_whole(self, request: ChatRequest, body: bytes) -> Answer:
        """The answer of a server that streams without being asked to."""
        reader = self._reader(request)
        return join([*_cutter(reader)(body), reader.end()])

    def _reader(self, request: ChatRequest) -> _Reader:
        if request.prompt is not None:
            return openai_completions.CompletionStream(self._spelling)
        return openai_chat.ChatStream(self._spelled(request))

    def _decode(self, request: ChatRequest, body: bytes) -> Answer:
        if request.prompt is not None:
            return openai_completions.decode(body, self._spelling)
        return openai_chat.decode(body, self._spelled(request))

    async def _refusal(self, request: ChatRequest, status: int, headers: Headers, body: bytes) -> EngineError:
        offered: tuple[str, ...] = ()
        if status == 404:
            offered = await self._offers()
        return refusal(
            status, headers, body, model=request.model, access=self._access, offered=offered, now=self._now()
        )

    async def _offers(self) -> tuple[str, ...]:
        """The models it serves, asked once, and only for an error's sake: none if that fails too."""
        if self._offered is None:
            try:
                self._offered = await self._models()
            except EngineError:
                self._offered = ()
        return self._offered

    async def _models(self) -> tuple[str, ...]:
        url = self._access.url("models")
        response = await self._calls.request("GET", url, self._access.headers, timeouts=LIST_TIMEOUTS)
        if response.status != 200:
            raise refusal(
                response.status, response.headers, response.body, model="", access=self._access, now=self._now()
            )
        return served_models(response.body)


def _as_bytes(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise CannotAsk(
            f"the request holds text that is not Unicode: {error}", next_move="Correct the item it comes from."
        ) from error


def _path(request: ChatRequest) -> str:
    return "chat/completions" if request.prompt is None else "completions"


def _cutter(reader: _Reader) -> Callable[[bytes], Iterator[Piece]]:
    """From chunks to the pieces of their events, as `reader` reads them."""
    parser = SseParser()
    return lambda chunk: (piece for event in parser.feed(chunk) for piece in _read_event(reader, event))


def _read_event(reader: _Reader, event: Event) -> list[Piece]:
    """Pieces of an event; one of the type `error` is one, whatever its data looks like."""
    if event.event == b"error" and b'"error"' not in event.data:
        reader.break_off({"message": event.data.decode("utf-8", "replace")})
    return reader.feed(event.data)

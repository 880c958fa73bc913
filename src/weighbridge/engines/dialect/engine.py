"""One engine for every dialect that has a back: ask, read the answer whole or as it comes, name what went wrong.

Labels are enforced through a JSON schema and read out of the object that comes back.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import msgspec

from weighbridge.chat import Answer, ChatRequest, Piece
from weighbridge.chat.dialect import EventReader, Sent
from weighbridge.chat.embeddings import Embedded, EmbedRequest
from weighbridge.chat.openai_wire import Spelling, decode_json, labels_schema, read_labels
from weighbridge.chat.sayable import cannot_say
from weighbridge.engines.dialect.speech import speech_of
from weighbridge.engines.engine import BackendRecord
from weighbridge.engines.labels import as_text
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.engines.openai.access import Access, read_access
from weighbridge.engines.openai.engine import LIST_TIMEOUTS
from weighbridge.engines.openai.refusals import MOST_ERROR_BYTES, refusal
from weighbridge.engines.streaming import as_piece, is_event_stream, read_pieces, read_whole
from weighbridge.errors import BackendRefused, CannotAsk, EngineError
from weighbridge.net.calls import Calls, Headers, Response, Timeouts
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

BEHAVIOUR = "1"
"""Part of the fingerprint: raised whenever the same request would be sent or read differently."""
BY_SCHEMA = Spelling(guided="schema")


class _Named(msgspec.Struct):
    """An entry of a list of models, in any dialect's words."""

    id: str | None = None
    name: str | None = None


class _Models(msgspec.Struct):
    data: list[_Named] | None = None
    models: list[_Named] | None = None


class DialectEngine:
    """Asks one backend in its own dialect."""

    def __init__(
        self,
        record: BackendRecord,
        *,
        calls: Calls,
        environ: Mapping[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` is the wall clock in Unix seconds, which a Retry-After date is measured against."""
        self._speech = speech = speech_of(record)
        own = speech.settings
        placed = msgspec.structs.replace(record, base_url=record.base_url or speech.base_url)
        key = speech.key_field, speech.key_prefix
        self._access: Access = read_access(placed, own.headers, environ, key_header=key)
        self._calls = calls
        self._access.check(calls)
        self._now = now
        self._kind = record.kind
        self._timeouts = Timeouts(
            connect_s=min(own.connect_s, record.timeout_s),
            first_byte_s=record.timeout_s,
            gap_s=own.gap_s or record.timeout_s,
            total_s=record.timeout_s,
        )
        self.name = record.name
        self.model = record.model or self._access.host
        self.abilities = frozenset(own.abilities) if own.abilities is not None else speech.abilities
        self.concurrency = record.concurrency or 8

    async def start(self) -> None:
        """Nothing to start; with `check = true`, a look whether the backend is there and takes the key."""
        if self._speech.settings.check:
            await self.probe()

    async def close(self) -> None:
        """The connections belong to the client that was handed in."""

    async def probe(self) -> tuple[str, ...]:
        """The models the backend says it serves; EngineError if it cannot be reached or refuses the key."""
        url = self._access.url(self._speech.models_path)
        try:
            response = await self._calls.request("GET", url, self._access.headers, timeouts=LIST_TIMEOUTS)
            if response.status != 200:
                raise self._refusal("", response.status, response.headers, response.body)
            listed = decode_json(response.body, _Models)
            return tuple(each.id or each.name or "" for each in listed.data or listed.models or ())
        except EngineError as error:
            self._access.name_in(error, url)
            raise

    def fingerprint(self) -> dict[str, str]:
        """What an answer depends on beside the request; what only changes how it is carried is left out."""
        matters = msgspec.to_builtins(self._speech.settings)
        for name in ("connect_s", "gap_s", "check", "stream", "abilities"):
            matters.pop(name, None)
        return {
            "engine": f"{self._kind} {BEHAVIOUR}",
            "url": self._access.base_url,
            "settings": msgspec.json.encode(matters, order="deterministic").decode(),
        }

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """One attempt, streamed or in one piece. Raises subclasses of EngineError only, which name the backend."""
        refuse_what_it_lacks(self, request)
        labels = request.choices if request.choose == "grammar" else ()
        asked = _by_schema(request) if labels else request
        stream = self._speech.settings.stream and not labels
        path = ""
        try:
            sent = self._speech.back.encode(asked, stream=stream)
            path = sent.path
            if stream:
                async for piece in self._streamed(sent, asked):
                    yield piece
            else:
                answer = await self._whole(sent, asked)
                yield self._labelled(answer, request) if labels else as_piece(answer)
        except EngineError as error:
            self._access.name_in(error, self._access.url(path))
            raise

    async def embed(self, request: EmbedRequest) -> Embedded:
        """Texts to vectors. CannotAsk where the dialect has none."""
        embeds = self._speech.embeds
        path = ""
        try:
            if embeds is None:
                raise cannot_say(self._speech.back.name, "embeddings")
            sent = embeds.encode(request)
            path = sent.path
            response = await self._post(sent)
            if response.status != 200:
                raise self._refusal(request.model, response.status, response.headers, response.body)
            return embeds.decode(response.body, request)
        except EngineError as error:
            self._access.name_in(error, self._access.url(path))
            raise

    async def _whole(self, sent: Sent, request: ChatRequest) -> Answer:
        response = await self._post(sent)
        if response.status != 200:
            raise self._refusal(request.model, response.status, response.headers, response.body)
        return self._speech.back.decode(response.body, request)

    async def _post(self, sent: Sent) -> Response:
        headers = self._access.headers + sent.headers
        return await self._calls.request("POST", self._access.url(sent.path), headers, sent.body, self._timeouts)

    async def _streamed(self, sent: Sent, request: ChatRequest) -> AsyncIterator[Piece]:
        """One call, its answer read as it comes; also one that a server sends whole though a stream was asked for."""
        url, headers = self._access.url(sent.path), self._access.headers + sent.headers
        async with self._calls.stream("POST", url, headers, sent.body, self._timeouts) as response:
            if response.status != 200:
                content = await response.read(MOST_ERROR_BYTES)
                raise self._refusal(request.model, response.status, response.headers, content)
            if self._speech.back.framing == "sse" and not is_event_stream(response.headers):
                yield as_piece(self._speech.back.decode(await read_whole(response), request))
                return
            reader = self._speech.back.reader(request)
            async for piece in read_pieces(response, _cutter(self._speech.back.framing, reader), reader):
                yield piece

    def _labelled(self, answer: Answer, request: ChatRequest) -> Piece:
        labels = read_labels(answer.text, request, BY_SCHEMA, answer.finish)
        return msgspec.structs.replace(as_piece(answer), text=as_text(request.choices, labels))

    def _refusal(self, model: str, status: int, headers: Headers, body: bytes) -> BackendRefused:
        error = refusal(status, headers, body, model=model, access=self._access, now=self._now())
        if status in (400, 422):
            error.next_move = "Change what it names in the request, or in the backend's `settings`."
        return error


def _by_schema(request: ChatRequest) -> ChatRequest:
    """Labels as a JSON schema that only they satisfy."""
    if request.schema is not None:
        raise CannotAsk("one answer cannot be held to both labels and a JSON schema")
    schema = labels_schema(request.choices)
    return msgspec.structs.replace(request, choices=(), choose="text", schema=schema, schema_name="labels")


def _cutter(framing: str, reader: EventReader) -> Callable[[bytes], Iterator[Piece]]:
    """From chunks to the pieces of their whole events or lines, as `reader` reads them."""
    if framing == "lines":
        lines = LineParser()
        return lambda chunk: (piece for line in lines.feed(chunk) for piece in reader.feed(line))
    events = SseParser()
    return lambda chunk: (piece for each in events.feed(chunk) for piece in reader.feed(each.data, each.event))

"""A deterministic engine without a model or a network, for docs, demos and tests.

It answers from the last user message (or the prompt): after the last `answer=` or `echo: ` in it stands, up to the
end of the line, the right answer. With several choices `answer.NAME=` gives one of them. Lines `call: NAME {json}`
ask for tool calls. Without a marker it answers `reply`, and without that it repeats the message; a label is then
picked by digest.

    digest   SHA-256(name, seed, request): decides failure, rightness and wrong answers, so a rerun says the same
    tokens   one for 4 characters, rounded up, unless the setting `tokens` says how many are reported
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import msgspec

from weighbridge.chat import ChatRequest, Choice, Piece, ToolCall, Usage
from weighbridge.engines.echo.markers import is_json, label_in, last_words, marked, plain, tokens, tool_calls
from weighbridge.engines.echo.schema import smallest_value
from weighbridge.engines.engine import Ability, BackendRecord
from weighbridge.engines.labels import as_text, best_label, calibrated
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.errors import (
    BackendRefused,
    BackendUnreachable,
    BadAnswer,
    CannotAsk,
    EngineCrashed,
    EngineError,
    InputError,
    StreamCut,
)

BEHAVIOUR = "1"
"""Part of the fingerprint: raised whenever the same request would be answered differently."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

FAILURES: dict[str, type[EngineError]] = {
    kind.reason: kind for kind in (BackendUnreachable, BadAnswer, StreamCut, CannotAsk, EngineCrashed)
}


class EchoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`settings` of a backend of kind `echo`."""

    reply: str | None = None
    """Said where the message holds no marker."""
    wrong: str = "I do not know."
    """Said in place of a right text; a wrong label is another label."""
    skill: Share = 1.0
    """Share of requests answered rightly."""
    seed: int = 0
    fail_share: Share = 0.0
    fail_reason: str = "status 500"
    """`status N`, `unreachable`, `unreadable answer`, `cut`, `crashed` or `cannot ask`."""
    fail_times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How often a request that fails does so before it is answered; None is always."""
    retry_after_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """What a `status N` failure asks callers to wait."""
    tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Output tokens reported."""
    counts: bool = True
    """False: reports no usage at all, as some servers do."""
    delay_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    reasoning: str = ""
    """Reasoning text before every answer."""
    pieces: Annotated[int, msgspec.Meta(ge=1)] = 1
    """How many pieces an answer's text comes in."""
    abilities: tuple[Ability, ...] | None = None
    """What it can do; None is everything but embeddings."""


class EchoEngine:
    """Answers out of the request itself."""

    def __init__(self, record: BackendRecord, *, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> None:
        self._own = read_own_settings(record, EchoSettings)
        self._status = _status_of(self._own.fail_reason, record.name)
        self._sleep = sleep
        self._failed: Counter[bytes] = Counter()
        self._salt = f"{record.name}\0{self._own.seed}\0".encode()
        self.name = record.name
        self.model = record.model or "echo"
        self.abilities = frozenset(
            self._own.abilities if self._own.abilities is not None else set(Ability) - {Ability.EMBEDDINGS}
        )
        self.concurrency = record.concurrency or 64

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to stop."""

    def fingerprint(self) -> dict[str, str]:
        return {
            "engine": f"echo {BEHAVIOUR}",
            "name": self.name,
            "settings": msgspec.json.encode(self._own, order="deterministic").decode(),
        }

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        refuse_what_it_lacks(self, request)
        digest = self._digest(request)
        own = self._own
        if own.delay_s:
            await self._sleep(own.delay_s)
        if own.fail_share and _share(digest, 0) < own.fail_share:
            self._fail(digest)
        said = last_words(request)
        calls = tool_calls(request, said, digest)
        if calls:
            yield self._last(request, "", calls=calls)
        elif request.choices:
            yield self._labels(request, said, digest)
        else:
            for piece in self._text(request, said, digest):
                yield piece

    def _digest(self, request: ChatRequest) -> bytes:
        asked = msgspec.structs.replace(request, baseline=None) if request.baseline is not None else request
        try:
            return hashlib.sha256(self._salt + msgspec.json.encode(asked)).digest()
        except UnicodeEncodeError as error:
            raise CannotAsk(
                f"the request holds text that is not Unicode: {error}", where=f"backend {self.name}"
            ) from error

    def _fail(self, digest: bytes) -> None:
        own = self._own
        if own.fail_times is not None:
            self._failed[digest] += 1
            if self._failed[digest] > own.fail_times:
                return
        what = f"backend {self.name!r} failed as its setting fail_share = {own.fail_share} says: {own.fail_reason}"
        where = f"backend {self.name}"
        if self._status is not None:
            raise BackendRefused(what, status=self._status, retry_after_s=own.retry_after_s, where=where)
        raise FAILURES[own.fail_reason](what, where=where)

    def _labels(self, request: ChatRequest, said: str, digest: bytes) -> Piece:
        """Every choice gets a digest of its own, so that one may be right while another is wrong."""
        picked, ranked = {}, {}
        for index, choice in enumerate(request.choices):
            own = digest if index == 0 else hashlib.sha256(digest + index.to_bytes(4, "big")).digest()
            label = self._label(choice, marked(said, choice.name) or self._own.reply, own)
            if request.choose in ("logprob", "likelihood"):
                ranked[choice.name] = _ranked(choice, label, own, request.baseline is not None)
                label = best_label(ranked[choice.name])
            picked[choice.name] = label
        text = as_text(request.choices, picked)
        return self._last(request, text, label_logprobs=ranked or None)

    def _label(self, choice: Choice, right: str | None, digest: bytes) -> str:
        label = label_in(right, choice) if right else None
        if label is None:
            return choice.labels[digest[12] % len(choice.labels)]
        others = [other for other in choice.labels if other != label]
        if not others or _share(digest, 6) < self._own.skill:
            return label
        return others[digest[12] % len(others)]

    def _text(self, request: ChatRequest, said: str, digest: bytes) -> list[Piece]:
        right = marked(said, None)
        knows = _share(digest, 6) < self._own.skill
        if right is None:
            right = said if self._own.reply is None else self._own.reply
        text = right if knows else self._own.wrong
        if request.schema is not None and not (knows and is_json(right)):
            text = msgspec.json.encode(smallest_value(request.schema)).decode()
        text, finish = _cut(text, request)
        step = math.ceil(len(text) / self._own.pieces) or 1
        parts = [text[start : start + step] for start in range(0, len(text), step)] or [""]
        early = [Piece(text=part) for part in parts[:-1]]
        if early and self._own.reasoning:
            early.insert(0, Piece(reasoning=self._own.reasoning))
        return [*early, self._last(request, parts[-1], whole=text, finish=finish, thought=bool(early))]

    def _last(
        self,
        request: ChatRequest,
        text: str,
        *,
        calls: tuple[ToolCall, ...] = (),
        label_logprobs: dict[str, dict[str, float]] | None = None,
        whole: str | None = None,
        finish: str = "stop",
        thought: bool = False,
    ) -> Piece:
        """The piece that ends an answer; `whole` is all its text, where earlier pieces held some of it."""
        return Piece(
            text=text,
            reasoning="" if thought else self._own.reasoning,
            tool_calls=calls,
            label_logprobs=label_logprobs,
            finish="tool_calls" if calls else finish,
            usage=self._usage(request, text if whole is None else whole, calls),
            model=request.model or self.model,
        )

    def _usage(self, request: ChatRequest, text: str, calls: tuple[ToolCall, ...]) -> Usage | None:
        own = self._own
        if not own.counts:
            return None
        asked = (
            len(request.prompt) if request.prompt is not None else sum(len(plain(m.content)) for m in request.messages)
        )
        thought = tokens(len(own.reasoning))
        written = tokens(len(text) + sum(len(call.name) + len(call.arguments) for call in calls))
        return Usage(
            input_tokens=tokens(asked),
            output_tokens=thought + written if own.tokens is None else own.tokens,
            cached_tokens=0,
            reasoning_tokens=thought,
        )


def _status_of(reason: str, name: str) -> int | None:
    """`status 429` as 429; None for a reason with a class of its own."""
    if reason in FAILURES:
        return None
    word, _, number = reason.partition(" ")
    if word == "status" and number.isascii() and number.isdigit() and 400 <= int(number) <= 599:
        return int(number)
    raise InputError(
        f"backend {name!r}: unknown fail_reason {reason!r}",
        where=f"[[backend]] {name}: settings.fail_reason",
        next_move=f"Use `status 400` to `status 599`, or one of: {', '.join(FAILURES)}.",
    )


def _share(digest: bytes, start: int) -> float:
    """A number in [0, 1) out of six bytes of the digest."""
    return int.from_bytes(digest[start : start + 6], "big") / (1 << 48)


def _ranked(choice: Choice, label: str, digest: bytes, has_baseline: bool) -> dict[str, float]:
    """Log-probabilities that sum to one in probability: 0.7 for the label, the rest shared by digest.

    Echo has no liking for a label as such, so its baseline is uniform.
    """
    others = {other: 1 + digest[13 + at % 19] for at, other in enumerate(choice.labels) if other != label}
    total = sum(others.values())
    shares = {other: 0.3 * weight / total for other, weight in others.items()} | {label: 0.7 if others else 1.0}
    scores = {each: math.log(shares[each]) for each in choice.labels}
    return calibrated(scores, dict.fromkeys(scores, -math.log(len(scores))) if has_baseline else None)


def _cut(text: str, request: ChatRequest) -> tuple[str, str]:
    """The text as far as the stop sequences and max_tokens let it go, and why it ended."""
    for stop in request.sampling.stop:
        text = text.partition(stop)[0] if stop else text
    limit = request.sampling.max_tokens
    if limit is not None and tokens(len(text)) > limit:
        return text[: 4 * limit], "length"
    return text, "stop"

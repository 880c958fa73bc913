"""From the pieces of a stream to one answer that can be kept.

What a backend says is not believed: counts that are no counts become unknown, text is made Unicode, log-probabilities
must be numbers, and an answer has a largest length.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec

from weighbridge.chat import Answer, Piece, ToolCall, Usage
from weighbridge.chat.answer import TokenLogprob
from weighbridge.chat.join import ThoughtJoiner
from weighbridge.chat.request import Thought
from weighbridge.errors import BadAnswer

from .clock import Clock

LONGEST_CHARS = 16 << 20
"""Text, reasoning and tool arguments together; a backend that never stops is cut off there."""
LARGEST_COUNT = 1 << 53
"""Beyond this a token count is nonsense."""
IMPOSSIBLE = -1e9
"""Stands for a log-probability of minus infinity, which JSON cannot hold."""


async def collect(pieces: AsyncIterator[Piece], clock: Clock) -> Answer:
    """The whole answer, timed from now. Raises EngineError; closes the stream in any case."""
    started = clock.elapsed()
    draft = _Draft()
    ttft_s: float | None = None
    async with aclosing(cast("Any", pieces)) as stream:
        async for piece in stream:
            draft.add(piece)
            if ttft_s is None and draft.size:
                ttft_s = clock.elapsed() - started
    return draft.answer(clock.elapsed() - started, ttft_s)


class _Draft:
    """What has come so far."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces = 0
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: list[ToolCall] = []
        self._labels: dict[str, dict[str, float]] | None = None
        self._logprobs: list[TokenLogprob] = []
        self._thoughts = ThoughtJoiner()
        self._stop_sequence: str | None = None
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None

    def add(self, piece: Piece) -> None:
        self._pieces += 1
        if piece.was_reasoning:
            self._reasonings += self._texts
            self._texts = []
        self._texts.append(piece.text)
        self._reasonings.append(piece.reasoning)
        self._calls += piece.tool_calls
        self.size += len(piece.text) + len(piece.reasoning)
        self.size += sum(len(call.name) + len(call.arguments) for call in piece.tool_calls)
        if piece.logprobs:
            self._logprobs += piece.logprobs
            self.size += sum(len(one.token) + sum(map(len, one.top)) for one in piece.logprobs)
        self._thoughts.take(piece)
        self.size += sum(len(one.text) + len(one.redacted or "") for one in piece.thoughts)
        self._labels = piece.label_logprobs or self._labels
        self._stop_sequence = piece.stop_sequence or self._stop_sequence
        self._finish = piece.finish or self._finish
        self._usage = piece.usage or self._usage
        self._model = piece.model or self._model
        if self.size > LONGEST_CHARS:
            raise BadAnswer(f"the answer is longer than {LONGEST_CHARS:,} characters and was cut off")

    def answer(self, latency_s: float, ttft_s: float | None) -> Answer:
        if not self._pieces:
            raise BadAnswer("the backend ended its answer without sending anything")
        return Answer(
            text=_unicode("".join(self._texts)),
            reasoning=_unicode("".join(self._reasonings)),
            tool_calls=tuple(
                ToolCall(_unicode(call.id), _unicode(call.name), _unicode(call.arguments)) for call in self._calls
            ),
            label_logprobs=self._labels and _numbers(self._labels),
            finish=self._finish and _unicode(self._finish),
            usage=_counts(self._usage),
            model=self._model and _unicode(self._model),
            logprobs=tuple(map(_token, self._logprobs)),
            thoughts=tuple(map(_thought, self._thoughts.whole())),
            stop_sequence=self._stop_sequence and _unicode(self._stop_sequence),
            latency_s=latency_s,
            ttft_s=ttft_s,
        )


def _unicode(text: str) -> str:
    """Join surrogate pairs that came in two pieces; a half without its other half becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _counts(usage: Usage | None) -> Usage:
    """Token counts below zero or beyond all sense are unknown."""
    if usage is None:
        return Usage()

    def count(tokens: int | None) -> int | None:
        return tokens if tokens is not None and 0 <= tokens <= LARGEST_COUNT else None

    return Usage(
        count(usage.input_tokens),
        count(usage.output_tokens),
        count(usage.cached_tokens),
        count(usage.reasoning_tokens),
        count(usage.cache_write_tokens),
    )


def _numbers(ranked: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for name, labels in ranked.items():
        for label, logprob in labels.items():
            if math.isnan(logprob) or logprob == math.inf:
                raise BadAnswer(f"the log-probability of {label!r} for {name!r} is {logprob}")
    return {name: {label: max(at, IMPOSSIBLE) for label, at in labels.items()} for name, labels in ranked.items()}


def _token(said: TokenLogprob) -> TokenLogprob:
    """A token with its alternatives, of which those without a number are left out."""
    top = {_unicode(token): max(at, IMPOSSIBLE) for token, at in said.top.items() if at < math.inf}  # not for NaN
    if not said.logprob < math.inf:
        raise BadAnswer(f"the log-probability of the token {said.token!r} is {said.logprob}")
    return TokenLogprob(_unicode(said.token), max(said.logprob, IMPOSSIBLE), top)


def _thought(said: Thought) -> Thought:
    return msgspec.structs.replace(said, text=_unicode(said.text))

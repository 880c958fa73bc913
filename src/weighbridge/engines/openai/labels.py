"""Labels from a backend that has no way of its own to give several, or to rank them.

A continuation is filled in choice by choice: each label that was picked becomes part of the text for the next. Ranks
come from the log-probabilities of the first token (chat/first_token.py), minus those under the request's content-free
twin, which is asked once and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import msgspec

from weighbridge.chat import Answer, ChatRequest, Choice, Piece, Usage, openai_chat, openai_completions
from weighbridge.chat.first_token import rank_labels
from weighbridge.chat.frames import continuation_frames
from weighbridge.chat.openai_wire import Spelling, read_labels
from weighbridge.engines.labels import as_text, best_label, calibrated
from weighbridge.errors import CannotAsk

MOST_BASELINES = 4096
"""Kept; one for each candidate and combination of earlier labels."""

Ask = Callable[[ChatRequest, dict[str, Any]], Awaitable[Answer]]


class Labeller:
    """Asks through `ask`, which makes one call with a body and reads its answer."""

    def __init__(self, spelling: Spelling, top: int, ask: Ask) -> None:
        self._spelling = spelling
        self._top = top
        self._ask = ask
        self._baselines: dict[bytes, dict[str, float]] = {}
        self._baseline_lock = asyncio.Lock()

    async def fill_in(self, request: ChatRequest) -> Piece:
        """Constrained labels after a text, one call a choice."""
        assert request.prompt is not None
        picked: dict[str, str] = {}
        spent = Spent()
        for step in _steps(request, request.prompt, picked):
            one = msgspec.structs.replace(request, choices=(step.choice,))
            body = openai_completions.encode(
                one, self._spelling, stream=False, prompt=step.prompt, written=step.written
            )
            answer = await self._ask(one, body)
            picked |= read_labels(answer.text, one, self._spelling, answer.finish)
            spent.add(answer)
        return Piece(text=as_text(request.choices, picked), finish="stop", usage=spent.usage, model=spent.model)

    async def rank(self, request: ChatRequest) -> Piece:
        """Labels ranked by their first token, one call a choice."""
        if request.prompt is None and len(request.choices) > 1:
            raise CannotAsk(
                f"only one label can be ranked in a conversation, and {len(request.choices)} are asked for",
                next_move='Set `choose = "grammar"`, or ask with `endpoint = "completion"`.',
            )
        picked: dict[str, str] = {}
        ranked: dict[str, dict[str, float]] = {}
        spent = Spent()
        for step in _steps(request, request.prompt or "", picked):
            choice = step.choice
            scores = await self._scores(request, step, request.baseline is not None, spent)
            if request.baseline is not None:
                twin = msgspec.structs.replace(request.baseline, choices=request.choices)
                scores = calibrated(scores, await self._baseline(twin, choice, picked, spent))
            ranked[choice.name] = scores
            picked[choice.name] = best_label(scores)
        return Piece(
            text=as_text(request.choices, picked),
            label_logprobs=ranked,
            finish="stop",
            usage=spent.usage,
            model=spent.model,
        )

    async def _baseline(
        self, twin: ChatRequest, choice: Choice, picked: Mapping[str, str], spent: Spent
    ) -> dict[str, float]:
        """The content-free twin's scores at this choice, given the labels picked before."""
        key = msgspec.json.encode((twin, choice.name, picked))
        async with self._baseline_lock:
            if key not in self._baselines:
                if len(self._baselines) >= MOST_BASELINES:
                    self._baselines.clear()
                step = next(
                    step for step in _steps(twin, twin.prompt or "", dict(picked)) if step.choice.name == choice.name
                )
                self._baselines[key] = await self._scores(twin, step, True, spent)
            return self._baselines[key]

    async def _scores(self, request: ChatRequest, step: Step, need_all: bool, spent: Spent) -> dict[str, float]:
        sampling = msgspec.structs.replace(request.sampling, max_tokens=1)
        plain = msgspec.structs.replace(
            request, choices=(), choose="text", baseline=None, schema=None, logprobs=self._top, sampling=sampling
        )
        if request.prompt is not None:
            body = openai_completions.encode(plain, self._spelling, stream=False, prompt=step.prompt)
        else:
            body = openai_chat.encode(plain, self._spelling, stream=False)
        answer = await self._ask(plain, body)
        spent.add(answer)
        if not answer.logprobs or not answer.logprobs[0].top:
            raise CannotAsk(
                "the backend gave no log-probabilities, so labels cannot be ranked",
                next_move='Set `choose = "grammar"` or `choose = "text"`.',
            )
        return rank_labels(step.choice.labels, answer.logprobs[0].top, need_all=need_all)


class Step(msgspec.Struct, frozen=True):
    """One choice of a continuation."""

    choice: Choice
    prompt: str
    """The text before its label, without the space that parts them: models write that as part of the label."""
    written: tuple[str, ...]
    """The labels with that space."""


class Spent:
    """What several calls used together. A count one of them does not give is unknown for all."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None

    def add(self, answer: Answer) -> None:
        self.model = answer.model or self.model
        if self.usage is None:
            self.usage = answer.usage
            return
        pairs = {name: (getattr(self.usage, name), getattr(answer.usage, name)) for name in Usage.__struct_fields__}
        self.usage = Usage(**{name: None if None in pair else sum(pair) for name, pair in pairs.items()})


def _steps(request: ChatRequest, prompt: str, picked: Mapping[str, str]) -> Iterator[Step]:
    """The choices in order; `picked` must hold a choice's label before the next step is taken."""
    text = prompt
    for choice, frame in zip(request.choices, continuation_frames(prompt, request.choices), strict=True):
        whole = text + frame.before
        bare = whole.rstrip(" ")
        gap = whole[len(bare) :]
        yield Step(choice, bare, tuple(gap + label for label in choice.labels))
        text = whole + picked.get(choice.name, "")

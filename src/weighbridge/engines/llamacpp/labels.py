"""Labels chosen on one server: by a grammar in one request, or ranked by log-probability, choice after choice."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from weighbridge.chat import ChatRequest, Piece, Usage
from weighbridge.chat.frames import Frame, continuation_frames, turn_frames
from weighbridge.chat.openai_wire import Spelling, sampling_fields
from weighbridge.engines.labels import as_text, best_label, calibrated, likeliest, only_choice
from weighbridge.engines.llamacpp.grammar import label_grammar, longest, read_labels, split_seam
from weighbridge.engines.llamacpp.rank import Asks, Ranker, Reading
from weighbridge.engines.llamacpp.template import Template
from weighbridge.errors import BadAnswer, CannotAsk

KEPT_BASELINES = 4096
"""Rankings of content-free texts kept; a task has one for each choice and what was picked before it."""
SPELLING = Spelling()


class Labels:
    """Chooses labels. One for each started server, because what it remembers is true of that one only."""

    def __init__(self, server: Asks, template: Template, *, name: str, turn_end: str) -> None:
        """`turn_end` is the text of the token that ends an assistant's turn."""
        self._server = server
        self._template = template
        self._name = name
        self._turn_end = turn_end
        self._ranker = Ranker(server, name)
        self._baselines: OrderedDict[tuple[str, tuple[str, ...]], tuple[float, ...]] = OrderedDict()
        self._one_baseline = asyncio.Lock()

    async def choose(self, request: ChatRequest, slot: int) -> Piece:
        """Labels as the request wants them chosen."""
        ways = {"logprob": self.ranked, "likelihood": self.likeliest}
        return await ways.get(request.choose, self.constrained)(request, slot)

    async def likeliest(self, request: ChatRequest, slot: int) -> Piece:
        """Every label scored as the text that follows the prompt, or that begins an assistant's turn; nothing is added
        to it, so that the sums are those of lm-eval."""
        choice = only_choice(request)
        text, _, _ = await self._framed(request)
        lead = choice.lead if request.prompt is not None else ""
        reading = await self._ranker.rank(text, [lead + label for label in choice.labels], end="", slot=slot)
        scores = dict(zip(choice.labels, reading.scores, strict=True))
        best = likeliest(choice, scores)
        usage = Usage(
            input_tokens=reading.prompt_tokens,
            output_tokens=reading.label_tokens[choice.labels.index(best)],
            cached_tokens=reading.cached_tokens,
        )
        return Piece(text=best, label_logprobs={choice.name: scores}, finish="stop", usage=usage)

    async def constrained(self, request: ChatRequest, slot: int) -> Piece:
        """One request whose grammar allows the labels and nothing else."""
        text, frames, end = await self._framed(request)
        lead, first = split_seam(frames[0].before)
        body: dict[str, Any] = {
            **sampling_fields(request.sampling, SPELLING),
            "prompt": text + lead,
            "grammar": label_grammar(request.choices, frames, first=first, end=end),
            "n_predict": longest(request.choices, frames),
            "cache_prompt": True,
            "id_slot": slot,
            "response_fields": ["content", "timings", "tokens_evaluated", "tokens_predicted", "stop_type"],
            **{name: value for name, value in request.extra.items() if name != "chat_template_kwargs"},
        }
        body.pop("max_tokens", None)
        body.pop("stop", None)
        said = await self._server.post("/completion", body)
        picked = read_labels(str(said.get("content", "")), request.choices, frames, first=first)
        if picked is None:
            raise BadAnswer(
                f"backend {self._name!r} wrote {said.get('content')!r:.200} in place of labels",
                where=f"backend {self._name}",
            )
        usage = Usage(
            input_tokens=said["tokens_evaluated"],
            output_tokens=said["tokens_predicted"],
            cached_tokens=said["timings"]["cache_n"],
        )
        return Piece(text=as_text(request.choices, picked), finish="stop", usage=usage)

    async def ranked(self, request: ChatRequest, slot: int) -> Piece:
        """Every label of every choice scored; each choice is ranked with the picks before it in place."""
        text, frames, end = await self._framed(request)
        baseline = None if request.baseline is None else (await self._framed(request.baseline))[0]
        picked: dict[str, str] = {}
        scores: dict[str, dict[str, float]] = {}
        written = ""
        first: Reading | None = None
        output = 0
        for choice, frame in zip(request.choices, frames, strict=True):
            written += frame.before
            spelled = tuple(frame.label(label) for label in choice.labels)
            close = '"' if frame.quoted else end
            reading = await self._ranker.rank(text + written, spelled, end=close, slot=slot)
            plain = dict(zip(choice.labels, reading.scores, strict=True))
            under = None
            if baseline is not None:
                empty = await self._baseline(baseline + written, spelled, close, slot)
                under = dict(zip(choice.labels, empty, strict=True))
            scores[choice.name] = calibrated(plain, under)
            best = picked[choice.name] = best_label(scores[choice.name])
            written += frame.label(best)
            output += reading.label_tokens[choice.labels.index(best)]
            first = first or reading
        assert first is not None
        usage = Usage(input_tokens=first.prompt_tokens, output_tokens=output, cached_tokens=first.cached_tokens)
        text = as_text(request.choices, picked)
        return Piece(text=text, label_logprobs=scores, finish="stop", usage=usage)

    async def _baseline(self, text: str, labels: tuple[str, ...], end: str, slot: int) -> tuple[float, ...]:
        """The scores under a content-free text, asked once and remembered."""
        key = (text, labels)
        async with self._one_baseline:
            known = self._baselines.get(key)
            if known is None:
                known = (await self._ranker.rank(text, labels, end=end, slot=slot)).scores
                self._baselines[key] = known
                if len(self._baselines) > KEPT_BASELINES:
                    self._baselines.popitem(last=False)
            self._baselines.move_to_end(key)
        return known

    async def _framed(self, request: ChatRequest) -> tuple[str, tuple[Frame, ...], str]:
        """The text the labels follow, what stands around them, and what would follow the last one."""
        if request.tools or request.schema is not None:
            raise CannotAsk(
                "labels cannot be enforced together with tools or a JSON schema",
                where=f"backend {self._name}",
                next_move='Leave one of them out, or set `choose = "text"`.',
            )
        if request.prompt is not None:
            return request.prompt, continuation_frames(request.prompt, request.choices), "\n"
        return await self._template.render(request), turn_frames(request.choices), self._turn_end

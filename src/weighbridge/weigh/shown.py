"""Which items the report shows, and reading them again at the end.

Only a place and a spread are kept while the run goes on; texts come from the task's file and the ledger when the run is
over, so that a run over a million items remembers no more than one over ten thousand.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from weighbridge.chat import Answer
from weighbridge.dispatch import Call, Door
from weighbridge.dispatch.price import cost_usd
from weighbridge.engines import Ability
from weighbridge.weigh.again import again
from weighbridge.weigh.breakdown import tag_values
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.judges.court import Court
from weighbridge.weigh.records import Candidate, Item, ItemView, Sample
from weighbridge.weigh.task_record import Task

MOST_ITEMS = 2_000
MOST_SAMPLES = 20_000
"""Of all candidates together: with many candidates fewer items are shown."""
LONGEST_TEXT = 16_000
"""Characters of one text that are embedded."""


class Failed(NamedTuple):
    reason: str
    error: str


class Kept(NamedTuple):
    """What is remembered of an item; sorts by how much it tells: difference, then failures, then drawn early."""

    spread: float
    failures: int
    before: int
    """Minus the position it was drawn at."""
    place: int
    """In the task's items."""
    scores: tuple[float, ...]
    failed: dict[str, Failed]


class Shown:
    """Keeps the items that tell most, in a heap of fixed size."""

    def __init__(self, candidates: int) -> None:
        self._room = min(MOST_ITEMS, max(1, MOST_SAMPLES // candidates))
        self._heap: list[Kept] = []

    def add(self, position: int, place: int, scores: tuple[float, ...], failed: dict[str, Failed]) -> None:
        known = [score for score in scores if not math.isnan(score)]
        spread = max(known) - min(known) if known else 0.0
        kept = Kept(spread, len(failed), -position, place, scores, failed)
        if len(self._heap) < self._room:
            heapq.heappush(self._heap, kept)
        elif kept > self._heap[0]:
            heapq.heapreplace(self._heap, kept)

    def best_first(self) -> list[Kept]:
        return sorted(self._heap, reverse=True)


class Reader:
    """Reads items and what was answered back from the task's file and the ledger."""

    def __init__(
        self, task: Task, door: Door, abilities: Mapping[str, frozenset[Ability]], court: Court | None = None
    ) -> None:
        self._court = court
        self._task = task
        self._door = door
        self._abilities = abilities
        self._references = tuple(dict.fromkeys(grader.reference for grader in task.graders if grader.reference))

    def view(self, kept: Kept) -> ItemView:
        """One item side by side, as it stands in the report."""
        item = self._task.items[kept.place]
        asked = zip(self._task.candidates, kept.scores, strict=True)
        samples = (self._sample(candidate, item, score, kept.failed.get(candidate.name)) for candidate, score in asked)
        reference = {path: look_up(item.fields, path) for path in self._references}
        return ItemView(
            id=item.id,
            order=1 - kept.before,
            tags=dict(zip(self._task.tags, tag_values(self._task.tags, item), strict=True)),
            fields={name: clipped_value(value) for name, value in item.fields.items() if name not in reference},
            reference={path: clipped_value(value) for path, value in reference.items() if value is not MISSING},
            samples=tuple(sample for sample in samples if sample is not None),
            spread=kept.spread,
        )

    def _sample(self, candidate: Candidate, item: Item, score: float, failed: Failed | None) -> Sample | None:
        """None where the candidate was not asked."""
        if failed is not None:
            return Sample(item=item.index, candidate=candidate.name, failed=failed.reason, error=failed.error)
        if math.isnan(score):
            return None
        found = self._first_answer(candidate, item)
        if found is None:  # removed from the ledger since it was scored
            return Sample(item=item.index, candidate=candidate.name, score=score, note="the answer is no longer stored")
        repeat, answer = found
        judged = {} if self._court is None else self._court.recall(candidate, item, answer, repeat)
        scored = self._task.score(item, answer, judged)
        repeats = self._task.limits.repeats
        return Sample(
            item=item.index,
            candidate=candidate.name,
            text=clip(scored.text),
            reasoning=clip(scored.reasoning),
            label_logprobs=answer.label_logprobs,
            score=score,
            parts=scored.parts,
            note=clip(f"mean of {repeats} answers; the first is shown. {scored.note}" if repeats > 1 else scored.note),
            usage=answer.usage,
            usd=cost_usd(answer.usage, candidate.backend.price),
            latency_s=answer.latency_s,
            ttft_s=answer.ttft_s,
        )

    def _first_answer(self, candidate: Candidate, item: Item) -> tuple[int, Answer] | None:
        """The first of an item's answers that is stored, and which it is."""
        backend = candidate.backend.name
        request = self._task.request(candidate, item, self._abilities[backend])
        for repeat in range(self._task.limits.repeats):
            call = Call(backend=backend, request=again(request, repeat), caller="weigh", repeat=repeat)
            if (answer := self._door.stored(call)) is not None:
                return repeat, answer
        return None


def clipped_value(value: Any) -> Any:
    """A field's value with its long texts cut."""
    if isinstance(value, str):
        return clip(value)
    if isinstance(value, list):
        return [clipped_value(part) for part in value]
    if isinstance(value, dict):
        return {key: clipped_value(part) for key, part in value.items()}
    return value


def clip(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]} … ({len(text) - LONGEST_TEXT:,} more characters)"

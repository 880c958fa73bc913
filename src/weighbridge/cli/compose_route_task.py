"""A task's own answers as samples for a router: what `weighbridge weigh` paid for, graded again, nothing asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weighbridge.chat import Answer, Usage
from weighbridge.dispatch.price import cost_usd
from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.formats.problems import did_you_mean
from weighbridge.routers import Samples
from weighbridge.routers.grams import LONGEST_SEEN
from weighbridge.routers.samples import group_key

if TYPE_CHECKING:
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.records import Candidate, Item
    from weighbridge.weigh.task import Task


def samples_of_task(folder: Path, weak: Sequence[str], strong: str) -> Samples:
    """Items that the first weak and the strong candidate have both answered. Raises UsageError for a candidate that
    the task does not have, InputError where judges graded it or nothing was answered yet."""
    from weighbridge.cli.environment import settings_from_environment
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.task import load_task

    task = load_task(folder)
    try:
        by_name = {candidate.name: candidate for candidate in task.candidates}
        for name in (*weak, strong):
            if name not in by_name:
                hint = did_you_mean(name, by_name)
                raise UsageError(f"the task has no candidate {name!r}", where=str(folder), next_move=hint)
        if task.judges:
            raise InputError(
                "the task is graded by judges, who would have to be asked again",
                where=str(folder),
                next_move="Give their scores as a table: one row for each item, one column for each candidate.",
            )
        data_dir = settings_from_environment().data_dir
        with Ledger(data_dir) as ledger:
            samples = _Answers(task, ledger, [by_name[name] for name in (*weak, strong)]).samples()
            if ledger.asked(task.name, strong) < len(task.items):
                _check_drawn_alike(task, ledger, data_dir, strong)
            return samples
    finally:
        task.close()


def _check_drawn_alike(task: Task, ledger: Ledger, data_dir: Path, strong: str) -> None:
    """Raise InputError where only some items were answered, and which ones went by how much they tell: a promise about
    such a sample would be one about other work."""
    from weighbridge.weigh.earlier import kept

    for run in ledger.runs_of(task.name, strong):
        if kept(data_dir, run) is not None:
            raise InputError(
                "the items that were answered were drawn by predicted discordance, so they are no sample of the work",
                where=str(task.folder),
                next_move=f"Have all of them answered: weighbridge weigh {task.folder} --scope items "
                f"--min-items {len(task.items)}",
            )


class _Answers:
    """Of some candidates, the first and the last of whom must have answered."""

    def __init__(self, task: Task, ledger: Ledger, candidates: Sequence[Candidate]) -> None:
        self._task = task
        self._ledger = ledger
        self._candidates = candidates
        self._keys = ledger.answers_to(task.name)
        self._scores: dict[str, list[float]] = {one.name: [] for one in candidates}
        self._texts: dict[str, list[str]] = {one.name: [] for one in candidates}
        self._chars: dict[str, list[float]] = {one.name: [] for one in candidates}
        self._read: dict[str, list[float]] = {one.name: [] for one in candidates}
        self._written: dict[str, list[float]] = {one.name: [] for one in candidates}
        self._usd: dict[str, list[float]] = {one.name: [] for one in candidates}
        self._prompts: list[str] = []
        self._left_out = 0

    def samples(self) -> Samples:
        for item in self._task.items:
            self._add(item)
        if not self._prompts:
            raise InputError(
                f"no item of the task {self._task.name!r} was answered by both",
                next_move=f"Run it first: weighbridge weigh {self._task.folder}",
            )
        scores = {name: np.array(values) for name, values in self._scores.items()}
        digest = hashlib.sha256("\0".join(self._prompts).encode("utf-8", "replace"))
        for name, values in scores.items():
            digest.update(values.tobytes() + "\0".join(self._texts[name]).encode("utf-8", "replace"))
        weak = [one.name for one in self._candidates[:-1]]
        return Samples(
            prompts=tuple(prompt[:LONGEST_SEEN] for prompt in self._prompts),
            prompt_chars=tuple(map(len, self._prompts)),
            groups=np.array([group_key(prompt) for prompt in self._prompts], dtype=np.int64),
            scores=scores,
            answers={name: tuple(self._texts[name]) for name in weak},
            chars={name: np.array(self._chars[name]) for name in weak},
            judged={},
            usd={name: np.array(usd) for name, usd in self._usd.items() if not np.isnan(usd).all()},
            input_tokens={name: np.array(counts) for name, counts in self._read.items()},
            output_tokens={name: np.array(counts) for name, counts in self._written.items()},
            splits=(),
            categories=(),
            digest=digest.hexdigest(),
            rows=len(self._prompts) + self._left_out,
            left_out=self._left_out,
        )

    def _add(self, item: Item) -> None:
        first, last = self._candidates[0], self._candidates[-1]
        found = {one.name: self._one(item, one) for one in self._candidates}
        if found[first.name] is None or found[last.name] is None:
            self._left_out += 1
            return
        request = self._task.request(first, item, frozenset())
        asked = [message.content for message in request.messages if message.role == "user"]
        text = asked[-1] if asked else request.prompt or ""
        self._prompts.append(text if isinstance(text, str) else "")
        for candidate in self._candidates:
            self._keep(candidate, found[candidate.name])

    def _keep(self, candidate: Candidate, found: tuple[float, Answer] | None) -> None:
        name = candidate.name
        score, answer = found if found is not None else (np.nan, None)
        usage = answer.usage if answer is not None else Usage()
        usd = cost_usd(usage, candidate.backend.price)
        self._scores[name].append(score)
        self._texts[name].append("" if answer is None else answer.text)
        self._chars[name].append(np.nan if answer is None else float(len(answer.text)))
        self._read[name].append(np.nan if usage.input_tokens is None else float(usage.input_tokens))
        self._written[name].append(np.nan if usage.output_tokens is None else float(usage.output_tokens))
        self._usd[name].append(np.nan if usd is None else usd)

    def _one(self, item: Item, candidate: Candidate) -> tuple[float, Answer] | None:
        """Score and answer; None where it did not answer, or what it said cannot be graded."""
        key = self._keys.get((item.id, candidate.name))
        answer = None if key is None else self._ledger.answer(key)
        if answer is None:
            return None
        try:
            return self._task.score(item, answer).score, answer
        except WeighbridgeError:
            return None

"""The judges' part of one run: probe, hear, count, give account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from weighbridge.chat import Answer
from weighbridge.dispatch import Budget, Door
from weighbridge.engines import Ability
from weighbridge.weigh.drawing import Drawing
from weighbridge.weigh.records import Candidate, Item
from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.task_record import Task

from .account import Bench, give_account
from .court import Court
from .hearing import NotJudged
from .people import decoded, read_labels
from .probes import probe
from .records import Judging, ProbeResult
from .tally import Place, Tally
from .trial import said

MOST_PROBED = 50
"""Items that judges may be attacked on."""


class JudgingRun:
    """Made for one run of a task that has judges."""

    def __init__(self, task: Task, door: Door, court: Court) -> None:
        self.court = court
        self._task, self._door = task, door
        self._numbers = {candidate.name: number for number, candidate in enumerate(task.candidates)}
        self._tallies = {panel.grader.name: Tally(panel.options.judges) for panel in court.panels}
        self._probes: Mapping[str, tuple[ProbeResult, ...]] = {}

    async def probe(self, items: Sequence[Item]) -> None:
        """Attack the judges on the first of these items. Raises OutOfMoney."""
        self._probes = await probe(self.court, self._task.candidates, items)

    async def marks(
        self, candidate: Candidate, item: Item, answer: Answer, repeat: int = 0
    ) -> dict[str, Mark] | NotJudged:
        """What the panels say of an answer, by grader; or why one says nothing. Raises OutOfMoney."""
        hearings = await self.court.hear(candidate, item, answer, repeat)
        marks: dict[str, Mark] = {}
        for panel in self.court.panels:
            hearing = hearings[panel.grader.name]
            if candidate is not self.court.yardstick(panel):  # a pair is counted once, by whom it is about
                place = Place(item.index, self._numbers[candidate.name], repeat)
                self._tallies[panel.grader.name].add(place, said(answer), hearing)
            if isinstance(hearing.mark, NotJudged):
                return hearing.mark
            marks[panel.grader.name] = hearing.mark
        return marks

    async def hear_labelled(self) -> None:
        """Judge the answers that people labelled and the run did not come to. Which labels count must not depend on
        when the run ended, for that depends on what the judges said. Raises OutOfMoney."""
        for panel in self.court.panels:
            if panel.options.labels is None:
                continue
            labels = decoded(read_labels(self._task.folder / panel.options.labels, panel.options), tuple(self._numbers))
            wanted: dict[str, set[str]] = {}
            for label in labels:
                wanted.setdefault(label.item, set()).update(filter(None, (label.candidate, label.against)))
            heard = self._tallies[panel.grader.name].heard_first()
            for item in self._task.items if wanted else ():
                for candidate in self._task.candidates:
                    if candidate.name not in wanted.get(item.id, ()) or candidate is self.court.yardstick(panel):
                        continue
                    answer = self.court.stored_answer(candidate, item)
                    if answer is not None and (item.index, self._numbers[candidate.name]) not in heard:
                        await self.marks(candidate, item, answer)

    def account(self, drawing: Drawing, *, looked_early: bool) -> tuple[Judging, ...]:
        """What the judges were worth, over the items that were compared."""
        weighed = drawing.order[: drawing.weighed].astype(np.int64)
        bench = Bench(self._task, self._door, self.court, weighed, looked_early)
        return give_account(bench, self._tallies, self._probes)


def judging_of(
    task: Task, door: Door, *, run_id: str, budget: Budget, abilities: Mapping[str, frozenset[Ability]]
) -> JudgingRun | None:
    """None for a task without judges. Raises CannotAsk or InputError for a judge that cannot be asked."""
    if not task.judges:
        return None
    court = Court(task, door, run_id=run_id, budget=budget, abilities=abilities)
    court.check()
    return JudgingRun(task, door, court)

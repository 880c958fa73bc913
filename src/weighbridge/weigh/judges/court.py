"""Hearing the judges about answers: through the door, so that every judgement is held, priced, recorded under the
caller `judge` and found again by the next run; or out of the ledger alone, for the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from weighbridge.chat import Answer, ChatRequest
from weighbridge.dispatch import OVER_BUDGET, Budget, Call, Door
from weighbridge.engines import Ability
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.errors import CannotAsk, InputError
from weighbridge.weigh.again import again
from weighbridge.weigh.items import look_up
from weighbridge.weigh.meter import Meter
from weighbridge.weigh.records import Candidate, Item
from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.scorers.judge import REFERENCE, JudgeOptions, JudgeScorer
from weighbridge.weigh.task_record import Task
from weighbridge.weigh.template import as_text

from .asking import Case, Ruling, judge_request
from .hearing import Hearing, NotJudged, Result, Script, joined, mirrored, script
from .trial import Panel, Trial, said, settled


class OutOfMoney(Exception):
    """The next judgement might pass the run's limit."""


class Asked(NamedTuple):
    """One judge, one order of answers, and what it is asked."""

    judge: str
    turned: bool
    script: Script


NOTHING_LEFT = Hearing(NotJudged("no answer to compare with", "the answer it was held against is no longer stored"))


class Court:
    """The judges of a task's graders. Made for one run."""

    def __init__(
        self,
        task: Task,
        door: Door,
        *,
        run_id: str,
        budget: Budget,
        abilities: Mapping[str, frozenset[Ability]],
    ) -> None:
        self.panels = tuple(Panel(one, one.scorer) for one in task.graders if isinstance(one.scorer, JudgeScorer))
        self.meters = {name: Meter() for panel in self.panels for name in panel.options.judges}
        self.unreadable = dict.fromkeys(self.meters, 0)
        """Replies that could not be read, by judge; most are repaired."""
        self._task, self._door, self._run_id, self._budget, self._abilities = task, door, run_id, budget, abilities
        self._ahead: set[tuple[str, int, int]] = set()
        self._open: dict[tuple[str, int, int, str, str], asyncio.Future[Hearing]] = {}
        """Of two candidates: hearings that one of them has begun and the other has not asked for."""

    def check(self) -> None:
        """Raise CannotAsk for a judge that cannot be asked, InputError for a yardstick that is not weighed."""
        names = [candidate.name for candidate in self._task.candidates]
        for panel in self.panels:
            against = panel.options.against
            if against not in (None, REFERENCE, *names):
                raise InputError(
                    f"answers are held against those of {against!r}, which is not weighed",
                    where="task.toml: score.options.against",
                    next_move="Weigh it too, or name another candidate.",
                )
            for judge in panel.options.judges:
                request = self._request(judge, Case("", None, ("", "")[: 1 + panel.paired]), panel.options)
                try:
                    refuse_what_it_lacks(self._door.engines[judge], request)
                except CannotAsk as error:
                    what = f"judge {judge!r} cannot be asked: {error.what}"
                    raise CannotAsk(what, where=error.where, next_move=error.next_move) from error

    async def hear(self, candidate: Candidate, item: Item, answer: Answer, repeat: int = 0) -> dict[str, Hearing]:
        """What the panels say of an answer, by grader. Of pairs, repeats are held against the same repeat of the
        other. Raises OutOfMoney."""
        text = said(answer)
        found = await asyncio.gather(*(self._one(panel, candidate, item, text, repeat) for panel in self.panels))
        return {panel.grader.name: hearing for panel, hearing in zip(self.panels, found, strict=True)}

    def recall(self, candidate: Candidate, item: Item, answer: Answer, repeat: int = 0) -> dict[str, Mark]:
        """The marks of an answer out of the ledger; graders without one are left out."""
        marks = {}
        for panel in self.panels:
            other = self.other(panel, candidate, item)
            against = self._stored_text(other, item, repeat) if isinstance(other, Candidate) else other
            trial = Trial(panel, item, said(answer), against)
            lost = isinstance(other, Candidate) and against is None
            hearing = NOTHING_LEFT if lost else settled(trial)
            if hearing is None:
                asked = self._asked(trial, panel.options.judges, quiet=True)
                results = [Result(one.judge, one.turned, self._recalled(one, item)) for one in asked]
                hearing = joined(panel.options, results, against)
            if isinstance(hearing.mark, Mark):
                marks[panel.grader.name] = hearing.mark
        return marks

    def stored(self, candidate: Candidate, item: Item, answer: Answer, repeat: int = 0) -> bool:
        """Whether every judgement of an answer is in the ledger."""
        return len(self.recall(candidate, item, answer, repeat)) == len(self.panels)

    async def rule(self, trial: Trial, judges: Sequence[str]) -> Hearing:
        """What judges say of a text. Raises OutOfMoney."""
        asked = list(self._asked(trial, judges))
        rulings = await asyncio.gather(*(self._run(one, trial.item) for one in asked))
        results = [Result(one.judge, one.turned, ruling) for one, ruling in zip(asked, rulings, strict=True)]
        return joined(trial.panel.options, results, trial.against)

    async def answer_of(self, candidate: Candidate, item: Item, repeat: int = 0) -> str | None:
        """What a candidate says to an item; None where it fails. Raises OutOfMoney."""
        call = self._call_of(candidate, item, repeat)
        stored = self._door.stored(call)
        if stored is not None:
            return said(stored)
        outcome = await self._door.ask(call, self._budget)
        if outcome.reason == OVER_BUDGET:
            raise OutOfMoney(outcome.error)
        if outcome.attempts:
            self._ahead.add((candidate.name, item.index, repeat))
        return None if outcome.answer is None else said(outcome.answer)

    def asked_ahead(self, candidate: Candidate, item: Item, repeat: int) -> bool:
        """Whether the judges had this answer asked for before it was weighed; says so once."""
        if (candidate.name, item.index, repeat) not in self._ahead:
            return False
        self._ahead.remove((candidate.name, item.index, repeat))
        return True

    def yardstick(self, panel: Panel) -> Candidate | None:
        """The candidate whose answers others are held against; None where answers are graded or held against a text."""
        if not panel.paired or panel.options.against == REFERENCE:
            return None
        candidates = self._task.candidates
        return next((one for one in candidates if one.name == panel.options.against), candidates[0])

    def other(self, panel: Panel, candidate: Candidate, item: Item) -> Candidate | str | None:
        """What an answer is held against: another candidate's answer or a text; None for the yardstick itself.

        Of two candidates each is held against the other, so that both orders of one pair make both scores.
        """
        yardstick = self.yardstick(panel)
        if yardstick is None:
            return as_text(look_up(item.fields, panel.grader.reference or "")) if panel.paired else None
        if candidate.name != yardstick.name:
            return yardstick
        others = [one for one in self._task.candidates if one is not yardstick]
        return others[0] if len(others) == 1 else None

    async def _one(self, panel: Panel, candidate: Candidate, item: Item, text: str, repeat: int) -> Hearing:
        other = self.other(panel, candidate, item)
        against = await self.answer_of(other, item, repeat) if isinstance(other, Candidate) else other
        if isinstance(other, Candidate) and against is None:
            what = f"{other.name!r} gave no answer to hold this one against"
            return Hearing(NotJudged("no answer to compare with", what))
        trial = Trial(panel, item, text, against)
        hearing = settled(trial)
        if hearing is not None:
            return hearing
        if not isinstance(other, Candidate) or len(self._task.candidates) > 2:
            return await self.rule(trial, panel.options.judges)
        turned = candidate is self.yardstick(panel)
        heard = Trial(panel, item, against or "", text) if turned else trial
        key = (panel.grader.name, item.index, repeat, heard.text, heard.against or "")
        hearing = await self._shared(key, partial(self.rule, heard, panel.options.judges))
        return mirrored(panel.options, hearing) if turned else hearing

    async def _shared(self, key: tuple[str, int, int, str, str], make: Callable[[], Awaitable[Hearing]]) -> Hearing:
        """One hearing for both answers of a pair: whoever comes first begins it."""
        if key in self._open:
            return await asyncio.shield(self._open.pop(key))
        self._open[key] = future = asyncio.ensure_future(make())
        future.add_done_callback(_retrieved)
        return await asyncio.shield(future)

    def _asked(self, trial: Trial, judges: Sequence[str], *, quiet: bool = False) -> Iterator[Asked]:
        """Everything that each judge is asked about a text; `quiet`: what cannot be read was counted before."""
        panel, fields = trial.panel, trial.item.fields
        reference = None
        if panel.grader.reference is not None and panel.options.against != REFERENCE:
            reference = as_text(look_up(fields, panel.grader.reference))
        texts = (trial.text,) if trial.against is None else (trial.text, trial.against)
        for judge in judges:
            for turned, answers in enumerate([texts, texts[::-1]][: len(texts)]):
                case = Case(panel.scorer.question.fill(fields), reference, answers)
                count = _nothing if quiet else partial(self._count_unreadable, judge)
                asked = script(self._request(judge, case, panel.options), panel.options, count)
                yield Asked(judge, bool(turned), asked)

    def _count_unreadable(self, judge: str) -> None:
        self.unreadable[judge] += 1

    def _request(self, judge: str, case: Case, options: JudgeOptions) -> ChatRequest:
        engine, record = self._door.engines[judge], self._door.records[judge]
        return judge_request(case, options, record.model or "", engine.abilities)

    async def _run(self, asked: Asked, item: Item) -> Ruling | str:
        request = next(asked.script)
        meter = self.meters[asked.judge]
        while True:
            outcome = await self._door.ask(self._call(asked.judge, request, item), self._budget)
            if outcome.reason == OVER_BUDGET:
                raise OutOfMoney(outcome.error)
            meter.landed += 1
            meter.add(outcome)
            if outcome.answer is None:
                meter.fail(outcome.reason or "error", outcome.error or "")
                return f"no answer: {outcome.reason}"
            try:
                request = asked.script.send(outcome.answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def _recalled(self, asked: Asked, item: Item) -> Ruling | str:
        request = next(asked.script)
        while True:
            try:
                request = asked.script.send(self._door.stored(self._call(asked.judge, request, item)))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def text_now(self, name: str, item: Item) -> str | None:
        """What a candidate of this name says to an item first, as it is stored; None where it is not."""
        candidate = next((one for one in self._task.candidates if one.name == name), None)
        return None if candidate is None else self._stored_text(candidate, item)

    def stored_answer(self, candidate: Candidate, item: Item) -> Answer | None:
        """What a candidate has said to an item before; of several answers the first."""
        return self._door.stored(self._call_of(candidate, item))

    def _stored_text(self, candidate: Candidate, item: Item, repeat: int = 0) -> str | None:
        stored = self._door.stored(self._call_of(candidate, item, repeat))
        return None if stored is None else said(stored)

    def _call_of(self, candidate: Candidate, item: Item, repeat: int = 0) -> Call:
        backend = candidate.backend.name
        return Call(
            backend=backend,
            request=again(self._task.request(candidate, item, self._abilities[backend]), repeat),
            caller="weigh",
            run=self._run_id,
            task=self._task.name,
            item=item.id,
            candidate=candidate.name,
            repeat=repeat,
        )

    def _call(self, judge: str, request: ChatRequest, item: Item) -> Call:
        return Call(
            backend=judge,
            request=request,
            caller="judge",
            run=self._run_id,
            task=self._task.name,
            item=item.id,
            candidate=judge_name(judge),
        )


def judge_name(judge: str) -> str:
    """How a judge's calls are counted beside those of the candidates."""
    return f"judge {judge}"


def _nothing() -> None:
    """Counts nothing."""


def _retrieved(future: asyncio.Future[Hearing]) -> None:
    """Whoever began the hearing may be gone when it fails."""
    if not future.cancelled():
        future.exception()

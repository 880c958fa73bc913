"""One comparison under way: ask about the drawn items, score the answers, notice when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from weighbridge.chat import Answer
from weighbridge.dispatch import OVER_BUDGET, Budget, Call, Door
from weighbridge.engines import Ability
from weighbridge.errors import InputError, LedgerError, WeighbridgeError
from weighbridge.stats import Verdict
from weighbridge.stats.arrays import Floats

from .again import again
from .answers import AnswerBook
from .breakdown import Breakdown, tag_values
from .clusters import draw
from .crew import Crew
from .drawing import NOT_ASKED, Weighed
from .interrupt import interrupts
from .judges.court import OutOfMoney
from .judges.hearing import NotJudged
from .judges.judging import MOST_PROBED, judging_of
from .looks import Looks
from .meter import Accounts, Meter
from .progress import Stage, Teller
from .records import Candidate, Item, StoppedBy
from .shown import Failed, Shown
from .stops import out_of_money, too_many_failed
from .task_record import Task

AHEAD_FEWEST, AHEAD_SHARE, AHEAD_EACH = 12, 0.25, 64
"""Items drawn beyond those weighed, at most: a quarter of those weighed, for they are asked in vain when the verdict
falls; but at least 12, since no verdict falls sooner; and 64 for each worker, so that one stuck call does not make the
run remember everything that came after it."""
GRACE_S = 30.0
"""How long calls under way are waited for once the run stops: they may be billed, so their answers are kept."""
KEPT = "nothing that was paid for is asked again."

Abilities = Mapping[str, frozenset[Ability]]


class Landed(NamedTuple):
    """An item whose samples are all there and which waits to be weighed."""

    place: int
    """In the task's items."""
    tags: tuple[str, ...]
    failed: dict[str, Failed]


class Comparison:
    """Made for one run; `make` runs it, the other public fields are its results."""

    def __init__(
        self,
        task: Task,
        door: Door,
        *,
        run_id: str,
        seed: int,
        abilities: Abilities,
        teller: Teller,
        discordance: Floats | None = None,
    ) -> None:
        names = [candidate.name for candidate in task.candidates]
        before = door.ledger.spending(run_id)
        budget = Budget(task.limits.max_usd, before.paid_usd + before.held_usd)
        self.drawing = draw(task, names, seed, discordance)
        self.accounts = Accounts({name: Meter() for name in names}, budget, before)
        self.looks = Looks(len(names))
        self.breakdown = Breakdown(task.tags, names)
        self.shown = Shown(len(names))
        self.answers = AnswerBook(names, task.limits.repeats, len(self.drawing.order))
        self._task, self._door, self._teller = task, door, teller
        self._run_id, self._abilities = run_id, abilities
        self._asked: Sequence[Candidate] = task.candidates
        """Candidates that are still in."""
        self._landed: dict[int, Landed] = {}
        self._drawn = 0
        self._recalling = door.ledger.knows(task.name)
        """Whether every item so far was answered before: then none that is not is asked while those might decide."""
        self.stopped_by: StoppedBy | None = None
        self._stopped: str | None = None
        self._finishing = False
        self._broken: WeighbridgeError | None = None
        self.judging = judging_of(task, door, run_id=run_id, budget=budget, abilities=abilities)
        slots = [door.engines[name].concurrency for name in task.backends()]
        self._crew = Crew(self._draw, self._weigh, self._waited, fewest=self._fewest(), most=max(slots) + 1)

    async def make(self) -> Verdict:
        """Draw until it is over. Raises InputError, LedgerError, and KeyboardInterrupt for a second Ctrl-C."""
        this = asyncio.current_task()
        assert this is not None
        quits: list[bool] = []

        def quit_now() -> None:
            quits.append(True)
            this.cancel()

        try:
            with interrupts(self._interrupted, quit_now):
                await self._probe_judges()
                await self._crew.run()
                await self._hear_labelled()
        except asyncio.CancelledError:
            if quits:
                raise KeyboardInterrupt from None
            raise
        if self._broken is not None:
            raise self._broken
        verdict = self.drawing.finish(self._stopped)
        if self.drawing.weighed:
            self.looks.take(verdict, self.drawing.weighed, self.accounts.all_calls())
        self._teller.tell("done", self.drawing, self.accounts, verdict)
        return verdict

    async def _probe_judges(self) -> None:
        """Attack the judges on the first items that will be drawn, before they are believed."""
        if self.judging is None:
            return
        try:
            await self.judging.probe([self._task.items[int(place)] for place in self.drawing.order[:MOST_PROBED]])
        except OutOfMoney as error:
            said = out_of_money(self.accounts.budget, str(error))
            self._stop("money", said, "With a higher limit the same command goes on")

    async def _hear_labelled(self) -> None:
        """Whether a label counts must not depend on when the run was decided."""
        if self.judging is None or self._stopped is not None or self._broken is not None:
            return
        with suppress(OutOfMoney):  # then only labels of what was compared count
            await self.judging.hear_labelled()

    def _fewest(self) -> int:
        """Items under way to begin with: what the smallest backend takes at once."""
        backends = [candidate.backend.name for candidate in self._task.candidates]
        return max(1, min(self._door.engines[name].concurrency // backends.count(name) for name in backends))

    def _most_ahead(self) -> int:
        return min(max(AHEAD_FEWEST, int(AHEAD_SHARE * self.drawing.weighed)), AHEAD_EACH * self._crew.wanted)

    def _waited(self) -> int:
        return sum(self._door.waited(name) for name in self._task.backends())

    def _draw(self) -> int | None:
        if (
            self._stopped is not None
            or self.drawing.decided
            or self._drawn >= len(self.drawing.order)
            or self._drawn - self.drawing.weighed >= self._most_ahead()
        ):
            return None
        if self._recalling and not self._stored(self._drawn):
            if self.drawing.weighed < self._drawn:
                return None
            self._recalling = False
        self._drawn += 1
        return self._drawn - 1

    def _stored(self, position: int) -> bool:
        """Whether all answers to an item are in the ledger."""
        item = self._task.items[int(self.drawing.order[position])]
        answers = [
            (candidate, repeat, self._door.stored(self._call(candidate, item, repeat)))
            for candidate in self._asked
            for repeat in range(self._task.limits.repeats)
        ]
        return all(
            answer is not None and (self.judging is None or self.judging.court.stored(candidate, item, answer, repeat))
            for candidate, repeat, answer in answers
        )

    async def _weigh(self, position: int) -> None:
        """Ask all candidates about one item, and weigh what can be weighed now."""
        place = int(self.drawing.order[position])
        item = self._task.items[place]
        asked = self._asked
        samples = await asyncio.gather(*(self._sample(candidate, item) for candidate in asked))
        scores = dict.fromkeys(self.drawing.names, NOT_ASKED)
        failed: dict[str, Failed] = {}
        for candidate, sample in zip(asked, samples, strict=True):
            if sample is None:
                return
            if isinstance(sample, Failed):
                failed[candidate.name] = sample
            else:
                scores[candidate.name] = sample
        self._landed[position] = Landed(place, tag_values(self._task.tags, item), failed)
        for weighed in self.drawing.land(position, list(scores.values())):
            self._keep(weighed)
        self._notice()

    async def _sample(self, candidate: Candidate, item: Item) -> float | Failed | None:
        """The mean score of all repeats, or why there is none; None when there is no money for it."""
        repeats = range(self._task.limits.repeats)
        samples = await asyncio.gather(*(self._once(candidate, item, repeat) for repeat in repeats))
        known = [sample for sample in samples if sample is not None]
        return self.answers.score(item.index, candidate.name, known) if len(known) == len(samples) else None

    async def _once(self, candidate: Candidate, item: Item, repeat: int) -> float | Failed | None:
        """A score, or why there is none; None when there is no money for it."""
        meter = self.accounts.meters[candidate.name]
        try:
            sample = await self._try(candidate, item, meter, repeat)
        except (InputError, LedgerError) as error:  # of the task or the ledger, not of this sample
            self._broken = error
            self._crew.give_up()
            return None
        except Exception as error:  # the run goes on; the sample is failed, never wrong
            sample = Failed(f"error: {type(error).__name__}", f"{type(error).__name__}: {error}")
        if sample is None:
            return None
        meter.landed += 1
        if isinstance(sample, Failed):
            meter.fail(*sample)
        return sample

    async def _try(self, candidate: Candidate, item: Item, meter: Meter, repeat: int) -> float | Failed | None:
        outcome = await self._door.ask(self._call(candidate, item, repeat), self.accounts.budget)
        if outcome.reason == OVER_BUDGET:
            said = out_of_money(self.accounts.budget, outcome.error)
            self._stop("money", said, "With a higher limit the same command goes on")
            return None
        meter.add(outcome)
        if self.judging is not None and self.judging.court.asked_ahead(candidate, item, repeat):
            meter.reused -= outcome.attempts == 0  # the judges had it asked for, and it was counted then
        if outcome.answer is None:
            return Failed(outcome.reason or "error", outcome.error or "")
        self.answers.note(item.index, candidate.name, outcome.usd, outcome.answer.latency_s)
        return await self._score(candidate, item, outcome.answer, repeat)

    async def _score(self, candidate: Candidate, item: Item, answer: Answer, repeat: int) -> float | Failed | None:
        """What scorers and judges say; None when there is no money for a judge."""
        try:
            judged = await self.judging.marks(candidate, item, answer, repeat) if self.judging is not None else {}
            if isinstance(judged, NotJudged):
                return Failed(*judged)
            return self._task.score(item, answer, judged).score
        except OutOfMoney as error:
            said = out_of_money(self.accounts.budget, str(error))
            self._stop("money", said, "With a higher limit the same command goes on")
            return None
        except InputError as error:
            return Failed("no score", str(error))

    def _call(self, candidate: Candidate, item: Item, repeat: int) -> Call:
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

    def _keep(self, weighed: Weighed) -> None:
        """Remember what the report needs of an item."""
        landed = self._landed.pop(weighed.position)
        self.breakdown.add(landed.tags, weighed.scores)
        self.answers.weigh(landed.place, weighed.scores, self.drawing.weight(weighed.position))
        self.shown.add(weighed.position, landed.place, weighed.scores, landed.failed)
        if self.looks.due(weighed.position + 1):
            self.looks.take(self.drawing.contest.verdict(), weighed.position + 1, self.accounts.all_calls())

    def _notice(self) -> None:
        """After an item landed: is it over, is somebody out, do too many fail?"""
        if len(self._asked) != len(self.drawing.active):
            self._asked = [one for one in self._task.candidates if one.name in self.drawing.active]
        if self.drawing.decided:
            self._crew.give_up()
            return
        share = self._task.limits.max_failed
        if reason := too_many_failed(self.accounts.meters, share, len(self.drawing.order)):
            self._stop("failures", reason, "Once that is mended the same command goes on")
            self._finish_what_is_under_way()
        if self._teller.due():
            stage: Stage = "running" if self._stopped is None else "stopping"
            self._teller.tell(stage, self.drawing, self.accounts, self.drawing.contest.verdict())

    def _stop(self, cause: StoppedBy, reason: str, next_move: str) -> None:
        """Draw no more; the first reason counts."""
        if self._stopped is None:
            self.stopped_by, self._stopped = cause, f"{reason} {next_move}; {KEPT}"

    def _interrupted(self, what: str) -> None:
        """The first Ctrl-C. Where the run is stopping already, what is under way is given up."""
        if self._finishing:
            self._crew.give_up()
        self._stop("interrupt", f"interrupted by {what}.", "The same command goes on from here")
        self._finish_what_is_under_way()

    def _finish_what_is_under_way(self) -> None:
        """But not for ever."""
        if self._finishing:
            return
        self._finishing = True
        asyncio.get_running_loop().call_later(GRACE_S, self._crew.give_up)
        self._teller.tell("stopping", self.drawing, self.accounts, self.drawing.contest.verdict())

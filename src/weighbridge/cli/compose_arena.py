"""Joins the parts for blind votes: engines answer in a thread of their own, people vote in the main one.

The two are kept apart so that Ctrl-C at the prompt ends the session like any other command: votes are on disk already,
and what was paid for is in the ledger.
"""

from __future__ import annotations

import asyncio
import copy
import getpass
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.cli.changes import Changes
from weighbridge.cli.compose import announce, change, open_door, pull_weights
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.dispatch import Budget, Call, Door, Outcome
    from weighbridge.engines.pull import Progress
    from weighbridge.ledger.votes import VoteRow, Votes
    from weighbridge.weigh.arena.session import Matchup, Session
    from weighbridge.weigh.records import Candidate, Item
    from weighbridge.weigh.task import Task

MOST_ITEMS = 5_000
"""Items of a task that are shown at most; nobody votes on more."""


class Shown(NamedTuple):
    """One pair as the voter sees it."""

    matchup: Matchup
    item: Item
    question: str
    texts: tuple[str, str]
    keys: tuple[str, str]


class Unanswered(NamedTuple):
    """A candidate that gave no answer to an item."""

    candidate: str
    item: str
    reason: str
    """A short word that gives no name away."""
    error: str
    stops: bool
    """Whether there is no money to go on."""


class Arena:
    """A session over a task: asks candidates, shows pairs, keeps votes."""

    def __init__(self, task: Task, desk: Desk, votes: Votes, *, run: str, voter: str, rng: Random) -> None:
        from weighbridge.dispatch import Budget
        from weighbridge.dispatch.ticket import Ids
        from weighbridge.weigh.arena.session import Session
        from weighbridge.weigh.drawing import draw_order

        order = draw_order(len(task.items), task.limits.seed, task.limits.max_items)[:MOST_ITEMS].tolist()
        self.task, self.votes, self.run, self.voter = task, votes, run, voter
        self.names = tuple(candidate.name for candidate in task.candidates)
        self._ids = {place: task.items[place].id for place in order}
        cast = [vote for vote in votes.all(task.name) if vote.run == run]
        self.others = sum(vote.run != run and vote.outcome != "skip" for vote in votes.all(task.name))
        """Votes on other settings of this task."""
        self.session: Session = Session(self.names, order, cast, voter, rng)
        self.failures: list[tuple[str, str, str]] = []
        """Candidate, item and what went wrong; for the end, when names are told."""
        self._desk, self._budget, self._vote_ids = desk, Budget(task.limits.max_usd), Ids()
        self._by_name = {candidate.name: candidate for candidate in task.candidates}

    def next(self) -> Shown | Unanswered | None:
        """The next pair with both answers; why one is missing; None when all pairs were seen."""
        matchup = self.session.next(self._ids)
        if matchup is None:
            return None
        item = self.task.items[matchup.item]
        asked = [(name, self._ask(name, item)) for name in (matchup.first, matchup.second)]
        texts, keys = [], []
        for name, (call, future) in asked:
            outcome = future.result()
            if outcome.answer is None:
                return self._unanswered(name, item, outcome)
            self.session.gave(name)
            texts.append(_said(outcome))
            keys.append(self._desk.door.key(call))
        return Shown(matchup, item, self._question(item), (texts[0], texts[1]), (keys[0], keys[1]))

    def cast(self, shown: Shown, outcome: str) -> None:
        """Keep a vote: on disk when this returns."""
        row = self._row(shown, outcome)
        self.votes.cast(row)
        self.session.count(row)

    def _row(self, shown: Shown, outcome: str) -> VoteRow:
        from weighbridge.ledger.votes import VoteRow

        at = self._desk.door.clock.now()
        return VoteRow(
            id=self._vote_ids.next(at),
            at=at,
            task=self.task.name,
            run=self.run,
            item=shown.item.id,
            a=shown.matchup.first,
            b=shown.matchup.second,
            outcome=outcome,  # type: ignore[arg-type]
            voter=self.voter,
            key_a=shown.keys[0],
            key_b=shown.keys[1],
            length_a=len(shown.texts[0]),
            length_b=len(shown.texts[1]),
        )

    def look_ahead(self, shown: Shown) -> None:
        """Have the next pair answered while this one is read, as if it became a tie; nobody waits for it here."""
        session = copy.deepcopy(self.session)
        session.count(self._row(shown, "tie"))
        matchup = session.next(self._ids)
        if matchup is not None:
            for name in (matchup.first, matchup.second):
                self._ask(name, self.task.items[matchup.item])

    def _unanswered(self, name: str, item: Item, outcome: Outcome) -> Unanswered:
        from weighbridge.dispatch import OVER_BUDGET

        stops = outcome.reason == OVER_BUDGET
        if not stops:
            self.session.failed(name, item.id)
            self.failures.append((name, item.id, (outcome.error or "no answer").splitlines()[0]))
        return Unanswered(name, item.id, outcome.reason or "no answer", outcome.error or "", stops)

    def _question(self, item: Item) -> str:
        """What was asked, in the words of the first candidate: it does not depend on who is shown."""
        prompter = self.task.prompters[self.names[0]]
        return dict(prompter.templates)["user"].fill(item.fields)

    def _ask(self, name: str, item: Item) -> tuple[Call, Future[Outcome]]:
        from weighbridge.dispatch import Call

        candidate: Candidate = self._by_name[name]
        backend = candidate.backend.name
        call = Call(
            backend=backend,
            request=self.task.request(candidate, item, self._desk.door.engines[backend].abilities),
            caller="arena",
            run=self.run,
            task=self.task.name,
            item=item.id,
            candidate=name,
        )
        return call, self._desk.ask(call, self._budget)


class Desk:
    """A door in a thread of its own, with a loop of its own."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Door]]) -> None:
        self._loop: asyncio.AbstractEventLoop
        self.door: Door
        self._ready: Future[Door] = Future()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(opened)), name="answers", daemon=True)
        self._thread.start()
        self.door = self._ready.result()

    def ask(self, call: Call, budget: Budget) -> Future[Outcome]:
        return asyncio.run_coroutine_threadsafe(self.door.ask(call, budget), self._loop)

    def close(self) -> None:
        """Stop the engines; what is under way is given up, and its hold stays."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, opened: Callable[[], AbstractAsyncContextManager[Door]]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with opened() as door:
                self._ready.set_result(door)
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)


@contextmanager
def open_arena(
    folder: Path, changes: Changes, settings: Settings, *, voter: str | None, transfers: Progress
) -> Iterator[Arena]:
    """A session over the task in a folder. Raises InputError for a task that cannot be weighed."""
    from weighbridge.cli.compose_weigh_policy import rules_of_task
    from weighbridge.ledger import Ledger
    from weighbridge.ledger.votes import votes_of
    from weighbridge.weigh.stops import check_prices
    from weighbridge.weigh.task import load_task

    with ExitStack() as stack:
        task = change(load_task(folder, cache_dir=settings.cache_dir), changes)
        stack.callback(task.close)
        task = replace(task, judges=())  # people judge here
        check_prices(task.backends().values(), task.limits.max_usd)
        records = task.backends()
        rules = rules_of_task(task, changes, settings)
        if rules is not None:
            rules.allow()
        announce(records.values(), transfers)
        weights = pull_weights(records.values(), task.folder, settings, transfers)
        if rules is not None and weights:
            rules.allow(weights)
        ledger = stack.enter_context(Ledger(settings.data_dir))
        votes = stack.enter_context(votes_of(ledger.path))
        decided = None if rules is None else rules.decided
        desk = Desk(partial(open_door, records.values(), weights, ledger, settings, decided=decided))
        stack.callback(desk.close)
        yield Arena(task, desk, votes, run=arena_run(task), voter=(voter or "").strip() or _whoever(), rng=Random())


def arena_run(task: Task) -> str:
    """The same for the same answers: a hash over the task's candidates with all their settings, and the files that
    prompts are made of. The rule, the seed and who judges do not matter here."""
    import hashlib

    import msgspec

    candidates = sorted(task.candidates, key=lambda candidate: candidate.name)
    digest = hashlib.blake2b(msgspec.json.encode([task.name, candidates]), digest_size=8)
    for name in sorted({one for each in candidates for one in (each.prompt.shots, each.answer.schema) if one}):
        digest.update((task.folder / name).read_bytes())
    return f"arena-{digest.hexdigest()}"


def _said(outcome: Outcome) -> str:
    from weighbridge.weigh.reasoning import part

    assert outcome.answer is not None, "the caller looked"
    return part(outcome.answer.text).said


def _whoever() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"

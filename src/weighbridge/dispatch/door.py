"""The one door to any model.

    look up    an answer paid for earlier is used again; identical calls under way at once are made once
    hold       the most the call could cost is held in the run's budget, and in the ledger if it may be billed
    call       at most so many at once per backend, tried again where that may help
    settle     price, release of the hold
    record     one ledger row, committed before the outcome is handed on

What a backend does is never raised: a failure is an Outcome with a reason. LedgerError is raised: a call that cannot
be recorded must not be made. Whoever limits callers or decides by policy does so between look-up and hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random

import msgspec

from weighbridge.chat import Answer
from weighbridge.engines import BackendRecord, Engine
from weighbridge.errors import LedgerError
from weighbridge.ledger import CallRow, Ledger

from .attempts import Attempts, Tried
from .budget import Budget
from .call import OVER_BUDGET, Call, Outcome
from .clock import Clock
from .commits import Commits
from .key import answer_key, backend_stem
from .price import cost_usd, may_be_billed, most_usd
from .ticket import Ids, Ticket


class Door:
    """Made once for all backends of a process, inside the event loop that uses it."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        records: Mapping[str, BackendRecord],
        ledger: Ledger,
        *,
        clock: Clock,
        rng: Random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        decided: Callable[[Call], str | None] | None = None,
    ) -> None:
        """`engines` are started; both mappings are by the backend's name. `decided` names the policy's decision behind
        a call."""
        self.engines = engines
        self.records = records
        self.ledger = ledger
        self.clock = clock
        self._decided = decided
        self._attempts = {name: Attempts(engine, records[name], clock, rng, sleep) for name, engine in engines.items()}
        self._stems: dict[str, bytes] = {}
        self._billed = {name: may_be_billed(record) for name, record in records.items()}
        self._under_way: dict[str, asyncio.Future[Outcome | None] | None] = {}
        """Keys of the calls that are being made, with a future once somebody waits for the same answer."""
        self._ids = Ids()
        self._longest: dict[tuple[str, str], int] = {}
        self._commits = Commits()

    def key(self, call: Call) -> str:
        """Under which the answer to this call is stored."""
        if call.backend not in self._stems:
            engine, record = self.engines[call.backend], self.records[call.backend]
            self._stems[call.backend] = backend_stem(engine.fingerprint(), record.model)
        return answer_key(self._stems[call.backend], call.request, call.repeat)

    def stored(self, call: Call) -> Answer | None:
        """The answer to this call if it was paid for before; records nothing."""
        return self.ledger.answer(self.key(call))

    def waited(self, backend: str) -> int:
        """How many calls so far found the backend with as many calls under way as it takes."""
        return self._attempts[backend].gate.waited

    async def ask(self, call: Call, budget: Budget | None = None) -> Outcome:
        """Answer a call, from the ledger or from its backend."""
        key = self.key(call)
        while call.reuse and key in self._under_way:
            outcome = await self._other(key)
            if outcome is not None:
                return await self._follow(call, key, outcome)
        if call.reuse and (answer := self.ledger.answer(key)) is not None:
            return await self._reuse(call, key, answer)
        if key in self._under_way:  # told not to reuse, so it shares nothing with the identical call under way
            return await self._make(call, key, budget or Budget())
        self._under_way[key] = None
        outcome = None
        try:
            outcome = await self._make(call, key, budget or Budget())
            return outcome
        finally:
            waiting = self._under_way.pop(key)
            if waiting is not None:
                waiting.set_result(outcome)  # None: given up or unrecorded; whoever waits makes the call

    async def _other(self, key: str) -> Outcome | None:
        """What becomes of the identical call under way."""
        future = self._under_way[key]
        if future is None:
            future = self._under_way[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)

    async def _make(self, call: Call, key: str, budget: Budget) -> Outcome:
        """Hold, call, settle, record."""
        record, attempts = self.records[call.backend], self._attempts[call.backend]
        billed = self._billed[call.backend]
        which = (call.backend, call.request.model)
        known = most_usd(call.request, record.price, self._longest.get(which, 0))
        most = known or 0.0
        async with attempts.gate:
            if not await budget.hold(call.candidate, most):
                said = f"the next call could cost up to ${most:.6f}"
                return Outcome(answer=None, reason=OVER_BUDGET, error=said, attempts=0)
            ticket = self._ticket(call, key)
            settled: float | None = None
            try:
                if billed:
                    future, done = self._commits.expect()
                    self.ledger.hold(ticket.hold(known), done)
                    await future
                tried = await attempts.make(call.request)
                usd = self._cost(tried, record, which)
                settled = None if usd is None else usd + tried.broken * most
            except asyncio.CancelledError:
                self._give_up(ticket)
                raise
            finally:
                budget.settle(most, settled)
        outcome = Outcome(answer=tried.answer, reason=tried.reason, error=tried.error, attempts=tried.attempts, usd=usd)
        certain = usd is not None and not tried.broken
        row = ticket.row(outcome, usd)
        await self._record(row, tried.answer, release=billed and certain, replace=not call.reuse)
        return outcome

    def _cost(self, tried: Tried, record: BackendRecord, which: tuple[str, str]) -> float | None:
        if tried.answer is None:
            return None if tried.broken or record.price is None else 0.0
        if tried.answer.usage.output_tokens:
            self._longest[which] = max(self._longest.get(which, 0), tried.answer.usage.output_tokens)
        return cost_usd(tried.answer.usage, record.price)

    async def _reuse(self, call: Call, key: str, answer: Answer) -> Outcome:
        usd = cost_usd(answer.usage, self.records[call.backend].price)
        return await self._taken(call, key, Outcome(answer=answer, usd=usd, attempts=0, cached=True))

    async def _follow(self, call: Call, key: str, outcome: Outcome) -> Outcome:
        """The outcome of the identical call that was under way."""
        if outcome.reason == OVER_BUDGET:
            return outcome
        cached = outcome.answer is not None
        return await self._taken(call, key, msgspec.structs.replace(outcome, attempts=0, cached=cached))

    async def _taken(self, call: Call, key: str, outcome: Outcome) -> Outcome:
        """Record a call for which nothing was sent."""
        row = self._ticket(call, key).row(outcome, usd=0.0)
        await self._record(row, None, release=False, replace=False)
        return outcome

    async def _record(self, row: CallRow, answer: Answer | None, *, release: bool, replace: bool) -> None:
        future, done = self._commits.expect()
        self.ledger.record(row, answer, done, settles=row.id if release else None, replace=replace)
        await future

    def _ticket(self, call: Call, key: str) -> Ticket:
        at = self.clock.now()
        decision = None if self._decided is None else self._decided(call)
        return Ticket(self._ids.next(at), at, call, key, decision)

    def _give_up(self, ticket: Ticket) -> None:
        """Nobody waits for the answer any more. Its hold stays: what was sent may be billed."""
        outcome = Outcome(answer=None, reason="cancelled", error="given up before it was answered")
        self.ledger.record(ticket.row(outcome, None), None, _ignore)


def _ignore(error: LedgerError | None) -> None:
    """For a row that nobody waits for."""

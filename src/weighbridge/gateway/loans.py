"""Money borrowed from the ledger for purses that calls are paid from, and given back when nobody asks for it."""

from __future__ import annotations

import asyncio
from time import perf_counter

from weighbridge.dispatch.purse import Purse

from .books import Books
from .money import over_budget

DRY_S = 0.25
"""After a budget had nothing left, how long calls are refused without asking the ledger again."""
IDLE_PURSE_S = 1.0


class Loans:
    """Of one worker."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._purses: set[Purse] = set()
        self._loans: dict[Purse, asyncio.Task[float]] = {}

    async def fill(self, purse: Purse, usd: float) -> None:
        """Borrow for a purse; whoever asks meanwhile waits for the same loan. CallRefused where there is no more."""
        loan = self._loans.get(purse)
        if loan is None or loan.done():  # a loan that is over lends nothing more, though it may not be forgotten yet
            if perf_counter() < purse.dry_until:
                raise over_budget(purse, usd)
            loan = self._loans[purse] = asyncio.ensure_future(self._borrow(purse, usd))
            loan.add_done_callback(lambda done: self._forget(purse, done))
        if not await asyncio.shield(loan):
            raise over_budget(purse, usd)

    async def give_back(self, now: float) -> None:
        """Return what nobody has asked for lately. Raises LedgerError."""
        surplus = [(p, p.free) for p in self._purses if p.free > 0 and now - p.used_at > IDLE_PURSE_S]
        for purse, usd in surplus:
            purse.free -= usd
            self._purses.discard(purse)
        if surplus:
            await self._books.give_back(surplus)

    def _forget(self, purse: Purse, loan: asyncio.Future[float]) -> None:
        if self._loans.get(purse) is loan:
            del self._loans[purse]

    async def _borrow(self, purse: Purse, usd: float) -> float:
        lent = await self._books.lend(purse, max(usd - max(purse.free, 0.0), 0.0) or usd)
        if lent:
            purse.free += lent
            self._purses.add(purse)
        else:
            purse.dry_until = perf_counter() + DRY_S
        return lent


class Waiting:
    """A client waits to be admitted until its purse is filled."""

    def __init__(self) -> None:
        self.is_abandoned = False

    def abandon(self) -> None:
        self.is_abandoned = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...

"""The rules between a caller and the backends: asked for every call, and every decision ends up in the ledger.

Which backends may be asked is decided by the policy; here is what the gateway does with it: the next backend that is
allowed answers, a call that none may answer is refused and recorded with its decision, new decisions are in the journal
before a row names them, and traffic is taken from the ledger beside the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from weighbridge.dispatch.policy import Asking, Decision, Keeper, Policy
from weighbridge.errors import CallRefused, LedgerError
from weighbridge.ledger.decisions import traffic_since
from weighbridge.ledger.rows import CallRow

from .ask import Ask

if TYPE_CHECKING:
    from .books import Books
    from .routes import Aim

LONGEST_ERROR = 500
_COLUMNS = CallRow.__struct_fields__


class Rules:
    """Of one worker."""

    def __init__(self, policy: Policy, books: Books) -> None:
        self._policy = policy
        self._keeper = policy if isinstance(policy, Keeper) else None
        self._books = books
        if self._keeper is not None:
            since = self._keeper.traffic_from()
            if since is not None:
                self._keeper.learn(books.glance(lambda db: traffic_since(db, since)))

    def apply(self, ask: Ask, next_id: Callable[[], str], unix: Callable[[], float]) -> None:
        """Leave the call the targets that the rules allow. CallRefused, with the reasons, where there is none; then
        the call is recorded."""
        caller = ask.caller
        asking = Asking(
            ask.route.model,
            caller.id if caller is not None else None,
            caller.team if caller is not None else None,
            (caller.data_class if caller is not None else None) or ask.head.fields.get("x-data-class"),
        )
        decisions = [(aim, self._policy.decide(asking, aim.backend, aim.model)) for aim in ask.route.aims]
        keeper = self._keeper
        if keeper is not None and keeper.is_fresh:
            self._write(keeper, keeper.take_fresh())
        allowed = [(aim, decision.id) for aim, decision in decisions if decision.allowed]
        if not allowed:
            raise self._refuse(ask, decisions, next_id(), unix())
        ask.aims = [aim for aim, _ in allowed]
        ask.decisions = {aim: decision for aim, decision in allowed if decision is not None}

    def _refuse(self, ask: Ask, decisions: Sequence[tuple[Aim, Decision]], call_id: str, at: float) -> CallRefused:
        reasons = "; ".join(dict.fromkeys(reason for _, decision in decisions for reason in decision.reasons))
        error = CallRefused(f"no backend may be asked: {reasons}", status=403, code="policy")
        if self._keeper is not None:
            aim, decision = decisions[0]
            caller = ask.caller
            row: dict[str, Any] = {
                "id": call_id,
                "at": at,
                "caller": "gateway",
                "backend": aim.backend,
                "model_asked": aim.model,
                "outcome": "failed",
                "reason": "policy",
                "error": error.what[:LONGEST_ERROR],
                "attempts": 0,
                "usd": 0.0,
                "usd_is": "counted",
                "key": caller.id if caller is not None else None,
                "team": caller.team if caller is not None else None,
                "route": ask.route.model,
                "status": 403,
                "decision": decision.id,
            }
            self._books.append([("call", *(row.get(name) for name in _COLUMNS))])
        return error

    async def tend(self) -> None:
        """Write down how often decisions were made, and take traffic from the ledger where a rule asks for it."""
        keeper = self._keeper
        if keeper is None:
            return
        self.write_counts()
        since = keeper.traffic_from()
        if since is not None:
            keeper.learn(await self._books.look(lambda db: traffic_since(db, since)))

    def write_counts(self) -> None:
        """Raises LedgerError."""
        if self._keeper is not None:
            self._write(self._keeper, self._keeper.take_counts())

    def _write(self, keeper: Keeper, lines: list[tuple[Any, ...]]) -> None:
        try:
            if lines:
                self._books.append(lines)
        except LedgerError:
            keeper.give_back(lines)
            raise

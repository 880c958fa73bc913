"""Admission: who may call, how often, and what is held for it."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.dispatch.purse import Purse, hold, settle
from weighbridge.dispatch.rate import Limit, Taken
from weighbridge.errors import CallRefused

from .ask import Ask
from .keyring import Caller
from .routes import Route

BYTES_A_TOKEN = 4
"""For limits in tokens a minute, until the backend has counted: about what English text has. Holds of money do not
guess; they take a token for each byte."""


class Admission:
    """What one call holds until it is settled."""

    __slots__ = ("caller", "held_usd", "purses", "tokens")

    def __init__(self, caller: Caller | None, purses: tuple[Purse, ...], held_usd: float, tokens: Taken | None) -> None:
        self.caller = caller
        self.purses = purses
        self.held_usd = held_usd
        self.tokens = tokens

    def settle(self, cost_usd: float, tokens: int | None) -> None:
        """`cost_usd` is known, or the best that is known; `tokens` counted in and out."""
        if self.purses:
            settle(self.purses, self.held_usd, cost_usd)
        if self.tokens is not None and tokens is not None and self.caller is not None and self.caller.tokens:
            self.caller.tokens.correct(self.tokens, tokens)


KEPT_PAYERS = 4096
NO_ADMISSION = Admission(None, (), 0.0, None)


class Till:
    """Admits calls. Times are those of the worker's clock that never goes back."""

    def __init__(self, teams: Mapping[str, Purse], *, allow_unpriced: bool) -> None:
        self._teams = teams
        self._allow_unpriced = allow_unpriced
        self._payers: dict[tuple[Caller | None, Route], tuple[Purse, ...]] = {}
        """Who pays for a caller's calls to a route. Callers are made anew when keys change, so nothing grows stale."""

    def admit(self, ask: Ask, now: float) -> Admission:
        """Hold what the call may cost. CallRefused where it may not be made; `Short` where a purse has to be filled
        first."""
        caller, route, output_tokens = ask.caller, ask.route, ask.output_tokens
        body_bytes = ask.carrier.body_bytes
        place = caller, route
        purses = self._payers.get(place)
        if purses is None:
            if len(self._payers) >= KEPT_PAYERS:
                self._payers.clear()
            purses = self._payers[place] = self._paying(caller, route)
        if not purses and caller is None:
            return NO_ADMISSION
        held = 0.0
        if purses:
            if route.is_unpriced(output_tokens):
                self._refuse_unpriced(route)
            held = route.held_usd(body_bytes, output_tokens)
            short = hold(purses, held, now)
            if short is not None:
                raise Short(short, held)
        tokens = None
        if caller is not None and (caller.requests is not None or caller.tokens is not None):
            try:
                tokens = self.count(ask, now)
            except CallRefused:
                settle(purses, held, 0.0)
                raise
        return Admission(caller, purses, held, tokens)

    def _paying(self, caller: Caller | None, route: Route) -> tuple[Purse, ...]:
        found = []
        if caller is not None:
            if caller.purse is not None:
                found.append(caller.purse)
            if caller.team is not None and caller.team in self._teams:
                found.append(self._teams[caller.team])
        if route.purse is not None:
            found.append(route.purse)
        return tuple(found)

    def _refuse_unpriced(self, route: Route) -> None:
        if not self._allow_unpriced:
            raise CallRefused(
                f"the price of {route.model!r} is not known, so it cannot be paid from a budget",
                status=403,
                code="unknown_price",
                next_move='Give the route\'s target a `price`, or set `unknown_price = "allow"` in [server].',
            )

    def count(self, ask: Ask, now: float) -> Taken | None:
        """Requests and tokens a minute; nothing is counted of a call that is refused."""
        caller = ask.caller
        if caller is None or (caller.requests is None and caller.tokens is None):
            return None
        amount = ask.carrier.body_bytes // BYTES_A_TOKEN + ask.output_tokens
        request = caller.requests.admit(now) if caller.requests is not None else None
        if isinstance(request, float):
            raise over_limit(caller.requests, "requests", request)
        tokens = caller.tokens.admit(now, amount) if caller.tokens is not None else None
        if isinstance(tokens, float):
            if caller.requests is not None and request is not None:
                caller.requests.correct(request, 0)
            raise over_limit(caller.tokens, "tokens", tokens)
        return tokens


class Short(Exception):
    """A purse cannot pay what a call may cost; perhaps the ledger lends it more."""

    def __init__(self, purse: Purse, usd: float) -> None:
        super().__init__()
        self.purse = purse
        self.usd = usd


def over_limit(limit: Limit | None, what: str, wait: float) -> CallRefused:
    return CallRefused(
        f"the key's limit of {limit.limit if limit is not None else 0} {what} a minute is reached",
        status=429,
        code="rate_limit_exceeded",
        retry_after_s=wait,
        next_move=f"Try again in {wait:.0f} s.",
    )


def over_budget(purse: Purse, usd: float) -> CallRefused:
    return CallRefused(
        f"{purse}, does not have the ${usd:.6f} this call could cost",
        status=429,
        code="insufficient_quota",
        next_move="Lower max_tokens, wait for the next period, or ask for a larger budget.",
    )

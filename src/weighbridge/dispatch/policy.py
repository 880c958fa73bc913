"""The question that is asked before a backend is chosen: may this call go there?

`Policy` is the seam. What answers it knows residency, licences, origins and classes of data; here is only what it is
asked with, and one that allows everything, for whoever has no rules.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Asking(msgspec.Struct, frozen=True):
    """Who asks, for what, with which data."""

    route: str
    key: str | None = None
    """Id of the caller's key."""
    team: str | None = None
    data_class: str | None = None
    """As the header `x-data-class` says: `public`, `personal`, `health` or whatever the rules know."""


class Decision(msgspec.Struct, frozen=True):
    allowed: bool
    reasons: tuple[str, ...] = ()
    """The rule, and the fact behind it, for people."""


class Policy(Protocol):
    def decide(self, asking: Asking, backend: str, model: str) -> Decision:
        """Whether the call may go to `model` at `backend`. Pure, and quick: it is asked for every call."""
        ...


class AllowAll:
    """No rules."""

    def decide(self, asking: Asking, backend: str, model: str) -> Decision:
        return YES


YES = Decision(True)

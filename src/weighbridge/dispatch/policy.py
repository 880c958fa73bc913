"""The question that is asked before a backend is chosen: may this call go there?

`Policy` is the seam. What answers it knows residency, licences, origins and classes of data; here is only what it is
asked with, and one that allows everything, for whoever has no rules. A `Keeper` is a policy whose decisions go into the
ledger, and which is told of the traffic there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec


class Asking(msgspec.Struct, frozen=True):
    """Who asks, for what, with which data."""

    route: str
    key: str | None = None
    """Id of the caller's key."""
    team: str | None = None
    data_class: str | None = None
    """As the caller's key says, else the header `x-data-class`: `public`, `personal`, `health` or whatever the rules
    know."""


class Decision(msgspec.Struct, frozen=True):
    allowed: bool
    reasons: tuple[str, ...] = ()
    """The rule, and the fact behind it, for people."""
    id: str | None = None
    """Under which it stands in the ledger; None where it does not."""


class Policy(Protocol):
    def decide(self, asking: Asking, backend: str, model: str) -> Decision:
        """Whether the call may go to `model` at `backend`. Pure, and quick: it is asked for every call."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """What a policy has beside `decide` where its decisions are kept."""

    is_fresh: bool
    """Whether a decision was made that no line has told yet."""

    def decide(self, asking: Asking, backend: str, model: str) -> Decision: ...

    def take_fresh(self) -> list[tuple[Any, ...]]:
        """Lines for the journal: decisions that are new, to be written before a call's row names them."""
        ...

    def take_counts(self) -> list[tuple[Any, ...]]:
        """Lines for the journal: how often each decision was made since the last time."""
        ...

    def give_back(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Lines that could not be written: they are fresh again."""
        ...

    def traffic_from(self) -> int | None:
        """The Unix hour from which traffic must be known now; None where it is known well enough, or never needed."""
        ...

    def learn(self, traffic: Sequence[Any]) -> None:
        """Take in the ledger's sums of traffic from that hour on."""
        ...


class AllowAll:
    """No rules."""

    def decide(self, asking: Asking, backend: str, model: str) -> Decision:
        return YES


YES = Decision(True)

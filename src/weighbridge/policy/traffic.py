"""Shares of traffic, and what answers under a name: what the ledger's sums say to a policy. Pure.

    share    answered calls (or tokens) of a lab, provider or country / all in the rule's window of whole hours
    drift    under one name at one backend another model began to answer

The sums are the ledger's (hour, backend, model asked for, model that answered, calls, tokens).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from .decide import counted_as
from .facts import Facts
from .file import Concentration

HOURS_A_DAY = 24
UNKNOWN = ""
"""Name of traffic whose lab, provider or country nobody knows; it counts in the whole."""


class Sum(Protocol):
    """One row of the ledger's traffic."""

    @property
    def hour(self) -> int: ...
    @property
    def backend(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def served(self) -> str: ...
    @property
    def calls(self) -> int: ...
    @property
    def tokens(self) -> int: ...


class Seen(msgspec.Struct, frozen=True):
    """What answered under one name at one backend."""

    served_as_asked: bool | None
    drift_hour: int | None
    """Unix hour at which another model began to answer; None: none did."""
    before: str = ""
    now: str = ""


def first_hour(rules: Iterable[Concentration], hour: int) -> int:
    """The earliest Unix hour that any rule looks at."""
    return min((hour - rule.days * HOURS_A_DAY for rule in rules), default=hour)


def shares_of(
    rules: Sequence[Concentration], sums: Sequence[Sum], who: Callable[[str, str], Facts], hour: int
) -> tuple[dict[str, float], ...]:
    """For each rule: name to share, over its window up to `hour`; nothing where too few calls were answered in it."""
    return tuple(_shares(rule, sums, who, hour) for rule in rules)


def _shares(rule: Concentration, sums: Sequence[Sum], who: Callable[[str, str], Facts], hour: int) -> dict[str, float]:
    since = hour - rule.days * HOURS_A_DAY
    counts: dict[str, int] = {}
    calls = 0
    for each in sums:
        if since <= each.hour <= hour:
            name = counted_as(rule.by, who(each.backend, each.model)) or UNKNOWN
            counts[name] = counts.get(name, 0) + (each.calls if rule.of == "calls" else each.tokens)
            calls += each.calls
    whole = sum(counts.values())
    if calls < rule.least_calls or not whole:
        return {}
    return {name: count / whole for name, count in counts.items()}


def too_large(rules: Sequence[Concentration], shares: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], ...]:
    """Only the shares above their rule's limit, in whole percents: a decision changes with these alone."""
    return tuple(
        {name: max(round(share, 2), rule.most + 0.001) for name, share in found.items() if share > rule.most}
        for rule, found in zip(rules, shares, strict=True)
    )


def seen_of(sums: Sequence[Sum], same: Callable[[str, str], bool]) -> dict[tuple[str, str], Seen]:
    """By backend and name asked for. `same` says whether two names mean one model."""
    by_name: dict[tuple[str, str], list[Sum]] = {}
    for each in sums:
        if each.served:
            by_name.setdefault((each.backend, each.model), []).append(each)
    return {key: _seen(key[1], rows, same) for key, rows in by_name.items()}


def _seen(asked: str, rows: Sequence[Sum], same: Callable[[str, str], bool]) -> Seen:
    """The newest name is what answers now; drift is when it first answered after another one."""
    ordered = sorted(rows, key=lambda each: each.hour)
    now = ordered[-1].served
    as_asked = same(asked, now)
    others = [each for each in ordered if each.served != now and not same(each.served, now)]
    if not others:
        return Seen(as_asked, None, now=now)
    first = min(each.hour for each in ordered if each.served == now)
    return Seen(as_asked, max(first, others[0].hour), others[-1].served, now)

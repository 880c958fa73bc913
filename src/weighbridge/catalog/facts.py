"""A value, who says so, and when; and which of several is believed.

    resolve    the best standing wins (primary over independent over press), then the newer date, then the order written
    disputed   another fact about the same field says something else, at the precision both are given
    kept       every fact that lost is an alternative; nothing is averaged, nothing is dropped

A fact that nobody has confirmed carries a `doubt`, and is shown with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

Kind = Literal["exact", "derived", "measured", "reported", "estimated"]
"""exact: read from the files. derived: computed from a config. measured: by whom the source says. reported: somebody
says so. estimated: worked out from the outside."""
Standing = Literal["primary", "independent", "press"]
"""primary: who made it (paper, model card, repository, price page). independent: who measured or checked it.
press: everybody else."""
STANDING_ORDER: dict[str, int] = {"primary": 0, "independent": 1, "press": 2}


class Source(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Somebody who says something."""

    id: str
    title: str
    standing: Standing
    url: str | None = None
    licence: str | None = None
    """Under which its data may be passed on, by the id of a licence; None for a page that is only cited."""
    read: str | None = None
    """ISO date on which it was last read, or of the stored copy that was."""
    attribution: str = ""
    """How its makers ask to be named, for a data set whose rows are shipped."""


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One source's word on one field. In TOML: `{ value = 32_768, source = "arxiv-2412.19437", date = "2024-12" }`."""

    value: Any
    source: str
    """Id in sources.toml."""
    date: str
    """ISO date of the statement, as exactly as it is known: `2024`, `2024-12` or `2024-12-27`."""
    kind: Kind = "reported"
    note: str = ""
    """What the number covers, where that matters: `final run only`, `HF counts packed weights`."""
    doubt: str = ""
    """Why it should be checked before it is relied on; empty when there is no reason."""


class Resolved(msgspec.Struct, frozen=True):
    """The fact that is believed, and everything that was said beside it."""

    value: Any
    kind: Kind
    source: str
    date: str
    disputed: bool
    alternatives: tuple[Fact, ...]
    note: str = ""
    doubt: str = ""


def resolve(
    facts: Sequence[Fact], sources: Mapping[str, Source], same: Callable[[Any, Any], bool] = lambda a, b: bool(a == b)
) -> Resolved | None:
    """The believed fact of one field; None where nobody says anything.

    `same` compares two values at the precision they are given (fields.py). A date known more exactly counts as newer
    than the month or year it lies in. Raises KeyError for a source that is not in `sources`.
    """
    if not facts:
        return None
    newest_first = sorted(facts, key=lambda fact: fact.date, reverse=True)
    best = min(newest_first, key=lambda fact: STANDING_ORDER[sources[fact.source].standing])
    others = tuple(fact for fact in facts if fact is not best)
    return Resolved(
        value=best.value,
        kind=best.kind,
        source=best.source,
        date=best.date,
        disputed=any(not same(best.value, fact.value) for fact in others),
        alternatives=others,
        note=best.note,
        doubt=best.doubt,
    )

"""Names of candidates, short enough for a line and still told apart.

What differs between names often stands at their end (`.../Q4_K_M`, `..., with examples`), so the middle is left out.
Names that still look alike then are shown from where they first differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from .plain import one_line

HEAD_SHARE = 0.5
"""Of the letters shown, those from the beginning."""
LEAST_HEAD = 6
"""Letters of the beginning that are shown where the rest is what tells names apart."""
WHOLE = 1_000
"""Characters of a name that are looked at."""


def short_name(name: str, limit: int) -> str:
    """The name on one line, its middle left out where it is longer than `limit` characters."""
    whole = one_line(name, WHOLE)
    if len(whole) <= limit:
        return whole
    head = int((limit - 1) * HEAD_SHARE)
    return f"{whole[:head]}…{whole[len(whole) - (limit - 1 - head) :]}"


def short_names(names: Sequence[str], limit: int) -> dict[str, str]:
    """Each name to its short form; two different names never look the same."""
    short = {name: short_name(name, limit) for name in names}
    for twins in _alike(short):
        short |= _from_where_they_differ(twins, limit)
    for twins in _alike(short):
        short |= {name: f"{short[name][: limit - 4]} #{number}" for number, name in enumerate(twins, 1)}
    return short


def _alike(short: Mapping[str, str]) -> list[list[str]]:
    """Groups of names that look the same."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, shown in short.items():
        groups[shown].append(name)
    return [names for names in groups.values() if len(names) > 1]


def _from_where_they_differ(names: Sequence[str], limit: int) -> dict[str, str]:
    wholes = {name: one_line(name, WHOLE) for name in names}
    columns = zip(*wholes.values(), strict=False)
    shared = next((place for place, letters in enumerate(columns) if len(set(letters)) > 1), 0)
    return {
        name: f"{whole[:LEAST_HEAD]}…{short_name(whole[shared:], limit - LEAST_HEAD - 1)}"
        for name, whole in wholes.items()
    }

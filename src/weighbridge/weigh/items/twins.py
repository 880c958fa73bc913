"""Items that share an id, found among a million without keeping a million ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weighbridge.formats.problems import Problem
from weighbridge.weigh.items.items import Items

MOST_TWINS = 20
"""Pairs that are named; a file with more has the same mistake everywhere."""


def same_ids(items: Items, hashes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Problem]:
    """A problem for every item whose id an earlier one has, with both lines, in the order of the file.

    Equal 64-bit hashes only make a suspicion: the two ids are read from the file and compared.
    """
    ranked = np.sort(hashes)
    if not (ranked[1:] == ranked[:-1]).any():
        return
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    again = np.flatnonzero(ranked[1:] == ranked[:-1]) + 1
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    given = 0
    for place in again[np.argsort(order[again], kind="stable")]:
        if given >= MOST_TWINS:
            return
        second = int(order[place])
        run = order[starts[np.searchsorted(starts, place, side="right") - 1] : place]
        first = _with_id(items, items[second].id, run)
        if first is not None:
            given += 1
            what = f"two items have the id {items[second].id!r}: lines {items.line(first)} and {items.line(second)}"
            yield Problem(items.name, items.line(second), items.id_field, what, "Give every item an id of its own.")


def _with_id(items: Items, wanted: str, places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> int | None:
    """The first of `places` whose item has the id; in practice the very first place."""
    return next((int(place) for place in places if items[int(place)].id == wanted), None)

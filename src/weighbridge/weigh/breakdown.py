"""Scores within each value of each tag, in a few bytes an item."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from weighbridge.stats import compare_groups
from weighbridge.stats.groups import Weighing
from weighbridge.weigh.drawing import Drawing
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.records import Group, GroupResult, GroupsResult, Item

MOST_VALUES = 100
"""A tag with more values than this (an id, a free text) is no way to group items and is left out."""
LONGEST_VALUE = 100
"""Characters of a value that are kept."""


def tag_values(tags: Sequence[str], item: Item) -> tuple[str, ...]:
    """The item's value of each tag as a text; empty where it has none."""
    return tuple(_text(look_up(item.fields, tag)) for tag in tags)


class Breakdown:
    """Takes scores item by item in drawn order; groups them at the end."""

    def __init__(self, tags: Sequence[str], names: Sequence[str], *, skip_empty: bool = False) -> None:
        """`skip_empty`: items without a tag's value are no group of their own."""
        self._names = tuple(names)
        self._skip_empty = skip_empty
        self._scores = array("d")
        """A row of scores for each item, flat: 8 bytes a score."""
        self._tags = tuple(tags)
        self._codes = {tag: array("B") for tag in tags}
        """Which value each item has, by tag: one byte an item, for there are at most MOST_VALUES."""
        self._values: dict[str, dict[str, int]] = {tag: {} for tag in tags}

    def add(self, values: Sequence[str], scores: Sequence[float]) -> None:
        """One weighed item: its value of each tag, and a score for each candidate, NaN where there is none."""
        self._scores.extend(scores)
        for tag, value in zip(self._tags, values, strict=True):
            codes = self._codes.get(tag)
            if codes is None:
                continue
            known = self._values[tag]
            code = known.setdefault(value, len(known))
            if code >= MOST_VALUES:
                del self._codes[tag]
            else:
                codes.append(code)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tags with too many values to group by."""
        return tuple(tag for tag in self._tags if tag not in self._codes)

    def groups(self, alpha: float, drawing: Drawing | None = None) -> tuple[Group, ...]:
        """All groups of all tags, compared with one correction for their number; values in alphabetical order.

        drawing: says what each item counts, where they were drawn with unequal chances."""
        scores = np.frombuffer(self._scores, dtype=np.float64).reshape(-1, len(self._names))
        rows: dict[str, Any] = {}
        places: dict[str, npt.NDArray[np.intp]] = {}
        keys: list[tuple[str, str]] = []
        for tag, codes in self._codes.items():
            where = np.frombuffer(codes, dtype=np.uint8)
            for value, code in sorted(self._values[tag].items()):
                if self._skip_empty and not value:
                    continue
                keys.append((tag, value))
                rows[str(len(keys))] = scores[where == code]
                places[str(len(keys))] = np.flatnonzero(where == code)
        weighing = None
        if drawing is not None and drawing.draws is not None:
            drawn = {group: drawing.draw_of(items) for group, items in places.items()}
            ends = [drawing.eliminated.get(name, drawing.weighed) for name in self._names]
            weighing = Weighing(drawing.draws, drawing.contest.rule, drawn, ends)
        found = compare_groups(self._names, cast("Any", rows), alpha, weighing)
        return tuple(
            Group(
                tag=tag,
                value=value,
                items=group.items,
                means=group.means,
                intervals=group.intervals,
                differs=group.differs,
                evidence=group.evidence,
            )
            for (tag, value), group in zip(keys, found, strict=True)
        )


def groups_result(groups: Sequence[Group], alpha: float) -> GroupsResult | None:
    """Groups as `--json` prints them; None where there are none."""
    if not groups:
        return None
    return GroupsResult(
        alpha=alpha,
        tested=len(groups),
        groups=tuple(
            GroupResult(
                tag=group.tag,
                value=group.value,
                items=group.items,
                scores=group.means,
                better=group.differs,
                evidence=group.evidence,
            )
            for group in groups
        ),
    )


def _text(value: Any) -> str:
    if value is MISSING or value is None:
        return ""
    return str(value)[:LONGEST_VALUE]

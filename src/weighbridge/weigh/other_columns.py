"""The other columns of a wide table: what earlier candidates scored on the items that are replayed."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from weighbridge.errors import InputError
from weighbridge.formats.csv_lines import open_csv
from weighbridge.stats.discordance import FEWEST_EARLIER, EarlierScores


class Others(NamedTuple):
    names: tuple[str, ...]
    scores: EarlierScores
    """Of the rows that have a score for every candidate that is compared, in the order of the file."""


def read_others(path: Path, candidates: Sequence[str]) -> Others:
    """Columns that hold nothing but scores in [0, 1] and blanks, those compared left out.

    The table was read before, so that its rows are known to be sound. Raises InputError where no item has enough.
    """
    with open_csv(path) as rows:
        header = [cell.strip() for cell in next(rows)]
        compared = [header.index(name, 1) for name in candidates]
        columns = {place: array("d") for place in range(1, len(header)) if place not in compared}
        for row in rows:
            if not row or not all(row[place].strip() for place in compared):
                continue
            for place in list(columns):
                score = _score(row[place])
                if score is None:
                    del columns[place]
                else:
                    columns[place].append(score)
    seen = {place: np.array(column) for place, column in columns.items()}
    told = {header[place]: scores for place, scores in seen.items() if not np.isnan(scores).all()}
    found = EarlierScores(max(map(len, seen.values()), default=0))
    for scores in told.values():
        found.add_all(scores)
    if not found.telling:
        raise InputError(
            f"the order goes by other columns of scores, and no item has a score in {FEWEST_EARLIER} of them",
            where=path.name,
            next_move="Leave the order random.",
        )
    return Others(tuple(told), found)


def _score(cell: str) -> float | None:
    """NaN where it is blank; None where it is no score."""
    if not cell or cell.isspace():
        return math.nan
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else -1.0
    except ValueError:
        return None
    return value if 0.0 <= value <= 1.0 else None

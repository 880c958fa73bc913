"""Texts as sparse rows, weighted by how rare each bucket is, and ridge regression on them.

    weight of a bucket   (1 + ln count) x idf,  idf = ln((1 + n) / (1 + texts with it)) + 1
    row                  divided by its length, so that long texts are no louder than short ones

A bucket that fewer than LEAST_TEXTS texts hit weighs nothing: it can only be learned by heart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Floats, Whole, sums
from .grams import Counted

LEAST_TEXTS = 2
MOST_STEPS = 60
ENOUGH = 1e-3
"""Conjugate gradients end when what is left has shrunk to this share: more changes nothing that folds could show."""


class Rows:
    """n sparse rows over `width` columns (compressed sparse rows)."""

    def __init__(self, columns: Whole, values: Floats, sizes: Whole, width: int) -> None:
        self._columns = columns
        self._values = values
        self._sizes = sizes
        self._row = np.repeat(np.arange(len(sizes)), sizes)
        self.width = width

    def __len__(self) -> int:
        return len(self._sizes)

    def times(self, x: Floats) -> Floats:
        """(width,) to (n,)."""
        return sums(self._row, self._values * x[self._columns], len(self))

    def transposed_times(self, y: Floats) -> Floats:
        """(n,) to (width,)."""
        return sums(self._columns, self._values * y[self._row], self.width)


def rarity(texts: Sequence[Counted], width: int) -> Floats:
    """(width,) idf of each bucket; 0 where too few texts hit it."""
    hits = np.bincount(np.concatenate([text.buckets for text in texts]), minlength=width)
    return np.where(hits >= LEAST_TEXTS, np.log((1 + len(texts)) / (1 + hits)) + 1, 0.0)


def weigh(text: Counted, idf: Floats) -> Floats:
    """Values of one row, in the order of its buckets."""
    values = (1.0 + np.log(text.counts)) * idf[text.buckets]
    length = float(np.sqrt(values @ values))
    return values / length if length else values


def make_rows(texts: Sequence[Counted], idf: Floats) -> Rows:
    columns = np.concatenate([text.buckets for text in texts])
    values = np.concatenate([weigh(text, idf) for text in texts])
    sizes = np.fromiter((len(text.buckets) for text in texts), np.int64, len(texts))
    kept = values != 0
    row = np.repeat(np.arange(len(texts)), sizes)[kept]
    return Rows(columns[kept], values[kept], np.bincount(row, minlength=len(texts)), len(idf))


def ridge(rows: Rows, target: Floats, penalty: float) -> Floats:
    """(width,) weights that minimise |rows w - target|^2 + penalty |w|^2; the target is taken as it is: centre it."""
    weights = np.zeros(rows.width)
    left = rows.transposed_times(target)
    step = left.copy()
    size = float(left @ left)
    goal = size * ENOUGH**2
    for _ in range(MOST_STEPS):
        if size <= goal:
            break
        bent = rows.transposed_times(rows.times(step)) + penalty * step
        share = size / float(step @ bent)
        weights += share * step
        left -= share * bent
        before, size = size, float(left @ left)
        step = left + (size / before) * step
    return weights

"""How much better the strong model did on the prompts most like this one: k nearest neighbours.

Each prompt is its weighted words folded into DIMENSIONS numbers with signs taken from the bucket's hash, which keeps
angles between prompts about as they were. At most MOST_KEPT prompts are kept, spread evenly over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Floats, Whole, sums
from .grams import WORD_BITS, Counted, Text
from .sparse import rarity, weigh

DIMENSIONS = 128
MOST_KEPT = 4096
NEAREST = 60
SHARPNESS = 8.0
"""A neighbour counts exp(SHARPNESS x cosine)."""
SHRINK = 5.0
"""As if so many more neighbours had the mean gain, with the weight of one at cosine 0."""


class Neighbours(NamedTuple):
    idf: Floats
    """(buckets,)"""
    kept: Floats
    """(m, DIMENSIONS), rows of length 1"""
    gains: Floats
    """(m,) strong minus weak"""
    mean: Floats
    """(1,) of all gains"""

    def gain(self, text: Text) -> float:
        """Strong's score minus weak's, expected."""
        near = self.kept @ fold_words(text.words, self.idf)
        count = min(NEAREST, len(near))
        nearest = np.argpartition(-near, count - 1)[:count]
        weights = np.exp(SHARPNESS * near[nearest])
        return float((weights @ self.gains[nearest] + SHRINK * self.mean[0]) / (weights.sum() + SHRINK))


def fit_neighbours(texts: Sequence[Text], weak: Floats, strong: Floats) -> Neighbours:
    words = [text.words for text in texts]
    idf = rarity(words, 1 << WORD_BITS)
    gains = strong - weak
    chosen: Whole = np.unique(np.linspace(0, len(words) - 1, min(len(words), MOST_KEPT)).round().astype(np.int64))
    kept = np.array([fold_words(words[n], idf) for n in chosen])
    return Neighbours(idf, kept, gains[chosen], np.array([gains.mean()]))


def fold_words(text: Counted, idf: Floats) -> Floats:
    """(DIMENSIONS,) of length 1, or zeros for a text of which nothing is known."""
    mixed = (text.buckets * 0x9E3779B1) & 0xFFFFFFFF
    signs = np.where(mixed & (1 << 20), 1.0, -1.0)
    folded = sums(mixed >> 25, weigh(text, idf) * signs, DIMENSIONS)
    length = float(np.sqrt(folded @ folded))
    return folded / length if length else folded

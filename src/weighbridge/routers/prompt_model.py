"""How much better the strong model would do on a prompt, guessed from the prompt alone.

Ridge regressions on words and on runs of characters guess what the weak and the strong model score; `waves` bends their
guesses and the prompt's surface into the gain. The bends are learned from guesses about prompts that the regressions
had not seen (folds by prompt, so that twins never stand on both sides).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Floats, Whole
from .grams import RUN_BITS, WORD_BITS, Counted, Text
from .sparse import make_rows, rarity, ridge, weigh
from .waves import Waves, fit_waves

WORD_PENALTY, RUN_PENALTY = 10.0, 20.0
FOLDS = 4


class Guesser(NamedTuple):
    """Scores of both models from one kind of n-grams."""

    idf: Floats
    """(buckets,)"""
    weak: Floats
    """(buckets,) weights, around the mean that `fit_guesser` took out."""
    strong: Floats

    def guess(self, text: Counted) -> tuple[float, float]:
        """Weak and strong, each as a difference from its mean."""
        values = weigh(text, self.idf)
        return float(values @ self.weak[text.buckets]), float(values @ self.strong[text.buckets])


class PromptModel(NamedTuple):
    words: Guesser
    runs: Guesser
    waves: Waves

    def gain(self, text: Text) -> float:
        """Strong's score minus weak's, expected."""
        words, runs = self.words.guess(text.words), self.runs.guess(text.runs)
        return float(self.waves.predict(_joined(np.array([[*words, *runs]]), text.surface[None, :]))[0])


def fit_guesser(texts: Sequence[Counted], bits: int, weak: Floats, strong: Floats, penalty: float) -> Guesser:
    idf = rarity(texts, 1 << bits)
    rows = make_rows(texts, idf)
    return Guesser(idf, ridge(rows, weak - weak.mean(), penalty), ridge(rows, strong - strong.mean(), penalty))


def fit_guessers(texts: Sequence[Text], weak: Floats, strong: Floats) -> tuple[Guesser, Guesser]:
    words = fit_guesser([text.words for text in texts], WORD_BITS, weak, strong, WORD_PENALTY)
    runs = fit_guesser([text.runs for text in texts], RUN_BITS, weak, strong, RUN_PENALTY)
    return words, runs


def fit_prompt_model(
    texts: Sequence[Text],
    weak: Floats,
    strong: Floats,
    *,
    folds: Whole,
    rng: np.random.Generator,
    tell: Callable[[float], None] = lambda _: None,
) -> tuple[PromptModel, Floats]:
    """The model, and (n,) gains it expects where its regressions had not seen the prompt.

    folds: (n,) numbers from 0 to FOLDS - 1, equal for equal prompts. tell: the share of the work that is done.
    """
    unseen = np.zeros((len(texts), 4))
    texts = list(texts)
    for fold in range(FOLDS):
        inside = folds != fold
        guessers = fit_guessers([texts[n] for n in np.flatnonzero(inside).tolist()], weak[inside], strong[inside])
        for n in np.flatnonzero(~inside).tolist():
            unseen[n] = _guesses(texts[n], guessers)
        tell((fold + 1) / (FOLDS + 1))
    surfaces = np.array([text.surface for text in texts])
    about = _joined(unseen, surfaces)
    waves = fit_waves(about, strong - weak, rng)
    return PromptModel(*fit_guessers(texts, weak, strong), waves), waves.predict(about)


def _guesses(text: Text, guessers: tuple[Guesser, Guesser]) -> tuple[float, float, float, float]:
    words, runs = guessers
    return *words.guess(text.words), *runs.guess(text.runs)


def _joined(guesses: Floats, surfaces: Floats) -> Floats:
    """guesses (n, 4): weak and strong by words, weak and strong by runs; beside them the gains and the surface."""
    gains = guesses[:, [1, 3]] - guesses[:, [0, 2]]
    return np.hstack([guesses, gains, surfaces])

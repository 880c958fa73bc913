"""Whether the answer that cheap models give together is right, guessed from who gives it.

    candidate   each different answer, given by the first voter that said it
    right       a logistic regression: who voted for it, its share, the runner-up's, lengths, the judge's score
    strong      another: how sure the vote is, how divided, how long the replies and the prompt are
    gain        P(the strong model is right) - P(the best candidate is right)

Voters are models, in the order they are preferred; a model may vote several times (self-consistency). Scores may be
fractions: then "right" is the expected score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Floats, Whole
from .logistic import Logistic, fit_logistic

RIGHT_PENALTY = 20.0
STRONG_PENALTY = 33.0
ITEM_FEATURES = 6


class Vote(NamedTuple):
    """What one voter said on one item."""

    answer: str
    """Normalised; empty where none was found."""
    chars: float
    """Length of the whole reply; NaN where it was not recorded."""
    judged: float = np.nan
    """A judge's score of the reply, in [0, 1]."""


class Chosen(NamedTuple):
    voter: int
    """Who gave the answer that is taken if any is."""
    gain: float
    """Strong's score minus this answer's, expected."""


class CascadeModel(NamedTuple):
    lengths: Floats
    """(3, voters): mean and spread of each voter's log length, and the mean judge's score."""
    right: Logistic
    strong: Logistic

    def choose(self, votes: Sequence[Vote], prompt_chars: int) -> Chosen:
        seen = see(votes, prompt_chars, self.lengths)
        sure = self.right.predict(seen.features)
        best = int(np.argmax(sure))
        item = _about(seen, best, sure[best])
        return Chosen(int(seen.voters[best]), float(self.strong.predict(item[None, :])[0] - sure[best]))


class Seen(NamedTuple):
    """Of one item."""

    voters: Whole
    """(c,) who gave each candidate"""
    features: Floats
    """(c, voters + 8)"""
    prompt: float


def see(votes: Sequence[Vote], prompt_chars: int, lengths: Floats) -> Seen:
    """lengths: (3, voters), as in CascadeModel."""
    count = len(votes)
    said = _standard_lengths(votes, lengths)
    supporters: dict[str, list[int]] = {}
    for place, vote in enumerate(votes):
        if vote.answer:
            supporters.setdefault(vote.answer, []).append(place)
    if not supporters:
        supporters[""] = []
    sizes = sorted((len(each) for each in supporters.values()), reverse=True)
    rows = np.zeros((len(supporters), count + 8))
    voters = np.zeros(len(supporters), np.int64)
    for row, (answer, places) in enumerate(supporters.items()):
        voters[row] = places[0] if places else 0
        share = len(places) / count
        other = sizes[1] if len(sizes) > 1 and len(places) == sizes[0] else sizes[0] if len(places) < sizes[0] else 0
        rows[row, places] = 1.0
        judged = votes[int(voters[row])].judged
        rows[row, count:] = (
            share,
            share * share,
            len(supporters) / count,
            said.mean(),
            said[places].mean() if places else 0.0,
            other / count,
            float(len(answer) > 20),
            lengths[2, voters[row]] if np.isnan(judged) else judged,
        )
    return Seen(voters, rows, float(np.log1p(prompt_chars)))


def fit_cascade_model(
    items: Sequence[Sequence[Vote]], scores: Floats, strong: Floats, prompt_chars: Sequence[int]
) -> CascadeModel:
    """items: votes of each item; scores (n, voters), NaN for votes that were not scored; strong (n,)."""
    lengths = _lengths(items)
    seen = [see(votes, chars, lengths) for votes, chars in zip(items, prompt_chars, strict=True)]
    features = np.vstack([one.features for one in seen])
    owner = np.repeat(np.arange(len(seen)), [len(one.voters) for one in seen])
    right = scores[owner, np.concatenate([one.voters for one in seen])]
    known = ~np.isnan(right)
    model = fit_logistic(features[known], right[known], RIGHT_PENALTY)
    about = np.array([_best(one, model) for one in seen])
    return CascadeModel(lengths, model, fit_logistic(about, strong, STRONG_PENALTY))


def _best(seen: Seen, right: Logistic) -> Floats:
    sure = right.predict(seen.features)
    best = int(np.argmax(sure))
    return _about(seen, best, float(sure[best]))


def _about(seen: Seen, best: int, sure: float) -> Floats:
    """(ITEM_FEATURES,) what is known of an item once its best candidate is chosen."""
    row = seen.features[best]
    return np.array([sure, sure * sure, row[-6], row[-5], row[-3], seen.prompt])


def _lengths(items: Sequence[Sequence[Vote]]) -> Floats:
    """Mean and spread of each voter's log length over the items, mean judge's score; (0, 1, 0.5) where nothing is
    known."""
    chars = np.log1p(np.array([[vote.chars for vote in votes] for votes in items]))
    judged = np.array([[vote.judged for vote in votes] for votes in items])
    found = np.zeros((3, chars.shape[1]))
    found[1], found[2] = 1.0, 0.5
    for voter in range(chars.shape[1]):
        known = chars[:, voter][~np.isnan(chars[:, voter])]
        marks = judged[:, voter][~np.isnan(judged[:, voter])]
        if len(known):
            found[0, voter], found[1, voter] = known.mean(), max(float(known.std()), 1e-3)
        if len(marks):
            found[2, voter] = marks.mean()
    return found


def _standard_lengths(votes: Sequence[Vote], lengths: Floats) -> Floats:
    chars = np.log1p(np.array([vote.chars for vote in votes]))
    said = np.clip((chars - lengths[0]) / lengths[1], -4.0, 4.0)
    return np.where(np.isnan(said), 0.0, said)

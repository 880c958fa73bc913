"""Which way to decide the samples allow, and a model learned that way, and what it expects of new items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from weighbridge.errors import UsageError

from .arrays import Floats
from .artefact import AGREEMENT, JUDGED, LENGTHS
from .cascade_model import fit_cascade_model
from .grams import SURFACE, read_text
from .neighbours import fit_neighbours
from .prompt_model import FOLDS, fit_prompt_model
from .rounds import Round, Rounds
from .router import Model
from .samples import Samples
from .scoring import prospects
from .splits import fold_of

Method = Literal["auto", "ridge", "knn", "cascade"]
CASCADE_FOLDS = 5


class Learned(NamedTuple):
    model: Model
    unseen: Floats
    """(rounds, n) gains expected of the items it learned from, each by a model that did not know it: they say where
    settings lie."""


def choose_method(samples: Samples, voters: Sequence[str], wanted: Method) -> Literal["ridge", "knn", "cascade"]:
    """UsageError, with what is missing, for a method that the samples do not allow."""
    judged = any(voter in samples.judged for voter in voters)
    agree = len(voters) > 1 and samples.has_answers(voters)
    recorded = judged or samples.has_answers(voters) or any(voter in samples.chars for voter in voters)
    if recorded and (wanted == "cascade" or (wanted == "auto" and (judged or agree or not samples.has_prompts()))):
        return "cascade"
    if wanted == "cascade":
        raise UsageError(
            "a cascade judges answers, and no answers, lengths or judge's scores of the weak side were recorded",
            next_move=f"Give columns {voters[0]}.answer or {voters[0]}.chars, or a table: --answers FILE.",
        )
    if len(voters) > 1:
        raise UsageError(
            f"{len(voters)} weak models and no answers of theirs: before a call only one of them can be chosen",
            next_move="Name one with --weak, or give their answers with --answers FILE.",
        )
    if not samples.has_prompts():
        raise UsageError(
            "the samples hold no prompts, and no answers either",
            next_move="Name the column with --prompt, or the table that holds them with --prompts FILE.",
        )
    return "knn" if wanted == "knn" else "ridge"


def learn(
    samples: Samples,
    voters: Sequence[str],
    strong: str,
    method: str,
    *,
    sizes: Sequence[int],
    seed: int,
    tell: Callable[[float], None],
) -> Learned:
    """sizes: voters that have answered after each round of a cascade."""
    if method == "cascade":
        return _learn_cascade(samples, voters, strong, sizes, seed=seed, tell=tell)
    weak, best = samples.scores[voters[0]], samples.scores[strong]
    texts = [read_text(prompt) for prompt in samples.prompts]
    if method == "ridge":
        folds, rng = fold_of(samples.groups, seed + 1, FOLDS), np.random.default_rng(seed)
        model, unseen = fit_prompt_model(texts, weak, best, folds=folds, rng=rng, tell=tell)
        return Learned(model, unseen[None])
    folds = fold_of(samples.groups, seed + 1, 2)  # each half is known by the neighbours in the other
    expected = np.zeros((1, len(texts)))
    for half in (0, 1):
        inside = np.flatnonzero(folds != half)
        near = fit_neighbours([texts[n] for n in inside], weak[inside], best[inside])
        for n in np.flatnonzero(folds == half).tolist():
            expected[0, n] = near.gain(texts[n])
    return Learned(fit_neighbours(texts, weak, best), expected)


def _learn_cascade(
    samples: Samples,
    voters: Sequence[str],
    strong: str,
    sizes: Sequence[int],
    *,
    seed: int,
    tell: Callable[[float], None],
) -> Learned:
    folds = fold_of(samples.groups, seed + 1, CASCADE_FOLDS)
    unseen = np.zeros((len(sizes), len(samples)))
    for fold in range(CASCADE_FOLDS):
        inside, outside = folds != fold, folds == fold
        if inside.any() and outside.any():
            made = fit_rounds(samples.only(inside), voters, strong, sizes)
            unseen[:, outside] = prospects(made, samples.only(outside), voters).gains
        tell((fold + 1) / (CASCADE_FOLDS + 1))
    return Learned(fit_rounds(samples, voters, strong, sizes), unseen)


def fit_rounds(samples: Samples, voters: Sequence[str], strong: str, sizes: Sequence[int]) -> Rounds:
    """A model for each round, of the voters that have answered by then."""
    votes = samples.votes(voters)
    marks = np.column_stack([samples.scores[voter] for voter in voters])
    return Rounds(
        tuple(
            Round(
                size,
                fit_cascade_model(
                    [said[:size] for said in votes], marks[:, :size], samples.scores[strong], samples.prompt_chars
                ),
            )
            for size in sizes
        )
    )


def features_of(samples: Samples, voters: Sequence[str], method: str) -> tuple[str, ...]:
    """What it decides by, in words."""
    if method == "ridge":
        return ("words and pairs of words, hashed", "runs of 3 and 5 characters, hashed", *SURFACE)
    if method == "knn":
        return ("words and pairs of words, hashed",)
    found = [AGREEMENT] if samples.has_answers(voters) else []
    found += [LENGTHS] if any(voter in samples.chars for voter in voters) else []
    found += [JUDGED] if any(voter in samples.judged for voter in voters) else []
    return (*found, "length of the prompt")

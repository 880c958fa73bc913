"""Rank labels by the log-probabilities of the first token of an answer, where a backend reports no others.

A label's probability is that of every reported token that begins it and no other label (`bill`, ` bill` and `billing`
all speak for `billing`). It is a ranking only where first tokens separate the labels; where they do not, it is
refused, because a wrong guess would look like a measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from weighbridge.errors import BadAnswer, CannotAsk

SHARED_SHARE = 0.01
"""Tokens that begin several labels may hold this share of the probability of the likeliest label, not more."""


def rank_labels(labels: Sequence[str], top: Mapping[str, float], *, need_all: bool = False) -> dict[str, float]:
    """Label to log-probability, the likeliest first; labels whose first token was not reported are left out, unless
    `need_all`: they are less likely than all reported ones.

    Raises CannotAsk where first tokens do not separate the labels, BadAnswer where no label was reported.
    """
    mass: dict[str, float] = {}
    shared: dict[tuple[str, ...], float] = {}
    for token, logprob in top.items():
        start = token.lstrip(" \u2581\u0120")  # \u2581, \u0120: how SentencePiece and GPT-2 vocabularies spell a space
        begun = tuple(label for label in labels if start and label.startswith(start))
        if len(begun) == 1:
            mass[begun[0]] = mass.get(begun[0], 0.0) + math.exp(logprob)
        elif begun:
            shared[begun] = shared.get(begun, 0.0) + math.exp(logprob)
    best = max(mass.values(), default=0.0)
    for begun, weight in shared.items():
        if weight > SHARED_SHARE * best:
            raise CannotAsk(
                f"the labels {_named(begun)} begin with the same token, so its log-probability cannot rank them",
                next_move='Rename one of them, or set `choose = "grammar"` or `choose = "text"`.',
            )
    missing = [label for label in labels if label not in mass]
    if len(missing) == len(labels) or (missing and need_all):
        error = BadAnswer(
            f"the first token of {_named(missing)} is not among the {len(top)} likeliest that were reported: "
            f"{', '.join(repr(token) for token in list(top)[:5])} ...",
            next_move='Let the prompt ask for the label alone, or set `choose = "grammar"`.',
        )
        error.retryable = False  # the model would begin alike again
        raise error
    return {label: math.log(mass[label]) for label in sorted(mass, key=lambda each: -mass[each])}


def _named(labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels[:5])

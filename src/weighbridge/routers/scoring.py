"""What a model expects of many recorded items at once, by the very code that decides about one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Floats
from .cascade_model import CascadeModel
from .grams import read_text
from .neighbours import Neighbours
from .prompt_model import PromptModel
from .rounds import Prospects, Rounds
from .samples import Samples


def prospects(model: PromptModel | Neighbours | Rounds, samples: Samples, voters: Sequence[str]) -> Prospects:
    """After each round, of every item."""
    if not isinstance(model, Rounds):
        return Prospects(prompt_scores(model, samples)[None], samples.scores[voters[0]][None])
    found = [cascade_scores(each.model, samples, voters[: each.voters]) for each in model.each]
    return Prospects(np.array([gains for gains, _ in found]), np.array([taken for _, taken in found]))


def prompt_scores(model: PromptModel | Neighbours, samples: Samples) -> Floats:
    """(n,) expected gains of the strong model."""
    return np.array([model.gain(read_text(prompt)) for prompt in samples.prompts])


def cascade_scores(model: CascadeModel, samples: Samples, voters: Sequence[str]) -> tuple[Floats, Floats]:
    """(n,) expected gains, and (n,) scores of the answers that would be taken; an answer of a voter that was not scored
    counts 0."""
    items = zip(samples.votes(voters), samples.prompt_chars, strict=True)
    chosen = [model.choose(votes, chars) for votes, chars in items]
    marks = np.column_stack([samples.scores[voter] for voter in voters])
    taken = marks[np.arange(len(chosen)), [one.voter for one in chosen]]
    return np.array([one.gain for one in chosen]), np.nan_to_num(taken, nan=0.0)

"""A router at work: from an artefact to a decision.

    prompt    `gain(text)` before any call                      under 1 ms
    cascade   `step(prompt, replies)` after each round of cheap answers: take one, ask more, or ask the strong model

The weak side answers where the expected gain of the strong model is at most what the round accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from weighbridge.errors import InputError, UsageError

from .answers import check_way, find_answer
from .arrays import Floats
from .artefact import (
    Artefact,
    CascadeArrays,
    GuesserArrays,
    LogisticArrays,
    NeighbourArrays,
    PromptArrays,
    RoundArrays,
    WaveArrays,
    decode_artefact,
    placed,
)
from .cascade_model import ITEM_FEATURES, CascadeModel, Vote
from .grams import RUN_BITS, SURFACE, WORD_BITS, read_text
from .logistic import Logistic
from .neighbours import DIMENSIONS, MOST_KEPT, Neighbours
from .packed import REMAKE, Packed, pack, unpack
from .prompt_model import Guesser, PromptModel
from .rounds import Round, Rounds, Setting, Step, Stop
from .samples import model_of
from .spending import to_judge
from .waves import WAVES, Waves

INPUTS = 6 + len(SURFACE)
"""Numbers that the waves bend: two guesses and their gain, of words and of runs, and the surface."""

Model = PromptModel | Neighbours | Rounds


class Reply(NamedTuple):
    """A whole reply of a voter; None for the text of a call that failed."""

    text: str | None
    judged: float = np.nan


class Router:
    """Immutable; safe to share."""

    def __init__(self, artefact: Artefact) -> None:
        """InputError for arrays that do not fit together."""
        self.artefact = artefact
        self.is_cascade = artefact.kind == "cascade"
        self.voters = artefact.voters
        self.strong = artefact.strong
        self.setting: Setting = tuple(Stop(stop.accept, stop.give_up) for stop in artefact.stops)
        self.models = tuple(dict.fromkeys((*map(model_of, artefact.voters), artefact.strong)))
        """Every model that may answer, the strong one last."""
        self.asks_judge = artefact.judge
        """Who scores cheap answers before they are judged; None where nobody does."""
        if self.is_cascade != isinstance(artefact.model, CascadeArrays):
            raise InputError(f"a {artefact.kind} router with the arrays of another kind", next_move=REMAKE)
        try:
            self._way = check_way(artefact.answer_from)
        except UsageError as error:
            raise InputError(error.what, next_move=REMAKE) from error
        self.model = unpack_model(artefact.model, len(artefact.voters))
        self.rounds = tuple(each.voters for each in self.model.each) if isinstance(self.model, Rounds) else (1,)
        """Voters that have answered after each round."""
        if len(self.setting) != len(self.rounds):
            raise InputError(f"{len(self.setting)} stops for {len(self.rounds)} rounds", next_move=REMAKE)
        told = self.asks_judge.voters if self.asks_judge is not None else ()
        self._judged = [voter in told for voter in self.voters]

    def gain(self, prompt: str) -> float:
        """Expected gain of the strong model on a prompt, for a router that chooses before the call."""
        assert not isinstance(self.model, Rounds)
        return self.model.gain(read_text(prompt))

    def wants_strong(self, prompt: str) -> bool:
        return not self.gain(prompt) <= self.setting[0].accept

    def to_judge(self, replies: Sequence[Reply]) -> list[int]:
        """Places of the replies that a judge has to score before `step`: the first that says each different thing."""
        if self.asks_judge is None:
            return []
        return to_judge([self._vote(reply) for reply in replies], self._judged)

    def step(self, prompt: str, replies: Sequence[Reply]) -> Step:
        """What comes after a round. `replies`: of the voters asked so far, in their order."""
        assert isinstance(self.model, Rounds)
        votes = [self._vote(reply) for reply in replies]
        step = self.model.step(self.setting, votes, len(prompt))
        if step.voter is not None and replies[step.voter].text is None:
            return Step(None, False)
        return step

    def _vote(self, reply: Reply) -> Vote:
        if reply.text is None:
            return Vote("", 0.0)
        return Vote(find_answer(reply.text, self._way), float(len(reply.text)), reply.judged)


def read_router(data: bytes, where: str) -> Router:
    """From the bytes of an artefact. InputError names the file and what is wrong with it."""
    artefact = decode_artefact(data, where)
    try:
        return Router(artefact)
    except InputError as error:
        raise placed(error, where) from error


def pack_model(model: Model) -> PromptArrays | NeighbourArrays | CascadeArrays:
    """Rounded to what the file holds: test a promise on what `unpack_model` gives back."""
    if isinstance(model, PromptModel):
        waves = WaveArrays(*(pack(each, "f4") for each in model.waves))
        return PromptArrays(_pack_guesser(model.words), _pack_guesser(model.runs), waves)
    if isinstance(model, Neighbours):
        kept, gains = pack(model.kept, "i1"), pack(model.gains, "f4")
        return NeighbourArrays(pack(model.idf, "i1"), kept, gains, pack(model.mean, "f4"))
    return CascadeArrays(tuple(_pack_round(each) for each in model.each))


def unpack_model(arrays: PromptArrays | NeighbourArrays | CascadeArrays, voters: int) -> Model:
    """InputError for shapes that do not fit together."""
    if isinstance(arrays, PromptArrays):
        words, runs = _guesser(arrays.words, "words", WORD_BITS), _guesser(arrays.runs, "runs", RUN_BITS)
        return PromptModel(words, runs, _waves(arrays.waves))
    if isinstance(arrays, NeighbourArrays):
        return _neighbours(arrays)
    sizes = [each.voters for each in arrays.rounds]
    if sizes[-1] != voters or any(later <= sooner for sooner, later in pairwise(sizes)):
        raise InputError(f"rounds of {str(sizes)[:60]} voters where there are {voters}", next_move=REMAKE)
    return Rounds(tuple(_round(each) for each in arrays.rounds))


def _pack_round(each: Round) -> RoundArrays:
    model = each.model
    lengths = pack(model.lengths, "f4")
    return RoundArrays(each.voters, lengths, _pack_logistic(model.right), _pack_logistic(model.strong))


def _round(arrays: RoundArrays) -> Round:
    count = arrays.voters
    lengths = unpack(arrays.lengths, "lengths", (3, count))
    _positive(lengths[1], "lengths")
    right = _logistic(arrays.right, "right", count + 8)
    return Round(count, CascadeModel(lengths, right, _logistic(arrays.strong, "strong", ITEM_FEATURES)))


def _pack_guesser(guesser: Guesser) -> GuesserArrays:
    return GuesserArrays(*(pack(each, "i1") for each in guesser))


def _pack_logistic(logistic: Logistic) -> LogisticArrays:
    return LogisticArrays(*(pack(each, "f4") for each in logistic))


def _guesser(arrays: GuesserArrays, name: str, bits: int) -> Guesser:
    def read(packed: Packed, field: str) -> Floats:
        return unpack(packed, f"{name}.{field}", (1 << bits,))

    return Guesser(read(arrays.idf, "idf"), read(arrays.weak, "weak"), read(arrays.strong, "strong"))


def _waves(arrays: WaveArrays) -> Waves:
    spread = unpack(arrays.spread, "spread", (INPUTS,))
    _positive(spread, "spread")
    return Waves(
        unpack(arrays.centre, "centre", (INPUTS,)),
        spread,
        unpack(arrays.directions, "directions", (INPUTS, WAVES)),
        unpack(arrays.offsets, "offsets", (WAVES,)),
        unpack(arrays.coefficients, "coefficients", (INPUTS + WAVES + 1,)),
    )


def _neighbours(arrays: NeighbourArrays) -> Neighbours:
    kept = unpack(arrays.kept, "kept", (None, DIMENSIONS))
    if not 0 < len(kept) <= MOST_KEPT:
        raise InputError(f"`kept` holds {len(kept)} prompts; 1 to {MOST_KEPT} are wanted", next_move=REMAKE)
    idf = unpack(arrays.idf, "idf", (1 << WORD_BITS,))
    gains = unpack(arrays.gains, "gains", (len(kept),))
    return Neighbours(idf, kept, gains, unpack(arrays.mean, "mean", (1,)))


def _logistic(arrays: LogisticArrays, name: str, size: int) -> Logistic:
    spread = unpack(arrays.spread, f"{name}.spread", (size,))
    _positive(spread, f"{name}.spread")
    centre = unpack(arrays.centre, f"{name}.centre", (size,))
    return Logistic(centre, spread, unpack(arrays.coefficients, f"{name}.coefficients", (size + 1,)))


def _positive(values: Floats, name: str) -> None:
    if not (values > 1e-12).all():
        raise InputError(f"`{name}` holds a number that is not above 0", next_move=REMAKE)

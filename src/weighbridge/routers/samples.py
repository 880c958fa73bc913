"""Recorded samples: what each model scored on each prompt, and, where it was recorded, what it answered.

voter      a column of scores; `NAME#2`, `NAME#3` are further answers of the model NAME to the same prompts
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from weighbridge.errors import InputError

from .answers import normalised
from .arrays import Flags, Floats, Whole
from .cascade_model import Vote

LEAST_ITEMS = 60
"""Fewer cannot teach and test anything."""


@dataclass(frozen=True, slots=True)
class Samples:
    """n items; each text or number stands in the place of its item."""

    prompts: tuple[str, ...]
    """Cut to what a router looks at; all empty where none were recorded."""
    prompt_chars: tuple[int, ...]
    groups: Whole
    """(n,) equal for prompts that are the same but for spaces and capitals: they stay together in every split."""
    scores: Mapping[str, Floats]
    """By voter, in [0, 1]; NaN only for voters beyond the first weak and the strong model."""
    answers: Mapping[str, tuple[str, ...]]
    """By voter; empty where nothing was recorded for it."""
    chars: Mapping[str, Floats]
    judged: Mapping[str, Floats]
    usd: Mapping[str, Floats]
    """Dollars a call; NaN where it was not recorded."""
    splits: tuple[str, ...]
    """`train`, `test` ... of each item; empty where the samples do not say."""
    categories: tuple[str, ...]
    digest: str
    """SHA-256 of what was read: prompts, scores, answers, lengths."""
    rows: int
    left_out: int
    """Rows without a score of the first weak or the strong model."""
    input_tokens: Mapping[str, Floats] = field(default_factory=dict)
    """By voter; NaN where it was not counted."""
    output_tokens: Mapping[str, Floats] = field(default_factory=dict)
    """Thoughts included."""

    def __len__(self) -> int:
        return len(self.prompt_chars)

    def has_prompts(self) -> bool:
        return any(self.prompts)

    def witnesses(self) -> Whole:
        """(n,) numbers in order of appearance, equal for rows of the same prompt: twins say no more than one of them.
        A row without a prompt is like no other."""
        own = -1 - np.arange(len(self), dtype=np.int64)
        asked = np.array([bool(prompt.strip()) for prompt in self.prompts], dtype=bool)
        _, first, place = np.unique(np.where(asked, self.groups, own), return_index=True, return_inverse=True)
        numbers: Whole = np.argsort(np.argsort(first))[place]
        return numbers

    def has_answers(self, voters: Sequence[str]) -> bool:
        return all(voter in self.answers for voter in voters)

    def votes(self, voters: Sequence[str]) -> list[list[Vote]]:
        """What each voter said on each item."""
        columns = [self._votes(voter) for voter in voters]
        return [list(votes) for votes in zip(*columns, strict=True)]

    def _votes(self, voter: str) -> list[Vote]:
        count = len(self)
        unknown = np.full(count, np.nan)
        answers = self.answers.get(voter) or ("",) * count
        chars = self.chars.get(voter, unknown)
        judged = self.judged.get(voter, unknown)
        said = zip(answers, chars, judged, strict=True)
        return [Vote(normalised(answer), float(size), float(mark)) for answer, size, mark in said]

    def only(self, kept: Flags) -> Samples:
        """The items where `kept` (n,) is true."""
        places = np.flatnonzero(kept)

        def texts(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[n] for n in places) if values else ()

        def numbers(table: Mapping[str, Floats]) -> dict[str, Floats]:
            return {name: values[places] for name, values in table.items()}

        return replace(
            self,
            prompts=texts(self.prompts),
            prompt_chars=tuple(self.prompt_chars[n] for n in places),
            groups=self.groups[places],
            scores=numbers(self.scores),
            answers={name: texts(values) for name, values in self.answers.items()},
            chars=numbers(self.chars),
            judged=numbers(self.judged),
            usd=numbers(self.usd),
            input_tokens=numbers(self.input_tokens),
            output_tokens=numbers(self.output_tokens),
            splits=texts(self.splits),
            categories=texts(self.categories),
        )


def means_of(witnesses: Whole, values: Floats) -> Floats:
    """(w,) by witness, of values (n,)."""
    means: Floats = np.bincount(witnesses, values) / np.bincount(witnesses)
    return means


def model_of(voter: str) -> str:
    """The model behind a voter: `big` for `big#2`."""
    name, mark, number = voter.rpartition("#")
    return name if mark and number.isascii() and number.isdigit() else voter


def group_key(prompt: str) -> int:
    """63 bits, equal for prompts that are the same but for spaces and capitals."""
    folded = " ".join(prompt.lower().split())
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def check_columns(samples: Samples, voters: Sequence[str], strong: str) -> None:
    """InputError for columns that nothing can be learned from."""
    if len(samples) < LEAST_ITEMS:
        raise InputError(
            f"{len(samples)} items with scores of {voters[0]} and {strong}; {LEAST_ITEMS} are the least",
            next_move=f"{samples.left_out} rows lack a score. Record more answers." if samples.left_out else None,
        )
    for name in (voters[0], strong):
        scores = samples.scores[name]
        if float(scores.min()) == float(scores.max()):
            raise InputError(
                f"every score of {name} is {scores[0]:g}: nothing can be learned from a column that never changes",
                next_move="Check how the answers were scored, or choose items that tell good answers from bad ones.",
            )

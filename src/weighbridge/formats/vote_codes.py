"""Votes as whole numbers, with names told apart in order of appearance; alike ones are counted, not kept."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weighbridge.errors import InputError

LONGEST_NAME = 500
MOST_MODELS = 20_000
"""Counts of every pair of more do not fit in the memory of most machines."""
MODEL_BITS, OUTCOME_BITS = MOST_MODELS.bit_length(), 2
"""Two models, an outcome and a voter (31 bits) fit into one whole number."""
MERGED_AT_ONCE = 4 << 20
"""Kinds of votes that are gathered before they are laid together with those before."""
WINNERS = {
    "a": 0, "model_a": 0, "left": 0,
    "b": 1, "model_b": 1, "right": 1,
    "tie": 2, "draw": 2, "tie (bothbad)": 2, "bothbad": 2, "both bad": 2, "both_bad": 2,
}  # fmt: skip


@dataclass(frozen=True)
class VoteTable:
    """Votes as whole numbers; see stats.ratings.Votes for the meaning of each."""

    models: tuple[str, ...]
    a: NDArray[Any]
    b: NDArray[Any]
    outcome: NDArray[Any]
    voter: NDArray[Any] | None
    controls: NDArray[Any] | None
    control_names: tuple[str, ...]
    weight: NDArray[Any] | None
    against_itself: int
    """Votes of a model against itself, which say nothing and were left out."""


def vote_table(pieces: Iterator[list[list[Any]]], controls: Sequence[str], path: Path) -> VoteTable:
    """Codes of all rows; texts are looked up once a piece. Only votes with controls are kept one by one."""
    coder = Coder(path)
    alike = _Alike()
    parts: list[tuple[NDArray[Any], ...]] = []
    for columns in pieces:
        found = coder.columns(columns, controls)
        if controls:
            parts.append(found)
        else:
            alike.add(*found[:4])
    if not controls:
        return alike.table(coder)
    if not parts:
        raise _nothing(path)
    a, b, outcome, voter, extra = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = a != b
    who = voter[kept] if coder.has_voters else None
    left_out = int((~kept).sum())
    standard = _standardised(extra[kept])
    return VoteTable(coder.names, a[kept], b[kept], outcome[kept], who, standard, tuple(controls), None, left_out)


def _nothing(path: Path) -> InputError:
    return InputError("there is no vote in the file", where=str(path))


class _Alike:
    """Votes of which nothing but who voted matters, alike ones together: nine bytes for each kind and voter."""

    def __init__(self) -> None:
        self._keys: list[NDArray[Any]] = []
        self._times: list[NDArray[Any]] = []
        self._fresh = 0

    def add(self, a: NDArray[Any], b: NDArray[Any], outcome: NDArray[Any], voter: NDArray[Any]) -> None:
        """Votes of one piece."""
        if not len(a):
            return
        whole = voter.astype(np.int64)
        for part, bits in ((a, MODEL_BITS), (b, MODEL_BITS), (outcome, OUTCOME_BITS)):
            whole = (whole << bits) | part
        keys, times = np.unique(whole, return_counts=True)
        self._keys.append(keys)
        self._times.append(_narrow(times))
        self._fresh += len(keys)
        if self._fresh > max(MERGED_AT_ONCE, len(self._keys[0])):
            self._merge()

    def table(self, coder: Coder) -> VoteTable:
        """By voter; raises InputError where there is none."""
        if not self._keys:
            raise _nothing(coder.path)
        self._merge()
        keys, times = self._keys.pop(), self._times.pop()
        outcome, keys = _cut(keys, OUTCOME_BITS, np.int8)
        b, keys = _cut(keys, MODEL_BITS, np.int32)
        a, keys = _cut(keys, MODEL_BITS, np.int32)
        voter = keys.astype(np.int32) if coder.has_voters else None
        del keys
        kept = a != b
        left_out = int(times[~kept].sum())
        if left_out:
            a, b, outcome, times = a[kept], b[kept], outcome[kept], times[kept]
            voter = None if voter is None else voter[kept]
        return VoteTable(coder.names, a, b, outcome, voter, None, (), times, left_out)

    def _merge(self) -> None:
        keys = np.concatenate(self._keys)
        self._keys.clear()
        times = np.concatenate(self._times)
        self._times.clear()
        order = np.argsort(keys, kind="stable")
        times, keys = times[order], keys[order]
        del order
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        self._keys.append(keys[starts])
        self._times.append(_narrow(np.add.reduceat(times, starts, dtype=np.int64)))
        self._fresh = 0


def _cut(keys: NDArray[Any], bits: int, kind: type[np.signedinteger[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The lowest bits of each key, and the keys without them."""
    return (keys & ((1 << bits) - 1)).astype(kind), keys >> bits


def _narrow(times: NDArray[Any]) -> NDArray[Any]:
    """In as few bytes as they fit in."""
    return times.astype(np.min_scalar_type(int(times.max())))


def _standardised(differences: NDArray[Any]) -> NDArray[Any]:
    """Each control in its own standard deviations; one that never differs stays zero."""
    spread = differences.std(axis=0)
    scaled: NDArray[Any] = differences / np.where(spread > 0, spread, 1)
    return scaled


class UnknownWinner(InputError):
    """A vote whose winner is none of those that are known."""

    def __init__(self, text: str, path: Path, line: int | None = None) -> None:
        where = str(path) if line is None else f"{path}:{line}"
        known = "It is a, b or tie (also model_a, model_b, both bad). A row without a vote is left out of the file."
        super().__init__(f"an unknown winner {text[:40]!r}", where=f"{where}: winner", next_move=known)
        self.text = text


class Coder:
    """Names to numbers, in order of appearance."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._models = _Names(path)
        self._next = count()
        self._voters: dict[Any, int] = defaultdict(self._next.__next__)
        self.has_voters = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models.places)

    def vote(self, a: str, b: str, winner: str) -> tuple[int, int, int]:
        outcome = WINNERS.get(winner)
        return self._models[a.encode()], self._models[b.encode()], self._winner(winner) if outcome is None else outcome

    def columns(self, columns: list[list[Any]], controls: Sequence[str]) -> tuple[NDArray[Any], ...]:
        """Arrays a, b, outcome, voter (or zeros), controls (or nothing) of one piece."""
        size = len(columns[0])
        a, b = (np.fromiter(map(self._models.__getitem__, column), np.int32, size) for column in columns[:2])
        winners = {name: self._winner(name) for name in set(columns[2])}
        outcome = np.fromiter(map(winners.__getitem__, columns[2]), np.int8, size)
        rest = columns[3:]
        voter = np.zeros(size, np.int32)
        if len(rest) > 2 * len(controls):
            self.has_voters = True
            voter = self._who(rest[0])
            rest = rest[1:]
        pairs = [self._difference(rest[2 * k], rest[2 * k + 1], name) for k, name in enumerate(controls)]
        return a, b, outcome, voter, np.array(pairs).T.reshape(size, len(controls))

    def _who(self, cells: list[Any]) -> NDArray[Any]:
        """Voters; a vote that says nobody is one of its own, for all of them together are no one person."""
        voter = np.fromiter(map(self._voters.__getitem__, cells), np.int32, len(cells))
        nobody = [self._voters[cell] for cell in (b"", "", None) if cell in self._voters]
        blank = np.isin(voter, nobody) if nobody else np.zeros(0, bool)
        voter[np.flatnonzero(blank)] = np.fromiter(islice(self._next, int(blank.sum())), np.int32)
        return voter

    def _difference(self, first: list[Any], second: list[Any], name: str) -> NDArray[Any]:
        """(a - b) / (a + b), so that twice as long counts the same at any length."""
        try:
            one, two = np.array(first, dtype=np.float64), np.array(second, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise InputError(f"{name}_a and {name}_b must be numbers: {error}", where=str(self.path)) from error
        if not (np.isfinite(one).all() and np.isfinite(two).all()):
            raise InputError(f"{name}_a or {name}_b has a cell that is no number", where=str(self.path))
        total = np.abs(one) + np.abs(two)
        difference: NDArray[Any] = np.where(total > 0, (one - two) / np.where(total > 0, total, 1), 0)
        return difference

    def _winner(self, said: Any) -> int:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        outcome = WINNERS.get(re.sub(r"\s+", " ", text).strip().lower())
        if outcome is None:
            raise UnknownWinner(text, self.path)
        return outcome


class _Names(dict[Any, int]):
    """Places of models by what stands in a cell: blanks around a name are no part of it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.places: dict[str, int] = {}

    def __missing__(self, cell: Any) -> int:
        """Raises InputError for what is no name, and for more names than pairs of them could be counted."""
        text = "" if cell is None else cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
        name = text.strip()
        if not name or len(text) > LONGEST_NAME:
            what = f"a model without a name, or with an endless one: {text[:40]!r}"
            raise InputError(what, where=str(self._path), next_move="Each vote names two models.")
        place = self[cell] = self.places.setdefault(name, len(self.places))
        if place >= MOST_MODELS:
            hint = f"Every pair of models is counted. Is {name[:40]!r} the name of one?"
            raise InputError(f"more than {MOST_MODELS:,} models", where=str(self._path), next_move=hint)
        return place

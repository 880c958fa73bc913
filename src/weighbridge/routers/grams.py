"""A prompt as numbers: hashed words and pairs of words, runs of characters, and what its surface shows.

    words     words and signs, and pairs of neighbours, hashed into 2^WORD_BITS buckets
    runs      runs of 3 and 5 characters of its UTF-8, hashed into 2^RUN_BITS buckets
    surface   lengths, shares of digits, capitals and signs, shapes of lines: (len(SURFACE),)

Hashing needs no vocabulary, so that what is learned is an array of fixed size and no word of the samples is kept. The
same text has the same numbers on every machine and in every process.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .arrays import Floats, Whole

WORD_BITS = 16
RUN_BITS = 15
RUN_BYTES = (3, 5)
LONGEST_SEEN = 4_096
"""Characters that are looked at: of a longer prompt the first and the last half of this many."""
MANY = 1000
"""Hits from which counting all buckets is quicker than sorting the hits."""

SURFACE = (
    *("log characters", "log words", "characters a word", "digits", "share of digits", "share of capitals"),
    *("share of signs", "log lines", "questions", "blanks", "distinct words", "negations"),
    *("log longest line", "log shortest line", "mean line", "spread of lines"),
)

_WORD = re.compile(r"\w+|[^\w\s]")
_NEGATION = frozenset({"not", "no", "except", "least", "never", "cannot", "false", "incorrect", "without"})
_DIGIT, _CAPITAL, _SIGN = 1, 2, 3
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b"0123456789")] = _DIGIT
_KINDS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] = _CAPITAL
_KINDS[list(b"$\\+=*/^<>{}[]()|&%#@~`")] = _SIGN
_MIX = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)


class Counted(NamedTuple):
    """Buckets of one text, each once, and how often each was hit."""

    buckets: Whole
    counts: Floats


class Text(NamedTuple):
    words: Counted
    runs: Counted
    surface: Floats


def read_text(prompt: str) -> Text:
    """All that is seen of a prompt."""
    if len(prompt) > LONGEST_SEEN:
        prompt = prompt[: LONGEST_SEEN // 2] + "\n" + prompt[-LONGEST_SEEN // 2 :]
    found = _WORD.findall(prompt.lower())
    raw = np.frombuffer(prompt.encode("utf-8", "replace"), np.uint8)
    return Text(_words(found), _runs(prompt), _surface(prompt, found, raw))


def _words(found: list[str]) -> Counted:
    hashed = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) for word in found), np.uint64, len(found))
    pairs = hashed[:-1] * _PAIR + hashed[1:]
    return _counted(np.concatenate([hashed, pairs]), WORD_BITS)


def _runs(prompt: str) -> Counted:
    raw = np.frombuffer(re.sub(r"\s+", " ", prompt.lower()).encode("utf-8", "replace"), np.uint8).astype(np.uint64)
    parts: list[npt.NDArray[np.uint64]] = []
    for size in RUN_BYTES:
        count = len(raw) - size + 1
        if count > 0:
            run = np.full(count, size, np.uint64)
            for offset in range(size):
                run = run * np.uint64(257) + raw[offset : offset + count]
            parts.append(run)
    return _counted(np.concatenate(parts) if parts else np.empty(0, np.uint64), RUN_BITS)


def _counted(hashed: npt.NDArray[np.uint64], bits: int) -> Counted:
    buckets = ((hashed + np.uint64(1)) * _MIX) >> np.uint64(64 - bits)
    if len(buckets) < MANY:
        found, counts = np.unique(buckets, return_counts=True)
        return Counted(found.astype(np.int64), counts.astype(np.float64))
    hits = np.bincount(buckets.astype(np.int64), minlength=1 << bits)
    places = np.flatnonzero(hits)
    return Counted(places, hits[places].astype(np.float64))


def _surface(prompt: str, found: list[str], raw: npt.NDArray[np.uint8]) -> Floats:
    kinds = np.bincount(_KINDS[raw], minlength=4)
    size = max(len(raw), 1)
    words = max(len(found), 1)
    lines = np.fromiter((len(line) for line in prompt.split("\n") if line.strip()), np.float64)
    if not len(lines):
        lines = np.zeros(1)
    return np.array(
        [
            np.log1p(len(prompt)),
            np.log1p(len(found)),
            min(len(prompt) / words, 50.0),
            np.log1p(kinds[_DIGIT]),
            kinds[_DIGIT] / size,
            kinds[_CAPITAL] / size,
            kinds[_SIGN] / size,
            np.log1p(len(lines)),
            min(prompt.count("?"), 10),
            min(prompt.count("_"), 10),
            len(set(found)) / words,
            min(sum(word in _NEGATION for word in found), 10),
            np.log1p(lines.max()),
            np.log1p(lines.min()),
            np.log1p(lines.mean()),
            np.log1p(lines.std()),
        ]
    )

"""Which licence a text is, and what was changed in it.

A known text is kept as the digests of its sentences, words only, so that line breaks, quotes and case do not matter.
A text that has most of them is that licence; sentences beyond them are what somebody added, and those it lacks are what
somebody took out. Texts that are only known by their titles are recognised, and cannot be compared.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parent / "texts.toml"
DIGEST_LETTERS = 10
MIN_WORDS = 4
MOST_OF_IT = 0.6
"""Share of a known text's sentences from which on a text is that licence."""
LONGEST = 200_000
HEAD = 200
"""Characters within which a text says its own title; further on it may speak of somebody else's."""

_WORDS = re.compile(r"[a-z0-9]+")
_BREAK = re.compile(r"[.;:!?]|\n\s*\n|\n\s*(?:\(?[a-z0-9]{1,3}[.)]|[-*])\s")
_BOILERPLATE = re.compile(
    r"\bcopyright (?:c|\d|holder \w+ \d)|\ball rights reserved\b|\bsee the license for\b|http|\byou may obtain a copy\b"
    r"|\bneither the name of\b|\bversion \d|\blicensed under\b"
    r"|\bappendix\b|\bhow to apply\b|\bto apply the\b|\bmit license\b|\bend of terms\b|\bsoftware is released under\b",
)


class Known(NamedTuple):
    """One licence as it is recognised."""

    id: str
    """As the catalogue writes it."""
    titles: tuple[re.Pattern[str], ...]
    sentences: frozenset[str]
    """Empty where only the title is known."""


class Identified(NamedTuple):
    """What a text is. `id` None: not recognised."""

    id: str | None
    added: tuple[str, ...] = ()
    """Sentences that the known text does not have."""
    missing: int = 0
    """Sentences of the known text that are not there."""
    compared: bool = False
    cut: bool = False
    """It begins as a known text does, and most of that text's sentences are not there."""


@cache
def known_texts() -> tuple[Known, ...]:
    """The table of texts.toml."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["licence"]
    return tuple(
        Known(
            row["id"],
            tuple(re.compile(title, re.I) for title in row.get("titles", ())),
            frozenset(row.get("sentences", "").split()),
        )
        for row in rows
    )


def identify(text: str) -> Identified:
    """The licence that `text` is."""
    said = sentences(text[:LONGEST])
    digests = {digest(sentence): sentence for sentence in said}
    close = [known for known in known_texts() if known.sentences and _share(known, digests) >= MOST_OF_IT]
    if close:
        best = max(close, key=lambda known: len(known.sentences & digests.keys()))
        added = tuple(
            sentence
            for mark, sentence in digests.items()
            if mark not in best.sentences and not _BOILERPLATE.search(sentence)
        )
        return Identified(best.id, added, len(best.sentences - digests.keys()), compared=True)
    start = " ".join(text[:4000].split())
    titled = [
        (hit.start(), known.id, known)
        for known in known_texts()
        for title in known.titles
        if (hit := title.search(start))
    ]
    if not titled:
        return Identified(None)
    at, id_, known = min(titled, key=lambda each: each[:2])
    absent = len(known.sentences - digests.keys()) if at <= HEAD else 0
    return Identified(id_, missing=absent, cut=absent > 0)


def _share(known: Known, digests: dict[str, str]) -> float:
    return len(known.sentences & digests.keys()) / len(known.sentences)


def sentences(text: str) -> list[str]:
    """Sentences of at least MIN_WORDS words, in small letters and without marks."""
    found = [" ".join(_WORDS.findall(part.lower())) for part in _BREAK.split(text)]
    return [sentence for sentence in found if sentence.count(" ") >= MIN_WORDS - 1]


def digest(sentence: str) -> str:
    return hashlib.sha256(sentence.encode()).hexdigest()[:DIGEST_LETTERS]

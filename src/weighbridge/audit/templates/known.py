"""Templates that makers publish, by their digests: is this one of them, or one of them with some pieces changed?

A template is kept as the digests of its pieces (what stands between the ends of tags and lines, spaces apart), so that
a copy with other line breaks is still the same, and what was changed in an edited copy can be shown.
Source: known_templates.txt says from which packages they were gathered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parent / "known_templates.txt"
DIGEST_LETTERS = 8
ALIKE = 0.7
"""Share of pieces from which on a template is an edited copy of another."""
FEWEST = 6
"""Pieces below which nothing can be said."""
_COMMENT = re.compile(r"\{#.*?#\}", re.S)
_TRIM = re.compile(r"(?<=\{[%{])[-+]|[-+](?=[%}]\})")
"""Marks that only take away spaces around a tag."""
_END = re.compile(r"(?<=%\})|(?<=\}\})|\n")


class Known(NamedTuple):
    """A published template."""

    name: str
    whole: str
    """Digest of all pieces, long enough that nobody makes another template with the same one."""
    pieces: tuple[str, ...]
    """Digests, in order."""


class Near(NamedTuple):
    """A published template that another one is a copy of."""

    name: str
    is_same: bool
    changed: tuple[str, ...]
    """Pieces that the published one does not have."""
    missing: int
    """Pieces that only the published one has."""


def nearest(source: str) -> Near | None:
    """The published template most like this one; None where none is like it."""
    every = tuple(pieces(source))
    held = {digest(piece): piece for piece in every}
    if len(every) < FEWEST:
        return None
    best = max(published(), key=lambda known: _alike(known, held), default=None)
    if best is None or _alike(best, held) < ALIKE:
        return None
    known = set(best.pieces)
    changed = tuple(piece for mark, piece in held.items() if mark not in known)
    return Near(best.name, whole_digest(every) in _wholes(), changed, len(known - held.keys()))


def _alike(known: Known, held: Collection[str]) -> float:
    """Pieces that both have, of those that either has."""
    theirs, own = set(known.pieces), set(held)
    return len(own & theirs) / max(1, len(own | theirs))


def pieces(source: str) -> Iterator[str]:
    """Tags and texts without comments and outer spaces, empty ones left out."""
    for part in _END.split(_COMMENT.sub("", source)):
        piece = " ".join(_TRIM.sub(" ", part.strip()).split())
        if piece:
            yield piece


def digest(piece: str) -> str:
    return hashlib.sha256(piece.encode()).hexdigest()[:DIGEST_LETTERS]


def whole_digest(every: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(every).encode()).hexdigest()


@cache
def published() -> tuple[Known, ...]:
    """The table, one template a line: its name, the digest of the whole, then its pieces."""
    lines = (line.split() for line in TABLE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#")
    return tuple(Known(name, whole, tuple(marks)) for name, whole, *marks in lines)


@cache
def _wholes() -> frozenset[str]:
    return frozenset(known.whole for known in published())

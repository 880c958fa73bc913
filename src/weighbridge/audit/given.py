"""What is known of a download before it is read: hashes somebody vouched for, and files that are not all here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PIECE = 1 << 20


class Published(NamedTuple):
    """What a hub or a copy says a file is. Both None: it is listed, and nobody says what is in it."""

    sha256: str | None = None
    git_sha1: str | None = None
    """Of small files, which hubs keep in git itself."""


class Baseline(NamedTuple):
    """A state of the same files that is trusted; `name` says whose."""

    name: str
    files: Mapping[str, Published]


def git_sha1(path: Path) -> str:
    """The hash that git gives the file's content. Raises OSError."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()

"""What every way of pulling is given, and what it brings back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.engines.pull.cache import Cache
from weighbridge.engines.pull.progress import Progress
from weighbridge.engines.pull.records import Carrier, Claim
from weighbridge.engines.pull.source import Source
from weighbridge.engines.pull.stop import Stop
from weighbridge.errors import HashMismatch
from weighbridge.net.fetch import Fetcher
from weighbridge.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    source: Source
    settings: Settings
    cache: Cache
    staging: Path
    """This source's own folder; its lock is held."""
    fetcher: Fetcher
    progress: Progress
    stop: Stop
    sha256: str | None = None
    """What the weights file must be."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that has come and was compared with what its publisher promises, on its way into the cache."""

    name: str
    path: Path
    sha256: str


@dataclass(slots=True)
class Harvest:
    """What a pull has brought: files, and what was learned about them."""

    files: tuple[Staged, ...]
    pinned: str
    revision: str | None = None
    stays: Path | None = None
    """For files that stay where the user has them: the file or folder."""
    claims: list[Claim] = field(default_factory=list)
    licence_url: str | None = None
    texts: dict[str, bytes] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    carriers: list[Carrier] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_sha256(name: str, got: str, promised: str | None, by: str) -> bool:
    """Whether there was a promise; HashMismatch when it was broken."""
    if promised is None:
        return False
    if got != promised.lower():
        raise HashMismatch(
            f"{name} is not what {by} promises: SHA-256 {got}, promised {promised.lower()}",
            next_move="Nothing was kept. A mirror or a proxy may have changed it: do not use it until you know.",
        )
    return True

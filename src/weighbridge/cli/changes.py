"""What a command line changes about a task."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line changes about a task; None leaves it as task.toml says."""

    only: tuple[str, ...] = ()
    """Names of the candidates to weigh; empty means all."""
    seed: int | None = None
    alpha: float | None = None
    margin: float | None = None
    scope: str | None = None
    goal: str | None = None
    regret: float | None = None
    baseline: str | None = None
    cluster: str | None = None
    min_items: int | None = None
    max_usd: float | None = None
    max_items: int | None = None
    max_failed: float | None = None
    repeats: int | None = None
    order: str | None = None
    earlier: Path | None = None
    """Recorded results that the order goes by."""
    policy: Path | None = None
    data: str | None = None
    """Class of data that the items are of."""

"""Prompts that are kept, as the gateway sees it: nothing is loaded where no route keeps any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from .ask import Ask
from .routes import Route


class Keeper(Protocol):
    """Of one worker (keeper.py)."""

    def keep(self, call_id: str, ask: Ask, at: float) -> None:
        """Remember a request that was admitted, if its route keeps them; `at` in Unix seconds."""
        ...

    def tend(self, now: float) -> None:
        """Write what waits, and delete what is past its time; `now` on the clock that never goes back."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def keeper_for(routes: Mapping[str, Route], data_dir: Path) -> Keeper | None:
    """None where no route keeps prompts. LedgerError where the store cannot be used."""
    if not any(route.table.prompts is not None for route in routes.values()):
        return None
    from .keeper import PromptKeeper

    return PromptKeeper(routes, data_dir)

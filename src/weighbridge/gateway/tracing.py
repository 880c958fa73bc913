"""Traces, as the gateway sees them: nothing is loaded and nothing is done unless the config has `[traces]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .ask import Ask


class Tracer(Protocol):
    """Of one worker (otel.py)."""

    def begin(self, call_id: str, ask: Ask) -> None:
        """A call was admitted: from here on its requests to backends carry the trace."""
        ...

    def ended(self, line: Sequence[Any], reasons: Sequence[str]) -> None:
        """A call has ended, as its journal line tells it (exchange.py), and why its answer did, or each of several."""
        ...

    def close(self) -> None:
        """Send what is left. Takes up to a few seconds."""
        ...

"""How long to wait before a call is made again.

    wait   FIRST_S x 2^(attempt - 1), at most LONGEST_S, times a random share between a half and one, so that calls that
           failed together do not come back together; never less than what the backend asked for (Retry-After)

A backend that asks for more than PATIENCE_S is not waited for: its quota is used up, and the call fails saying so.
"""

from __future__ import annotations

from random import Random

from weighbridge.errors import BackendRefused, EngineError

FIRST_S = 1.0
LONGEST_S = 60.0
PATIENCE_S = 300.0

OVERLOADED = frozenset({429, 503, 529})
"""Statuses that speak of the backend as a whole, not of one call."""


def asked_wait_s(error: EngineError) -> float:
    """What the backend asked for; 0 when it did not, or what it said is no time."""
    asked = error.retry_after_s if isinstance(error, BackendRefused) else None
    return asked if asked is not None and asked > 0 else 0.0


def wait_s(error: EngineError, attempt: int, rng: Random) -> float | None:
    """Seconds before attempt + 1; None when waiting makes no sense. `attempt` counts from 1."""
    asked = asked_wait_s(error)
    if asked > PATIENCE_S:
        return None
    own = min(FIRST_S * 2.0 ** min(attempt - 1, 30), LONGEST_S) * rng.uniform(0.5, 1.0)
    return max(own, asked)


def is_overload(error: EngineError) -> bool:
    return isinstance(error, BackendRefused) and error.status in OVERLOADED

"""Leave a backend alone that keeps failing, and find out with single calls when it is well again."""

from __future__ import annotations

FAILURES = 5
"""In a row, after which a backend is left alone."""
FIRST_REST_S = 2.0
LONGEST_REST_S = 60.0


class Breaker:
    """closed -> open after FAILURES in a row -> one probe when the rest is over -> closed, or open for twice as long.

    Times are seconds of one clock that never goes back.
    """

    __slots__ = ("_failures", "_opens_at", "_probing", "_rest_s")

    def __init__(self) -> None:
        self._failures = 0
        self._rest_s = 0.0
        self._opens_at = float("-inf")
        self._probing = False

    @property
    def state(self) -> str:
        return "closed" if not self._rest_s else "half-open" if self._probing else "open"

    def lets_through(self, now: float) -> bool:
        """Whether a call may be made; `start` must follow if it is."""
        return not self._rest_s or (now >= self._opens_at and not self._probing)

    def start(self) -> None:
        self._probing = self._rest_s > 0.0

    def succeeded(self) -> None:
        self._failures = 0
        self._rest_s = 0.0
        self._probing = False

    def failed(self, now: float) -> None:
        """A failure that says something of the backend, not of the request."""
        self._failures += 1
        if self._failures >= FAILURES or self._rest_s:
            self._rest_s = min(2 * self._rest_s or FIRST_REST_S, LONGEST_REST_S)
            self._opens_at = now + self._rest_s
        self._probing = False

    def gave_up(self) -> None:
        """The call ended without saying anything of the backend: a probe has to be made again."""
        self._probing = False

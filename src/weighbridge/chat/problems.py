"""What a client is told when a request fails: a status, a word for its kind, a sentence. Each front puts them into its
own shape.

A backend that refuses our key is our trouble, not the client's: 401 and 403 from above become 502. Addresses of
backends are not shown; their own words are, for those say what to change.
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.errors import BackendRefused, CallRefused, CallTimedOut, CannotAsk, RequestError, WeighbridgeError

THEIRS = frozenset({400, 404, 408, 409, 413, 422, 429})
"""Refusals of a backend that the client may do something about."""
BUSY = frozenset({503, 529})


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    message: str
    field: str | None = None
    retry_after_s: float | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """`retry-after` in whole seconds, rounded up."""
        if self.retry_after_s is None:
            return ()
        return (("retry-after", str(max(1, -int(-self.retry_after_s // 1)))),)


def problem_of(error: WeighbridgeError) -> Problem:
    """The status and words for any error of ours."""
    wait_s = getattr(error, "retry_after_s", None)
    wait_s = wait_s if isinstance(wait_s, (int, float)) else None
    field = error.field if isinstance(error, RequestError) else None
    return Problem(_status(error), _message(error), field, wait_s)


def _status(error: WeighbridgeError) -> int:
    if not isinstance(error, BackendRefused):
        return error.http_status
    if error.status in THEIRS:
        return error.status
    return 503 if error.status in BUSY else 504 if error.status == 504 else 502


def _message(error: WeighbridgeError) -> str:
    """`what`, and the next move where it is the client's to make."""
    mine = isinstance(error, (RequestError, CallRefused, CannotAsk, CallTimedOut))
    return f"{error.what}. {error.next_move}" if mine and error.next_move else error.what

"""Every error a user can meet, in one tree.

    WeighbridgeError                  what happened, where, the next move
    |- UsageError                     the command line asks for something that cannot be; exit 2
    |- InputError                     a file the user wrote is wrong: task, items, config, table
    |- RequestError                   what a client sent cannot be read or carried; `field` names it; status 400
    |- CallRefused                    the gateway does not let a call through: key, budget, limit, policy, no such model
    |- PolicyRefused                  the policy does not allow what a command was asked to do; nothing was done
    |- PullError                      weights could not be had
    |  |- SourceNotFound              nothing is there under that name
    |  |- HashMismatch                what came is not what was promised; nothing was kept
    |  |- DiskFull                    no room; nothing half-written stays behind
    |- WeightsError                   a weights file is missing, truncated or not what it says
    |- EngineError                    one call to a model failed: the sample is failed, never wrong
    |  |- BackendUnreachable          no connection (refused, DNS, TLS, time-out before an answer)
    |  |- BackendRefused              an HTTP status that says no; carries status and retry_after_s
    |  |- BadAnswer                   an answer that cannot be read: HTML, half a JSON, nothing at all
    |  |- StreamCut                   a stream that began and broke; carries what had come
    |  |- CallTimedOut                no whole answer within the backend's `timeout_s`
    |  |- CannotAsk                   the backend cannot do what the request needs (an ability it lacks)
    |  |- EngineCrashed               a local engine's process ended
    |- LedgerError                    the ledger cannot be opened or written
    |- RunStopped                     a run ended before its verdict: too many failures, money, Ctrl-C

Each class knows its exit code and its HTTP status, so that command line and gateway translate without a table.
"""

from __future__ import annotations


class WeighbridgeError(Exception):
    """Base of the tree: `what` happened, with values; `where` (file, line, field, backend); the `next_move`."""

    exit_code = 1
    http_status = 500

    def __init__(self, what: str, *, where: str | None = None, next_move: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_move = next_move

    def __str__(self) -> str:
        """`what`, then where and the next move on indented lines of their own, as the terminal shows them."""
        return "\n  ".join(part for part in (self.what, self.where and f"at {self.where}", self.next_move) if part)


class UsageError(WeighbridgeError):
    """The command line asks for something that cannot be."""

    exit_code = 2
    http_status = 400


class InputError(WeighbridgeError):
    """A file the user wrote is wrong; `where` is `file:line: field`."""

    http_status = 400


class RequestError(WeighbridgeError):
    """What a client of the gateway sent cannot be read, or says something that no backend behind it can be told."""

    http_status = 400

    def __init__(
        self, what: str, *, field: str | None = None, where: str | None = None, next_move: str | None = None
    ) -> None:
        """`field` is its path in the body, e.g. `messages[2].content[0].type`."""
        super().__init__(what, where=where or field, next_move=next_move)
        self.field = field


class CallRefused(WeighbridgeError):
    """The gateway does not let a call through; nothing was sent and nothing is billed."""

    def __init__(
        self,
        what: str,
        *,
        status: int,
        code: str,
        retry_after_s: float | None = None,
        where: str | None = None,
        next_move: str | None = None,
    ) -> None:
        """`code` is a short stable word, e.g. `invalid_api_key`."""
        super().__init__(what, where=where, next_move=next_move)
        self.http_status = status
        self.code = code
        self.retry_after_s = retry_after_s


class PolicyRefused(WeighbridgeError):
    """The policy does not allow what a command was asked to do. Nothing was asked and nothing was pulled."""

    http_status = 403


class PullError(WeighbridgeError):
    """Weights could not be had."""


class SourceNotFound(PullError):
    """Nothing is there under that name: check the spelling, the revision, the token."""

    http_status = 404


class HashMismatch(PullError):
    """What came is not what was promised. Nothing was kept; do not use the source until you know why."""


class DiskFull(PullError):
    """No room left. Nothing half-written stays behind."""

    http_status = 507


class WeightsError(WeighbridgeError):
    """A weights file is missing, truncated, or not what it says it is."""


class EngineError(WeighbridgeError):
    """One call to a model failed."""

    http_status = 502
    retryable = False
    """Whether the same call may succeed when it is made again."""
    reason = "error"
    """A short, stable word for counting failures by kind: `status 429`, `cut`, `crashed`."""


class BackendUnreachable(EngineError):
    """No connection, or none in time. Worth another try."""

    retryable = True
    reason = "unreachable"


class BackendRefused(EngineError):
    """The backend answered with a status that says no."""

    def __init__(
        self,
        what: str,
        *,
        status: int,
        retry_after_s: float | None = None,
        where: str | None = None,
        next_move: str | None = None,
    ) -> None:
        super().__init__(what, where=where, next_move=next_move)
        self.status = status
        self.retry_after_s = retry_after_s
        self.retryable = status in (408, 409, 425, 429) or status >= 500
        self.reason = f"status {status}"


class BadAnswer(EngineError):
    """The answer cannot be read: HTML, half a JSON, nothing at all."""

    retryable = True
    reason = "unreadable answer"


class StreamCut(EngineError):
    """A stream began and broke; `pieces` holds the text that had come."""

    retryable = True
    reason = "cut"

    def __init__(self, what: str, *, pieces: tuple[str, ...] = (), where: str | None = None) -> None:
        super().__init__(what, where=where)
        self.pieces = pieces


class CallTimedOut(EngineError):
    """The answer was not complete within the backend's `timeout_s`. Not worth another try: a model that is too slow for
    the limit would most likely be paid for twice and be too slow again."""

    http_status = 504
    reason = "timed out"


class CannotAsk(EngineError):
    """The backend lacks an ability that the request needs; asking again will not help."""

    http_status = 400
    reason = "cannot ask"


class EngineCrashed(EngineError):
    """A local engine's process ended while it was needed."""

    retryable = True
    reason = "crashed"


class LedgerError(WeighbridgeError):
    """The ledger cannot be opened or written."""


class RunStopped(WeighbridgeError):
    """A run ended before its verdict; what was paid for is kept, and the next move says how to go on."""

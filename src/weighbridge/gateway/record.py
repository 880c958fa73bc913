"""What is known of one call, and how that stands in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from weighbridge.chat import Usage
from weighbridge.errors import WeighbridgeError

from .ask import Ask
from .money import Admission
from .routes import Aim

if TYPE_CHECKING:
    from .app import Gateway

NO_USAGE = Usage()
_OUTCOME, _REASON, _ERROR, _USD, _STATUS, _USD_IS = 11, 12, 13, 19, 26, 27


class Record:
    """Of a call on its way, and then of one that has ended."""

    status = 200
    outcome = "ok"
    served: str | None = None
    usage = NO_USAGE
    usd: float | None = None
    usd_is: str | None = None
    final = b""
    """The last bytes of its answer, which leave once it is written down."""
    must_close = False
    is_noted = False
    """The journal says that it is under way."""
    _attempts = 0
    _error: WeighbridgeError | None = None
    _first_piece_at: float | None = None

    def __init__(self, gateway: Gateway, ask: Ask, admission: Admission, plan: Sequence[Aim]) -> None:
        self.gateway = gateway
        self.id = gateway.next_id()
        self.at = gateway.unix_now()
        self.route = ask.route
        self.admission = admission
        self._client = ask.client
        self._head = ask.head
        self._carrier = ask.carrier
        self._cache_key = ask.cache_key
        self._decisions = ask.decisions
        self._plan = plan
        self._aim = plan[0]
        self._started_at = self._sent_at = perf_counter()

    @property
    def tokens(self) -> int | None:
        """Counted in and out."""
        usage = self.usage
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        return usage.input_tokens + usage.output_tokens

    @property
    def paid(self) -> tuple[float | None, str | None]:
        """Dollars that are recorded, and what kind of figure they are: what it cost, or, as its budgets pay that, all
        that was held where nobody counted. Unknown where nobody can know: without a budget, or a price."""
        if self.usd is None and self.admission.purses and self._aim.price is not None:
            return self.admission.held_usd, "held"
        return self.usd, self.usd_is

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        """The journal's line, in the order of CallRow's columns."""
        usage, error, caller, aim = self.usage, self._error, self.admission.caller, self._aim
        usd, usd_is = self.paid
        is_ok = self.outcome != "failed"
        ended = perf_counter()
        first = self._first_piece_at
        flags = None
        if is_ok and self.served is not None and self.served != aim.model and aim.door.local is None:
            flags = "model-mismatch"
        if self.admission.purses and self.usd is not None and self.usd > self.admission.held_usd:
            flags = "over-hold" if flags is None else f"{flags} over-hold"
        return (
            kind,
            self.id,
            self.at,
            "gateway",
            None,
            None,
            None,
            None,
            aim.backend,
            aim.model,
            self.served,
            self.outcome,
            None if is_ok else getattr(error, "reason", None) or getattr(error, "code", "error"),
            None if is_ok or error is None else error.what[:500],
            self._attempts,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
            usd,
            ended - self._started_at,
            first - self._started_at if first is not None else None,
            None,
            caller.id if caller is not None else None,
            caller.team if caller is not None else None,
            self.route.model,
            self.status,
            usd_is,
            flags,
            self._decisions.get(aim),
        )

    def opening(self) -> tuple[Any, ...]:
        """The line that says it is under way: how it will be recorded if nothing more is heard of it."""
        line = list(self.line("open"))
        held = self.admission.held_usd if self.admission.purses else None
        line[_OUTCOME], line[_REASON], line[_ERROR] = "failed", "gateway ended", "the gateway ended before the call did"
        line[_USD], line[_USD_IS], line[_STATUS] = held, None if held is None else "held", None
        return tuple(line)

    def deliver_unsettled(self) -> None:
        """The call could not be written down: its money stays held, but the answer is the client's."""
        if self.status != 499:
            self._client.finish(self.final, close=self.must_close)

    def deliver(self) -> None:
        """The call is in the journal: settle, and let the client have the rest. The budgets pay what it cost, or all
        that was held where that is not known."""
        admission = self.admission
        if admission.purses or admission.tokens is not None:
            admission.settle(self.usd if self.usd is not None else admission.held_usd, self.tokens)
        self.deliver_unsettled()

    def cut(self) -> None:
        """The rest cannot be delivered, and the client must not take what it has for all."""
        self._client.cut()

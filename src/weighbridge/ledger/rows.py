"""What the ledger holds: one row for each call, whoever made it, and the money held for calls under way."""

from __future__ import annotations

from typing import Literal

import msgspec

AGAIN = "again"
"""Flag of every answer to an item but the first."""


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finished call. Columns are only ever added (ledger/migrations.py)."""

    id: str
    """Sortable: time first, then random bits."""
    at: float
    """Unix seconds when the call was admitted."""
    caller: str
    """What made it: `weigh`, `gateway`."""
    run: str | None
    """The run it belongs to."""
    task: str | None
    item: str | None
    candidate: str | None
    backend: str
    model_asked: str
    model_served: str | None
    """None when the backend did not say."""
    outcome: Literal["ok", "failed", "cached"]
    """`cached`: answered from an earlier paid call; nothing was sent and nothing is billed."""
    reason: str | None = None
    """Why it failed, as a short stable word."""
    error: str | None = None
    """Why it failed, in full."""
    attempts: int = 1
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    usd: float | None = None
    """None when a price or a count is unknown; never zero for want of one."""
    latency_s: float | None = None
    ttft_s: float | None = None
    answer_key: str | None = None
    """Key of the stored answer (table `answers`), the same for every call that would be asked identically."""
    key: str | None = None
    """Id of the caller's key, where a gateway was asked with one."""
    team: str | None = None
    route: str | None = None
    """The public model name that was asked for."""
    status: int | None = None
    """HTTP status the caller was given; 499 where it left first."""
    usd_is: Literal["counted", "estimated", "held"] | None = None
    """Where `usd` comes from: the backend's own counts; what had been seen of an answer that broke; or the most the
    call could have cost, because nothing is known of its end. None where `usd` is."""
    flags: str | None = None
    """What is odd about the call, separated by spaces: `model-mismatch` where another model than the one asked for
    answered, `over-hold` where it cost more than was held, `cascade` where it asked a cheap model of a cascade
    (`cascade judge`: the judge of what that said), `again` where an item was asked once more for another answer."""
    decision: str | None = None
    """Id of the policy's decision that allowed or refused it (decisions.py); None where no policy was asked."""


COLUMNS = ", ".join(CallRow.__struct_fields__)


class Hold(msgspec.Struct, frozen=True):
    """Money set aside for a call that may be billed; it has the call's id. It goes when the call's cost is known: what
    stays behind belongs to calls that broke or were cut off with their process, and may have been billed."""

    id: str
    at: float
    run: str | None
    backend: str
    answer_key: str
    usd: float | None
    """The most the call could cost; None when that is unknown."""


class Spending(msgspec.Struct, frozen=True):
    """What a run has cost."""

    paid_usd: float
    """Sum of the calls whose cost is known."""
    held_usd: float
    """The most that calls of unknown cost may have cost: broken, given up, not counted, or cut off with the process."""
    cut_off: int
    """Calls that were under way when their process ended; the backend may have billed them."""
    unpriced: int
    """Answered calls whose cost is not known, for want of a price or a count."""


class History(msgspec.Struct, frozen=True):
    """What a candidate's latest answered calls for a task took: what an estimate is made from. Means; None: unknown."""

    answered: int
    """Items of the task it has answered before, however often."""
    input_tokens: float | None
    output_tokens: float | None
    usd: float | None
    latency_s: float | None

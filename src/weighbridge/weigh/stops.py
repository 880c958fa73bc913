"""What ends a run before its verdict: money and failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weighbridge.dispatch import Budget
from weighbridge.dispatch.price import may_be_billed
from weighbridge.engines import BackendRecord
from weighbridge.errors import CannotAsk, InputError
from weighbridge.units import format_usd

from .meter import Meter

FEWEST_SAMPLES = 20
"""Samples of a candidate before its share of failures counts; fewer where the task has fewer items."""
FEWEST_REFUSED = 3
"""Samples of which none could even be asked: the next one will not be either, and the others' are paid for in vain."""
REASONS_SAID = 3
LONGEST_EXAMPLE = 400


def check_prices(backends: Iterable[BackendRecord], max_usd: float | None) -> None:
    """With a limit on dollars, every backend that sends bills needs prices: an unknown cost cannot be limited."""
    for backend in backends if max_usd is not None else ():
        price = backend.price
        known = price is not None and price.input is not None and price.output is not None
        if may_be_billed(backend) and not known:
            raise InputError(
                f"a limit of ${max_usd:g} cannot be kept: backend {backend.name!r} has no price for "
                f"{'anything' if price is None else 'input' if price.input is None else 'output'}",
                where=f"[[backend]] {backend.name}: price",
                next_move="Add `price = { input = ..., output = ... }` in dollars a million tokens, or drop the limit.",
            )


def too_many_failed(meters: Mapping[str, Meter], most: float, total: int) -> str | None:
    """Why the run stops, when more than the share `most` of some candidate's samples failed; else None.

    total: items of the run.
    """
    for name, meter in meters.items():
        refused = meter.reasons[CannotAsk.reason]
        if refused == meter.landed >= min(FEWEST_REFUSED, total):
            example = _shortened(meter.examples[CannotAsk.reason])
            return f"none of {refused} samples of {name} could be asked. For example: {example.rstrip('.')}."
        if meter.landed >= min(FEWEST_SAMPLES, total) and meter.failed > most * meter.landed:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in meter.reasons.most_common(REASONS_SAID))
            example = _shortened(meter.examples[meter.reasons.most_common(1)[0][0]])
            return (
                f"{meter.failed} of {meter.landed} samples of {name} failed, and {most:.0%} may; "
                f"most often: {reasons}. For example: {example.rstrip('.')}."
            )
    return None


def _shortened(error: str) -> str:
    """An error on one line. What is too long is its first line, which quotes the backend, never the next move."""
    what, *rest = (" ".join(line.split()) for line in error.splitlines() or [""])
    room = max(LONGEST_EXAMPLE - sum(len(line) + 1 for line in rest), LONGEST_EXAMPLE // 4)
    if len(what) > room:
        what = f"{what[: room - 1]}…"
    return " ".join([what, *rest])


def out_of_money(budget: Budget, said: str | None) -> str:
    if budget.max_usd == 0:
        spent = f" ({format_usd(budget.spent_usd)} was spent on this run before)" if budget.spent_usd else ""
        return f"a limit of $0 lets stored answers be used and nothing be asked, and {said}{spent}."
    return f"the limit of ${budget.max_usd:g} would be passed: ${budget.spent_usd:.6f} is spent, and {said}."

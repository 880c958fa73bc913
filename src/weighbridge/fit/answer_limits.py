"""The longest context and the most sequences that fit."""

from __future__ import annotations

from collections.abc import Callable

from .memory import Plan

MOST_TOKENS = 1 << 24
"""Where a config does not say how long a text may be; none is made for more."""
MOST_SEQUENCES = 1 << 20


def longest_context(plan: Plan, sequences: int, capacity: int) -> int:
    """Tokens of each of so many sequences; at most what the model was made for. 0 where not even one fits."""
    most = plan.subject.architecture.max_context or MOST_TOKENS
    block = plan.rounding.block  # a text that begins a block takes all of it
    blocks = largest(lambda number: plan.total_bytes(number * block, sequences), capacity, -(-most // block))
    return min(most, blocks * block)


def most_sequences(plan: Plan, tokens: int, capacity: int) -> int:
    """Sequences of that length; 0 where not even one fits."""
    return largest(lambda sequences: plan.total_bytes(tokens, sequences), capacity, MOST_SEQUENCES)


def largest(total: Callable[[int], int], capacity: int, most: int, *, least: int = 0) -> int:
    """The largest number from 1 to `most` whose total is within the capacity; 0 where there is none.

    `total` never falls; `least` is known to be within the capacity (0: nothing is known). The total is nearly a
    straight line, so the point where the line meets the capacity is tried before the middle.
    """
    low = least or 1
    low_total = total(low)
    if low_total > capacity:
        return 0
    high, high_total = most, total(most)
    if high_total <= capacity:
        return most
    straight = 2
    while high - low > 1:
        middle = (low + high) // 2
        if straight and high_total > low_total:
            middle = low + (capacity - low_total) * (high - low) // (high_total - low_total)
            middle = min(max(middle, low + 1), high - 1)
        found = total(middle)
        straight = (straight - 1) % 3  # two tries on the line, then one in the middle
        if found <= capacity:
            low, low_total = middle, found
        else:
            high, high_total = middle, found
    return low

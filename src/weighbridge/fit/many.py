"""One model on many kinds of devices at once: the same answers as `fit`, as columns.

Devices that llama.cpp or a server treats alike share a plan; longest contexts are looked for from the smallest
capacity up, each from where the last was found. A test holds every column to what `fit` says.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from .answer_limits import MOST_SEQUENCES, MOST_TOKENS, largest
from .answer_split import packed_as, resolve_split
from .hardware import Hardware
from .many_speed import Rates, rates_of
from .memory import LLAMACPP, Plan, backend_of, capacity_bytes, plan, step_tokens
from .records import Ask, Subject

Whole = npt.NDArray[np.int64]


class Many(msgspec.Struct, frozen=True, eq=False):
    """Columns with a row for each kind of device; bytes are of the whole set, as in Fit."""

    total_bytes: Whole
    capacity_bytes: Whole
    max_context: Whole
    max_concurrency: Whole
    prefill_tps: Rates
    decode_tps: Rates
    """Also where the model does not fit; look at `fits` first."""

    @property
    def fits(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.total_bytes <= self.capacity_bytes
        return found


class Room(msgspec.Struct, frozen=True, eq=False):
    """What of Many is about memory alone: speeds take most of the time, and whoever asks at other lengths and numbers
    than these has no use for them."""

    total_bytes: Whole
    capacity_bytes: Whole
    max_concurrency: Whole


def room_many(subject: Subject, ask: Ask, kinds: tuple[Hardware, ...], count: int = 1) -> Room:
    """The memory on sets of `count` devices of each kind, as `fit_many` says it."""
    ask = _cut(subject, ask, count)
    capacity = np.array([capacity_bytes(ask, kind) for kind in kinds], dtype=np.int64)
    total, most = (np.zeros(len(kinds), dtype=np.int64) for _ in range(2))
    for rows in _alike(ask, kinds):
        planned = plan(subject, ask, kinds[rows[0]])
        total[rows] = planned.total_bytes(ask.context_tokens, ask.concurrency)
        sequences = _sequences(planned, sorted({int(capacity[row]) for row in rows}))
        for row in rows:
            most[row] = sequences[int(capacity[row])]
    return Room(total, capacity, most)


def fit_many(subject: Subject, ask: Ask, kinds: tuple[Hardware, ...], count: int = 1) -> Many:
    """The answers on sets of `count` devices of each kind. Raises UsageError where the model cannot be cut so."""
    ask = _cut(subject, ask, count)
    capacity = np.array([capacity_bytes(ask, kind) for kind in kinds], dtype=np.int64)
    total, longest, most = (np.zeros(len(kinds), dtype=np.int64) for _ in range(3))
    for rows in _alike(ask, kinds):
        planned = plan(subject, ask, kinds[rows[0]])
        total[rows] = planned.total_bytes(ask.context_tokens, ask.concurrency)
        context, sequences = _limits(planned, sorted({int(capacity[row]) for row in rows}))
        for row in rows:
            longest[row], most[row] = context[int(capacity[row])], sequences[int(capacity[row])]
    prefill, decode = rates_of(subject, ask, kinds)
    return Many(total, capacity, longest, most, prefill, decode)


def _cut(subject: Subject, ask: Ask, count: int) -> Ask:
    """The ask with a split over so many devices."""
    if ask.split.devices == count:
        return ask
    return msgspec.structs.replace(
        ask, split=resolve_split(packed_as(subject.architecture, subject.variant), ask.engine, count)
    )


def _alike(ask: Ask, kinds: tuple[Hardware, ...]) -> list[list[int]]:
    """Rows of devices that share a plan."""
    alike: dict[object, list[int]] = {}
    for index, kind in enumerate(kinds):
        alike.setdefault(_treatment(ask, kind), []).append(index)
    return list(alike.values())


def _treatment(ask: Ask, kind: Hardware) -> object:
    """What of a device a plan depends on."""
    if ask.engine in LLAMACPP:
        return backend_of(kind)
    return kind.usable_bytes if ask.engine == "sglang" else step_tokens(ask, kind)


def _limits(planned: Plan, capacities: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Longest context and most sequences for each capacity, the capacities rising."""
    ask, block = planned.ask, planned.rounding.block
    most = planned.subject.architecture.max_context or MOST_TOKENS

    def by_blocks(blocks: int) -> int:
        return planned.total_bytes(blocks * block, ask.concurrency)

    contexts = _rising(by_blocks, capacities, -(-most // block))
    longest = {capacity: min(most, blocks * block) for capacity, blocks in contexts.items()}
    return longest, _sequences(planned, capacities)


def _sequences(planned: Plan, capacities: list[int]) -> dict[int, int]:
    """Most sequences for each capacity, the capacities rising."""

    def by_sequences(sequences: int) -> int:
        return planned.total_bytes(planned.ask.context_tokens, sequences)

    return _rising(by_sequences, capacities, MOST_SEQUENCES)


def _rising(total: Callable[[int], int], capacities: list[int], most: int) -> dict[int, int]:
    """`largest` for capacities that rise: each search begins where the one before ended."""
    found: dict[int, int] = {}
    known: dict[int, int] = {}

    def once(number: int) -> int:
        if number not in known:
            known[number] = total(number)
        return known[number]

    last = 0
    for capacity in capacities:
        last = largest(once, capacity, most, least=last)
        found[capacity] = last
    return found

"""The memory of one model on all the device sets that come into question, and the formats worth a try on each.

Sets that an engine treats alike are reckoned together (fit/many.py), each format once and only when somebody asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from weighbridge.cli.compose_source import Source
from weighbridge.cost.hardware import Hardware
from weighbridge.cost.workload import Workload
from weighbridge.fit.answer import usual_engine
from weighbridge.fit.answer_quant import LOSSY, ladder
from weighbridge.fit.devices import DeviceSet
from weighbridge.fit.many import room_many
from weighbridge.fit.records import Ask, Engine, Subject

WIDE = frozenset(("BF16",))
"""GGUF files that people skip: eight bits lose nothing that has been measured, at half the bytes."""
_BITS = re.compile(r"(?:i?q|int|bf|fp|f|nvfp|mxfp|nf)(\d+)")


@dataclass(frozen=True)
class Wanted:
    """What is to be run, and how quick it must be."""

    work: Workload
    context: int
    """Tokens of the longest request, answer included."""
    engine: Engine | None = None
    formats: tuple[str, ...] = ()
    sequences: int | None = None
    memory: float | None = None
    """Share of a device's memory; None: what the engine takes."""
    ttft_s: float | None = None
    tokens_per_s: float | None = None


class Space(msgspec.Struct, frozen=True):
    """What one set holds of one subject."""

    total_bytes: int
    """Of the longest request alone."""
    capacity_bytes: int
    most: int
    """Average requests at once."""


class Rooms:
    """Of one model."""

    def __init__(self, source: Source, sets: tuple[tuple[DeviceSet, Hardware], ...], wanted: Wanted) -> None:
        self.source, self.sets, self.wanted = source, sets, wanted
        self.engines = [wanted.engine or usual_engine(devices.hardware) for devices, _ in sets]
        self._known: dict[tuple[str, int], Space] = {}

    def ask(self, place: int) -> Ask:
        engine = self.engines[place]
        return Ask(context_tokens=self.wanted.context, engine=engine, memory_fraction=self.wanted.memory)

    def formats(self, place: int) -> tuple[str, ...]:
        """Formats to try there, the least lossy first; of a model that is too large whatever one does, the smallest."""
        devices = self.sets[place][0]
        names = self.wanted.formats or _formats(self.source, self.ask(place), devices)
        bits = [nominal_bits(name) for name in names]
        known = [each for each in bits if each is not None]
        if len(known) < len(names) or known != sorted(known, reverse=True) or not known:
            return names
        least = parameters_of(self.source) * known[-1] / 8
        return names[-1:] if least > devices.usable_bytes else names

    def space(self, fmt: str, subject: Subject, place: int) -> Space:
        if (fmt, place) not in self._known:
            self._reckon(fmt, subject, place)
        return self._known[fmt, place]

    def _reckon(self, fmt: str, subject: Subject, place: int) -> None:
        """For all sets of this engine and size at once."""
        engine, count = self.engines[place], self.sets[place][0].count
        alike = [
            each
            for each, (devices, _) in enumerate(self.sets)
            if self.engines[each] == engine and devices.count == count
        ]
        kinds = tuple(self.sets[each][0].hardware for each in alike)
        work, ask = self.wanted.work, self.ask(place)
        average = max(1, round(work.input_tokens + work.output_tokens))
        alone = room_many(subject, ask, kinds, count)
        usual = room_many(subject, msgspec.structs.replace(ask, context_tokens=average), kinds, count)
        for row, each in enumerate(alike):
            total, capacity = int(alone.total_bytes[row]), int(alone.capacity_bytes[row])
            self._known[fmt, each] = Space(total, capacity, int(usual.max_concurrency[row]))


def _formats(source: Source, ask: Ask, devices: DeviceSet) -> tuple[str, ...]:
    """Formats the engine can run there, the least lossy first; none under four bits."""
    return tuple(name for name in ladder(source.architecture, ask, devices.hardware) if name not in LOSSY | WIDE)


def nominal_bits(name: str) -> float | None:
    """Bits of a weight that a format's name promises; its files have no fewer. None for names that promise none."""
    found = _BITS.match(name.lower())
    return None if found is None else float(found[1])


def parameters_of(source: Source) -> int:
    """All parameters that its config makes."""
    return source.subject("native", "vllm").weights.parameters_total

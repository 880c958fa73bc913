"""What looking at a machine yields, before and after its names are found in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from .devices import Known, named_exactly
from .hardware import Hardware

Run = Callable[[Sequence[str]], str | None]
"""Runs a program and returns what it printed; None where it is not there, fails or takes too long."""
Read = Callable[[str], str | None]
"""Text of a file; None where there is none."""
_DRESS = re.compile(r"\b(?:OAM|VF|HVM|SXM\d?|HBM\d\w*|AC|\(nvgpu\)|with Radeon.*|w/.*)\b|\(nvgpu\)", re.IGNORECASE)
"""What drivers add to a name and the catalogue leaves out."""


class Seen(msgspec.Struct, frozen=True):
    """One device as a driver's program describes it."""

    name: str
    memory_bytes: int | None
    """What programs can have; None where the program does not say."""
    vendor: str = ""
    kind: str = "gpu"
    share: tuple[float, float] = (1.0, 1.0)
    """Of the card's bandwidth and compute, for a slice of it."""


def known_as(seen: Seen, known: Known) -> Hardware:
    """The catalogue's figures with the memory the driver reports; without figures where the name is not known.

    Only whole names count: a laptop's or a cut-down part that begins like a desktop's is another device.
    """
    found = named_exactly(seen.name, known) or named_exactly(_DRESS.sub(" ", seen.name), known)
    if found is None:
        memory = seen.memory_bytes or 0
        return Hardware(
            id=seen.name,
            name=seen.name,
            vendor=seen.vendor,
            kind=seen.kind,
            memory_bytes=memory,
            usable_bytes=memory,
            assumed=("not in the catalogue: no speed",),
        )
    if seen.memory_bytes is None:
        return found
    if seen.share == (1.0, 1.0):
        left = tuple(name for name in found.assumed if name != "usable_memory_bytes")
        return msgspec.structs.replace(found, usable_bytes=seen.memory_bytes, assumed=left)
    return _slice(found, seen)


def _slice(whole: Hardware, seen: Seen) -> Hardware:
    """A part of a card: its memory, and its share of bandwidth and compute."""
    bandwidth, compute = seen.share
    memory = seen.memory_bytes or 0

    def cut(rate: float | None, share: float) -> float | None:
        return None if rate is None else rate * share

    return msgspec.structs.replace(
        whole,
        id=seen.name,
        name=seen.name,
        memory_bytes=memory,
        usable_bytes=memory,
        bandwidth=cut(whole.bandwidth, bandwidth),
        stacked_bandwidth=cut(whole.stacked_bandwidth, bandwidth),
        bf16_flops=cut(whole.bf16_flops, compute),
        fp8_flops=cut(whole.fp8_flops, compute),
        int8_ops=cut(whole.int8_ops, compute),
        fp4_flops=cut(whole.fp4_flops, compute),
        link_bandwidth=None,
        assumed=tuple(sorted({*whole.assumed, "bandwidth", "compute"})),
    )

"""Which quantisation to take: the least lossy one that holds the context and the sequences that are asked for.

The order is from what is lost least to most: 16 bit, 8 bit, then 4 bit with the finer recipes first. Below about 4 bits
a weight, answers get measurably worse on most models; such a choice is made only when nothing larger fits, and said.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .answer import fit
from .answer_split import packed_as, resolve_split
from .architecture import Architecture
from .devices import DeviceSet
from .hardware import Hardware
from .memory import LLAMACPP
from .records import Ask, Fit, Subject

GGUF_LADDER = ("BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K")
LOSSY = frozenset(("Q3_K_M", "IQ3_XXS", "Q2_K"))
"""Below 4 bits a weight."""
Maker = Callable[[str], Subject]
"""Format to the model in that format."""


class Choice(msgspec.Struct, frozen=True):
    tried: tuple[Fit, ...]
    """Every rung of the ladder, least lossy first."""
    best: int | None
    """Index of the one to take; None where none fits."""


def ladder(architecture: Architecture, ask: Ask, device: Hardware) -> tuple[str, ...]:
    """Formats the engine can run on that device, least lossy first."""
    if ask.engine in LLAMACPP:
        return GGUF_LADDER
    found = ["native"] if architecture.stored.method != "none" else ["bf16"]
    if architecture.stored.bits >= 16 and (device.fp8_flops or device.vendor != "NVIDIA"):
        found.append("fp8")
    if architecture.stored.bits >= 8:
        found.append("nvfp4" if device.fp4_flops and device.vendor == "NVIDIA" else "awq")
    return tuple(found)


def choose_quant(make: Maker, architecture: Architecture, ask: Ask, devices: DeviceSet) -> Choice:
    """Every format of the ladder on these devices, and the first that fits."""
    tried = []
    for name in ladder(architecture, ask, devices.hardware):
        subject = make(name)
        split = resolve_split(packed_as(subject.architecture, subject.variant), ask.engine, devices.count)
        tried.append(fit(subject, msgspec.structs.replace(ask, split=split), devices))
    best = next((index for index, one in enumerate(tried) if one.fits), None)
    return Choice(tuple(tried), best)

"""Which devices this machine has, from what its drivers' programs print (`--on auto`).

Asked in turn: nvidia-smi, rocm-smi or amd-smi, npu-smi, sysctl, then the processor, which every machine has. Programs
are run and files read by the caller's functions, so that the same text gives the same devices everywhere.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from .detect_cards import amd, ascend, nvidia
from .detect_host import apple, memory_bytes, processor
from .detect_records import Read, Run, Seen, known_as
from .devices import DeviceSet, Known
from .hardware import USABLE_SHARE, Hardware

LEAST_BYTES = 1 << 30
"""A graphics unit with less of its own is part of a processor, and counts as that."""


def detect(known: Known, run: Run, read: Read) -> list[DeviceSet]:
    """Sets of equal devices, the one with the most memory first; the processor only where there is nothing else.

    Cards that are alike count together. A card the catalogue does not know has the memory its driver reports and no
    speed. Empty where not even the memory of the machine can be read.
    """
    seen = [*nvidia(run), *amd(run), *ascend(run)]
    found = [_with_host_memory(known_as(card, known), card, read) for card in seen]
    counted = Counter(hardware for hardware in found if hardware.usable_bytes >= LEAST_BYTES)
    sets = sorted((DeviceSet(hardware, count) for hardware, count in counted.items()), key=_size, reverse=True)
    if sets:
        return sets
    host = apple(run, known) or processor(read, known)
    return [DeviceSet(host)] if host is not None else []


def _size(devices: DeviceSet) -> int:
    return devices.usable_bytes


def _with_host_memory(hardware: Hardware, card: Seen, read: Read) -> Hardware:
    """A device that shares the machine's memory has a share of what the machine has, whatever its driver set aside."""
    host = memory_bytes(read) if card.memory_bytes is None or hardware.kind == "unified" else None
    if host is None:
        return hardware
    usable = min(hardware.usable_bytes or host, int(host * USABLE_SHARE["cpu"]))
    return msgspec.structs.replace(
        hardware, memory_bytes=host, usable_bytes=usable, assumed=tuple({*hardware.assumed, "usable_memory_bytes"})
    )

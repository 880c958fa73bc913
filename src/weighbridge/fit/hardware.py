"""What a device can do, as plain numbers made from the catalogue's facts.

Bytes, bytes a second and dense operations a second of one device. A figure nobody states is None, never zero; what
was worked out instead of read stands in `assumed`.

    usable_bytes   what the driver lets programs have, where somebody saw it; else a share of what the maker prints
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge.catalog.facts import Source, resolve
from weighbridge.catalog.records import Catalogue, Device

USABLE_SHARE = {"gpu": 0.99, "npu": 0.99, "unified": 0.75, "cpu": 0.92}
"""Of the printed memory, what programs get where no log was seen. In 46 logs of nvidia-smi and rocm-smi the driver's
figure lies between 0.98 and 1.07 of the printed GB; Metal's working set is 0.67 to 0.97 of the machine's memory, 0.75
from 64 GB on; an operating system on a CPU keeps a few percent."""


STACKED = frozenset((
    "Ampere A100", "Blackwell", "CDNA1", "CDNA2", "CDNA3", "CDNA4", "Hopper", "Vega", "Volta", "Xe HPC",
))  # fmt: skip
"""Generations whose memory is stacked beside the chip (HBM)."""


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """One device; several of them are a `DeviceSet` (devices.py)."""

    id: str
    name: str
    vendor: str
    kind: str
    """`gpu`, `unified` (shares the machine's memory), `cpu`, `npu`."""
    generation: str = ""
    """Its maker's name for the family of chips: `Hopper`, `RDNA3`, `M4`."""
    memory_bytes: int
    """As its maker prints it."""
    usable_bytes: int
    bandwidth: float | None = None
    """Bytes a second between memory and compute."""
    stacked_bandwidth: float | None = None
    """The same where the memory is stacked beside the chip; None where it is not."""
    bf16_flops: float | None = None
    """Dense, also for fp16; on devices without matrix units what their vector units do."""
    fp8_flops: float | None = None
    int8_ops: float | None = None
    fp4_flops: float | None = None
    link: str = ""
    link_bandwidth: float | None = None
    """Bytes a second to its peers, one way."""
    watts: float | None = None
    usd_per_hour: float | None = None
    usd: float | None = None
    assumed: tuple[str, ...] = ()
    """Names of fields that were worked out, or whose source is in doubt."""


def hardware_of(device: Device, sources: Mapping[str, Source]) -> Hardware | None:
    """The believed figures of one device of the catalogue; None where not even its memory is known."""
    said: dict[str, Any] = {}
    assumed: list[str] = []
    for name, facts in device.facts.items():
        believed = resolve(facts, sources)
        if believed is not None:
            said[name] = believed.value
            if believed.doubt or believed.kind == "estimated":
                assumed.append(name)
    memory = said.get("memory_bytes")
    if memory is None:
        return None
    usable = said.get("usable_memory_bytes")
    if usable is None:
        usable = memory * USABLE_SHARE[device.kind]
        assumed.append("usable_memory_bytes")
    return Hardware(
        id=device.id,
        name=device.name,
        vendor=device.vendor,
        kind=device.kind,
        generation=said.get("generation", ""),
        memory_bytes=int(memory),
        usable_bytes=int(usable),
        bandwidth=said.get("memory_bandwidth"),
        stacked_bandwidth=said.get("memory_bandwidth") if said.get("generation") in STACKED else None,
        link=said.get("link", ""),
        assumed=tuple(sorted(assumed)),
        **{name: said.get(name) for name in _SAME_NAMES},
    )


_SAME_NAMES = ("bf16_flops", "fp8_flops", "int8_ops", "fp4_flops", "link_bandwidth", "watts", "usd_per_hour", "usd")


def all_hardware(catalogue: Catalogue) -> tuple[tuple[Device, Hardware], ...]:
    """Every device of the catalogue whose memory is known, with its figures, in the catalogue's order."""
    pairs = ((device, hardware_of(device, catalogue.sources)) for device in catalogue.devices.values())
    return tuple((device, hardware) for device, hardware in pairs if hardware is not None)

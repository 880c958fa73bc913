"""The machine itself: Apple's chips, and processors with their memory.

    sysctl -n machdep.cpu.brand_string hw.memsize iogpu.wired_limit_mb       three lines
    system_profiler SPDisplaysDataType -json                                 cores of the GPU tell binned parts apart
    /proc/cpuinfo, /proc/meminfo, /sys/fs/cgroup/memory.max, /sys/fs/cgroup/memory/memory.limit_in_bytes

A virtual machine has a share of its host's memory channels: a core reads at most some 12 GB/s, so that the bandwidth
is what the processor's channels give or what the cores can draw, whichever is less. It is an estimate, and said so.
"""

from __future__ import annotations

import re

import msgspec

from weighbridge.units import KIB, MIB

from .detect_records import Read, Run
from .devices import Known, named_exactly
from .hardware import USABLE_SHARE, Hardware

APPLE = ("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize", "iogpu.wired_limit_mb")
OLD_APPLE = ("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize")
APPLE_GPU = ("system_profiler", "SPDisplaysDataType", "-json")
CORE_BANDWIDTH = 12e9
"""Bytes a second one core reads from memory: 9 to 15 GB/s on the machines it was looked at."""
CORE_CLOCK = 2.5e9
LEAST_CHANNELS = 2 * 3200e6 * 8
"""Bandwidth of a processor that is not known: two channels of DDR4-3200."""
_FAMILIES = {
    ("GenuineIntel", 6, 207): "Xeon Gen5 DDR5-5600",
    ("GenuineIntel", 6, 143): "Xeon Gen4 DDR5-4800",
    ("GenuineIntel", 6, 106): "Xeon Gen3 DDR4-3200",
    ("GenuineIntel", 6, 85): "Xeon Gen2 DDR4-2933",
    ("GenuineIntel", 6, 173): "Xeon 6 MRDIMM-8800",
    ("AuthenticAMD", 23, 49): "EPYC 7002 DDR4-3200",
    ("AuthenticAMD", 25, 1): "EPYC 7003 DDR4-3200",
    ("AuthenticAMD", 25, 17): "EPYC 9004 DDR5-4800",
    ("AuthenticAMD", 26, 2): "EPYC 9005 DDR5-6400",
}
"""(vendor, family, model) of /proc/cpuinfo to a device of the catalogue, for names that say nothing (clouds)."""
_BRANDS = (
    re.compile(r"(EPYC) (\w+)"),
    re.compile(r"(Ryzen(?: AI)?(?: \d| Max\+?)?(?: PRO)?) (\w+)"),
    re.compile(r"(Threadripper(?: PRO)?) (\w+)"),
    re.compile(r"Xeon\(R\) (Platinum|Gold|Silver|Max) (\w+)\+?"),
    re.compile(r"Core\(TM\) (i\d-\w+|Ultra \d \w+)()"),
)
_NO_LIMIT = 1 << 60


def apple(run: Run, known: Known) -> Hardware | None:
    """An Apple chip with the memory its GPU may use; None on other machines."""
    lines = (run(APPLE) or run(OLD_APPLE) or "").split("\n")
    if not lines[0].startswith("Apple M") or len(lines) < 2 or not _digits(lines[1]):
        return None
    name, memory = lines[0].strip(), int(lines[1])
    cores = re.search(r'"sppci_cores"\s*:\s*"?(\d+)', run(APPLE_GPU) or "")
    binned = named_exactly(f"{name} {cores[1]}-core", known) if cores else None
    found = binned or named_exactly(name, known)
    wired = int(lines[2]) * MIB if len(lines) > 2 and _digits(lines[2]) else 0
    usable = wired or int(memory * (0.75 if memory >= 64 << 30 else 2 / 3))
    if found is None:
        return Hardware(id=name, name=name, vendor="Apple", kind="unified", memory_bytes=memory, usable_bytes=usable)
    return msgspec.structs.replace(found, memory_bytes=memory, usable_bytes=min(usable, memory))


def processor(read: Read, known: Known) -> Hardware | None:
    """The processor and the memory it may use; None where the machine does not say how much memory it has."""
    memory = memory_bytes(read)
    if memory is None:
        return None
    info = read("/proc/cpuinfo") or ""
    cores = max(1, len(re.findall(r"^processor\s*:", info, re.MULTILINE)))
    sockets = max(1, len(set(re.findall(r"^physical id\s*:\s*(\d+)", info, re.MULTILINE))))
    found = _named(info, known)
    channels = (found.bandwidth if found and found.bandwidth else LEAST_CHANNELS) * sockets
    name = (re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE) or ["", "processor"])[1].strip()
    width = 64 if " avx512f" in info else 32 if " avx2" in info else 16
    return Hardware(
        id=found.id if found else name,
        name=f"{name}, {cores} cores",
        vendor=found.vendor if found else "",
        kind="cpu",
        generation=found.generation if found else "",
        memory_bytes=memory,
        usable_bytes=int(memory * USABLE_SHARE["cpu"]),
        bandwidth=min(channels, cores * CORE_BANDWIDTH),
        bf16_flops=cores * CORE_CLOCK * width,
        assumed=("bandwidth", "bf16_flops", "usable_memory_bytes"),
    )


def memory_bytes(read: Read) -> int | None:
    """Memory of the machine, or the limit of the container it runs in."""
    said = re.search(r"^MemTotal:\s*(\d{1,15}) kB", read("/proc/meminfo") or "", re.MULTILINE)
    if said is None:
        return None
    limits = [read("/sys/fs/cgroup/memory.max"), read("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    caps = [int(text) for text in limits if text and _digits(text) and 0 < int(text) < _NO_LIMIT]
    return min([int(said[1]) * KIB, *caps])


def _named(info: str, known: Known) -> Hardware | None:
    """The catalogue's processor: by its brand, else by the family and model it reports."""
    for brand in _BRANDS:
        if said := brand.search(info):
            for name in (f"Xeon {said[1]} {said[2]}", f"Core {said[1]} {said[2]}", f"{said[1]} {said[2]}"):
                if found := named_exactly(name, known):
                    return found
    numbers = [re.search(rf"^{name}\s*:\s*(\w+)", info, re.MULTILINE) for name in ("vendor_id", "cpu family", "model")]
    vendor, family, model = (number[1] if number else "" for number in numbers)
    if not (_digits(family) and _digits(model)):
        return None
    wanted = _FAMILIES.get((vendor, int(family), int(model)))
    return named_exactly(wanted, known) if wanted else None


def _digits(text: str) -> bool:
    plain = text.strip()
    return plain.isascii() and plain.isdigit() and len(plain) < 20

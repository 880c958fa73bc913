"""What the programs of card and accelerator makers print, as devices. Text in, records out; bad text is no device.

    nvidia-smi --query-gpu=name,memory.total,mig.mode.current --format=csv,noheader,nounits    MiB, or [N/A]
    nvidia-smi -L                               the slices of cards that are cut up (MIG)
    rocm-smi --showproductname --showmeminfo vram --json, amd-smi static --asic --vram --json
    npu-smi info                                a table: name and health, then `used / total` in MB

Drivers of NVIDIA before 450 do not know mig.mode.current and refuse the whole question; it is asked again without.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from weighbridge.units import MIB

from .detect_records import Run, Seen

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,mig.mode.current", "--format=csv,noheader,nounits")
OLD_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
SLICES = ("nvidia-smi", "-L")
ROCM = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")
AMD = ("amd-smi", "static", "--asic", "--vram", "--json")
ASCEND = ("npu-smi", "info")
MOST_MIB = 1 << 24
"""No device has more; what says so is not read."""
_CARD = re.compile(r"^GPU (\d+): (.+?) \(UUID: [^)]*\)")
_SLICE = re.compile(r"^\s+MIG (\d)g\.(\d+)gb\S*\s")
_COMPUTE_SLICES, _MEMORY_SLICES = 7, 8
_CHIP = re.compile(r"^\|\s*\d+\s+([\w.-]+)\s*\|\s*\w+\s*\|.*\|\s*$")
_USED = re.compile(r"(\d+)\s*/\s*(\d+)")


def nvidia(run: Run) -> list[Seen]:
    """Cards, and for cards that are cut up their slices, in the driver's order."""
    printed = run(QUERY)
    if printed is None or "not a valid field" in printed:
        printed = run(OLD_QUERY)
    cards = list(_nvidia_rows(printed or ""))
    if not any(cut for _, cut in cards):
        return [card for card, _ in cards]
    slices = _nvidia_slices(run(SLICES) or "")
    seen: list[Seen] = []
    for at, (card, cut) in enumerate(cards):
        seen += [_nvidia_slice(card, *part) for part in slices.get(at, ())] if cut else [card]
    return seen


def _nvidia_rows(printed: str) -> Iterator[tuple[Seen, bool]]:
    for row in csv.reader(printed.splitlines(), skipinitialspace=True):
        if len(row) >= 2 and row[0].strip():
            memory = row[1].strip()
            plain = memory.removesuffix("MiB").strip()
            if plain.isascii() and plain.isdigit() and 0 < int(plain) < MOST_MIB:
                yield Seen(row[0].strip(), int(plain) * MIB, "NVIDIA"), row[-1].strip() == "Enabled"
            elif memory in ("[N/A]", "[Not Supported]"):
                yield Seen(row[0].strip(), None, "NVIDIA", "unified"), False


def _nvidia_slices(printed: str) -> dict[int, list[tuple[int, int]]]:
    """Card to (compute slices, gigabytes) of each part, from `nvidia-smi -L`."""
    found: dict[int, list[tuple[int, int]]] = {}
    card = -1
    for line in printed.splitlines():
        if head := _CARD.match(line):
            card = int(head[1])
        elif (part := _SLICE.match(line)) and card >= 0:
            found.setdefault(card, []).append((int(part[1]), int(part[2])))
    return found


def _nvidia_slice(card: Seen, compute: int, gigabytes: int) -> Seen:
    """A slice has whole eighths of a card's memory and sevenths of its processors; its name rounds the gigabytes."""
    whole = card.memory_bytes or 0
    eighths = min(_MEMORY_SLICES, max(1, round(gigabytes * 1e9 / whole * _MEMORY_SLICES))) if whole else 1
    share = eighths / _MEMORY_SLICES
    return Seen(card.name, int(whole * share), card.vendor, share=(share, min(1.0, compute / _COMPUTE_SLICES)))


def amd(run: Run) -> list[Seen]:
    """Cards by rocm-smi, or by amd-smi where that is all there is."""
    return list(_rocm_cards(_json(run(ROCM)))) or list(_amd_cards(_json(run(AMD))))


def _rocm_cards(found: Any) -> Iterator[Seen]:
    cards = found.items() if isinstance(found, dict) else ()
    for key, card in sorted(cards, key=lambda pair: (len(str(pair[0])), str(pair[0]))):
        if str(key).startswith("card") and isinstance(card, dict):
            fields = {str(name).lower(): value for name, value in card.items()}
            names = [str(fields.get(name, "")).strip() for name in ("card series", "market name", "card model")]
            name = next((name for name in names if name and not name.startswith("0x") and name != "N/A"), "")
            memory = _whole(fields.get("vram total memory (b)"))
            if name and memory is not None:
                inner = re.search(r"\[([^\]]+)\]", name)  # `Arcturus GL-XL [AMD Instinct MI100]`
                yield Seen(inner[1] if inner else name, memory, "AMD")


def _amd_cards(found: Any) -> Iterator[Seen]:
    rows = found.get("gpu_data", ()) if isinstance(found, dict) else found if isinstance(found, list) else ()
    for row in rows:
        asic, vram = (row.get("asic"), row.get("vram")) if isinstance(row, dict) else (None, None)
        if isinstance(asic, dict) and isinstance(vram, dict):
            size = vram.get("size")
            value, unit = (size.get("value"), size.get("unit")) if isinstance(size, dict) else (size, "MB")
            memory = _whole(value)
            if memory is not None and asic.get("market_name"):
                yield Seen(str(asic["market_name"]), memory * (1 << 30 if unit == "GB" else MIB), "AMD")


def ascend(run: Run) -> list[Seen]:
    """Huawei's NPUs; a package of two chips is two devices, as the driver counts them."""
    seen: list[Seen] = []
    name = ""
    for line in (run(ASCEND) or "").splitlines():
        sizes = [int(total) for _, total in _USED.findall(line) if int(total) > 0]
        if name and sizes and sizes[-1] < MOST_MIB:
            seen.append(_ascend_chip(name, sizes[-1] * MIB))
            name = ""
        elif chip := _CHIP.match(line):
            name = chip[1]
    return seen


def _ascend_chip(name: str, memory: int) -> Seen:
    """`Ascend910` without a letter is one of the two chips of a 910C."""
    if name == "Ascend910":
        return Seen("Ascend 910C", memory, "Huawei", "npu", share=(0.5, 0.5))
    return Seen(f"Ascend {name.removeprefix('Ascend')}", memory, "Huawei", "npu")


def _json(printed: str | None) -> Any:
    """What a program printed as JSON, warnings before it left out; None for anything else."""
    start = min((at for at in map((printed or "").find, "[{") if at >= 0), default=-1)
    if printed is None or start < 0:
        return None
    try:
        return json.loads(printed[start:])
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0 else None

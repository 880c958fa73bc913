"""Which devices a person means: `h100`, `2x3090`, `H100x8`, `mi300x`, `m3 max 64gb`, `epyc 9654`.

    DEVICE[xN]    a device by its id, its name or another name it has; spelling, case and the maker's name do not matter
    N x DEVICE    the same
    ... 64gb      the build of that memory, where a device is sold with several

A name that fits several devices is refused with the choices: a guess here is a wrong answer everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache

import msgspec

from weighbridge.catalog.records import Device
from weighbridge.errors import UsageError
from weighbridge.fit.hardware import Hardware
from weighbridge.units import GB, GIB

MOST_DEVICES = 4096
MAKERS = frozenset(("nvidia", "geforce", "amd", "radeon", "instinct", "intel", "apple", "huawei", "google", "data",
                    "center", "datacenter", "gpu", "tesla", "quadro"))  # fmt: skip
"""Words people leave out or put in."""
MADE_OF_RAM = ("unified", "cpu")
"""Kinds whose GB are GiB, as memory modules are sold."""
_COUNT_FIRST = re.compile(r"\s*(\d{1,4})\s*[x*\N{MULTIPLICATION SIGN}]\s*(?=\S)", re.IGNORECASE)
_COUNT_LAST = re.compile(r"\s*(?<![rg]t)(?<!\br)[x*\N{MULTIPLICATION SIGN}]\s*(\d{1,4})\s*$", re.IGNORECASE)
"""The x of RTX, GTX and RX begins no count."""
_LINES = re.compile(r"^(rtxpro|rtx|gtx|rx|arcpro|arc|ascend|mi|ryzen|core|xeon|epyc)(?=\w)")
"""Words before a number that people leave out."""
_MEMORY = re.compile(r"(?<![\w.])(\d{1,4})\s*(?:gb|gib|g)\b", re.IGNORECASE)


class DeviceSet(msgspec.Struct, frozen=True):
    """Equal devices that work on one model together."""

    hardware: Hardware
    count: int = 1

    @property
    def usable_bytes(self) -> int:
        """Of all of them."""
        return self.hardware.usable_bytes * self.count


Known = Sequence[tuple[Device, Hardware]]


def find_devices(text: str, known: Known) -> DeviceSet:
    """What `--on` means. `known` is `all_hardware` of the catalogue.

    Raises UsageError for a name nobody knows (with near ones), one that fits several (with all), and absurd counts.
    """
    for fits in (_same, _same_but_line, _begins):
        for count, name in _readings(text):
            found = _named(name, known, fits)
            if len(found) == 1:
                return DeviceSet(found[0], _checked(count, text))
            if found:
                raise _ambiguous(text, found)
    raise _unknown(text, known)


def named_exactly(text: str, known: Known) -> Hardware | None:
    """The one device that has exactly this name; None for none. For names that programs print."""
    words = _words(text)
    return next((pair[1] for pair in known if words and any(_words(own) == words for own in _own_names(pair[0]))), None)


def _readings(text: str) -> Iterator[tuple[int, str]]:
    """How often and what, most literal first: `mi300x8`, eight `mi300`, eight `mi300x`."""
    yield 1, text
    first = _COUNT_FIRST.match(text)
    if first:
        yield int(first[1]), text[first.end() :]
    last = _COUNT_LAST.search(text)
    if last:
        yield int(last[1]), text[: last.start()]
        yield int(last[1]), text[: last.start()] + "x"


def _checked(count: int, text: str) -> int:
    if not 1 <= count <= MOST_DEVICES:
        raise UsageError(f"{count} devices: from 1 to {MOST_DEVICES} can be reckoned with.", where=f"--on {text!r}")
    return count


def _named(text: str, known: Known, fits: Callable[[str, str], bool]) -> list[Hardware]:
    """The devices a text without a count may mean, with the memory it names if it names one."""
    memory = _MEMORY.search(text)
    gigabytes = None if memory is None else int(memory[1])
    texts = [text] if memory is None else [text, text[: memory.start()] + " " + text[memory.end() :]]
    for name in texts:
        words = _words(name)
        if not words:
            continue
        found = [pair[1] for pair in known if any(fits(_words(own), words) for own in _own_names(pair[0]))]
        sized = [with_memory(hardware, gigabytes) if gigabytes else hardware for hardware in found]
        fitting = [hardware for hardware in sized if hardware is not None]
        if fitting:
            return fitting
    return []


def with_memory(hardware: Hardware, gigabytes: int) -> Hardware | None:
    """The build with that much memory; None where there is none. Machines whose memory is RAM are sold with less than
    the largest build that the catalogue has; cards are not."""
    if hardware.kind in MADE_OF_RAM:
        wanted = gigabytes * GIB
        if wanted > hardware.memory_bytes * 1.01:
            return None
        share = hardware.usable_bytes / hardware.memory_bytes
        if hardware.vendor == "Apple" and gigabytes < 64:
            share = min(share, 2 / 3)
        return msgspec.structs.replace(hardware, memory_bytes=wanted, usable_bytes=int(wanted * share))
    return hardware if abs(hardware.memory_bytes / GB - gigabytes) <= 0.08 * gigabytes else None


def _own_names(device: Device) -> Iterator[str]:
    yield device.id
    yield device.name
    yield from device.names


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Letters and digits in lower case, the makers' words left out: `NVIDIA GeForce RTX 4090` is `rtx4090`."""
    words = re.findall(r"[a-z0-9]+", text.lower().replace("+", " plus "))
    return "".join(word for word in words if word not in MAKERS)


def _same(own: str, words: str) -> bool:
    return own == words


def _same_but_line(own: str, words: str) -> bool:
    """Without the line before a number: `3090` is the RTX 3090, not the RTX 3090 Ti."""
    return _LINES.sub("", own) == words


def _begins(own: str, words: str) -> bool:
    """`mi300` begins MI300A and MI300X."""
    return own.startswith(words) or _LINES.sub("", own).startswith(words)


def _ambiguous(text: str, found: list[Hardware]) -> UsageError:
    return UsageError(
        f"{text!r} may be several devices.",
        where="--on",
        next_move="Say which: " + ", ".join(sorted(hardware.id for hardware in found)) + ".",
    )


def _unknown(text: str, known: Known) -> UsageError:
    ids = {_words(name): device.id for device, _ in known for name in _own_names(device)}
    near = dict.fromkeys(ids[word] for word in get_close_matches(_words(text), ids, n=4, cutoff=0.5))
    return UsageError(
        f"no device is known as {text!r}.",
        where="--on",
        next_move=(f"Near: {', '.join(near)}. " if near else "") + "`--on auto` looks at this machine.",
    )

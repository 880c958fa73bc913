"""What a container holds, as far as an audit cares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding, Severity

HELD_BYTES = 64 << 20
"""The most of one compressed member that is unpacked, in memory."""
SHOWN = 120


class Member(NamedTuple):
    """One file inside a container."""

    name: str
    open: Callable[[], Blob]
    """Its bytes; of a compressed one at most HELD_BYTES. Raises Unreadable."""
    size: int
    """As declared, unpacked."""
    whole: bool = True
    """Whether `open` gives all of it."""
    crc: int | None = None
    """The checksum that stands beside it, where there is one."""


class Unreadable(Exception):
    """The bytes of a member cannot be had: damaged, encrypted, an unknown method."""


class Container(NamedTuple):
    """A container after its directory was read."""

    members: tuple[Member, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


def path_findings(names: Iterator[str], where: str) -> Iterator[Finding]:
    """Members that would be written outside the folder they are unpacked in."""
    for name in names:
        if leaves(name):
            detail = f"the member {shown(name)} leaves the folder it is unpacked in"
            yield finding("archive-traversal", "high", where, detail)


def leaves(name: str) -> bool:
    """Whether a path in an archive or an index points outside its folder, on any system."""
    parts = re.split(r"[/\\]", name)
    return name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) is not None or ".." in parts or "\0" in name


def finding(id_: str, severity: Severity, where: str, detail: str, reference: str | None = None) -> Finding:
    return Finding(id=id_, severity=severity, path=where, detail=detail, reference=reference)


def shown(text: str) -> str:
    """Printable, and not longer than a line."""
    plain = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text[:SHOWN])
    return repr(plain if len(text) <= SHOWN else f"{plain}…")

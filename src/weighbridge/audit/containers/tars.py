"""Read a tar file that may lie: a header of 512 bytes before each member, long names in members of their own.

Source: POSIX.1-2017 pax, the GNU tar manual; checked against tarfile in tests/audit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob, Window
from weighbridge.audit.records import Finding, Severity

from .member import Container, Member, finding, leaves, path_findings, shown

BLOCK = 512
MOST_MEMBERS = 500_000
LONGEST_NAME = 1 << 16

_LINKS = {"1": "hard link", "2": "symbolic link"}
_SPECIAL = {"3": "character device", "4": "block device", "6": "pipe"}


class _Header(NamedTuple):
    name: str
    size: int
    kind: str
    link: str


def is_tar(blob: Blob) -> bool:
    """Whether the first block is a tar header with a right checksum."""
    return _header(blob.read(0, BLOCK)) is not None


def open_tar(blob: Blob) -> Container:
    """Members and oddities, up to the first block that is no header."""
    found: list[Finding] = []
    members: list[Member] = []
    end = 0
    for header, at in _headers(blob):
        end = at + header.size
        if header.kind in _LINKS:
            severity: Severity = "high" if leaves(header.link) else "medium"
            detail = f"the member {shown(header.name)} is a {_LINKS[header.kind]} to {shown(header.link)}"
            found.append(finding("archive-link", severity, blob.name, detail))
        elif header.kind in _SPECIAL:
            detail = f"the member {shown(header.name)} is a {_SPECIAL[header.kind]}"
            found.append(finding("archive-device", "high", blob.name, detail))
        elif header.kind in ("0", "\0", "7"):
            members.append(_member(blob, header, at))
    if end > blob.size:
        detail = f"the last member ends {end - blob.size:,} bytes after the file"
        found.append(finding("archive-cut", "medium", blob.name, detail))
    found += path_findings((member.name for member in members), blob.name)
    skipped = (f"{blob.name}: members after the first {MOST_MEMBERS:,}",) if len(members) >= MOST_MEMBERS else ()
    return Container(tuple(members), tuple(found), skipped)


def _member(blob: Blob, header: _Header, at: int) -> Member:
    part = Window(blob, at, header.size, f"{blob.name}!{header.name}")
    return Member(header.name, lambda: part, header.size)


def _headers(blob: Blob) -> Iterator[tuple[_Header, int]]:
    """Each member's header and where its bytes begin; long names are put where they belong."""
    at = 0
    name = link = ""
    for _ in range(MOST_MEMBERS):
        header = _header(blob.read(at, BLOCK))
        if header is None:
            return
        begin = at + BLOCK
        at = begin + -(-header.size // BLOCK) * BLOCK
        if header.kind in ("L", "K"):
            text = blob.read(begin, min(header.size, LONGEST_NAME)).rstrip(b"\0").decode("utf-8", "replace")
            name, link = (text, link) if header.kind == "L" else (name, text)
        elif header.kind in ("x", "g"):
            values = dict(_pax(blob.read(begin, min(header.size, LONGEST_NAME))))
            name, link = values.get("path", name), values.get("linkpath", link)
        else:
            yield header._replace(name=name or header.name, link=link or header.link), begin
            name = link = ""


def _header(block: bytes) -> _Header | None:
    """None for a block that is no header: its checksum says so."""
    if len(block) < BLOCK:
        return None
    stated = _number(block[148:156])
    if stated is None or stated != sum(block[:148]) + 8 * 0x20 + sum(block[156:]):
        return None
    size = _number(block[124:136])
    if size is None or size < 0:
        return None
    prefix = _text(block[345:500]) if block[257:262] == b"ustar" and block[257:265] != b"ustar  \0" else ""
    name = _text(block[:100])
    kind = chr(block[156])
    return _Header(f"{prefix}/{name}" if prefix else name, 0 if kind in "123456" else size, kind, _text(block[157:257]))


def _number(field: bytes) -> int | None:
    """Octal digits, or a binary number where the first bit is set."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _pax(raw: bytes) -> Iterator[tuple[str, str]]:
    """Records `length key=value`; ends at the first that is none."""
    at = 0
    while at < len(raw):
        space = raw.find(b" ", at, at + 20)
        digits = raw[at:space] if space > 0 else b""
        if not digits.isdigit() or int(digits) <= len(digits) + 1:
            return
        record = raw[space + 1 : at + int(digits)]
        key, _, value = record.partition(b"=")
        yield key.decode("utf-8", "replace"), value.rstrip(b"\n").decode("utf-8", "replace")
        at += int(digits)

"""Read a zip file that may lie: its directory, the headers before each member, and what stands in neither.

Python's own reader refuses what PyTorch's and others accept (a wrong checksum, flags that differ between directory and
member), and whoever hides a pickle counts on that. This one reads on and says what is odd.
Source: APPNOTE.TXT 6.3.10; checked against zipfile and torch.save in tests/audit.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob, BytesBlob, Window
from weighbridge.audit.records import Finding

from .member import HELD_BYTES, Container, Member, Unreadable, finding, path_findings, shown

MOST_MEMBERS = 500_000
MOST_DIRECTORY_BYTES = 128 << 20
BOMB_RATIO = 200
BOMB_BYTES = 256 << 20

_END = b"PK\x05\x06"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_OTHER_METHODS = (12, 14)
LZMA_MEMORY = 256 << 20
_SYMLINK = 0o120000


class Entry(NamedTuple):
    """One line of the directory."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    """Unix file mode; 0 where the archive has none."""


def is_zip(blob: Blob) -> bool:
    """Whether a zip's end record stands at the end of the blob, or it begins like one."""
    return blob.read(0, 4) == b"PK\x03\x04" or _end_at(blob) is not None


def open_zip(blob: Blob) -> Container:
    """Members and oddities. A zip without a readable directory is read member by member from its start."""
    found: list[Finding] = []
    skipped: list[str] = []
    entries = _directory(blob, found, skipped)
    if entries is None:
        entries = list(_by_headers(blob))
        found.append(
            finding(
                "zip-directory",
                "medium",
                blob.name,
                "the zip has no readable directory; its members were found one by one",
            )
        )
    entries += _unlisted(entries, blob, found)
    members = [member for entry in entries if (member := _member(blob, entry, found)) is not None]
    found += path_findings((entry.name for entry in entries), blob.name)
    found += _odd_entries(entries, blob)
    return Container(tuple(members), tuple(found), tuple(skipped))


def _unlisted(entries: list[Entry], blob: Blob, found: list[Finding]) -> list[Entry]:
    """Members from the start of the file that its directory does not name: readers of streams take them."""
    if blob.read(0, 4) != b"PK\x03\x04" or any(entry.offset == 0 for entry in entries):
        return []
    listed = {entry.offset for entry in entries}
    hidden = [entry for entry in _by_headers(blob) if entry.offset not in listed]
    names = ", ".join(shown(entry.name) for entry in hidden[:5])
    found.append(finding("zip-hidden", "high", blob.name, f"members that the directory does not list: {names}"))
    return hidden


def _end_at(blob: Blob) -> int | None:
    """Where the end record begins, at most 64 KiB before the end."""
    start = max(0, blob.size - (1 << 16) - 22)
    at = blob.read(start, blob.size - start).rfind(_END)
    return None if at < 0 else start + at


def _directory(blob: Blob, found: list[Finding], skipped: list[str]) -> list[Entry] | None:
    """The entries as the directory lists them; None where there is none that can be read."""
    end = _end_at(blob)
    if end is None:
        return None
    record = blob.read(end, 22)
    if len(record) < 22:
        return None
    count, size, offset = struct.unpack_from("<HII", record, 10)
    if 0xFFFF in (count,) or 0xFFFFFFFF in (size, offset):
        count, size, offset = _zip64(blob, end) or (count, size, offset)
    shift = end - size - offset if offset + size <= end and count != 0xFFFF else 0
    shift = shift if blob.read(offset, 4) != b"PK\x01\x02" else 0
    if size > MOST_DIRECTORY_BYTES or count > MOST_MEMBERS:
        skipped.append(f"{blob.name}: a directory of {count:,} members and {size:,} bytes; the first part was read")
    raw = blob.read(offset + shift, min(size, MOST_DIRECTORY_BYTES))
    entries = list(_entries(raw, shift))[:MOST_MEMBERS]
    if len(entries) < min(count, MOST_MEMBERS):
        detail = f"the zip's directory promises {count:,} members and holds {len(entries):,}"
        found.append(finding("zip-directory", "medium", blob.name, detail))
    return entries if entries or not count else None


def _zip64(blob: Blob, end: int) -> tuple[int, int, int] | None:
    locator = blob.read(end - 20, 20)
    if len(locator) < 20 or locator[:4] != b"PK\x06\x07":
        return None
    record = blob.read(int.from_bytes(locator[8:16], "little"), 56)
    if len(record) < 56 or record[:4] != b"PK\x06\x06":
        return None
    count, size, offset = struct.unpack_from("<QQQ", record, 32)
    return int(count), int(size), int(offset)


def _entries(raw: bytes, shift: int) -> Iterator[Entry]:
    at = 0
    while at + _ENTRY.size <= len(raw):
        fields = _ENTRY.unpack_from(raw, at)
        if fields[0] != b"PK\x01\x02":
            return
        _, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, note_len, _, _, attributes, offset = (
            fields
        )
        start = at + _ENTRY.size
        name = raw[start : start + name_len].decode("utf-8" if flags & 0x800 else "cp437", "replace")
        extra = raw[start + name_len : start + name_len + extra_len]
        size, packed, offset = _wide(extra, size, packed, offset)
        yield Entry(name, flags, method, crc, packed, size, offset + shift, attributes >> 16)
        at = start + name_len + extra_len + note_len


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The 64-bit values of the extra field, where the short ones are full."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size = next(values, size) if size == 0xFFFFFFFF else size
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            offset = next(values, offset) if offset == 0xFFFFFFFF else offset
        at += 4 + length
    return size, packed, offset


def _by_headers(blob: Blob) -> Iterator[Entry]:
    """Members as their own headers say, from the start; ends at the first that is none."""
    at = 0
    for _ in range(MOST_MEMBERS):
        raw = blob.read(at, _LOCAL.size)
        if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
            return
        _, _, flags, method, _, _, crc, packed, size, name_len, extra_len = _LOCAL.unpack(raw)
        name = blob.read(at + _LOCAL.size, name_len).decode("utf-8", "replace")
        begin = at + _LOCAL.size + name_len + extra_len
        if flags & 8 and not packed:
            packed = size = blob.size - begin
        yield Entry(name, flags, method, crc, packed, size, at, 0)
        at = begin + packed


def _member(blob: Blob, entry: Entry, found: list[Finding]) -> Member | None:
    """The member, its own header compared with the directory's line."""
    raw = blob.read(entry.offset, _LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
        detail = f"the directory points to byte {entry.offset} for {shown(entry.name)}, where no member begins"
        found.append(finding("zip-directory", "medium", blob.name, detail))
        return None
    _, _, flags, method, _, _, _, _, _, name_len, extra_len = _LOCAL.unpack(raw)
    own = blob.read(entry.offset + _LOCAL.size, name_len).decode("utf-8" if flags & 0x800 else "cp437", "replace")
    if own != entry.name or method != entry.method or (flags ^ entry.flags) & 1:
        detail = f"directory and member differ on {shown(entry.name)} ({shown(own)}): readers will see different files"
        found.append(finding("zip-differs", "high", blob.name, detail, "CVE-2025-1944, CVE-2025-1945"))
    begin = entry.offset + _LOCAL.size + name_len + extra_len
    if begin + entry.packed > blob.size:
        detail = f"the member {shown(entry.name)} ends {begin + entry.packed - blob.size:,} bytes after the file"
        found.append(finding("zip-cut", "medium", blob.name, detail))
    packed = Window(blob, begin, entry.packed)

    def bytes_of() -> Blob:
        return _unpacked(packed, method, f"{blob.name}!{entry.name}")

    return Member(entry.name, bytes_of, entry.size, method == 0 or entry.size <= HELD_BYTES, entry.crc)


def _unpacked(packed: Window, method: int, name: str) -> Blob:
    """A member's bytes. The encryption flag is not believed where the bytes can be read all the same."""
    if method == 0:
        return Window(packed, 0, packed.size, name)
    if method in _OTHER_METHODS:
        return BytesBlob(_other(packed, method), name)
    if method != 8:
        raise Unreadable(f"compression method {method} is not known here")
    return BytesBlob(inflate(packed, HELD_BYTES, -zlib.MAX_WBITS), name)


def _other(packed: Window, method: int) -> bytes:
    """bzip2, or LZMA behind its four bytes of properties (APPNOTE 5.8.8). Raises Unreadable."""
    raw = packed.read(0, min(packed.size, HELD_BYTES))
    try:
        if method == 12:
            return bz2.BZ2Decompressor().decompress(raw, HELD_BYTES)
        length = int.from_bytes(raw[2:4], "little")
        alone = raw[4 : 4 + length] + b"\xff" * 8 + raw[4 + length :]
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LZMA_MEMORY).decompress(alone, HELD_BYTES)
    except (OSError, EOFError, ValueError, MemoryError, lzma.LZMAError) as error:
        raise Unreadable(f"the compressed bytes are damaged: {error}") from error


def inflate(packed: Blob, most: int, bits: int) -> bytes:
    """At most `most` bytes of a deflated stream; what came before damage is returned. Raises Unreadable for none."""
    stream = zlib.decompressobj(bits)
    is_gzip = bits > zlib.MAX_WBITS and packed.read(0, 2) == b"\x1f\x8b"
    parts: list[bytes] = []
    held = at = 0
    while held < most and at < packed.size and not stream.eof:
        piece = packed.read(at, 1 << 18)
        at += len(piece)
        try:
            part = stream.decompress(piece, most - held)
        except zlib.error as error:
            if not held:
                raise Unreadable(f"the compressed bytes are damaged: {error}") from error
            break
        held += len(part)
        parts.append(part)
        if is_gzip and stream.eof and held < most:  # readers go on with the next member
            at -= len(stream.unused_data)
            stream = zlib.decompressobj(bits) if packed.read(at, 2) == b"\x1f\x8b" else stream
    return b"".join(parts)


def _odd_entries(entries: list[Entry], blob: Blob) -> Iterator[Finding]:
    seen: set[str] = set()
    total_packed = total = 0
    for entry in entries:
        if entry.name in seen:
            detail = f"the member {shown(entry.name)} stands twice: readers differ on which one counts"
            yield finding("zip-twice", "high", blob.name, detail)
        seen.add(entry.name)
        if entry.mode & 0o170000 == _SYMLINK:
            yield finding("archive-link", "high", blob.name, f"the member {shown(entry.name)} is a symbolic link")
        if entry.flags & 1:
            yield finding(
                "zip-encrypted", "medium", blob.name, f"the member {shown(entry.name)} is marked as encrypted"
            )
        total += entry.size
        total_packed += entry.packed
    if total > BOMB_BYTES and total > BOMB_RATIO * max(1, min(total_packed, blob.size)):
        detail = (
            f"unpacked it would have {total:,} bytes, {total // max(1, min(total_packed, blob.size)):,} times the file"
        )
        yield finding("archive-bomb", "high", blob.name, detail)

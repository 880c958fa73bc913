"""Compressed streams: gzip, zlib, bzip2, xz. joblib and tar wrap pickles and folders in them."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from weighbridge.audit.blob import Blob, BytesBlob
from weighbridge.audit.records import Finding

from .member import HELD_BYTES, Container, Member, Unreadable, finding
from .zips import BOMB_RATIO, inflate

PIECE = 1 << 18
LZMA_MEMORY = 256 << 20
"""What an xz stream may ask for its dictionary."""


class _Kind(NamedTuple):
    name: str
    magic: bytes


_KINDS = (
    _Kind("gzip", b"\x1f\x8b"),
    _Kind("bzip2", b"BZh"),
    _Kind("xz", b"\xfd7zXZ\x00"),
    _Kind("lzma", b"\x5d\x00\x00"),
)
UNREAD = {"lz4": b"\x04\x22\x4d\x18", "zstd": b"\x28\xb5\x2f\xfd", "7z": b"7z\xbc\xaf\x27\x1c", "rar": b"Rar!\x1a\x07"}
"""Formats that are known and cannot be looked into here."""


def stream_kind(blob: Blob) -> str | None:
    """The compression that the first bytes speak of."""
    head = blob.read(0, 6)
    for kind in _KINDS:
        if head.startswith(kind.magic):
            return kind.name
    return "zlib" if _is_zlib(head) else None


def _is_zlib(head: bytes) -> bool:
    """RFC 1950: method 8, a window of at most 32 KiB, no dictionary, and a check of both bytes."""
    return (
        len(head) > 2
        and head[0] & 15 == 8
        and head[0] >> 4 <= 7
        and not head[1] & 32
        and (head[0] << 8 | head[1]) % 31 == 0
    )


def open_stream(blob: Blob, kind: str) -> Container:
    """The one thing in it, its first HELD_BYTES."""
    name = f"{blob.name}!{kind}"
    try:
        data = _unpack(blob, kind)
    except Unreadable as error:
        damaged = finding("archive-damaged", "medium", blob.name, f"{kind}: {error}")
        return Container((), (damaged,), (f"{blob.name}: its compressed content cannot be read",))
    cut = len(data) >= HELD_BYTES
    odd: tuple[Finding, ...] = ()
    if cut and blob.size * BOMB_RATIO < len(data):
        detail = f"{blob.size:,} bytes unpack to more than {len(data):,}"
        odd = (finding("archive-bomb", "medium", blob.name, detail),)
    skipped = (f"{name}: what comes after the first {HELD_BYTES >> 20} MiB unpacked",) if cut else ()
    return Container((Member(kind, lambda: BytesBlob(data, name), len(data), not cut),), odd, skipped)


def _unpack(blob: Blob, kind: str) -> bytes:
    """At most HELD_BYTES. Raises Unreadable when nothing comes."""
    if kind in ("gzip", "zlib"):
        return inflate(blob, HELD_BYTES, zlib.MAX_WBITS | 32)
    if kind == "bzip2":
        return _pump(blob, bz2.BZ2Decompressor(), OSError)
    return _pump(blob, lzma.LZMADecompressor(memlimit=LZMA_MEMORY), lzma.LZMAError)


def _pump(blob: Blob, stream: Any, wrong: type[Exception]) -> bytes:
    parts: list[bytes] = []
    held = at = 0
    step: Callable[..., bytes] = stream.decompress
    while held < HELD_BYTES and not stream.eof:
        piece = blob.read(at, PIECE) if stream.needs_input else b""
        if stream.needs_input and not piece:
            break
        at += len(piece)
        try:
            part = step(piece, HELD_BYTES - held)
        except (wrong, EOFError, ValueError, MemoryError) as error:
            if not held:
                raise Unreadable(f"the compressed bytes are damaged: {error}") from error
            break
        held += len(part)
        parts.append(part)
    return b"".join(parts)

"""Members of a zip that may be hostile: read one at a time, bounded, stored, deflated or packed with Zstandard.

Python's `zipfile` reads the directory; what a member unpacks to is never believed, and no member is written anywhere.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from weighbridge.units import MIB, format_bytes

from .zstd import BadZstd, unpack_zstd

MOST_MEMBERS = 2_000_000
LARGEST_MEMBER = 1024 * MIB
STORED, DEFLATED, ZSTANDARD = 0, 8, 93
ENCRYPTED = 1


class BadZip(ValueError):
    """The file is no zip, is damaged, or holds what cannot be read."""


class ZipMembers:
    """A zip, open for reading. Of two members of one name the last counts: that is how a log is appended to."""

    def __init__(self, path: Path) -> None:
        """Raises BadZip, OSError."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadZip(str(error)) from error
        self._path = path
        self._members = self._zip.NameToInfo
        if len(self._members) > MOST_MEMBERS:
            self._zip.close()
            raise BadZip(f"it holds more than {MOST_MEMBERS:,} members")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the directory."""
        return tuple(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def read(self, name: str, most_bytes: int = LARGEST_MEMBER) -> bytes:
        """A member unpacked, its checksum compared. Raises BadZip; KeyError for a name that is not there."""
        member = self._members[name]
        if member.flag_bits & ENCRYPTED:
            raise BadZip(f"the member {name!r} is encrypted")
        packed = self._packed(member)
        try:
            data = _unpacked(packed, member.compress_type, most_bytes)
        except (zlib.error, BadZstd) as error:
            raise BadZip(f"the member {name!r} cannot be unpacked: {error}") from error
        if zlib.crc32(data) != member.CRC:
            raise BadZip(f"the member {name!r} is damaged: its checksum is another")
        return data

    def _packed(self, member: zipfile.ZipInfo) -> bytes:
        """The member's bytes as they lie in the file, behind its local header."""
        with self._path.open("rb") as file:
            file.seek(member.header_offset)
            head = file.read(30)
            if len(head) < 30 or head[:4] != b"PK\x03\x04":
                raise BadZip(f"the member {member.filename!r} has no header where the directory says")
            file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
            size = self._path.stat().st_size
            if member.compress_size > size:
                raise BadZip(f"the member {member.filename!r} is said to be larger than the file")
            packed = file.read(member.compress_size)
        if len(packed) < member.compress_size:
            raise BadZip(f"the member {member.filename!r} is cut off")
        return packed


def _unpacked(packed: bytes, method: int, most: int) -> bytes:
    if method == STORED:
        if len(packed) > most:
            raise BadZstd(f"it is larger than {format_bytes(most)}")
        return packed
    if method == DEFLATED:
        stream = zlib.decompressobj(-15)
        data = stream.decompress(packed, most)
        if stream.unconsumed_tail:
            raise BadZstd(f"it unpacks to more than {format_bytes(most)}")
        if not stream.eof:
            raise BadZstd("it is cut off")
        return data
    if method == ZSTANDARD:
        return unpack_zstd(packed, most)
    raise BadZstd(f"it is packed by method {method}, which is not known here")

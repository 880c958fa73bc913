"""Read a wheel that may be hostile: members are streamed and compared with its RECORD, never unpacked by their names,
and nothing in it is imported or run.
"""

from __future__ import annotations

import base64
import binascii
import csv
import email.parser
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from weighbridge.engines.pull.source import is_plain_path, normal_package
from weighbridge.errors import HashMismatch, PullError
from weighbridge.units import MIB, format_bytes

MAX_MEMBERS = 100_000
MAX_SMALL_BYTES = 16 * MIB
"""Of a text member: METADATA, RECORD, SHA256SUMS, a licence."""
MAX_RATIO = 100
"""Weights barely compress (1.1 is usual); past this and past MAX_SMALL_BYTES a member is a bomb."""
_CHUNK_BYTES = MIB
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*\(?==\s*([A-Za-z0-9][A-Za-z0-9.!+_-]*)\)?\s*(?:;(.*))?")


@dataclass(frozen=True, slots=True)
class Requirement:
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


class Wheel:
    """An open wheel whose list of members has been checked; raises PullError or HashMismatch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise self._wrong(f"this is no wheel: {error}") from error
        try:
            self._members = self._check_members()
            self._folder = self._dist_info()
            self._record = self._read_record()
            self.metadata = self._read_metadata()
        except BaseException:
            self._zip.close()
            raise
        self.name = str(self.metadata.get("Name", ""))
        self.version = str(self.metadata.get("Version", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._members)

    def size(self, name: str) -> int:
        """Bytes of a member, unpacked, as the directory promises."""
        return self._members[name].file_size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The member's bytes; after the last, HashMismatch unless they are the ones RECORD promises."""
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(self._members[name]) as member:
                while chunk := member.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise self._wrong(f"{name} cannot be unpacked: {error}") from error
        self._compare(name, digest.digest(), size)

    def text(self, name: str) -> bytes:
        """A small member, whole."""
        if self.size(name) > MAX_SMALL_BYTES:
            raise self._wrong(
                f"{name} is {format_bytes(self.size(name))}; {format_bytes(MAX_SMALL_BYTES)} is the most for a text"
            )
        return b"".join(self.chunks(name))

    def pinned_requirements(self) -> tuple[Requirement, ...]:
        """The packages it needs in exactly one version, extras left out."""
        found = []
        for line in self.metadata.get_all("Requires-Dist", []):
            match = _PINNED.fullmatch(str(line).strip())
            if match and "extra" not in (match[3] or "") and not match[2].endswith("*"):
                found.append(Requirement(match[1], match[2]))
        return tuple(found)

    def _check_members(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise self._wrong(f"it has {len(infos)} members; {MAX_MEMBERS} is the most")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if not is_plain_path(info.filename.rstrip("/")) or info.orig_filename != info.filename:
                raise self._wrong(f"its member {info.orig_filename!r} would leave its folder")
            if info.filename in members:
                raise self._wrong(f"its member {info.filename!r} stands twice")
            if info.file_size > MAX_SMALL_BYTES and info.file_size > MAX_RATIO * max(1, info.compress_size):
                raise self._wrong(
                    f"a zip bomb: {info.filename!r} grows from {info.compress_size} to {info.file_size} bytes"
                )
            members[info.filename] = info
        return members

    def _dist_info(self) -> str:
        folders = {name.split("/")[0] for name in self._members if name.split("/")[0].endswith(".dist-info")}
        if len(folders) != 1:
            raise self._wrong(f"a wheel has one .dist-info folder, this has {len(folders)}")
        return folders.pop()

    def _read_record(self) -> dict[str, tuple[bytes, int | None]]:
        """Member -> (SHA-256, size), of the lines that carry one."""
        name = f"{self._folder}/RECORD"
        if name not in self._members:
            raise self._wrong("it has no RECORD, so nothing in it can be checked")
        self._record = {}
        lines = csv.reader(io.StringIO(self.text(name).decode("utf-8", "replace")))
        record: dict[str, tuple[bytes, int | None]] = {}
        for line in lines:
            if len(line) == 3 and line[1].startswith("sha256="):
                size = int(line[2]) if line[2].isascii() and line[2].isdigit() else None
                record[line[0]] = (_unpadded(line[1].removeprefix("sha256=")), size)
        return record

    def _read_metadata(self) -> email.message.Message:
        name = f"{self._folder}/METADATA"
        if name not in self._members:
            raise self._wrong("it has no METADATA")
        return email.parser.HeaderParser().parsestr(self.text(name).decode("utf-8", "replace"))

    def _compare(self, name: str, digest: bytes, size: int) -> None:
        if name == f"{self._folder}/RECORD":
            return
        if name not in self._record:
            raise HashMismatch(
                f"{name} is not in the wheel's RECORD, so nobody vouches for it",
                where=str(self.path.name),
                next_move="Do not use this package until you know why.",
            )
        promised, promised_size = self._record[name]
        if promised != digest or promised_size not in (None, size):
            raise HashMismatch(
                f"{name} is not what the wheel's RECORD promises: SHA-256 {digest.hex()}, promised {promised.hex()}",
                where=str(self.path.name),
                next_move="Nothing was kept. Do not use this package until you know why.",
            )

    def _wrong(self, what: str) -> PullError:
        return PullError(
            what, where=self.path.name, next_move="Nothing was kept. Ask its publisher, or use another source."
        )


def is_package(wheel: Wheel, name: str) -> bool:
    """Whether the wheel says that it is the package `name`."""
    return normal_package(wheel.name) == normal_package(name)


def _unpadded(text: str) -> bytes:
    """base64url without `=`, as RECORD writes hashes; empty (which matches nothing) when it is no such thing."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""

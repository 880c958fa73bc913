"""What was pulled, as it is recorded and handed to engines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec


class PulledFile(msgspec.Struct, frozen=True):
    name: str
    """As its publisher calls it, with `/` between folders."""
    sha256: str
    bytes: int
    mtime_ns: int
    """Of our copy when it was last hashed: with the size, enough to see that nobody touched it."""


class Claim(msgspec.Struct, frozen=True):
    """Somebody's word on the licence."""

    says: str
    where: str
    """For people: `wheel METADATA`, `GGUF general.license`, `model card`, a file's name."""


class Licence(msgspec.Struct, frozen=True):
    """Under which terms the weights come. Unknown is not free: no claim leaves `name` None."""

    name: str | None = None
    claims: tuple[Claim, ...] = ()
    url: str | None = None
    """Where the terms can be read, if the licence is a known one or its publisher says."""
    texts: tuple[str, ...] = ()
    """Copies of the texts that came with the weights, kept beside the record."""

    @property
    def disputed(self) -> bool:
        """Whether sources name different licences."""
        return self.name is not None and self.name.startswith("disputed")


class Carrier(msgspec.Struct, frozen=True):
    """A package the weights were taken out of."""

    name: str
    version: str
    sha256: str
    bytes: int


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """Weights that are here, and everything needed to have the same again."""

    source: str
    """As it was asked for."""
    pinned: str
    """The same with the revision it was found at. Packages and Hugging Face commits never change; for a ModelScope
    branch it is the hash that pins."""
    revision: str | None
    location: str
    """The file an engine opens (of a split model the first part), or the folder when there are several."""
    files: tuple[PulledFile, ...]
    licence: Licence
    pulled_at: str
    """UTC, ISO 8601."""
    checked: tuple[str, ...] = ()
    """What the bytes were compared with, for people: `SHA256SUMS in the package`."""
    carriers: tuple[Carrier, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return Path(self.location)

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the file; of several, of the list `sha256  name` in the order of their names."""
        return sha256_of(self.files)


def sha256_of(files: Iterable[PulledFile]) -> str:
    """One hash for one file or for a set of them."""
    listed = sorted(files, key=lambda file: file.name)
    if len(listed) == 1:
        return listed[0].sha256
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in listed)
    return hashlib.sha256(lines.encode()).hexdigest()

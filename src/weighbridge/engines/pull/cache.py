"""The cache: bytes under their SHA-256, and the same bytes under the names their publishers gave them.

    sha256/ab/abcdef...            the bytes, read-only; put there by a rename, so whole or absent
    models/<16 hex>/NAME           hard links (symbolic ones where a file system has no others), because engines show
                                   file names and find the parts of a split model by theirs
    staging/<source>/              one pull at work, or what a cut one left to be resumed: NAME.partial

Everything here can be had again. Records, licences and locks live in the data directory.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from weighbridge.engines.pull.disk import disk_errors
from weighbridge.engines.pull.records import PulledFile, sha256_of


@dataclass(frozen=True, slots=True)
class Leftover:
    path: Path
    bytes: int
    what: str
    """`partial download`, `unused weights`, `unused name`."""


class Cache:
    """The cache directory; makes folders only when something is put into them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, sha256: str) -> Path:
        """Where bytes with this hash lie, whether or not they are here."""
        return self.root / "sha256" / sha256[:2] / sha256

    def staging(self, key: str) -> Path:
        """A folder for one source, made if needed. Whoever writes there holds the source's lock."""
        folder = self.root / "staging" / key
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def keep(self, name: str, staged: Path, sha256: str) -> PulledFile:
        """Move a staged, verified file under its hash. Two processes may do so at once: the bytes are the same."""
        blob = self.blob(sha256)
        with disk_errors(blob):
            blob.parent.mkdir(parents=True, exist_ok=True)
            staged.chmod(0o444)
            staged.replace(blob)
            status = blob.stat()
        return PulledFile(name, sha256, status.st_size, status.st_mtime_ns)

    def show(self, files: Iterable[PulledFile]) -> Path:
        """Give the files their own names in a folder of theirs; returns the folder."""
        files = tuple(files)
        folder = self.root / "models" / sha256_of(files)[:16]
        for file in files:
            self._link(self.blob(file.sha256), folder / file.name)
        return folder

    def _link(self, blob: Path, name: Path) -> None:
        if _same(blob, name):
            return
        temporary = name.with_name(f".{name.name[:200]}.{os.getpid()}.link")
        with disk_errors(name):
            name.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            try:
                temporary.hardlink_to(blob)
            except OSError:  # no hard links here, or too many of them
                temporary.symlink_to(blob)
            temporary.replace(name)
            temporary.unlink(missing_ok=True)  # renaming a link onto its twin leaves both

    def leftovers(self, used: frozenset[str], shown: frozenset[str]) -> Iterator[Leftover]:
        """What no record needs: `used` holds the SHA-256 of files, `shown` the names of folders in `models`."""
        for folder in _children(self.root / "staging"):
            yield Leftover(folder, _folder_bytes(folder), "partial download")
        for folder in _children(self.root / "models"):
            if folder.name not in shown:
                yield Leftover(folder, 0, "unused name")
        for shelf in _children(self.root / "sha256"):
            for blob in _children(shelf):
                if blob.name not in used:
                    yield Leftover(blob, blob.stat().st_size, "unused weights")

    def drop(self, path: Path) -> None:
        """Remove a leftover, file or folder."""
        with disk_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def untouched(path: Path, file: PulledFile) -> bool:
    """Whether the file at `path` has the size and time of the record."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (file.bytes, file.mtime_ns)


def _same(blob: Path, name: Path) -> bool:
    try:
        return name.samefile(blob)
    except OSError:
        return False


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())

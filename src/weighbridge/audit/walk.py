"""Every file of a download, in bounded time, whatever the folder holds: loops of links, pipes, unreadable files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from weighbridge.audit.records import Finding
from weighbridge.errors import InputError

from .blob import Blob, BytesBlob, FileBlob
from .containers.member import finding, shown

MOST_FILES = 200_000
MOST_DEPTH = 64
HELD_BYTES = 1 << 18
"""Files up to this size are read at once, for the many small questions that readers have."""
_LEFT_OUT = frozenset({".git"})
"""Folders that a loader never reads; their content is said to be unchecked."""


class Entry(NamedTuple):
    """One file; `name` is its path inside the folder, with `/`."""

    name: str
    path: Path
    size: int
    on_disk: int
    """Bytes that really lie on the disk; fewer than `size` for a sparse file."""
    remote: Callable[[], Blob] | None = None
    """Reads a file of which only parts are here; they lie at `path`, whose other bytes are holes."""

    @contextmanager
    def blob(self) -> Iterator[Blob]:
        """The file's bytes. Raises OSError."""
        if self.remote is not None:
            yield self.remote()
            return
        with FileBlob(self.path, self.name) as blob:
            yield BytesBlob(blob.read(0, blob.size), self.name) if blob.size <= HELD_BYTES else blob


class Walked(NamedTuple):
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


def walk(root: Path, *, store: Path | None = None) -> Walked:
    """The files below `root`, or `root` itself when it is one. Raises InputError when nothing is there.

    `store`: a folder of ours that links may lead into, such as the cache of pulled weights.
    """
    try:
        about = root.stat()
    except OSError as error:
        raise InputError(
            f"nothing to audit: {error.strerror or error}", where=str(root), next_move="Name a file or a folder."
        ) from error
    if not stat.S_ISDIR(about.st_mode):
        return _one(root, about)
    return _Walk(root, store).all()


def _one(path: Path, about: os.stat_result) -> Walked:
    if not stat.S_ISREG(about.st_mode):
        raise InputError("this is neither a file nor a folder", where=str(path), next_move="Name a file or a folder.")
    return Walked((_entry(path.name, path, about),), (), ())


def _entry(name: str, path: Path, about: os.stat_result) -> Entry:
    return Entry(name, path, about.st_size, getattr(about, "st_blocks", about.st_size // 512 + 1) * 512)


class _Walk:
    """One walk; gathers as it goes."""

    def __init__(self, root: Path, store: Path | None) -> None:
        self._root = root
        self._store = store.resolve() if store is not None else None
        self._real = root.resolve()
        self._entries: list[Entry] = []
        self._findings: list[Finding] = []
        self._not_checked: list[str] = []

    def all(self) -> Walked:
        """Every file below the root, at most MOST_FILES; what was passed over is listed."""
        for name, path in self._files(self._root, "", 0):
            if len(self._entries) >= MOST_FILES:
                self._not_checked.append(f"files after the first {MOST_FILES:,}")
                break
            self._take(name, path)
        return Walked(tuple(self._entries), tuple(self._findings), tuple(self._not_checked))

    def _files(self, folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, Path]]:
        """Files in name order; links to folders are never followed."""
        try:
            with os.scandir(folder) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError as error:
            self._not_checked.append(f"{prefix or '.'}: {error.strerror or error}")
            return
        for child in children:
            name = f"{prefix}{child.name}"
            if child.is_dir(follow_symlinks=False):
                if child.name in _LEFT_OUT or depth >= MOST_DEPTH:
                    why = "not part of the model" if child.name in _LEFT_OUT else f"more than {MOST_DEPTH} folders deep"
                    self._not_checked.append(f"{name}/: {why}")
                else:
                    yield from self._files(Path(child.path), f"{name}/", depth + 1)
            else:
                yield name, Path(child.path)

    def _take(self, name: str, path: Path) -> None:
        try:
            if path.is_symlink() and not self._follow(name, path):
                return
            about = path.stat()
        except OSError as error:
            self._not_checked.append(f"{name}: {error.strerror or error}")
            return
        if stat.S_ISREG(about.st_mode):
            self._entries.append(_entry(name, path, about))
        else:
            self._not_checked.append(f"{name}: neither a file nor a folder")

    def _follow(self, name: str, path: Path) -> bool:
        """Whether the link leads to a file that is part of the download. A hub's cache keeps files in `blobs` and
        links to them from `snapshots`; other links out of the folder are told."""
        target = path.resolve()
        if target.is_dir():
            self._not_checked.append(f"{name}: a link to a folder")
            return False
        inside_store = self._store is not None and target.is_relative_to(self._store)
        if target.is_relative_to(self._real) or inside_store or _is_blob_of(self._real, target):
            return True
        detail = f"a link that leaves the folder, to {shown(str(target))}"
        self._findings.append(finding("link-outside", "high", name, detail))
        self._not_checked.append(f"{name}: a link that leaves the folder is not followed")
        return False


def _is_blob_of(folder: Path, target: Path) -> bool:
    """Whether `target` lies in the `blobs` of the hub cache that `folder` is a snapshot of."""
    return any(parent.name == "snapshots" and target.parent == parent.parent / "blobs" for parent in folder.parents)

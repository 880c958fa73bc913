"""The files of one task folder: read whole where they are small, and counted among what the task is made of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path as FilePath

from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_lines import Path
from weighbridge.formats.toml_records import TomlFile
from weighbridge.units import MIB, format_bytes
from weighbridge.weigh.items.open_file import open_regular

LARGEST = 8 * MIB
"""For files that are read whole: task.toml and schemas."""


class UnreadableFile(Exception):
    """A file that cannot be read; says why in a few words."""


class TaskFiles:
    """Names as task.toml writes them; `used` gathers those that belong to the task's fingerprint."""

    def __init__(self, folder: FilePath) -> None:
        self.folder = folder
        self.used: dict[str, FilePath] = {}

    def use(self, name: str) -> FilePath:
        """The path of a file that answers depend on."""
        return self.used.setdefault(name, self.folder / name)

    def use_checked(self, file: TomlFile, path: Path, name: str, problems: Problems) -> FilePath | None:
        """The path of a file that is there; None after adding, at the key that names it, why it cannot be read."""
        try:
            os.close(open_regular(self.folder / name))
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            what = f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}"
            problems.add(file.problem(path, what, f"Check the path; it starts from {str(self.folder)!r}."))
            return None
        return self.use(name)

    def read(self, name: str) -> bytes:
        """A small file, whole. Raises UnreadableFile."""
        try:
            with os.fdopen(open_regular(self.folder / name), "rb") as opened:
                data = opened.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            raise UnreadableFile(getattr(error, "strerror", None) or str(error)) from None
        if len(data) > LARGEST:
            raise UnreadableFile(f"larger than {format_bytes(LARGEST)}")
        return data

    def fingerprint(self, task_toml: bytes) -> str:
        """SHA-256, in hex, over the SHA-256 of task.toml and of each used file by name; files are streamed.

        Raises UnreadableFile.
        """
        total = hashlib.sha256(hashlib.sha256(task_toml).digest())
        for name in sorted(self.used):
            try:
                with os.fdopen(open_regular(self.used[name]), "rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").digest()
            except (OSError, ValueError) as error:
                raise UnreadableFile(f"{name}: {getattr(error, 'strerror', None) or error}") from None
            total.update(name.encode() + b"\0" + digest)
        return total.hexdigest()

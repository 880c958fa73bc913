"""The record of what was pulled: one folder a pull in the data directory, with the licence texts beside it.

pulled/<name>-<8 hex>/record.json      written in one step; the last thing a pull writes
pulled/<name>-<8 hex>/licence/*        the texts that came with the weights
pulled/locks/*                         see lock.py
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from weighbridge.engines.pull.disk import disk_errors, write_small
from weighbridge.engines.pull.records import Pulled


class Shelf:
    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "pulled"

    def lock(self, name: str) -> Path:
        """The file that a process locks while it works on this name."""
        return self.root / "locks" / f"{name}.lock"

    def all(self) -> tuple[Pulled, ...]:
        """Every readable record, oldest first. One that cannot be read counts as not there: it is pulled again."""
        records = (self._read(path) for path in self.root.glob("*/record.json"))
        return tuple(sorted((record for record in records if record is not None), key=lambda record: record.pulled_at))

    def find(self, source: str) -> Pulled | None:
        """What `source` brought the last time, asked for in these words or with its revision."""
        for record in reversed(self.all()):
            if source in (record.source, record.pinned):
                return record
        return None

    def save(self, record: Pulled, texts: Mapping[str, bytes]) -> Pulled:
        """Write the record, and before it the licence texts it will point at."""
        folder = self._folder(record.source)
        kept = []
        for name, text in texts.items():
            path = folder / "licence" / name
            write_small(path, text)
            kept.append(str(path))
        licence = msgspec.structs.replace(record.licence, texts=tuple(kept))
        record = msgspec.structs.replace(record, licence=licence)
        write_small(folder / "record.json", msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        return record

    def forget(self, record: Pulled) -> None:
        """Drop the record and its texts; the bytes become leftovers of the cache."""
        folder = self._folder(record.source)
        with disk_errors(folder):
            shutil.rmtree(folder, ignore_errors=False)

    def _folder(self, source: str) -> Path:
        return self.root / key_of(source)

    def _read(self, path: Path) -> Pulled | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Pulled)
        except (OSError, msgspec.MsgspecError):
            return None


def key_of(source: str) -> str:
    """A folder name for a source: readable, and unique by its last 8 hex digits."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", source).strip("-.")[-60:].strip("-.")
    return f"{readable}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"

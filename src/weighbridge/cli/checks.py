"""What `weighbridge doctor` looks at: each check says what it found and, where something is missing, the next move.

A check never raises, never touches the network, and takes well under a second; together they answer "would a run
work here?" before anybody waits for one.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from weighbridge.settings import Settings
from weighbridge.units import GIB, format_bytes

Status = Literal["ok", "warn", "missing"]
EXTRAS = {
    "xllamacpp": ("local", "run GGUF weights on this machine"),
    "pyarrow": ("parquet", "read items from Parquet"),
    "sacrebleu": ("text", "score with chrF and BLEU"),
    "math_verify": ("math", "score by mathematical equivalence"),
}
"""Module to the extra that brings it, and what for."""
LITTLE_DISK = 2 * GIB


class Check(msgspec.Struct, frozen=True):
    name: str
    status: Status
    found: str
    next_move: str | None = None


def check_machine(settings: Settings) -> Iterator[Check]:
    """Every check, in the order a reader wants them."""
    yield _python()
    yield _cores()
    yield _memory()
    yield from _folders(settings)
    yield _ledger(settings.data_dir / "ledger.sqlite")
    yield _pip()
    yield from _extras()


def _python() -> Check:
    version = platform.python_version()
    where = f"Python {version} on {platform.system()} {platform.machine()}"
    if sys.version_info < (3, 11):
        return Check("python", "missing", where, "Weighbridge needs Python 3.11 or newer.")
    return Check("python", "ok", where)


def _cores() -> Check:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check("cores", "ok", f"{allowed} usable by this process, of {os.cpu_count()}")


def _memory() -> Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Check("memory", "warn", "this system does not say how much there is")
    return Check("memory", "ok", f"{format_bytes(total)} in all")


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (("data", settings.data_dir), ("cache", settings.cache_dir)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(there, os.W_OK):
            yield Check(name, "missing", f"{folder}: cannot be written", f"Make {there} writable or set XDG_{name.upper()}_HOME.")
            continue
        free = shutil.disk_usage(there).free
        found = f"{folder}: {format_bytes(free)} free"
        if free < LITTLE_DISK:
            yield Check(name, "warn", found, "Small models take 0.1 to 1 GiB each: `weighbridge pull --prune` frees what is unused.")
        else:
            yield Check(name, "ok", found)


def _ledger(path: Path) -> Check:
    if not path.exists():
        return Check("ledger", "ok", f"{path}: not there yet; the first call makes it")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1) as ledger:
            (calls,) = ledger.execute("SELECT count(*) FROM calls").fetchone()
        ledger.close()
    except sqlite3.Error as error:
        return Check("ledger", "missing", f"{path}: {error}", f"Move {path} away to start a new one; nothing else reads it.")
    return Check("ledger", "ok", f"{path}: {calls:,} calls")


def _pip() -> Check:
    if importlib.util.find_spec("pip") is None:
        return Check("pip", "missing", "not installed beside this Python", "`pypi:` sources need it: python -m ensurepip")
    return Check("pip", "ok", f"{metadata.version('pip')}, for `pypi:` sources")


def _extras() -> Iterator[Check]:
    for module, (extra, purpose) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Check(extra, "warn", f"cannot {purpose}", f"pip install 'weighbridge[{extra}]'")
        else:
            yield Check(extra, "ok", f"{module} {metadata.version(module.replace('_', '-'))}: can {purpose}")

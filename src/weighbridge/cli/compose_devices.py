"""Looks at this machine for `--on auto`: runs the drivers' programs and reads the kernel's files."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.fit.detect import detect
from weighbridge.fit.devices import DeviceSet, Known

PATIENCE_S = 10
"""A driver that hangs is a driver that is not there."""
MOST_BYTES = 1 << 22


def this_machine(known: Known) -> list[DeviceSet]:
    """Devices of this machine, largest first. Raises UsageError where nothing can be told of it."""
    found = detect(known, run_program, read_file)
    if not found:
        raise UsageError(
            "this machine says neither which devices nor how much memory it has",
            where="--on auto",
            next_move="Name a device: --on DEVICE[xN].",
        )
    return found


def run_program(words: Sequence[str]) -> str | None:
    """What a program prints; None where it is not there or takes longer than PATIENCE_S."""
    try:
        done = subprocess.run(
            list(words),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MOST_BYTES].decode("utf-8", "replace")


def read_file(path: str) -> str | None:
    """The beginning of a file; None where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None

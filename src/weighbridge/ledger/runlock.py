"""One process at a time for one run: two would pay for the same answers twice.

A lock of the operating system on an empty file: it ends with its process, however that ends, so that nothing is ever
left to clean up, and whoever gets it knows that every hold of the run was left behind by a process that is gone.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.errors import LedgerError


@contextmanager
def sole_run(data_dir: Path, run: str) -> Iterator[None]:
    """Hold the run's lock. Raises LedgerError when another process has it."""
    path = data_dir / "runs" / f"{run}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise LedgerError(
            f"the run's lock file cannot be made: {error.strerror}",
            where=str(path),
            next_move="Make the folder writable for this user, or set XDG_DATA_HOME to a folder that is.",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerError(
                f"the run {run} is under way in another process",
                where=str(path),
                next_move="Wait for it to end or stop it; the same command then goes on from what it has paid for.",
            ) from error
        yield

"""What every reader of a weights file says where there is no such file, or none that may be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.errors import WeightsError


@contextmanager
def weights_file(path: Path) -> Iterator[None]:
    """Read the file within: what the system refuses, and a path that is a folder, becomes a WeightsError."""
    try:
        if path.exists() and not path.is_file():
            raise WeightsError("this is no file", where=str(path), next_move="Name the file of the weights itself.")
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights: {error.strerror or error}",
            where=str(path),
            next_move="Check the path and its rights.",
        ) from error

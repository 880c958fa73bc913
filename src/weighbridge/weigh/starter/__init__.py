"""The task that `weighbridge weigh --init` writes: small, commented, and running at once without any model."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from weighbridge.errors import InputError, UsageError

FILES = ("task.toml", "items.jsonl", "shots.jsonl")


def write_starter(folder: Path) -> tuple[Path, ...]:
    """Write the starter's files into a folder, made if need be. Raises UsageError rather than replace a file."""
    paths = tuple(folder / name for name in FILES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            if path.exists():
                raise UsageError(
                    f"{str(path)!r} is already there, and nothing was written",
                    next_move="Name another folder, or move that file away.",
                )
        for path in paths:
            with path.open("x", encoding="utf-8") as file:
                file.write(resources.files(__name__).joinpath(path.name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot write the starter: {error.strerror or error}", where=str(folder), next_move="Name another folder."
        ) from None
    return paths

"""Overlays on disk: DATA/catalogue/FEED.json, put there in one step, so that a crash leaves the one before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from weighbridge.catalog.feeds.records import Overlay
from weighbridge.errors import InputError
from weighbridge.units import MIB

MOST_BYTES = 128 * MIB


def overlay_path(folder: Path, feed: str) -> Path:
    """Where an update leaves what it fetched from a feed."""
    return folder / f"{feed}.json"


def load_overlay(folder: Path, feed: str) -> Overlay | None:
    """What is held of a feed; None where it was never fetched. Raises InputError for a file that was damaged."""
    path = overlay_path(folder, feed)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES // MIB} MiB")
        return msgspec.json.decode(path.read_bytes(), type=Overlay)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"what is held of {feed} cannot be read: {error}",
            where=str(path),
            next_move=f"Delete the file; `weighbridge catalog update {feed}` fetches it again.",
        ) from error


def save_overlay(folder: Path, overlay: Overlay) -> Path:
    """Put an overlay into its place; the one before stays until the new one is whole."""
    path = overlay_path(folder, overlay.feed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode(overlay))
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            next_move="What was held before is as it was. Free some room, or set XDG_DATA_HOME to another folder.",
        ) from error
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file into its place in one step; what was there stays until then. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)

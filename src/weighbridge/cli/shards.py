"""Checkpoints in several files here: their headers, and the index that says which tensor lies in which file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from weighbridge.errors import InputError, WeightsError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.checkpoint import checkpoint_weights
from weighbridge.fit.weights_record import Weights
from weighbridge.formats.safetensors import SafetensorsHeader, read_safetensors
from weighbridge.units import MIB, format_bytes

MOST_INDEX_BYTES = 64 * MIB
"""Of an index here; DeepSeek-V3's has 9."""
MOST_SHARDS = 4096
INDEX = "model.safetensors.index.json"


def local_headers(path: Path) -> tuple[list[SafetensorsHeader], int]:
    """The headers of a file or of a folder's checkpoint, and the bytes of its index (0 without one)."""
    if path.is_file():
        return [read_safetensors(path)], 0
    index = path / INDEX
    if index.is_file():
        names, _ = index_names(_read_index(index), str(index))
        headers = [read_safetensors(path / name) for name in sorted(set(names.values()))]
        check_index(names, headers, str(index))
        return headers, index.stat().st_size
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise InputError(
            "there are no safetensors files here", where=str(path), next_move=f"Name a file, or a folder with {INDEX}."
        )
    return [read_safetensors(file) for file in files], 0


def local_weights(path: Path, architecture: Architecture | None = None) -> Weights:
    """Exact weights of a file or folder."""
    headers, more = local_headers(path)
    return checkpoint_weights(headers, architecture, more)


def _read_index(path: Path) -> bytes:
    if path.stat().st_size > MOST_INDEX_BYTES:
        raise WeightsError(f"the index is longer than {format_bytes(MOST_INDEX_BYTES)}", where=str(path))
    return path.read_bytes()


def index_names(text: bytes, where: str) -> tuple[dict[str, str], int | None]:
    """Tensor to file of an index, and the total it states. A file must lie beside the index."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"the index is no JSON: {str(error)[:200]}", where=where) from error
    names = table.get("weight_map") if isinstance(table, dict) else None
    if not isinstance(names, dict) or not names:
        raise WeightsError("the index has no weight_map", where=where)
    for tensor, name in names.items():
        if not isinstance(name, str) or PurePosixPath(name).name != name or name in (".", "..") or "\\" in name:
            raise WeightsError(
                f"the index puts {tensor[:80]!r} into {str(name)[:80]!r}, which is no file name", where=where
            )
    if len(set(names.values())) > MOST_SHARDS:
        raise WeightsError(f"the index names more than {MOST_SHARDS} files", where=where)
    metadata = table.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return names, int(total) if isinstance(total, int | float) and 0 < total < 1 << 60 else None


def check_index(names: Mapping[str, str], headers: list[SafetensorsHeader], where: str) -> None:
    """Every tensor of the index is in the file it names, and no file holds another."""
    held = {tensor.name: Path(header.where).name for header in headers for tensor in header.tensors}
    for tensor, name in names.items():
        if held.get(tensor) != name:
            raise WeightsError(f"the index puts {tensor[:80]!r} into {name}, which does not hold it", where=where)
    extra = next((tensor for tensor in held if tensor not in names), None)
    if extra is not None:
        raise WeightsError(f"{held[extra]} holds {extra[:80]!r}, which the index does not name", where=where)

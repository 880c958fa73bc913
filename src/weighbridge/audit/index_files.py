"""The index of a model in several shards: each tensor to its file. Readers trust it with paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from weighbridge.audit.records import Finding

from .containers.member import finding, leaves, shown
from .repository import Repository

INDEX_ENDING = ".index.json"
SAID = 5


def index_findings(repository: Repository, tensors: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    """Shards that are missing or lie outside, tensors that are not where the index says.

    `tensors`: names of the tensors in each file whose header was read.
    """
    for name in repository.ending(INDEX_ENDING):
        mapped = repository.object(name).get("weight_map")
        if not isinstance(mapped, dict) or not mapped or not all(isinstance(each, str) for each in mapped.values()):
            yield finding("index-form", "medium", name, "the index has no weight_map of tensors to files")
            continue
        yield from _shards(repository, name, set(mapped.values()))
        yield from _places(name, mapped, tensors)


def _shards(repository: Repository, index: str, shards: set[str]) -> Iterator[Finding]:
    folder = PurePosixPath(index).parent
    for shard in sorted(shards):
        if leaves(shard):
            detail = f"the index takes tensors from {shown(shard)}, outside the model's folder"
            yield finding("index-outside", "high", index, detail, "CWE-22")
    missing = sorted(shard for shard in shards if not leaves(shard) and str(folder / shard) not in repository.entries)
    if missing:
        detail = f"{len(missing)} of {len(shards)} shards are missing: {_some(missing)}"
        yield finding("index-missing-shard", "medium", index, detail)


def _places(index: str, mapped: Mapping[str, str], tensors: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    """Tensors against the headers of the shards that are there."""
    folder = PurePosixPath(index).parent
    held = {shard: tensors[path] for shard in set(mapped.values()) if (path := str(folder / shard)) in tensors}
    absent = sorted(tensor for tensor, shard in mapped.items() if shard in held and tensor not in held[shard])
    extra = sorted(tensor for names in held.values() for tensor in names if tensor not in mapped)
    if absent:
        detail = f"{len(absent)} tensors are not in the shard that the index names: {_some(absent)}"
        yield finding("index-lies", "high", index, detail)
    if extra:
        detail = f"{len(extra)} tensors of the shards are not in the index: {_some(extra)}"
        yield finding("index-incomplete", "medium", index, detail)


def _some(names: list[str]) -> str:
    said = ", ".join(shown(name) for name in names[:SAID])
    return said + (f" and {len(names) - SAID} more" if len(names) > SAID else "")

"""Weights from an architecture: every tensor of the checkpoint, in the format asked for.

    plain    every tensor in one type of 16 or 32 bits
    packed   linear layers and experts packed, the rest as trained: what `modules_to_not_convert` names, embeddings,
             head, routers, norms, draft projections, towers
    GGUF     fit/gguf_file.py
    bits     parameters x bits / 8, where a name says only that: estimated

Source: docs/weights.md; bench/fit_weights.py compares with published sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from .architecture import Architecture, Layer, Moe, Tensor
from .formats import Format, format_of
from .gguf_file import Maker, file_parts, part_of
from .packing import Packer
from .weights_record import Part, Weights

HEADER_PER_TENSOR = 110
"""Bytes a tensor takes in a safetensors header: its name, type, shape and offsets."""
ANYBODY = Maker()
ROUTED = 4096
"""Distinct (architecture, format) pairs kept."""


@lru_cache(maxsize=ROUTED)
def derive(arch: Architecture, fmt: str, maker: Maker = ANYBODY) -> Weights:
    """What the weights of this architecture take in this format.

    maker: who made a GGUF file, where that is known (fit/publishers.py knows some); it changes a few types.
    Raises InputError for a format that is not known or that no rule predicts (UD files).
    """
    found = format_of(fmt, arch)
    if found.way == "gguf":
        parts, container, host = file_parts(arch, found.name, maker)
        return _weights(arch, fmt, parts, container, host)
    if found.way == "bits":
        return _by_bits(arch, fmt, found.bits)
    parts, tensors = _checkpoint(arch, found)
    weights = _weights(arch, fmt, parts, 8 + HEADER_PER_TENSOR * tensors)
    if found.way == "packed" and not found.stored.understood:
        return _bounded(weights, found.stored.method)
    return weights


def _bounded(weights: Weights, method: str) -> Weights:
    """The checkpoint unpacked, where nobody here knows its packing: it is never more, and hardly less than a sixth."""
    total = weights.total_bytes
    note = f"the checkpoint is packed by {method!r:.40}, which is not worked out here: 16 bit is the most it can be"
    return msgspec.structs.replace(
        weights, kind="estimated", interval=(total // 6, total), notes=(*weights.notes, note)
    )


def _weights(
    arch: Architecture, fmt: str, parts: list[Part], container: int = 0, host: int = 0, *, estimated: bool = False
) -> Weights:
    """The record; an estimate of a tenth either way where only bits per weight are known."""
    total = sum(part.bytes for part in parts) + container
    return Weights(
        format=fmt,
        kind="estimated" if estimated else "derived",
        total_bytes=total,
        parts=tuple(parts),
        container_bytes=container,
        host_bytes=host,
        parameters_total=sum(part.parameters for part in parts),
        parameters_active=active_parameters(arch),
        interval=(round(total * 0.9), round(total * 1.1)) if estimated else None,
        notes=tuple(f"assumed: {fact}" for fact in arch.assumed),
    )


def _by_bits(arch: Architecture, fmt: str, bits: float) -> Weights:
    """Only bits per weight are known: a tenth either way covers what recipes of one name differ by."""
    parts = [
        Part(part.name, round(part.parameters * bits / 8), part.parameters)
        for part in _checkpoint(arch, Format("bf16", "plain"))[0]
        if part.name not in ("vision", "audio", "mtp")
    ]
    return _weights(arch, fmt, parts, estimated=True)


def _checkpoint(arch: Architecture, found: Format) -> tuple[list[Part], int]:
    """Parts of a safetensors checkpoint, and how many tensors its headers list."""
    sums: dict[str, list[int]] = {}
    tensors = 0
    pack = Packer(arch, found)
    for name, group, places in _groups(arch):
        if pack.everything and name == "mtp":  # MLX leaves draft layers out
            continue
        for tensor in group:
            part = name or part_of(tensor)
            entry = sums.setdefault(part, [0, 0])
            entry[0] += pack.bytes_of(tensor, part, places)
            entry[1] += len(places) * tensor.elements
            tensors += len(places) * (tensor.shape[0] if tensor.kind == "expert" else 1)
    return [Part(name, size, count) for name, (size, count) in sums.items()], tensors  # type: ignore[arg-type]


def _groups(arch: Architecture) -> Iterator[tuple[str, tuple[Tensor, ...], tuple[int, ...]]]:
    """(part or "" where each tensor says, tensors, numbers of the layers that have them; -1 outside layers)."""
    first = 0
    for layers, name in ((arch.layers, ""), (arch.mtp, "mtp")):
        places: dict[int, list[int]] = {}
        for i, layer in enumerate(layers):
            places.setdefault(id(layer), []).append(first + i)
        for numbers in places.values():
            yield name, layers[numbers[0] - first].tensors, tuple(numbers)
        first += len(layers)
    for tensor in arch.outside:
        yield _outside_part(arch, tensor), (tensor,), (-1,)
    for tower in arch.towers:
        yield tower.name, tower.tensors, (-1,)


def _outside_part(arch: Architecture, tensor: Tensor) -> str:
    if tensor.kind == "head":
        return "head"
    if tensor.kind != "embedding":
        return "dense"
    return "head" if arch.tied and tensor.role == "token_embd" else "embedding"


@lru_cache(maxsize=ROUTED)
def active_parameters(arch: Architecture) -> int:
    """What one token goes through: see Weights.parameters_active."""
    total = 0
    alike: dict[int, int] = {}
    for layer in arch.layers:
        known = alike.get(id(layer))
        if known is None:
            known = alike[id(layer)] = _active_in(layer)
        total += known
    for tensor in arch.outside:
        if tensor.kind != "embedding" or (arch.tied and tensor.role == "token_embd"):
            total += tensor.elements
    return total


def _active_in(layer: Layer) -> int:
    total = 0
    for tensor in layer.tensors:
        if isinstance(layer.mlp, Moe) and part_of(tensor) == "experts":
            total += tensor.elements * layer.mlp.per_token // layer.mlp.experts
        else:
            total += tensor.elements
    return total

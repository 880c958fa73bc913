"""Weights from an architecture: every tensor of the checkpoint, in the format asked for.

    plain    every tensor in one type of 16 or 32 bits
    packed   linear layers and experts packed, the rest as trained: what `modules_to_not_convert` names, embeddings,
             head, routers, norms, draft projections, towers
    GGUF     fit/gguf_file.py
    bits     parameters x bits / 8, where a name says only that: estimated

Source: docs/weights.md; bench/fit_weights.py compares with published sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .architecture import Architecture, Layer, Moe, Stored, Tensor
from .formats import Format, format_of
from .gguf_file import Maker, file_parts, part_of
from .sizes import packed_bytes, plain_bytes
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
    return _weights(arch, fmt, parts, 8 + HEADER_PER_TENSOR * tensors)


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
    pack = _Packer(arch, found)
    for name, group, times in _groups(arch):
        if pack.everything and name == "mtp":  # MLX leaves draft layers out
            continue
        for tensor in group:
            part = name or part_of(tensor)
            entry = sums.setdefault(part, [0, 0])
            entry[0] += times * pack.bytes_of(tensor, part)
            entry[1] += times * tensor.elements
            tensors += times * (tensor.shape[0] if tensor.kind == "expert" else 1)
    return [Part(name, size, count) for name, (size, count) in sums.items()], tensors  # type: ignore[arg-type]


def _groups(arch: Architecture) -> Iterator[tuple[str, tuple[Tensor, ...], int]]:
    """(part or "" where each tensor says, tensors, how often)."""
    for layers, name in ((arch.layers, ""), (arch.mtp, "mtp")):
        times: dict[int, int] = {}
        distinct: dict[int, Layer] = {}
        for layer in layers:
            times[id(layer)] = times.get(id(layer), 0) + 1
            distinct[id(layer)] = layer
        for key, layer in distinct.items():
            yield name, layer.tensors, times[key]
    for tensor in arch.outside:
        yield _outside_part(arch, tensor), (tensor,), 1
    for tower in arch.towers:
        yield tower.name, tower.tensors, 1


def _outside_part(arch: Architecture, tensor: Tensor) -> str:
    if tensor.kind == "head":
        return "head"
    if tensor.kind != "embedding":
        return "dense"
    return "head" if arch.tied and tensor.role == "token_embd" else "embedding"


class _Packer:
    """Bytes of each tensor in one format."""

    __slots__ = ("dtype", "everything", "experts_only", "ignored", "stored")

    def __init__(self, arch: Architecture, found: Format) -> None:
        self.stored: Stored | None = found.stored if found.way == "packed" else None
        self.dtype = found.dtype if found.way == "plain" else arch.dtype
        self.everything = self.stored is not None and self.stored.layout == "mlx"
        self.experts_only = self.stored is not None and self.stored.method == "mxfp4" and not self.everything
        self.ignored = Ignored(self.stored.ignore if self.stored else ())

    def bytes_of(self, tensor: Tensor, part: str) -> int:
        stored = self.stored
        if stored is None or not self._packs(tensor, part):
            return plain_bytes(tensor, self.dtype)
        if stored.layout == "deepseek-fp4-experts" and tensor.kind == "expert":
            return packed_bytes(tensor, Stored("mxfp4", "mxfp4", 4, (1, 32)), self.dtype)
        return packed_bytes(tensor, stored, self.dtype)

    def _packs(self, tensor: Tensor, part: str) -> bool:
        if part in ("vision", "audio", "other"):
            return False
        if self.everything:
            return tensor.kind in ("linear", "expert", "embedding", "head", "router") and len(tensor.shape) > 1
        if tensor.kind not in ("linear", "expert") or (self.experts_only and tensor.kind != "expert"):
            return False
        return not self.ignored.names(tensor.name)


class Ignored:
    """The modules a checkpoint leaves as they were trained, by the patterns its config lists.

    Tools write whole names (`model.layers.0.mlp.gate`), parts (`self_attn`), or regular expressions after `re:`. A
    tensor here stands for its like in all layers, so a whole name counts for every layer; what is listed for some
    layers only (the first, the last) is not told apart.
    """

    __slots__ = ("patterns", "texts")

    def __init__(self, listed: tuple[str, ...]) -> None:
        self.patterns = [compiled for text in listed if (compiled := _pattern(text)) is not None]
        self.texts = tuple(dict.fromkeys(_tail(text) for text in listed if not text.startswith("re:")))

    def names(self, module: str) -> bool:
        """Whether a module whose name ends in these parts is left alone."""
        full = f"model.layers.0.mlp.{module}" if module.startswith("experts.") else f"model.layers.0.{module}"
        if any(
            text and (module == text or module.endswith(f".{text}") or module.startswith(f"{text}."))
            for text in self.texts
        ):
            return True
        return any(pattern.match(full) for pattern in self.patterns)


def _pattern(text: str) -> re.Pattern[str] | None:
    """A pattern a config brings, when it is short and plain enough to be run safely."""
    if not text.startswith("re:") or len(text) > 200 or re.search(r"[+*}]\)?[+*{]|\(.*[+*].*\)[+*{]", text):
        return None
    try:
        return re.compile(text[3:])
    except re.error:
        return None


def _tail(text: str) -> str:
    """What stands behind the layer's number: `model.layers.0.self_attn` is `self_attn`."""
    return re.sub(r"^(?:.*\.)?layers\.\d+\.", "", text).strip("*.")


def active_parameters(arch: Architecture) -> int:
    """What one token goes through: see Weights.parameters_active."""
    total = 0
    for layer in arch.layers:
        for tensor in layer.tensors:
            if isinstance(layer.mlp, Moe) and part_of(tensor) == "experts":
                total += tensor.elements * layer.mlp.per_token // layer.mlp.experts
            else:
                total += tensor.elements
    for tensor in arch.outside:
        if tensor.kind != "embedding" or (arch.tied and tensor.role == "token_embd"):
            total += tensor.elements
    return total

"""The tensors of a GGUF file as `convert_hf_to_gguf` writes them, and what the file takes in each quantisation.

    left out   vision and audio towers (a file of their own), draft layers except in the families that keep them
    split      kv_b of latent attention into one part for keys and one for values; experts' gate and up stay apart
    F32        vectors, norms, convolutions, routers, the indexer's weights
    container  header, tokenizer, one record per tensor: estimated from the vocabulary (exact only in a real file)

Source: conversion/ of llama.cpp, commit 0c1e57098; docs/weights.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from .architecture import Architecture, Attention, CompressedAttention, LatentAttention, Layer, Tensor
from .gguf_mix import FLOATS, NEEDS_IMATRIX, Chooser, OldChooser, Shape, row_bytes
from .gguf_mix_published import EarlierChooser, FirstChooser, PublishedChooser
from .weights_record import Part

KEEPS_DRAFTS = frozenset(("glm4_moe", "bailing_moe_v2", "glm4v_moe_text", "glm_moe_dsa", "deepseek_v32"))
"""Families whose conversion has always kept the draft layers."""
ZERO_KV = frozenset(("nemotron_h", "jamba", "granitemoehybrid", "lfm2", "lfm2_moe", "kimi_linear", "mamba", "mamba2"))
"""Families whose metadata count key-value heads per layer, none for layers without attention."""
HALVES = frozenset(("per_layer_model_proj", "altup_router", "laurel_l", "laurel_r", "altup_correct_coef",
                    "altup_predict_coef", "nextn.eh_proj", "attn_compressor_kv", "attn_compressor_gate",
                    "indexer_compressor_kv", "indexer_compressor_gate"))  # fmt: skip
"""Matrices that are never quantised and keep the 16 bits they came with."""
QUANTISED_ANYWAY = frozenset(("nextn.eh_proj", "attn_compressor_kv", "attn_compressor_gate", "indexer_compressor_kv",
                              "indexer_compressor_gate"))  # fmt: skip
TENSOR_RECORD = 64
"""Bytes a tensor's entry in the header takes with its padding."""
HEAD = 12 * 1024
"""Metadata beside the vocabulary: names, numbers, a chat template."""


class Maker(msgspec.Struct, frozen=True, cache_hash=True):
    """Who made a GGUF file, as far as it changes the file."""

    imatrix: bool | None = None
    """Whether with an importance matrix; None: not known."""
    recipe: str = ""
    """`bartowski` for that publisher's build of llama-quantize, with a year for what it was; `2023` for llama.cpp
    before January 2024; empty: llama.cpp's."""
    large: str = ""
    """Type of the embeddings in files called _L where it is not Q8_0 (and then of the embeddings only)."""


CHOOSERS: dict[str, type[Chooser]] = {
    "": Chooser,
    "2023": OldChooser,
    "bartowski": PublishedChooser,
    "bartowski-2026": EarlierChooser,
    "bartowski-2025": FirstChooser,
}


class Sized(msgspec.Struct, frozen=True):
    """One tensor of the file."""

    role: str
    part: str
    columns: int
    rows: int
    experts: int
    fixed: str
    """Its type where no file type changes it; empty: the mixture decides."""

    @property
    def elements(self) -> int:
        return self.columns * self.rows * self.experts


def chooser_of(arch: Architecture, name: str, maker: Maker) -> Chooser:
    """What chooses the types of a file of this type."""
    chooser = CHOOSERS[maker.recipe](name, shape_of(arch, name, maker.imatrix))
    if chooser.large and maker.large:
        chooser.large = maker.large
        chooser.only_embeddings = True
    return chooser


def file_tensors(arch: Architecture, name: str, maker: Maker) -> Iterator[tuple[Sized, str]]:
    """Every tensor of the file and its type, in the order llama-quantize walks through them."""
    chooser = chooser_of(arch, name, maker)
    experts_stay = arch.stored.method == "mxfp4" and name != "F32"
    groups = [sorted(_outside(arch), key=_order)]
    for i, layer in enumerate(_layers(arch)):
        still, moved = _split(layer, ("",), experts_stay, draft=i >= len(arch.layers))
        groups.append(sorted((*still, *moved), key=_order))
    for i, group in enumerate(groups):
        for tensor in group:
            kind = tensor.fixed or chooser.type_of(tensor.role, tensor.columns, max(0, i - 1), tensor.experts)
            yield tensor, kind


def file_parts(arch: Architecture, name: str, maker: Maker) -> tuple[list[Part], int, int]:
    """Parts of a GGUF file of this type, its container's bytes, and the bytes of what stays on the host."""
    tally = _Tally(chooser_of(arch, name, maker))
    experts_stay = arch.stored.method == "mxfp4" and name != "F32"
    for tensor in sorted(_outside(arch), key=_order):
        tally.add(tensor, 0)
    static: dict[int, tuple[list[Sized], list[Sized]]] = {}
    for i, layer in enumerate(_layers(arch)):
        split = static.get(id(layer))
        if split is None:
            split = static[id(layer)] = _split(layer, tally.moving, experts_stay, draft=i >= len(arch.layers))
        tally.add_still(id(layer), split[0])
        for tensor in split[1]:
            tally.add(tensor, i)
    return tally.parts(), container_bytes(arch, tally.tensors), tally.host


def _layers(arch: Architecture) -> tuple[Layer, ...]:
    return arch.layers + (arch.mtp if arch.model_type in KEEPS_DRAFTS else ())


def shape_of(arch: Architecture, name: str, imatrix: bool | None) -> Shape:
    """What the mixture depends on; without word on an importance matrix, the types that profit from one have it."""
    layers = _layers(arch)
    counts = _counts(layers)
    values = sum(times for role, times in counts.items() if role in ("attn_v", "attn_qkv"))
    experts = max((layer.mlp.experts for layer in layers if layer.mlp and layer.mlp.kind == "moe"), default=0)
    return Shape(
        gqa=_grouping(arch),
        experts=experts,
        layers=len(layers),
        values=values,
        tied=not any(t.role == "output" for t in arch.outside),
        arch="falcon" if arch.model_type == "falcon" else "llama" if arch.model_type in _AS_LLAMA else "",
        imatrix=name in NEEDS_IMATRIX if imatrix is None else imatrix,
        counts=tuple(counts.items()),
    )


def _counts(layers: tuple[Layer, ...]) -> Counter[str]:
    """Tensors by role over all layers."""
    times = Counter(map(id, layers))
    distinct = {id(layer): layer for layer in layers}
    counts: Counter[str] = Counter()
    for key, layer in distinct.items():
        for tensor in layer.tensors:
            counts[tensor.role] += times[key]
    return counts


_AS_LLAMA = frozenset(("llama", "mistral", "mixtral", "internlm2", "exaone", "yi", "nemotron-nas"))


def _grouping(arch: Architecture) -> int:
    """Query heads per key-value head as the metadata of the first layer say."""
    first = arch.layers[0].mixers
    for mixer in first:
        if isinstance(mixer, Attention):
            return mixer.heads // mixer.kv_heads
        if isinstance(mixer, LatentAttention | CompressedAttention):
            return mixer.heads
    if arch.model_type in ZERO_KV:
        return 0
    attention = next((m for layer in arch.layers for m in layer.mixers if isinstance(m, Attention)), None)
    return attention.heads // attention.kv_heads if attention else 0


def _order(tensor: Sized) -> str:
    """llama-quantize walks by name."""
    return tensor.role + ".weight"


def _outside(arch: Architecture) -> Iterator[Sized]:
    for tensor in arch.outside:
        if tensor.role == "output_copy":
            continue
        part = "embedding" if tensor.kind == "embedding" else "head" if tensor.role.startswith("output") else "dense"
        if part == "embedding" and arch.tied and tensor.role == "token_embd":
            part = "head"
        yield from _sized(tensor, part, False)


def _split(
    layer: Layer, moving: tuple[str, ...], experts_stay: bool, *, draft: bool
) -> tuple[list[Sized], list[Sized]]:
    """Tensors whose type is the same in every layer, and those it depends on the layer for, in walking order."""
    still: list[Sized] = []
    moved: list[Sized] = []
    for tensor in layer.tensors:
        part = "mtp" if draft else part_of(tensor)
        for sized in _latent_split(layer, tensor, part) or _sized(tensor, part, experts_stay):
            role = sized.role
            (moved if not sized.fixed and (role in moving or role.startswith(moving)) else still).append(sized)
    moved.sort(key=_order)
    return still, moved


def part_of(tensor: Tensor) -> str:
    """Which part of the weights a layer's tensor belongs to."""
    if tensor.role.endswith(("_exps", "_exps.bias")):
        return "experts"
    return "shared" if "_shexp" in tensor.role else "dense"


def _latent_split(layer: Layer, tensor: Tensor, part: str) -> list[Sized] | None:
    """Keys' and values' halves of kv_b, per head; None for anything else."""
    if tensor.role != "attn_kv_b":
        return None
    spec = next((mixer for mixer in layer.mixers if isinstance(mixer, LatentAttention)), None)
    if spec is None:
        return None
    return [
        Sized("attn_k_b", part, spec.nope_dim, spec.kv_lora_rank, spec.heads, ""),
        Sized("attn_v_b", part, spec.kv_lora_rank, spec.v_dim, spec.heads, ""),
    ]


def _sized(tensor: Tensor, part: str, experts_stay: bool) -> list[Sized]:
    if not tensor.elements:
        return []
    *many, columns = tensor.shape
    rows = many[-1] if many else 1
    experts = tensor.elements // (columns * rows)
    fixed = ""
    if tensor.kind in ("norm", "vector", "conv") or not many or (rows == 1 and experts == 1):
        fixed = "F32"
    elif tensor.kind == "router" and tensor.role not in QUANTISED_ANYWAY:
        fixed = "I32" if tensor.dtype == "I64" else "F16" if tensor.role in HALVES else "F32"
    elif experts_stay and tensor.kind == "expert":
        fixed = "MXFP4"
    return [Sized(tensor.role, part, columns, rows, experts, fixed)]


class _Tally:
    """Bytes and parameters by part while walking through a file."""

    __slots__ = ("bytes", "chooser", "count", "floats", "host", "moving", "remembered", "tensors")

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.bytes: dict[str, int] = {}
        self.count: dict[str, int] = {}
        self.host = 0
        self.tensors = 0
        self.remembered: dict[int, list[tuple[str, int, int]]] = {}
        self.floats = chooser.default if chooser.default in FLOATS else ""
        self.moving = chooser.moving()

    def add(self, tensor: Sized, layer: int) -> None:
        """Count a tensor of this layer."""
        self._add(tensor.part, self._bytes(tensor, layer), tensor.elements)
        self.tensors += 1
        if tensor.role in ("token_embd", "per_layer_token_embd"):
            self.host += self._bytes(tensor, layer)

    def add_still(self, layer: int, tensors: list[Sized]) -> None:
        """Tensors that weigh the same in each layer of this kind."""
        known = self.remembered.get(layer)
        if known is None:
            sums: dict[str, tuple[int, int]] = {}
            for tensor in tensors:
                size, count = sums.get(tensor.part, (0, 0))
                sums[tensor.part] = (size + self._bytes(tensor, 0), count + tensor.elements)
            known = self.remembered[layer] = [(part, *both) for part, both in sums.items()]
        for part, size, count in known:
            self._add(part, size, count)
        self.tensors += len(tensors)

    def _add(self, part: str, size: int, count: int) -> None:
        self.bytes[part] = self.bytes.get(part, 0) + size
        self.count[part] = self.count.get(part, 0) + count

    def _bytes(self, tensor: Sized, layer: int) -> int:
        kind = tensor.fixed
        if kind == "F16" and self.floats:
            kind = self.floats
        if not kind:
            kind = self.chooser.type_of(tensor.role, tensor.columns, layer, tensor.experts)
        return row_bytes(kind, tensor.columns) * tensor.rows * tensor.experts

    def parts(self) -> list[Part]:
        """Bytes and parameters of each part of the file."""
        return [Part(name, size, self.count[name]) for name, size in self.bytes.items()]  # type: ignore[arg-type]


def container_bytes(arch: Architecture, tensors: int) -> int:
    """An estimate of what is no tensor, by what llama.cpp's own vocabulary files take a token: SentencePiece 23 to 25
    bytes, byte-pair ones with their merges 35 to 43, Llama 3's and Gemma 4's 61."""
    if (arch.model_type.startswith("gemma4")) or 128_000 <= arch.vocab <= 128_600:
        per_token = 61
    elif arch.model_type.startswith("gemma") or arch.vocab <= 33_000:
        per_token = 24
    else:
        per_token = 35 if arch.vocab < 70_000 else 39 if arch.vocab < 200_000 else 43
    return HEAD + per_token * arch.vocab + TENSOR_RECORD * tensors

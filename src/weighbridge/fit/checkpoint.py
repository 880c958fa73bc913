"""What a safetensors checkpoint takes, from its own headers: exact.

Parts follow from names as makers use them: `embed_tokens`, `lm_head`, `experts`, `shared_expert`, `vision_tower`, and
for layers that draft either `mtp` or a layer number beyond the last. Elements of packed tensors count as what they hold
(eight 4-bit weights in a 32-bit word), scales and zeros count as bytes only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from weighbridge.formats.safetensors import SafetensorsHeader, StoredTensor

from .architecture import Architecture
from .weights import active_parameters
from .weights_record import Part, Weights

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d{1,5})\.")
_SCALES = (
    "_scale_inv", "_scale", "_scales", ".scales", ".scale", ".biases", ".qzeros", ".g_idx", "_scale_2", ".input_scale",
    ".weight_shape", "_global_scale", ".weight_zero_point", ".absmax", ".nested_absmax", ".quant_map", ".quant_state",
)  # fmt: skip
_PACKED_WORDS = (".qweight", ".weight_packed")
_TOWERS = (
    ("vision", ("vision", "visual", "vit.", "mm_projector", "multi_modal_projector", "image_newline")),
    ("audio", ("audio", "speech")),
)
_EXPERT = re.compile(r"\.experts?\.")
_SHARED = re.compile(r"shared_(?:expert|mlp)")


def checkpoint_weights(
    headers: Sequence[SafetensorsHeader], architecture: Architecture | None, other_bytes: int = 0
) -> Weights:
    """Weights of the files with these headers; without an architecture, active parameters count as all.

    other_bytes: what further files of the checkpoint take (an index), counted with the containers.
    """
    sums: dict[str, list[int]] = {}
    layers = len(architecture.layers) if architecture is not None else None
    bits = architecture.stored.bits if architecture is not None else 4
    for tensor in _tensors(headers):
        entry = sums.setdefault(
            part_of_name(tensor.name, layers, architecture is not None and architecture.tied), [0, 0]
        )
        entry[0] += tensor.bytes
        entry[1] += parameters_of(tensor, bits)
    held = sum(size for size, _ in sums.values())
    total = sum(header.file_bytes for header in headers) + other_bytes
    count = sum(count for _, count in sums.values())
    return Weights(
        format="native",
        kind="exact",
        total_bytes=total,
        parts=tuple(Part(name, size, count) for name, (size, count) in sums.items()),  # type: ignore[arg-type]
        container_bytes=total - held,
        host_bytes=0,
        parameters_total=count,
        parameters_active=active_parameters(architecture) if architecture is not None else count,
    )


def _tensors(headers: Iterable[SafetensorsHeader]) -> Iterable[StoredTensor]:
    for header in headers:
        yield from header.tensors


def parameters_of(tensor: StoredTensor, bits: int) -> int:
    """Weights a tensor holds: packed words hold several, scales none."""
    if tensor.name.endswith(_SCALES):
        return 0
    if tensor.name.endswith(_PACKED_WORDS) and tensor.dtype in ("I32", "U32"):
        return tensor.elements * 32 // max(1, bits)
    if tensor.dtype in ("I32", "U32") and tensor.name.endswith(".weight") and len(tensor.shape) > 1:  # MLX
        return tensor.elements * 32 // max(1, bits)
    if tensor.dtype == "U8" and (tensor.name.endswith((".weight", "_blocks", *_PACKED_WORDS))):
        return tensor.elements * 2
    return tensor.elements


def part_of_name(name: str, layers: int | None, tied: bool) -> str:
    """The part a tensor belongs to by its name; layers: how many the model has, beyond which layers draft."""
    for part, words in _TOWERS:
        if any(word in name for word in words):
            return part
    layer = _LAYER.search(name)
    if "mtp" in name or (layer is not None and layers is not None and int(layer[1]) >= layers):
        return "mtp"
    if layer is None:
        if "lm_head" in name or name in ("output.weight", "head.weight"):
            return "head"
        if re.search(r"embed_tokens|wte|word_embeddings|tok_embeddings|embed\.weight|embeddings\.weight", name):
            return "head" if tied else "embedding"
        return "dense"
    if _SHARED.search(name):
        return "shared"
    return "experts" if _EXPERT.search(name) else "dense"

"""What the tensors of a GGUF file take, read from its header: exact."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.errors import WeightsError
from weighbridge.formats.gguf import GgufHeader, Tensor

from .architecture import Architecture
from .weights import active_parameters
from .weights_record import Part, Weights

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip
"""`general.file_type` to the name people use; LLAMA_FTYPE of llama.h."""


def gguf_weights(files: Sequence[GgufHeader], architecture: Architecture) -> Weights:
    """Weights of a model whose files these are, the first one first. Raises WeightsError for a type of unknown size."""
    sums: dict[str, list[int]] = {}
    host = 0
    for header in files:
        for tensor in header.tensors:
            size = _bytes(tensor, header)
            entry = sums.setdefault(_part(tensor.name, architecture), [0, 0])
            entry[0] += size
            entry[1] += tensor.elements
            host += size if tensor.name.startswith(("token_embd", "per_layer_token_embd")) else 0
    held = sum(size for size, _ in sums.values())
    total = sum(header.file_bytes for header in files)
    return Weights(
        format=format_name(files[0]),
        kind="exact",
        total_bytes=max(total, held),
        parts=tuple(Part(name, size, count) for name, (size, count) in sums.items()),  # type: ignore[arg-type]
        container_bytes=max(0, total - held),
        host_bytes=host,
        parameters_total=sum(count for _, count in sums.values()),
        parameters_active=active_parameters(architecture),
    )


def format_name(header: GgufHeader) -> str:
    """What the header says the file is; the commonest type of its bytes where it does not say."""
    said = header.number("general.file_type")
    if said is not None and said in FILE_TYPES:
        return FILE_TYPES[said]
    sums: dict[str, int] = {}
    for tensor in header.tensors:
        sums[tensor.type_name] = sums.get(tensor.type_name, 0) + (tensor.bytes or 0)
    return max(sums, key=lambda name: sums[name], default="GGUF")


def _bytes(tensor: Tensor, header: GgufHeader) -> int:
    if tensor.bytes is None:
        raise WeightsError(
            f"the tensor {tensor.name!r} is of {tensor.type_name}, whose size is not known here",
            where=str(header.path),
            next_move="A newer weighbridge may know it; or fit the model by its config: --config config.json.",
        )
    return tensor.bytes


def _part(name: str, architecture: Architecture) -> str:
    stem = name.rsplit(".", 1)[0]
    if stem == "token_embd":
        return "head" if architecture.tied else "embedding"
    if stem == "per_layer_token_embd":
        return "embedding"
    if stem == "output":
        return "head"
    number, _, role = stem.removeprefix("blk.").partition(".")
    if name.startswith("blk.") and number.isdecimal() and int(number) >= len(architecture.layers):
        return "mtp"
    if role.endswith("_exps"):
        return "experts"
    return "shared" if role.endswith("_shexp") else "dense"

"""Bytes of a tensor as a checkpoint stores it, for every way of packing weights in safetensors.

    plain     elements x 2 (bfloat16, float16) or x 4
    fp8       1 byte an element, and a scale per block (128 x 128 in F32), per row, or one
    int4/8    AWQ and GPTQ: bits packed into 32-bit words, a float16 scale and a packed zero per group, GPTQ an index
              per input column; compressed-tensors: packed words, a scale per group and the shape as two 64-bit numbers
    nvfp4     half a byte an element, an 8-bit scale per 16, two 32-bit scales per matrix
    mxfp4     half a byte an element and an 8-bit exponent per 32
    MLX       packed words, a scale and a bias of the model's type per group of 64 (mxfp4 and nvfp4: a scale only)

Source: docs/weights.md names the packers; tests hold each to sizes of real checkpoints.
"""

from __future__ import annotations

from .architecture import Stored, Tensor

WIDTH = {
    "float32": 4, "float16": 2, "bfloat16": 2, "F32": 4, "F16": 2, "BF16": 2, "F8": 1, "U8": 1, "I64": 8, "I32": 4,
    "": 2,
}  # fmt: skip


def plain_bytes(tensor: Tensor, dtype: str) -> int:
    """Bytes unquantised: what a tensor insists on, else the model's type."""
    return tensor.elements * WIDTH[tensor.dtype or dtype]


def packed_bytes(tensor: Tensor, stored: Stored, dtype: str) -> int:
    """Bytes of a matrix (or one per expert) packed this way."""
    *many, out, into = tensor.shape
    count = 1
    for length in many:
        count *= length
    return count * _matrix_bytes(out, into, stored, dtype)


def _matrix_bytes(out: int, into: int, stored: Stored, dtype: str) -> int:
    data = out * -(-into * stored.bits // 8)
    if stored.layout == "mlx":
        return data + out * -(-into // _group(stored, into)) * _mlx_scales(stored, dtype)
    if stored.method == "fp8":
        return data + _fp8_scales(out, into, stored)
    if stored.method == "nvfp4":
        return data + out * -(-into // 16) + 8
    if stored.method == "mxfp4":
        return data + out * -(-into // 32)
    if stored.method.startswith("int"):
        return data + _integer_scales(out, into, stored)
    return out * into * WIDTH[dtype]


def _group(stored: Stored, into: int) -> int:
    """Elements of a row that share a scale."""
    return (stored.block[1] if stored.block else 0) or into


def _mlx_scales(stored: Stored, dtype: str) -> int:
    return 1 if stored.method in ("mxfp4", "nvfp4") else 2 * WIDTH[dtype]


def _fp8_scales(out: int, into: int, stored: Stored) -> int:
    width = WIDTH[stored.scale_dtype]
    if stored.block is None:
        return 2 * width if stored.layout == "modelopt" else width  # ModelOpt stores one for the activations too
    rows, columns = stored.block[0], stored.block[1] or into
    return -(-out // rows) * -(-into // columns) * width


def _integer_scales(out: int, into: int, stored: Stored) -> int:
    groups = -(-into // _group(stored, into))
    scales = groups * out * 2
    zeros = groups * -(-out * stored.bits // 32) * 4
    if stored.layout == "gptq":
        return scales + zeros + 4 * into
    if stored.layout == "awq":
        return scales + zeros
    if stored.layout == "bitsandbytes":
        return _nested_scales(out, into, stored)
    if stored.bits == 8 and stored.layout != "pack-quantized":
        return scales if stored.block else 2
    return scales + 16 + (0 if stored.symmetric else groups * -(-out * stored.bits // 32) * 4)


def _nested_scales(out: int, into: int, stored: Stored) -> int:
    """bitsandbytes: NF4 keeps a byte per 64 and a float per 256 of those; int8 a float per row."""
    if stored.bits == 8:
        return 4 * out
    blocks = -(-out * into // 64)
    return blocks + 4 * -(-blocks // 256) + 64 + 1024

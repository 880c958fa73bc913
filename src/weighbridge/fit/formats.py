"""The formats weights can be asked for in, and what each leaves unpacked.

A format is a name people use: `bf16`, `fp8`, `awq`, `nvfp4`, `Q4_K_M`, `4bit` (MLX), `native` for the checkpoint
itself. `gguf:` before a name both know (`gguf:bf16`, `gguf:mxfp4`) means the GGUF file.
"""

from __future__ import annotations

import re

import msgspec

from weighbridge.errors import InputError

from .architecture import Architecture, Stored
from .gguf_mix import MIXES

PLAIN = {
    "bf16": "bfloat16", "bfloat16": "bfloat16", "fp16": "float16", "f16": "float16", "float16": "float16",
    "fp32": "float32", "f32": "float32", "float32": "float32",
}  # fmt: skip
PACKED: dict[str, Stored] = {
    "fp8": Stored("fp8", "finegrained", 8, (128, 128), True, "F32"),
    "fp8-tensor": Stored("fp8", "modelopt", 8, None, True, "F32"),
    "fp8-channel": Stored("fp8", "compressed-tensors", 8, (1, 0), True, "BF16"),
    "awq": Stored("int4", "awq", 4, (1, 128), False, "F16"),
    "gptq": Stored("int4", "gptq", 4, (1, 128), True, "F16"),
    "gptq-int8": Stored("int8", "gptq", 8, (1, 128), True, "F16"),
    "int4": Stored("int4", "pack-quantized", 4, (1, 128), True, "BF16"),
    "int8": Stored("int8", "int-quantized", 8, (1, 0), True, "BF16"),
    "nvfp4": Stored("nvfp4", "modelopt", 4, (1, 16), True, "F8"),
    "mxfp4": Stored("mxfp4", "mxfp4", 4, (1, 32), True, "U8"),
    "nf4": Stored("int4", "bitsandbytes", 4, (1, 64), True, "U8"),
    "bnb-int8": Stored("int8", "bitsandbytes", 8, (1, 0), True, "F32"),
}
_MLX = re.compile(r"(?:mlx[:_-])?(\d+(?:\.\d+)?)[ -]?bit(?:[-_]?(mxfp4|nvfp4|mxfp8|dwq))?", re.IGNORECASE)
_BITS_PER_WEIGHT = re.compile(r"(?:^|[_\- ])(\d+\.\d+)(?:[ _-]?bpw)?$", re.IGNORECASE)


class Format(msgspec.Struct, frozen=True):
    """What a name stands for: one of the four ways, and its details."""

    name: str
    way: str
    """`plain`, `packed`, `gguf` or `bits` (only bits per weight are known: estimated)."""
    dtype: str = "bfloat16"
    stored: Stored = Stored()
    bits: float = 0.0


def format_of(name: str, arch: Architecture | None = None) -> Format:
    """The format a name stands for, in any case; `native` needs the architecture. Raises InputError for others."""
    key = name.strip().lower()
    if key in ("native", "as stored"):
        if arch is None:
            raise InputError("the native format of a checkpoint follows from its config", where="format")
        return _native(arch)
    gguf = key.removeprefix("gguf:").upper()
    if gguf in MIXES and (key.startswith("gguf:") or (key not in PLAIN and key not in PACKED)):
        return Format(gguf, "gguf")
    if key in PLAIN:
        return Format(key, "plain", PLAIN[key])
    if key in PACKED:
        return Format(key, "packed", stored=PACKED[key])
    mlx = _MLX.fullmatch(key)
    if mlx is not None:
        return _mlx(key, mlx)
    stated = _BITS_PER_WEIGHT.search(key)
    if stated is not None and 0.5 <= float(stated[1]) <= 32:
        return Format(name, "bits", bits=float(stated[1]))
    raise _unknown(name)


def _native(arch: Architecture) -> Format:
    if arch.stored.method == "none":
        return Format("native", "plain", arch.dtype)
    return Format("native", "packed", arch.dtype, arch.stored)


def _mlx(name: str, match: re.Match[str]) -> Format:
    """MLX packs every linear layer and the embeddings: in groups of 64, of 32 for mxfp4 and 16 for nvfp4."""
    bits, kind = float(match[1]), (match[2] or "").lower()
    if kind == "mxfp4":
        return Format(name, "packed", stored=Stored("mxfp4", "mlx", 4, (1, 32)))
    if kind == "nvfp4":
        return Format(name, "packed", stored=Stored("nvfp4", "mlx", 4, (1, 16)))
    if not bits.is_integer() or not 2 <= bits <= 8:
        return Format(name, "bits", bits=bits)
    return Format(name, "packed", stored=Stored(f"int{int(bits)}", "mlx", int(bits), (1, 64), False))


def _unknown(name: str) -> InputError:
    if name.upper().startswith(("UD-", "GGUF:UD-")):
        return InputError(
            f"{name}: a UD quantisation gives every tensor a type of its own; no rule predicts it",
            where="format",
            next_move="Read the header of the file itself: --file model.gguf or its address.",
        )
    return InputError(
        f"the format {name!r} is not known",
        where="format",
        next_move=f"Known are native, {', '.join((*PLAIN, *PACKED))}, 4bit (MLX); in GGUF {', '.join(MIXES)}.",
    )

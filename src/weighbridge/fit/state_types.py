"""What one number takes in the cache of keys and values, for each type an engine can keep it in.

    f16, bf16                  2 bytes
    fp8 (e4m3, e5m2), int8     1 byte; the scale belongs to a whole tensor and is in the checkpoint
    q8_0 ... q4_0, iq4_nl      llama.cpp's blocks of 32 with their scale: (8 bit x 32 + 16 bit) / 32, and so on
    nvfp4                      4 bit and one byte of scale for 16
    fp8_ds_mla                 a latent vector in fp8 with float32 scales for 128, its rotary part in 16 bit

`auto` is 16 bit for every engine; who knows a checkpoint that says what its cache is kept in says so instead.
Sources: GGML_QUANT_SIZES of llama.cpp; vllm/v1/kv_cache_interface.py and SGLang's --kv-cache-dtype, 2026-11.
"""

from __future__ import annotations

from difflib import get_close_matches
from fractions import Fraction

from weighbridge.errors import UsageError

SIXTEEN_BIT = frozenset(("f16", "bf16"))
FP8 = frozenset(("fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla"))
KV_TYPES: dict[str, Fraction] = {
    "f32": Fraction(4),
    "f16": Fraction(2),
    "bf16": Fraction(2),
    "fp8": Fraction(1),
    "fp8_e4m3": Fraction(1),
    "fp8_e5m2": Fraction(1),
    "fp8_ds_mla": Fraction(1),
    "int8": Fraction(1),
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
    "iq4_nl": Fraction(18, 32),
    "nvfp4": Fraction(9, 16),
}
"""Bytes of one element."""
ALIASES = {
    "auto": "bf16",
    "fp16": "f16",
    "float16": "f16",
    "bfloat16": "bf16",
    "fp32": "f32",
    "float32": "f32",
    "float8_e4m3fn": "fp8_e4m3",
    "float8_e5m2": "fp8_e5m2",
    "fp4": "nvfp4",
}
"""Other spellings, as engines and people write them."""
_GGML = frozenset(("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"))
ENGINE_TYPES: dict[str, frozenset[str]] = {
    "llamacpp": _GGML,
    "ollama": frozenset(("f16", "bf16", "q8_0", "q4_0")),
    "vllm": SIXTEEN_BIT | FP8 | {"nvfp4"},
    "sglang": SIXTEEN_BIT | FP8 | {"nvfp4"},
    "tensorrt-llm": SIXTEEN_BIT | {"fp8", "fp8_e4m3", "int8", "nvfp4"},
}
"""What each engine can keep. Ollama's OLLAMA_KV_CACHE_TYPE takes f16, q8_0 and q4_0; its f16 is what `auto` gives."""


def kv_type(name: str) -> str:
    """The one spelling of a type. Raises UsageError, with near ones, for a type nobody keeps a cache in."""
    plain = name.strip().lower()
    found = ALIASES.get(plain, plain)
    if found not in KV_TYPES:
        near = get_close_matches(plain, [*KV_TYPES, *ALIASES], n=2)
        raise UsageError(
            f"no cache is kept as {name!r}",
            where="--kv-dtype",
            next_move=(f"Did you mean {' or '.join(near)}? " if near else "") + f"Known: {', '.join(KV_TYPES)}.",
        )
    return found


def engine_keeps(engine: str, kv_dtype: str) -> bool:
    """Whether an engine can keep its cache in that type."""
    return kv_type(kv_dtype) in ENGINE_TYPES[engine]


def check_engine_keeps(engine: str, kv_dtype: str) -> None:
    """Raises UsageError where an engine cannot keep its cache in that type."""
    wanted = kv_type(kv_dtype)
    if not engine_keeps(engine, wanted):
        others = [name for name, kept in ENGINE_TYPES.items() if wanted in kept]
        raise UsageError(
            f"{engine} keeps no cache in {wanted}",
            where="--kv-dtype",
            next_move=f"It keeps {', '.join(sorted(ENGINE_TYPES[engine]))}; {wanted} is kept by {', '.join(others)}.",
        )

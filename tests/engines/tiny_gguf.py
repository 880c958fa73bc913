"""Writes a real GGUF model of a few hundred KiB with random weights, so that the real engine runs everywhere.

Architecture llama, two layers, byte-level BPE with a few merges: it can read and write any text, knows nothing, and is
the same for the same seed. GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

EMBD, LAYERS, HEADS, FF, CONTEXT = 32, 2, 2, 64, 8192
WORDS = (
    " bill",
    "ing",
    " billing",
    " bil",
    " account",
    " acc",
    " Category:",
    " ticket",
    " high",
    " low",
    " urgent",
    "al",
)
"""Texts that are one token each, so that labels share first tokens and differ in length."""
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Knows nothing of tools, like the template of SmolLM2."""

U32, I32, F32, STRING, ARRAY, FLOAT_TENSOR, ALIGN = 4, 5, 6, 8, 9, 0, 32


def write_tiny_gguf(
    path: Path, *, template: str | None = CHATML, seed: int = 0, metadata: dict[str, Any] | None = None
) -> Path:
    """The model at `path`; `template=None` makes a base model. `metadata` replaces or adds keys."""
    tokens, merges = vocabulary()
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": EMBD,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": FF,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "llama.rope.dimension_count": EMBD // HEADS,
        "llama.vocab_size": len(tokens),
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, 3] + [1] * (len(tokens) - 3),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    if template is not None:
        values["tokenizer.chat_template"] = template
    values |= metadata or {}
    path.write_bytes(_gguf(values, _tensors(len(tokens), seed)))
    return path


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens (three control tokens, 256 bytes, the merged words) and the merges that make the words."""
    alphabet = _byte_letters()
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet]
    merges: list[str] = []
    for word in WORDS:
        left = ""
        for letter in (alphabet[byte] for byte in word.encode()):
            if left and f"{left} {letter}" not in merges:
                merges.append(f"{left} {letter}")
                tokens.append(left + letter)
            left += letter
    return list(dict.fromkeys(tokens)), merges


def _byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte: itself where printable, else the next code point from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def _tensors(vocab: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocab, EMBD), "output.weight": (vocab, EMBD)}
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{layer}.{name}.weight"] = (EMBD, EMBD)
        shapes |= {
            f"blk.{layer}.ffn_gate.weight": (FF, EMBD),
            f"blk.{layer}.ffn_up.weight": (FF, EMBD),
            f"blk.{layer}.ffn_down.weight": (EMBD, FF),
        }
    tensors = {name: rng.normal(0, 0.35, shape).astype("<f4") for name, shape in shapes.items()}
    norms = ["output_norm.weight"] + [f"blk.{n}.{x}_norm.weight" for n in range(LAYERS) for x in ("attn", "ffn")]
    return tensors | {name: np.ones(EMBD, dtype="<f4") for name in norms}


def _gguf(values: dict[str, Any], tensors: dict[str, np.ndarray]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(_text(key) + _value(value) for key, value in values.items())
    data = b""
    for name, tensor in tensors.items():
        head += _text(name) + struct.pack("<I", tensor.ndim)
        head += b"".join(struct.pack("<Q", size) for size in reversed(tensor.shape))
        head += struct.pack("<IQ", FLOAT_TENSOR, len(data))
        data += _padded(tensor.tobytes())
    return _padded(head) + data


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGN)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    """A typed value; whole numbers are u32 alone and i32 in arrays, as converters write them."""
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value, float):
        return struct.pack("<If", F32, value)
    if isinstance(value, int):
        return struct.pack("<II", U32, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_text, value))
    return struct.pack("<IIQ", ARRAY, I32, len(value)) + struct.pack(f"<{len(value)}i", *value)

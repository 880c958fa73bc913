"""What a model keeps for each sequence while it is served: caches that grow with the text, and states that do not.

Every mixer of a layer keeps strands; a strand is a number of equal cells:

    full attention        one cell a token      kv_heads x (head_dim + v_dim) elements
    sliding, chunked      one cell a token, at most `window` of them
    latent (MLA)          one cell a token      kv_lora_rank + rope_dim elements, not two; the same on every
                          tensor-parallel rank. Sparse (DSA) adds its indexer's key: dim + 4 x dim / 128 bytes
    compressed (V4)       `window` cells, and one for each `ratio` tokens; its indexer a key for each of these
    recurrent             one cell a sequence   state_elements in the state's type, conv_elements in the model's

    bytes(sequence of S tokens) = sum over strands of cell bytes x ranks that keep a copy x cells(S)

Bytes are of the whole device set. Key/value heads fewer than tensor-parallel ranks are repeated on them.
Checked against logs and papers in tests/fit/test_state_architectures.py; sources stand there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import msgspec

from .architecture import (
    Architecture,
    Attention,
    CompressedAttention,
    Indexer,
    LatentAttention,
    Mixer,
    Recurrent,
)
from .state_types import FP8, KV_TYPES, SIXTEEN_BIT, kv_type

FP8_SCALE_GROUP = 128
"""Elements of a latent or an indexer's key that share a float32 scale."""
V4_SCALE_GROUP = 64
"""Of DeepSeek-V4's packed entry: 448 fp8 + 64 x 2 bytes of rotary part + 8 bytes of scales = 584."""
STATE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Strand(msgspec.Struct, frozen=True, cache_hash=True):
    """Equal cells that one mixer keeps for a sequence."""

    cell_bytes: int
    """On all devices together."""
    every: int = 1
    """Tokens a cell stands for; 0: one cell for the sequence, however long."""
    most: int | None = None
    """Cells it keeps at most; None: it grows with the text."""

    @property
    def grows(self) -> bool:
        """Whether every further token takes room."""
        return self.every > 0 and self.most is None


class Rounding(msgspec.Struct, frozen=True, cache_hash=True):
    """How an engine rounds what a sequence takes up; the default is not at all."""

    block: int = 1
    """Cells are handed out in blocks of so many tokens."""
    window_block: int = 1
    """The same for sliding windows."""
    window_extra: int = 0
    """Cells a sliding window keeps beside its window: a step's tokens, or a block that is only partly needed."""
    whole_windows: bool = False
    """Sliding windows are kept for the whole text."""
    state_unit: int = 1
    """Recurrent states are padded to a multiple of so many bytes."""


EXACT = Rounding()


class State(msgspec.Struct, frozen=True):
    """What a model keeps for a sequence, equal strands counted together."""

    strands: tuple[tuple[Strand, int], ...]
    """A strand, and how many of it there are."""

    def sequence_bytes(self, tokens: int, rounding: Rounding = EXACT) -> int:
        """Of one sequence of that length, on all devices."""
        return sum(count * _strand_bytes(strand, tokens, rounding) for strand, count in self.strands)

    def per_token_bytes(self, tokens: int) -> int:
        """What one more token takes at that length: windows that are full take nothing more. Rounded up."""
        exact = Fraction(0)
        for strand, count in self.strands:
            if strand.every and (strand.most is None or tokens < strand.most):
                exact += Fraction(count * strand.cell_bytes, strand.every)
        return -int(-exact // 1)

    def fixed_bytes(self) -> int:
        """What a sequence takes whatever its length: recurrent states, and sliding windows once they are full."""
        fixed = ((strand, count) for strand, count in self.strands if not strand.grows)
        return sum(count * strand.cell_bytes * (strand.most or 1) for strand, count in fixed)

    def recurrent_bytes(self) -> int:
        """Of `fixed_bytes`, the recurrent states."""
        return sum(count * strand.cell_bytes for strand, count in self.strands if strand.every == 0)


def _strand_bytes(strand: Strand, tokens: int, rounding: Rounding) -> int:
    if strand.every == 0:
        return -(-strand.cell_bytes // rounding.state_unit) * rounding.state_unit
    return strand.cell_bytes * _cells(strand, tokens, rounding)


def _cells(strand: Strand, tokens: int, rounding: Rounding) -> int:
    whole = -(-tokens // rounding.block) * rounding.block
    if strand.most is None or rounding.whole_windows:
        return whole // strand.every
    windowed = strand.most + rounding.window_extra
    return min(whole, -(-windowed // rounding.window_block) * rounding.window_block)


@lru_cache(maxsize=4096)
def state_of(
    architecture: Architecture,
    kv_dtype: str = "auto",
    *,
    tensor: int = 1,
    mtp: bool = False,
    mla_absorbed: bool = True,
    float32_convolutions: bool = False,
) -> State:
    """What each sequence keeps. `tensor` is the number of ranks that share every layer.

    `mtp` counts the layers that draft tokens; `float32_convolutions` is llama.cpp's way, others keep them in 16 bit.
    Raises UsageError for a type nobody keeps a cache in.
    """
    kept = kv_type(kv_dtype)
    layers = architecture.layers + (architecture.mtp if mtp else ())
    mixers = Counter(mixer for layer in layers for mixer in layer.mixers)
    strands: Counter[Strand] = Counter()
    for mixer, count in mixers.items():
        for strand in _strands(mixer, kept, tensor, mla_absorbed, float32_convolutions):
            strands[strand] += count
    return State(tuple(strands.items()))


def _strands(mixer: Mixer, kept: str, tensor: int, absorbed: bool, float32: bool) -> Iterator[Strand]:
    if isinstance(mixer, Attention):
        if not mixer.shares_kv:
            yield _attention(mixer, kept, tensor)
    elif isinstance(mixer, LatentAttention):
        yield from _latent(mixer, kept, tensor, absorbed)
    elif isinstance(mixer, CompressedAttention):
        yield from _compressed(mixer, kept, tensor)
    else:
        yield Strand(_recurrent_bytes(mixer, tensor, float32), every=0)


def _bytes(elements: int, kept: str) -> int:
    return -int(-elements * KV_TYPES[kept] // 1)


def stored_heads(kv_heads: int, tensor: int) -> int:
    """Key/value heads that all ranks together store: a head is not cut, and every rank has at least one."""
    return max(1, -(-kv_heads // tensor)) * tensor


def _attention(mixer: Attention, kept: str, tensor: int) -> Strand:
    heads = stored_heads(mixer.kv_heads, tensor)
    cell = heads * (_bytes(mixer.head_dim, kept) + _bytes(mixer.v_dim, kept))
    return Strand(cell, most=None if mixer.kind == "full" else mixer.window)


def _latent(mixer: LatentAttention, kept: str, tensor: int, absorbed: bool) -> Iterator[Strand]:
    if not absorbed:
        heads = stored_heads(mixer.heads, tensor)
        yield Strand(heads * (_bytes(mixer.nope_dim + mixer.rope_dim, kept) + _bytes(mixer.v_dim, kept)))
    elif kept == "fp8_ds_mla" or (mixer.indexer is not None and kept in FP8):
        scales = 4 * -(-mixer.kv_lora_rank // FP8_SCALE_GROUP)
        yield Strand(tensor * (mixer.kv_lora_rank + scales + 2 * mixer.rope_dim))
    else:
        yield Strand(tensor * _bytes(mixer.kv_lora_rank + mixer.rope_dim, kept))
    if mixer.indexer is not None and not mixer.indexer.shared:
        yield Strand(tensor * _indexer_key(mixer.indexer))


def _indexer_key(indexer: Indexer) -> int:
    """In fp8 with a float32 scale for 128, whatever the cache is kept in."""
    return indexer.dim + 4 * -(-indexer.dim // FP8_SCALE_GROUP)


def _compressed(mixer: CompressedAttention, kept: str, tensor: int) -> Iterator[Strand]:
    entry = _bytes(mixer.head_dim, kept)
    if kept in FP8:
        plain = mixer.head_dim - mixer.rope_dim
        entry = plain + 2 * mixer.rope_dim + -(-plain // V4_SCALE_GROUP) + 1
    yield Strand(tensor * entry, most=mixer.window)
    if mixer.ratio:
        yield Strand(tensor * entry, every=mixer.ratio)
        if mixer.indexer is not None and not mixer.indexer.shared:
            key = _bytes(mixer.indexer.dim, kept) if kept in SIXTEEN_BIT else _indexer_key(mixer.indexer)
            yield Strand(tensor * key, every=mixer.ratio)


def _recurrent_bytes(mixer: Recurrent, tensor: int, float32: bool) -> int:
    """Heads fewer than ranks are repeated, as with attention; llama.cpp keeps all of it in float32."""
    copies = Fraction(stored_heads(mixer.heads, tensor), mixer.heads)
    state = mixer.state_elements * (4 if float32 else STATE_BYTES.get(mixer.state_dtype, 4))
    convolution = mixer.conv_elements * (4 if float32 else 2)
    return -int(-(state + convolution) * copies // 1)

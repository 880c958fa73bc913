"""What a language model is made of, layer by layer: the record that memory, speed and weights are computed from.

    Architecture   layers, mtp (extra heads that draft tokens), outside (embeddings, last norm), towers (vision, audio)
    Layer          mixers (what looks at other tokens), mlp, and every tensor it stores
    Mixer          Attention | LatentAttention | CompressedAttention | Recurrent

`read_architecture` (fit/reading.py) makes one from a config.json. Lengths are elements; nothing here is bytes.
A layer may have two mixers (Falcon-H1 runs attention beside Mamba) or none (Nemotron-H has layers that are MLP only).
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Tensor(msgspec.Struct, frozen=True, cache_hash=True):
    """One tensor, or one per expert."""

    role: str
    """What it does, by llama.cpp's stem where there is one: `attn_q`, `ffn_down_exps`, `output_norm`."""
    shape: tuple[int, ...]
    """As PyTorch stores it, (out, in); experts come first: (experts, out, in)."""
    kind: Literal["linear", "expert", "embedding", "head", "router", "norm", "vector", "conv"] = "linear"
    """`linear` and `expert` are what quantised checkpoints pack; the rest usually stays as it was trained."""
    name: str = ""
    """The last parts of its name in a Hugging Face checkpoint (`self_attn.q_proj`), for `modules_to_not_convert`."""
    dtype: str = ""
    """`F32` where checkpoints keep it so whatever the rest is; empty: as the rest."""

    @property
    def elements(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count


class Attention(msgspec.Struct, frozen=True, cache_hash=True):
    """Multi-head, grouped-query or multi-query attention; keys and values are stored per token."""

    kind: Literal["full", "sliding", "chunked"]
    heads: int
    kv_heads: int
    """Heads whose keys and values are stored."""
    head_dim: int
    """Of queries and keys."""
    v_dim: int
    """Of values; differs from head_dim in MiMo-V2."""
    window: int | None = None
    """Tokens a sliding layer looks back, or the length of a chunk; None for full."""
    shares_kv: bool = False
    """Reads the keys and values of an earlier layer and stores none (Gemma 3n and 4)."""
    keys_are_values: bool = False
    """Only one projection is stored for both (Gemma 4's full layers); the cache holds both all the same."""


class Indexer(msgspec.Struct, frozen=True, cache_hash=True):
    """DeepSeek sparse attention's picker of tokens: one key of `dim` per token beside the latent."""

    heads: int
    dim: int
    top_k: int
    shared: bool = False
    """Uses the choice of an earlier layer and stores nothing."""


class LatentAttention(msgspec.Struct, frozen=True, cache_hash=True):
    """Multi-head latent attention: one vector of kv_lora_rank + rope_dim per token, whatever the heads."""

    heads: int
    kv_lora_rank: int
    rope_dim: int
    nope_dim: int
    v_dim: int
    q_lora_rank: int | None = None
    """None: queries are projected at once."""
    indexer: Indexer | None = None
    """None: every token is attended to."""
    kind: Literal["mla"] = "mla"


class CompressedAttention(msgspec.Struct, frozen=True, cache_hash=True):
    """DeepSeek-V4: the last `window` tokens, and one entry for every `ratio` tokens before (0: the window only)."""

    heads: int
    head_dim: int
    """Elements of an entry, rotary part included; one vector serves as key and value."""
    rope_dim: int
    window: int
    ratio: int
    q_lora_rank: int
    o_lora_rank: int
    o_groups: int
    indexer: Indexer | None = None
    """Only where the ratio is small (4): picks among the compressed entries."""
    kind: Literal["compressed"] = "compressed"


class Recurrent(msgspec.Struct, frozen=True, cache_hash=True):
    """A layer with a state of fixed size per sequence, whatever the context."""

    kind: Literal["gated_delta", "kda", "mamba1", "mamba2", "lightning", "short_conv", "rwkv"]
    heads: int
    """Heads the state is split over (tensor parallel shards them); 1 where it cannot be split."""
    state_elements: int
    """Of the matrix state of one sequence: gated delta value_heads x key_dim x value_dim, Mamba inner x state."""
    conv_channels: int = 0
    conv_kernel: int = 0
    """The state keeps conv_kernel - 1 columns of conv_channels."""
    state_dtype: str = "float32"

    @property
    def conv_elements(self) -> int:
        """Elements of the convolution's state of one sequence."""
        return self.conv_channels * max(0, self.conv_kernel - 1)


Mixer = Attention | LatentAttention | CompressedAttention | Recurrent


class Dense(msgspec.Struct, frozen=True, cache_hash=True):
    """One feed-forward network that every token goes through."""

    intermediate: int
    gated: bool = True
    """Three matrices (gate, up, down); False: two."""
    kind: Literal["dense"] = "dense"


class Moe(msgspec.Struct, frozen=True, cache_hash=True):
    """Experts of which a token goes through `per_token`."""

    experts: int
    per_token: int
    intermediate: int
    """Of one expert."""
    shared_intermediate: int = 0
    """Of all that every token goes through beside its experts, together; 0: nothing."""
    gated: bool = True
    latent: int | None = None
    """Width the experts work in where it is not the model's (Nemotron 3 Super)."""
    kind: Literal["moe"] = "moe"


Mlp = Dense | Moe


class Layer(msgspec.Struct, frozen=True, cache_hash=True):
    mixers: tuple[Mixer, ...]
    mlp: Mlp | None
    tensors: tuple[Tensor, ...]
    """All it stores, norms and biases included."""


class Tower(msgspec.Struct, frozen=True, cache_hash=True):
    """A part that turns images or sound into embeddings; its tensors are in the checkpoint, in GGUF in a file apart."""

    name: Literal["vision", "audio", "other"]
    tensors: tuple[Tensor, ...]
    assumed: bool = False
    """Its config was missing, and the family's usual one was taken."""


class Stored(msgspec.Struct, frozen=True, cache_hash=True):
    """How the checkpoint itself is packed, from `quantization_config`."""

    method: str = "none"
    """`none`, `fp8`, `mxfp4`, `nvfp4`, `int4`, `int8`, `mixed`, or the config's own word where it is not known."""
    layout: str = ""
    """Who packs it so: `awq`, `gptq`, `compressed-tensors`, `modelopt`, `bitsandbytes`, `finegrained`."""
    bits: int = 16
    block: tuple[int, int] | None = None
    """Elements (out, in) that share a scale; in = 0: the whole row; None: the whole tensor."""
    symmetric: bool = True
    scale_dtype: str = "F32"
    ignore: tuple[str, ...] = ()
    """Modules that stay as they were trained: names, parts of names or `re:` patterns."""
    cache: str = ""
    """What a cache of keys and values is kept in by what the checkpoint says: `fp8`, `nvfp4`; empty: nothing said."""

    @property
    def understood(self) -> bool:
        """Whether it is known what such a checkpoint stores for each matrix."""
        return self.method in ("none", "fp8", "nvfp4", "mxfp4") or self.method.removeprefix("int").isdigit()


class Architecture(msgspec.Struct, frozen=True, cache_hash=True):
    model_type: str
    hidden: int
    vocab: int
    tied: bool
    """The head that predicts tokens is the embedding table."""
    layers: tuple[Layer, ...]
    """Equal layers are one object."""
    outside: tuple[Tensor, ...]
    """What lies before the first and after the last layer: embeddings, norm, head."""
    mtp: tuple[Layer, ...] = ()
    """Layers that draft further tokens, whole with what they need beside the layer; engines may leave them out."""
    towers: tuple[Tower, ...] = ()
    max_context: int | None = None
    """Tokens the config allows; None: it does not say."""
    stored: Stored = Stored()
    dtype: str = "bfloat16"
    """What unquantised tensors are stored as."""
    dtype_said: bool = True
    """Whether somebody said so; where nobody did, `dtype` is what most are stored as."""
    assumed: tuple[str, ...] = ()
    """What the config did not say and the family's default was taken for, as `name = value`."""

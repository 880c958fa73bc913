"""A GGUF header becomes an Architecture: its tensors say the shapes, its metadata what is kept of each token.

A block's mixer is told by the tensors it has: `attn_kv_a_mqa` is a latent, `ssm_conv1d` a state, `shortconv.conv` a
short convolution, `time_mix_*` RWKV, `attn_k` or `attn_qkv` attention. Windows are the metadata's; for the families
whose pattern stands only in llama.cpp's code it is repeated here (llama-model.cpp, set_swa_pattern). A window whose
pattern nobody knows counts as full, and `assumed` says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import chain

from weighbridge.errors import WeightsError
from weighbridge.formats import gguf_header
from weighbridge.formats.gguf import GgufHeader

from .architecture import (
    Architecture,
    Attention,
    Dense,
    Indexer,
    LatentAttention,
    Layer,
    Mixer,
    Mlp,
    Moe,
    Recurrent,
    Tensor,
)

PERIODS = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "olmo2": 4, "exaone4": 4, "llama4": 4, "plamo3": 8}
"""Every so many layers the last one sees everything; the others have the window."""
MOST = 1 << 32
"""Of any number in the metadata: lengths, heads, tokens."""
LLAMA4_CHUNK = 8192
"""Not in the metadata."""


def read_gguf_architecture(header: GgufHeader, *parts: GgufHeader) -> Architecture:
    """What the model of this file is made of, of which `parts` are the other files.

    Raises WeightsError for a file that is no language model.
    """
    facts = _Facts(header)
    blocks: dict[int, dict[str, gguf_header.Tensor]] = defaultdict(dict)
    outside: list[Tensor] = []
    for tensor in chain(header.tensors, *(part.tensors for part in parts)):
        _, number, role = ("", "", tensor.name) if not tensor.name.startswith("blk.") else tensor.name.split(".", 2)
        if number.isdecimal():
            blocks[int(number)][role] = tensor
        else:
            outside.append(_tensor(role, tensor))
    depth, drafting = facts.need("block_count"), facts.number("nextn_predict_layers") or 0
    embedding = next((tensor for tensor in outside if tensor.kind == "embedding"), None)
    if embedding is None or len(embedding.shape) != 2 or not 0 < depth <= 4096:
        raise facts.no_language_model()
    known: dict[Layer, Layer] = {}
    layers = []
    for index in range(depth):
        layer = _layer(facts, index, depth - drafting, blocks.get(index, {}))
        layers.append(known.setdefault(layer, layer))
    return Architecture(
        model_type=facts.arch,
        hidden=facts.need("embedding_length"),
        vocab=embedding.shape[0],
        tied=all(tensor.kind != "head" for tensor in outside),
        layers=tuple(layers[: depth - drafting]),
        mtp=tuple(layers[depth - drafting :]),
        outside=tuple(outside),
        max_context=facts.number("context_length"),
        assumed=tuple(facts.assumed),
    )


class _Facts:
    """The metadata of one architecture, by the keys without their prefix."""

    def __init__(self, header: GgufHeader) -> None:
        self.header = header
        self.arch = header.architecture or ""
        self.assumed: list[str] = []

    def number(self, key: str, layer: int | None = None) -> int | None:
        """A whole number; of lists, the one of a layer, or the largest."""
        value = self.header.metadata.get(f"{self.arch}.{key}")
        if isinstance(value, Sequence) and not isinstance(value, str):
            numbers = [self._plausible(key, int(one)) for one in value if isinstance(one, int)]
            if layer is not None:
                return numbers[layer] if layer < len(numbers) else None
            return max(numbers, default=None)
        return self._plausible(key, value) if isinstance(value, int) and not isinstance(value, bool) else None

    def _plausible(self, key: str, value: int) -> int:
        if not 0 <= value <= MOST:
            raise WeightsError(
                f"{self.arch}.{key} is {value}, which cannot be",
                where=str(self.header.path),
                next_move="The header is damaged: pull the file again.",
            )
        return value

    def need(self, key: str, layer: int | None = None) -> int:
        """A number of the header, or the one of a layer where it has an array. WeightsError where it says none."""
        found = self.number(key, layer)
        if found is None:
            raise WeightsError(
                f"the header does not say {self.arch or 'what architecture it is'}.{key}",
                where=str(self.header.path),
                next_move="A GGUF file made by llama.cpp's converter has it; pull it again or convert anew.",
            )
        return found

    def no_language_model(self) -> WeightsError:
        return WeightsError(
            f"the file holds no language model (architecture {self.arch or 'unknown'!r}, no token embeddings)",
            where=str(self.header.path),
            next_move="Name the model's own file, not a projector's (mmproj) or an adapter's.",
        )

    def sees_everything(self, layer: int) -> bool:
        """Whether a layer has no window, although the model has one."""
        pattern = self.header.metadata.get(f"{self.arch}.attention.sliding_window_pattern")
        if isinstance(pattern, Sequence) and not isinstance(pattern, str) and layer < len(pattern):
            return not pattern[layer]
        period = pattern if isinstance(pattern, int) and pattern > 0 else PERIODS.get(self.arch)
        if period is None:
            self.assume("sliding_window_pattern = full attention everywhere")
            return True
        return layer % period == period - 1

    def assume(self, what: str) -> None:
        """Note what was taken for something the header does not say."""
        if what not in self.assumed:
            self.assumed.append(what)


def _layer(facts: _Facts, number: int, depth: int, found: dict[str, gguf_header.Tensor]) -> Layer:
    has = partial(_has, found)
    mixers: list[Mixer] = []
    if has("attn_kv_a_mqa"):
        mixers.append(_latent(facts, has("indexer.")))
    elif has("attn_k.") or has("attn_qkv.") or has("attn_kv."):
        mixers.append(_attention(facts, number, depth))
    if has("ssm_conv1d") or has("ssm_in") or has("ssm_a"):
        mixers = [
            mixer for mixer in mixers if has("ssm_in")
        ]  # Falcon-H1 has both; gated delta nets pack theirs in attn_qkv
        mixers.append(_delta(facts) if has("ssm_conv1d_q") else _state(facts, mamba1=has("ssm_x.")))
    if has("shortconv.conv"):
        hidden = facts.need("embedding_length")
        mixers.append(Recurrent("short_conv", 1, 0, hidden, facts.need("shortconv.l_cache")))
    if has("time_mix_"):
        hidden, head = facts.need("embedding_length"), facts.number("wkv.head_size") or 64
        mixers.append(Recurrent("rwkv", max(1, hidden // head), hidden * head + 2 * hidden))
    tensors = tuple(_tensor(role, tensor) for role, tensor in found.items())
    return Layer(tuple(mixers), _mlp(facts, number, found), tensors)


def _has(found: dict[str, gguf_header.Tensor], start: str) -> bool:
    return any(role.startswith(start) for role in found)


def _attention(facts: _Facts, number: int, depth: int) -> Attention:
    heads = facts.need("attention.head_count", number)
    kv_heads = facts.number("attention.head_count_kv", number) or heads
    window = LLAMA4_CHUNK if facts.arch == "llama4" else facts.number("attention.sliding_window")
    windowed = bool(window) and not facts.sees_everything(number)
    suffix = "_swa" if windowed and facts.number("attention.key_length_swa") else ""
    usual = facts.need("embedding_length") // heads if heads else 0
    key = facts.number(f"attention.key_length{suffix}", number) or usual
    value = facts.number(f"attention.value_length{suffix}", number) or key
    shared = number >= depth - (facts.number("attention.shared_kv_layers") or 0) and number < depth
    kind = "full" if not windowed else "chunked" if facts.arch == "llama4" else "sliding"
    return Attention(kind, heads, kv_heads, key, value, window if windowed else None, shares_kv=shared)  # type: ignore[arg-type]


def _latent(facts: _Facts, sparse: bool) -> LatentAttention:
    rank, rope = facts.need("attention.kv_lora_rank"), facts.need("rope.dimension_count")
    key = facts.number("attention.key_length_mla") or facts.need("attention.key_length")
    indexer = None
    if sparse:
        indexer = Indexer(
            facts.need("attention.indexer.head_count"),
            facts.need("attention.indexer.key_length"),
            facts.need("attention.indexer.top_k"),
        )
    return LatentAttention(
        heads=facts.need("attention.head_count"),
        kv_lora_rank=rank,
        rope_dim=rope,
        nope_dim=max(0, key - rope),
        v_dim=facts.number("attention.value_length_mla") or facts.need("attention.value_length"),
        q_lora_rank=facts.number("attention.q_lora_rank"),
        indexer=indexer,
    )


def _state(facts: _Facts, *, mamba1: bool) -> Recurrent:
    """Mamba's and gated delta nets' are alike: inner x state, and a convolution over inner and the groups' keys."""
    inner, state = facts.need("ssm.inner_size"), facts.need("ssm.state_size")
    kernel, groups = facts.need("ssm.conv_kernel"), facts.number("ssm.group_count") or 0
    if mamba1:
        return Recurrent("mamba1", 1, inner * state, inner, kernel)
    heads = facts.number("ssm.time_step_rank") or 1
    return Recurrent("mamba2", heads, inner * state, inner + 2 * groups * state, kernel)


def _delta(facts: _Facts) -> Recurrent:
    """Kimi's delta attention: a square state and three convolutions for each head."""
    heads, dim = facts.need("attention.head_count"), facts.need("kda.head_dim")
    return Recurrent("kda", heads, heads * dim * dim, 3 * heads * dim, facts.need("ssm.conv_kernel"))


def _mlp(facts: _Facts, number: int, found: dict[str, gguf_header.Tensor]) -> Mlp | None:
    gated = _has(found, "ffn_gate.") or _has(found, "ffn_gate_exps") or _has(found, "ffn_gate_up_exps")
    if _has(found, "ffn_down_exps"):
        experts = found[next(role for role in found if role.startswith("ffn_down_exps"))]
        shared = next((t.dims[0] for role, t in found.items() if role.startswith("ffn_down_shexp.w")), 0)
        used = facts.number("expert_used_count") or 1
        return Moe(experts.dims[-1], used, experts.dims[0], shared, gated)
    down = next((t.dims[0] for role, t in found.items() if role.startswith("ffn_down.w")), None)
    if down is None:
        return None
    return Dense(facts.number("feed_forward_length", number) or down, gated or _has(found, "ffn_up.w"))


def _tensor(role: str, tensor: gguf_header.Tensor) -> Tensor:
    """As PyTorch writes it; what it is for is told by llama.cpp's stem."""
    stem = role.removesuffix(".weight")
    kind = "linear"
    if stem in ("token_embd", "per_layer_token_embd"):
        kind = "embedding"
    elif stem == "output":
        kind = "head"
    elif "norm" in stem:
        kind = "norm"
    elif stem.startswith("ffn_gate_inp"):
        kind = "router"
    elif "conv1d" in stem or stem == "shortconv.conv":
        kind = "conv"
    elif len(tensor.dims) < 2:
        kind = "vector"
    elif stem.endswith("_exps"):
        kind = "expert"
    return Tensor(stem, tuple(reversed(tensor.dims)), kind, dtype=tensor.type_name)  # type: ignore[arg-type]

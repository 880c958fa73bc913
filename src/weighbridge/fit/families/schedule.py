"""Which layer looks how far, and which holds experts: the many ways configs say so, as one list each."""

from __future__ import annotations

from typing import Literal

from weighbridge.errors import InputError

from .facts import EXPERTS, Facts
from .family import Family

Sight = Literal["full", "sliding", "chunked", "linear", "conv", "mamba", "mlp", "moe", "compressed"]

_NAMES: dict[str, Sight] = {
    "full_attention": "full",
    "full": "full",
    "attention": "full",
    "global": "full",
    "global_attention": "full",
    "deepseek_sparse_attention": "full",
    "minimax_m3_sparse": "full",
    "sparse_attention": "full",
    "indexed_attention": "full",
    "sliding_attention": "sliding",
    "sliding_window": "sliding",
    "sliding": "sliding",
    "local": "sliding",
    "local_attention": "sliding",
    "chunked_attention": "chunked",
    "chunked": "chunked",
    "linear_attention": "linear",
    "linear": "linear",
    "lightning_attention": "linear",
    "gated_delta_net": "linear",
    "recurrent": "linear",
    "kda": "linear",
    "conv": "conv",
    "short_conv": "conv",
    "mamba": "mamba",
    "mamba2": "mamba",
    "hybrid": "full",
    "mlp": "mlp",
    "moe": "moe",
    "heavily_compressed_attention": "compressed",
    "compressed_sparse_attention": "compressed",
}
_FULL: Sight = "full"


def sights(facts: Facts, family: Family, layers: int) -> tuple[Sight, ...]:
    """For each layer, what its mixer is; raises InputError for lists that do not match the layers."""
    listed = facts.listed("layer_types") or facts.listed("layers_block_type") or facts.listed("block_types")
    if listed is not None:
        return _named(facts, listed, layers)
    pattern = facts.listed("hybrid_layer_pattern")  # MiMo-V2: 1 slides
    if pattern is not None:
        return _of_length(facts, "hybrid_layer_pattern", ["sliding" if one == 1 else "full" for one in pattern], layers)
    if facts.has("attn_type_list", "attn_type_list_rle"):  # MiniMax: 1 is full attention, 0 lightning
        types = facts.listed("attn_type_list") or ()
        return _of_length(facts, "attn_type_list", ["full" if one == 1 else "linear" for one in types], layers)
    interval = facts.whole(("full_attention_interval",), "layers")
    if interval is not None:
        return tuple("full" if (i + 1) % interval == 0 else "linear" for i in range(layers))
    if family.linear_every is not None and not facts.has("layer_types_count"):
        facts.assume("full_attention_interval", family.linear_every)
        return tuple("full" if (i + 1) % family.linear_every == 0 else "linear" for i in range(layers))
    sampled = _sampled(facts, layers)
    return sampled or _windowed(facts, family, layers)


def _named(facts: Facts, names: tuple[object, ...], layers: int) -> tuple[Sight, ...]:
    return _of_length(facts, "layer_types", [_sight(facts, str(name)) for name in names], layers)


def _sight(facts: Facts, name: str) -> Sight:
    """What a layer of this name is; one that attends in a way nobody here knows is taken to see everything."""
    known = _NAMES.get(name)
    if known is not None:
        return known
    if name.endswith("attention"):
        facts.assume("layer_types", f"{name} attends to all tokens")
        return "full"
    raise InputError(
        f"layer_types names {name!r}, a kind of layer that is not known here",
        where=facts.where,
        next_move=f"Known are {', '.join(sorted(_NAMES))}.",
    )


def _of_length(facts: Facts, name: str, types: list[Sight], layers: int) -> tuple[Sight, ...]:
    """Lists may be longer than the layers by what draft layers add."""
    if len(types) < layers:
        raise InputError(f"{name} has {len(types)} entries for {layers} layers", where=facts.where)
    return tuple(types[:layers])


def _sampled(facts: Facts, layers: int) -> tuple[Sight, ...] | None:
    """From the first types and how often each occurs, where a config was kept in that short form."""
    counts, first = facts.table("layer_types_count"), facts.listed("layer_types_first8")
    if counts is None or not first:
        return None
    types = [_NAMES.get(str(name), "full") for name in first]
    for period in range(1, len(types) + 1):
        cycle = [types[i % period] for i in range(layers)]
        if cycle[: len(types)] == types and all(
            cycle.count(_NAMES.get(name, "full")) == count for name, count in counts.items()
        ):
            return tuple(cycle)
    return None


def _windowed(facts: Facts, family: Family, layers: int) -> tuple[Sight, ...]:
    """Rules of the families whose configs list nothing."""
    if facts.has("attention_chunk_size"):  # Llama 4: every fourth layer has no rotary positions and sees everything
        interval = facts.whole(("no_rope_layer_interval",), "layers") or 4
        return _every(interval, layers, "chunked")
    if not facts.has("sliding_window", "sliding_window_size", "window_size"):
        return (_FULL,) * layers
    pattern = facts.raw("sliding_window_pattern", "_sliding_window_pattern")
    if isinstance(pattern, str) and pattern:  # EXAONE 4: "LLLG"
        return tuple("full" if pattern[i % len(pattern)] == "G" else "sliding" for i in range(layers))
    every = facts.whole(("sliding_window_pattern", "_sliding_window_pattern"), "layers")
    if every is not None or family.window_layers == "pattern":
        return _every(every or family.pattern, layers, "sliding")
    if family.window_layers == "even":
        return _every(2, layers, "sliding")
    if facts.has("use_sliding_window"):
        return _from_layer(facts, layers)
    return ("sliding" if family.window_layers == "all" else "full",) * layers


def _every(interval: int, layers: int, otherwise: Sight) -> tuple[Sight, ...]:
    """The last of each `interval` layers sees everything."""
    return tuple("full" if (i + 1) % interval == 0 else otherwise for i in range(layers))


def _from_layer(facts: Facts, layers: int) -> tuple[Sight, ...]:
    """Qwen's: windows from one layer on, if they are used at all."""
    if not facts.flag("use_sliding_window", False):
        return (_FULL,) * layers
    first = facts.whole(("max_window_layers",), "layers", 0) or 0
    return tuple("sliding" if i >= first else "full" for i in range(layers))


def sparse(facts: Facts, layers: int) -> tuple[bool, ...]:
    """For each layer, whether its MLP is a mixture of experts."""
    experts = facts.whole(EXPERTS, "experts", 0)
    if experts is None or experts < 2:
        return (False,) * layers
    listed = facts.listed("mlp_layer_types")
    if listed is not None:
        return _flags(facts, "mlp_layer_types", [str(one) in ("sparse", "moe") for one in listed], layers)
    frequency = facts.listed("moe_layer_freq")
    if frequency is not None:
        return _flags(facts, "moe_layer_freq", [bool(one) for one in frequency], layers)
    chosen = _chosen(facts)
    if chosen is not None:
        return tuple(i in chosen for i in range(layers))
    return tuple(_sparse(facts, i) for i in range(layers))


def _flags(facts: Facts, name: str, flags: list[bool], layers: int) -> tuple[bool, ...]:
    if len(flags) < layers:
        raise InputError(f"{name} has {len(flags)} entries for {layers} layers", where=facts.where)
    return tuple(flags[:layers])


def _chosen(facts: Facts) -> frozenset[int] | None:
    """Layers named one by one."""
    text = facts.config.get("moe_layers_enum")
    if isinstance(text, str) and text:
        return frozenset(int(part) for part in text.split(",") if part.strip().isdigit())
    listed = facts.listed("moe_layers") or facts.listed("moe_layers_enum")
    return frozenset(one for one in listed if isinstance(one, int)) if listed else None


def _sparse(facts: Facts, layer: int) -> bool:
    dense = facts.whole(("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"), "layers", 0) or 0
    last = facts.whole(("moe_layer_end_index",), "layers", -1)
    if layer < dense or (last is not None and 0 <= last < layer):
        return False
    only = facts.listed("mlp_only_layers")
    if only and layer in only:
        return False
    step = facts.whole(("decoder_sparse_step", "interleave_moe_layer_step"), "layers", 0)
    if step is not None:
        return step > 0 and (layer + 1) % step == 0
    interval = facts.whole(("moe_layer_interval",), "layers")
    if interval is not None:
        return (layer + 1) % interval == 0
    every = facts.whole(("moe_layer_freq",), "layers")
    return every is None or layer % every == 0

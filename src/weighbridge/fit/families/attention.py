"""Mixers that look back at stored tokens: their records and their tensors."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Attention, Indexer, LatentAttention

from .facts import HEADS, HIDDEN, KV_HEADS, Facts
from .family import Family, Flag
from .plan import Plan
from .schedule import Sight

HEAD_DIM = ("head_dim", "attention_head_dim", "kv_channels", "head_size")


def decide(flag: Flag, facts: Facts) -> bool:
    """What a family's flag comes to for this config."""
    if isinstance(flag, bool):
        return flag
    return facts.flag(flag.removeprefix("+"), flag.startswith("+"))


def attention_of(facts: Facts, family: Family, sight: Sight, layer: int) -> Attention:
    """Heads and widths of one layer; sliding and full layers may differ in both."""
    special = _special(facts, sight)
    heads = special.get("heads") or facts.per_layer(HEADS, layer, "heads") or facts.need(HEADS, "heads")
    kv_heads = special.get("kv_heads") or facts.per_layer(KV_HEADS, layer, "heads")
    if kv_heads is None:
        kv_heads = 1 if family.kv_heads == "one" and facts.flag("multi_query", True) else heads
    head_dim = special.get("head_dim") or facts.whole(HEAD_DIM) or _divided(facts, heads)
    v_dim = special.get("v_dim") or facts.whole(("v_head_dim",)) or head_dim
    if kv_heads < 1 or heads % kv_heads:
        raise InputError(f"{heads} heads cannot share {kv_heads} key-value heads evenly", where=facts.where)
    kind, window = "full", None
    if sight == "sliding":
        kind, window = "sliding", facts.whole(("sliding_window", "sliding_window_size", "window_size"), "context", 0)
    elif sight == "chunked":
        kind, window = "chunked", facts.whole(("attention_chunk_size",), "context")
    return Attention(kind, heads, kv_heads, head_dim, v_dim, window or None)  # type: ignore[arg-type]


def _divided(facts: Facts, heads: int) -> int:
    """The width of a head where the config leaves it to division."""
    hidden = facts.need(HIDDEN)
    if HIDDEN[0] in facts.missing or HEADS[0] in facts.missing:
        return 1
    if hidden % heads:
        raise InputError(f"hidden_size {hidden} is not divisible by {heads} heads", where=facts.where)
    return hidden // heads


def _special(facts: Facts, sight: Sight) -> dict[str, int]:
    """What the config says of this kind of layer only."""
    if sight == "sliding":
        names = {
            "heads": ("swa_num_attention_heads", "num_sliding_attention_heads"),
            "kv_heads": ("swa_num_key_value_heads",),
            "head_dim": ("swa_head_dim",),
            "v_dim": ("swa_v_head_dim",),
        }
        other = facts.table("attention_other_setting")
        if other is not None:  # Step 3.5
            return _other(facts, other)
    elif sight == "full":
        names = {"kv_heads": ("num_global_key_value_heads",), "head_dim": ("global_head_dim",)}
    else:
        return {}
    found = {name: facts.whole(keys, "heads") for name, keys in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _other(facts: Facts, other: Mapping[str, object]) -> dict[str, int]:
    inner = Facts(other, f"{facts.where}: attention_other_setting")
    found = {
        "heads": inner.whole(("num_attention_heads",), "heads"),
        "kv_heads": inner.whole(("num_attention_groups", "num_key_value_heads"), "heads"),
        "head_dim": inner.whole(("head_dim",)),
    }
    return {name: value for name, value in found.items() if value is not None}


def plan_attention(plan: Plan, facts: Facts, family: Family, spec: Attention) -> None:
    """Projections, their biases, and what sits on queries and keys."""
    hidden = facts.need(HIDDEN)
    bias, out_bias = decide(family.qkv_bias, facts), decide(family.o_bias, facts)
    queries, keys, values = spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim, spec.kv_heads * spec.v_dim
    if family.gate == "double_q" and facts.flag("attn_output_gate", True):
        queries *= 2
    if family.fused_qkv:
        plan.linear("attn_qkv", queries + keys + values, hidden, "self_attn.qkv_proj", bias=bias)
    else:
        plan.linear("attn_q", queries, hidden, "self_attn.q_proj", bias=bias)
        if not spec.shares_kv:
            plan.linear("attn_k", keys, hidden, "self_attn.k_proj", bias=bias)
            if not spec.keys_are_values:
                plan.linear("attn_v", values, hidden, "self_attn.v_proj", bias=bias)
    plan.linear("attn_output", hidden, spec.heads * spec.v_dim, "self_attn.o_proj", bias=out_bias)
    if family.gate == "elements":
        plan.linear("attn_gate", spec.heads * spec.v_dim, hidden, "self_attn.gate_proj")
        if family.gate_bias:
            plan.vector("attn_gate.bias", spec.heads)
    elif family.gate == "heads" and facts.flag("use_head_wise_attn_gate", True):
        plan.linear("attn_gate", spec.heads, hidden, "self_attn.g_proj")
    if family.sinks == "all" or (family.sinks == "sliding" and _has_sinks(facts, spec)):
        plan.vector("attn_sinks", spec.heads)
    _plan_qk_norm(plan, facts, family, spec)


def _has_sinks(facts: Facts, spec: Attention) -> bool:
    if spec.kind == "sliding":
        return facts.flag("add_swa_attention_sink_bias", True)
    return facts.flag("add_full_attention_sink_bias", False)


def _plan_qk_norm(plan: Plan, facts: Facts, family: Family, spec: Attention) -> None:
    kind = family.qk_norm
    if family.qk_norm_key and not decide(family.qk_norm_key, facts):
        return
    if not kind and facts.flag("use_qk_norm", False):
        kind = "head"
    if facts.config.get("qk_norm_type") == "per_layer":
        kind = "full"
    bias = decide(family.norm_bias, facts)
    widths = {
        "": (0, 0),
        "none": (0, 0),
        "head": (spec.head_dim, spec.head_dim),
        "full": (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim),
        "per_head": (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim),
    }[kind]
    if widths[0]:
        plan.norm("attn_q_norm", widths[0], bias=bias and kind == "head")
        if not spec.shares_kv:
            plan.norm("attn_k_norm", widths[1], bias=bias and kind == "head")


def latent_of(facts: Facts, layer: int) -> LatentAttention:
    """Multi-head latent attention of one layer; the ranks must be there."""
    heads = facts.per_layer(HEADS, layer, "heads") or facts.need(HEADS, "heads")
    indexer = None
    if facts.has("index_topk", "index_n_heads"):
        types = facts.listed("indexer_types")
        shared = types is not None and layer < len(types) and types[layer] != "full"
        indexer = Indexer(
            heads=facts.need(("index_n_heads",), "heads"),
            dim=facts.need(("index_head_dim",)),
            top_k=facts.need(("index_topk",), "context"),
            shared=shared,
        )
    return LatentAttention(
        heads=heads,
        kv_lora_rank=facts.need(("kv_lora_rank",)),
        rope_dim=facts.need(("qk_rope_head_dim",)),
        nope_dim=facts.need(("qk_nope_head_dim",)),
        v_dim=facts.need(("v_head_dim",)),
        q_lora_rank=facts.whole(("q_lora_rank",)),
        indexer=indexer,
    )


def plan_latent(plan: Plan, facts: Facts, spec: LatentAttention) -> None:
    """Low-rank projections down and up again, their norms, and the indexer where it has one of its own."""
    hidden = facts.need(HIDDEN)
    bias = facts.flag("attention_bias", False)
    queries = spec.heads * (spec.nope_dim + spec.rope_dim)
    if spec.q_lora_rank:
        plan.linear("attn_q_a", spec.q_lora_rank, hidden, "self_attn.q_a_proj", bias=bias)
        plan.norm("attn_q_a_norm", spec.q_lora_rank)
        plan.linear("attn_q_b", queries, spec.q_lora_rank, "self_attn.q_b_proj")
    else:
        plan.linear("attn_q", queries, hidden, "self_attn.q_proj")
    plan.linear("attn_kv_a_mqa", spec.kv_lora_rank + spec.rope_dim, hidden, "self_attn.kv_a_proj_with_mqa", bias=bias)
    plan.norm("attn_kv_a_norm", spec.kv_lora_rank)
    plan.linear("attn_kv_b", spec.heads * (spec.nope_dim + spec.v_dim), spec.kv_lora_rank, "self_attn.kv_b_proj")
    plan.linear("attn_output", hidden, spec.heads * spec.v_dim, "self_attn.o_proj", bias=bias)
    indexer = spec.indexer
    if indexer is not None and not indexer.shared:
        plan.linear("indexer.attn_q_b", indexer.heads * indexer.dim, spec.q_lora_rank or hidden, "indexer.wq_b")
        plan.linear("indexer.attn_k", indexer.dim, hidden, "indexer.wk")
        plan.norm("indexer.k_norm", indexer.dim, bias=True)
        plan.kept("indexer.proj", indexer.heads, hidden, name="indexer.weights_proj")

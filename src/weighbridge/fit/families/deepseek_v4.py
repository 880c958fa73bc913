"""DeepSeek-V4: compressed attention, hyper-connections, experts chosen by token id in the first layers.

entry      one vector of head_dim per token within the window, and one per `ratio` tokens before it
compressor keys and gates of head_dim (twice that where ratio = 4: windows overlap), a position bias, a norm
indexer    only where ratio = 4: a small compressor of its own and queries that pick top_k entries
hyper      hc_mult residual streams, mixed before attention and before the MLP by matrices kept in F32
"""

from __future__ import annotations

from weighbridge.fit.architecture import CompressedAttention, Indexer, Layer, Tensor

from .facts import HEADS, HIDDEN, Facts
from .family import Family
from .mlp import moe_of, plan_moe
from .plan import Plan

INDEXED_RATIO = 4
HASH_LAYERS = ("num_hash_layers",)


def layers(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    ratios = _ratios(facts, depth)
    types = facts.listed("mlp_layer_types") or ()
    hashed = facts.whole(HASH_LAYERS, "layers", 0) or sum(1 for one in types if one == "hash_moe")
    made: dict[tuple[int, bool], Layer] = {}
    built = []
    for i in range(depth):
        key = (ratios[i], i < hashed)
        if key not in made:
            made[key] = v4_layer(facts, family, *key)
        built.append(made[key])
    return tuple(built)


def v4_layer(facts: Facts, family: Family, ratio: int, hashed: bool) -> Layer:
    """One layer; `hashed`: a table of token ids takes the place of the balancing bias."""
    plan = Plan()
    mixer = compressed_of(facts, ratio)
    plan_compressed(plan, facts, mixer)
    mixture = moe_of(facts, family)
    plan_moe(plan, facts, family, mixture)
    if hashed:
        plan.kept("ffn_gate_tid2eid", facts.need(("vocab_size",), "vocab"), mixture.per_token, dtype="I64")
    else:
        plan.vector("exp_probs_b", mixture.experts, dtype="F32")
    for role in ("attn_norm", "ffn_norm"):
        plan.norm(role, facts.need(HIDDEN))
    plan_hyper(plan, facts)
    return Layer((mixer,), mixture, plan.done())


def _ratios(facts: Facts, depth: int) -> list[int]:
    listed = facts.listed("compress_ratios") or _by_type(facts)
    if listed is None or len(listed) < depth:
        facts.missing.append("compress_ratios")
        return [0] * depth
    return [facts.checked("compress_ratios", one, 0, 1 << 20) for one in listed[:depth]]


def _by_type(facts: Facts) -> tuple[object, ...] | None:
    """As transformers writes it: a name for each layer, and the rate of each name."""
    names, rates = facts.listed("layer_types"), facts.table("compress_rates")
    if names is None or rates is None:
        return None
    return tuple(rates.get(str(name), 0) for name in names)


def compressed_of(facts: Facts, ratio: int) -> CompressedAttention:
    """Attention of a layer that keeps one entry for `ratio` tokens; InputError for what the config lacks."""
    indexer = None
    if ratio == INDEXED_RATIO:
        indexer = Indexer(
            heads=facts.need(("index_n_heads",), "heads"),
            dim=facts.need(("index_head_dim",)),
            top_k=facts.need(("index_topk",), "context"),
        )
    return CompressedAttention(
        heads=facts.need(HEADS, "heads"),
        head_dim=facts.need(("head_dim",)),
        rope_dim=facts.need(("qk_rope_head_dim",)),
        window=facts.need(("sliding_window",), "context"),
        ratio=ratio,
        q_lora_rank=facts.need(("q_lora_rank",)),
        o_lora_rank=facts.need(("o_lora_rank",)),
        o_groups=facts.need(("o_groups",), "heads"),
        indexer=indexer,
    )


def plan_compressed(plan: Plan, facts: Facts, spec: CompressedAttention) -> None:
    """The tensors of such attention: low-rank queries, one shared head of keys and values, grouped output."""
    hidden, queries = facts.need(HIDDEN), spec.heads * spec.head_dim
    plan.linear("attn_q_a", spec.q_lora_rank, hidden, "attn.wq_a")
    plan.norm("attn_q_a_norm", spec.q_lora_rank)
    plan.linear("attn_q_b", queries, spec.q_lora_rank, "attn.wq_b")
    plan.linear("attn_kv", spec.head_dim, hidden, "attn.wkv")
    plan.norm("attn_kv_a_norm", spec.head_dim)
    plan.linear("attn_output_a", spec.o_groups * spec.o_lora_rank, queries // spec.o_groups, "attn.wo_a")
    plan.linear("attn_output_b", hidden, spec.o_groups * spec.o_lora_rank, "attn.wo_b")
    plan.vector("attn_sinks", spec.heads, dtype="F32")
    if spec.ratio:
        _plan_compressor(plan, "attn_compressor", hidden, spec.head_dim, spec.ratio)
    if spec.indexer is not None:
        indexer = spec.indexer
        _plan_compressor(plan, "indexer_compressor", hidden, indexer.dim, spec.ratio)
        plan.linear("indexer.attn_q_b", indexer.heads * indexer.dim, spec.q_lora_rank, "indexer.wq_b")
        plan.kept("indexer.proj", indexer.heads, hidden, name="indexer.weights_proj")


def _plan_compressor(plan: Plan, role: str, hidden: int, width: int, ratio: int) -> None:
    """Keys, gates and position bias are twice as wide where windows overlap."""
    wide = 2 * width if ratio == INDEXED_RATIO else width
    plan.kept(f"{role}_kv", wide, hidden, name="compressor.wkv")
    plan.kept(f"{role}_gate", wide, hidden, name="compressor.wgate")
    plan.vector(f"{role}_ape", ratio, wide, dtype="F32")
    plan.norm(f"{role}_norm", width)


def plan_hyper(plan: Plan, facts: Facts) -> None:
    """The mixers of the residual streams, before attention and before the MLP."""
    streams, hidden = facts.default(("hc_mult",), 4), facts.need(HIDDEN)
    for part in ("attn", "ffn"):
        plan.kept(f"hc_{part}_fn", (2 + streams) * streams, streams * hidden, dtype="F32")
        plan.vector(f"hc_{part}_base", (2 + streams) * streams, dtype="F32")
        plan.vector(f"hc_{part}_scale", 3, dtype="F32")


def outside(facts: Facts, hidden: int, _vocab: int) -> tuple[Tensor, ...]:
    """The mixer that brings the streams together before the head."""
    plan = Plan()
    plan_head_mixer(plan, facts, hidden)
    return plan.done()


def plan_head_mixer(plan: Plan, facts: Facts, hidden: int) -> None:
    """What joins the parallel residual streams before the head."""
    streams = facts.default(("hc_mult",), 4)
    plan.kept("output_hc_fn", streams, streams * hidden, dtype="F32")
    plan.vector("output_hc_base", streams, dtype="F32")
    plan.vector("output_hc_scale", 1, dtype="F32")

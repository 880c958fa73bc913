"""Gemma 3n and 4: embeddings for each layer, layers that read an earlier layer's cache, experts beside a dense MLP."""

from __future__ import annotations

import msgspec

from weighbridge.fit.architecture import Dense, Layer, Moe, Tensor

from .attention import attention_of, plan_attention
from .facts import HIDDEN, INTERMEDIATE, LAYERS, MOE_INTERMEDIATE, Facts
from .family import Family
from .layers import build_layers, plan_norms
from .mlp import dense_of, per_token_of, plan_dense
from .plan import Plan
from .schedule import Sight


def gemma4(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Full layers have wider heads and may store one projection for keys and values; the last layers share caches."""
    shared = facts.whole(("num_kv_shared_layers",), "layers", 0) or 0
    own = build_layers(facts, family, depth, _gemma4_layer)
    if not shared:
        return own
    borrowed = build_layers(facts, family, depth, _gemma4_shared)
    return own[: depth - shared] + borrowed[depth - shared :]


def _gemma4_layer(facts: Facts, family: Family, sight: Sight, _experts: bool, layer: int) -> Layer:
    return _gemma4(facts, family, sight, layer, shares=False)


def _gemma4_shared(facts: Facts, family: Family, sight: Sight, _experts: bool, layer: int) -> Layer:
    return _gemma4(facts, family, sight, layer, shares=True)


def _gemma4(facts: Facts, family: Family, sight: Sight, layer: int, *, shares: bool) -> Layer:
    plan = Plan()
    one = sight == "full" and facts.flag("attention_k_eq_v", facts.has("num_global_key_value_heads"))
    spec = attention_of(facts, family, sight, layer)
    if not one and sight == "full" and facts.has("num_global_key_value_heads") and facts.has("attention_k_eq_v"):
        spec = msgspec.structs.replace(spec, kv_heads=facts.need(("num_key_value_heads",), "heads"))
    spec = msgspec.structs.replace(spec, shares_kv=shares, keys_are_values=one)
    plan_attention(plan, facts, family, spec)
    dense = dense_of(facts, family, layer)
    if shares and facts.flag("use_double_wide_mlp", False):
        dense = Dense(2 * dense.intermediate)
    plan_dense(plan, facts, family, dense)
    mixture = _beside(plan, facts, dense) if _has_experts(facts) else None
    plan_norms(plan, facts, family)
    per_layer = _per_layer_width(facts)
    if per_layer:
        plan.linear("inp_gate", per_layer, facts.need(HIDDEN), "per_layer_input_gate")
        plan.linear("proj", facts.need(HIDDEN), per_layer, "per_layer_projection")
        plan.norm("post_norm", facts.need(HIDDEN))
    plan.vector("layer_output_scale", 1)
    return Layer((spec,), mixture or dense, plan.done())


def _has_experts(facts: Facts) -> bool:
    return facts.flag("enable_moe_block", facts.has("num_experts")) and facts.has("num_experts")


def _beside(plan: Plan, facts: Facts, dense: Dense) -> Moe:
    """Experts that run beside the dense MLP, which so is what every token goes through."""
    hidden, experts = facts.need(HIDDEN), facts.need(("num_experts",), "experts")
    width = facts.need(MOE_INTERMEDIATE)
    plan.router(experts, hidden, "router.proj")
    plan.vector("ffn_gate_inp.scale", hidden)
    plan.vector("ffn_down_exps.scale", experts)
    plan.experts("ffn_gate_up_exps", experts, 2 * width, hidden, "experts.gate_up_proj")
    plan.experts("ffn_down_exps", experts, hidden, width, "experts.down_proj")
    for role in ("post_ffw_norm_1", "post_ffw_norm_2", "pre_ffw_norm_2"):
        plan.norm(role, hidden)
    return Moe(experts, per_token_of(facts, experts), width, shared_intermediate=dense.intermediate)


def _per_layer_width(facts: Facts) -> int:
    """Gemma 4 has embeddings per layer in its small models only; their configs say so."""
    return facts.whole(("hidden_size_per_layer_input",), "width", 0) or 0


def gemma4_outside(facts: Facts, hidden: int, vocab: int) -> tuple[Tensor, ...]:
    """The table of embeddings for each layer, which llama.cpp keeps on the host."""
    plan = Plan()
    width = _per_layer_width(facts)
    if width:
        total = facts.need(LAYERS, "layers") * width
        rows = facts.whole(("vocab_size_per_layer_input",), "vocab") or vocab
        plan.tensors.append(Tensor("per_layer_token_embd", (rows, total), "embedding", "embed_tokens_per_layer"))
        plan.kept("per_layer_model_proj", total, hidden, name="per_layer_model_projection")
        plan.norm("per_layer_proj_norm", width)
    return plan.done()


def gemma3n(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """AltUp and LAuReL beside every layer; the last layers store no keys and values."""
    shared = facts.default(("num_kv_shared_layers",), 15, "layers", 0)
    base = msgspec.structs.replace(
        family,
        qk_norm="head",
        window_layers="pattern",
        pattern=5,
        norms=("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"),
        mlp_bias=False,
    )

    def build(facts: Facts, family: Family, sight: Sight, _experts: bool, layer: int) -> Layer:
        return _gemma3n(facts, family, sight, layer)

    own = build_layers(facts, base, depth, build)
    return tuple(_without_keys(layer) if i >= depth - shared else layer for i, layer in enumerate(own))


def _without_keys(layer: Layer) -> Layer:
    """The layer as it is where keys and values come from an earlier one; checkpoints hold the unused tensors still."""
    mixer = msgspec.structs.replace(layer.mixers[0], shares_kv=True)
    return msgspec.structs.replace(layer, mixers=(mixer,))


def _gemma3n(facts: Facts, family: Family, sight: Sight, layer: int) -> Layer:
    plan, hidden = Plan(), facts.need(HIDDEN)
    spec = attention_of(facts, family, sight, layer)
    plan_attention(plan, facts, family, spec)
    width = facts.per_layer(INTERMEDIATE, layer) or facts.need(INTERMEDIATE)
    dense = Dense(width)
    plan_dense(plan, facts, family, dense)
    plan_norms(plan, facts, family)
    streams = facts.default(("altup_num_inputs",), 4)
    rank, per_layer = facts.default(("laurel_rank",), 64), facts.default(("hidden_size_per_layer_input",), 256)
    plan.vector("altup_correct_scale", hidden)
    plan.kept("altup_correct_coef", streams, streams)
    plan.kept("altup_predict_coef", streams * streams, streams)
    plan.kept("altup_router", streams, hidden)
    plan.norm("altup_router_norm", hidden)
    plan.kept("laurel_l", rank, hidden)
    plan.kept("laurel_r", hidden, rank)
    plan.norm("laurel_post_norm", hidden)
    plan.linear("inp_gate", per_layer, hidden, "per_layer_input_gate")
    plan.linear("proj", hidden, per_layer, "per_layer_projection")
    plan.norm("post_norm", hidden)
    return Layer((spec,), dense, plan.done())


def gemma3n_outside(facts: Facts, hidden: int, _vocab: int) -> tuple[Tensor, ...]:
    plan = Plan()
    width, streams = facts.default(("hidden_size_per_layer_input",), 256), facts.default(("altup_num_inputs",), 4)
    total = facts.need(LAYERS, "layers") * width
    rows = facts.default(("vocab_size_per_layer_input",), 262_144, "vocab")
    plan.tensors.append(Tensor("per_layer_token_embd", (rows, total), "embedding", "embed_tokens_per_layer"))
    plan.kept("per_layer_model_proj", total, hidden, name="per_layer_model_projection")
    plan.norm("per_layer_proj_norm", width)
    for role in ("altup_proj", "altup_unembd_proj"):
        plan.linear(role, (streams - 1) * hidden, hidden, role)
    return plan.done()

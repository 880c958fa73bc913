"""Mixers with a state of fixed size: gated delta nets, Mamba, lightning attention, short convolutions."""

from __future__ import annotations

from typing import NamedTuple

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Recurrent

from .facts import HEADS, HIDDEN, Facts
from .plan import Plan


def plan_gated_delta(plan: Plan, facts: Facts) -> Recurrent:
    """Qwen3-Next and 3.5: keys and values of fixed heads, one decay and one rate per value head."""
    hidden = facts.need(HIDDEN)
    value_heads, key_dim, value_dim, keys, values, kernel = _delta_of(facts)
    plan.linear("attn_qkv", 2 * keys + values, hidden, "linear_attn.in_proj_qkv")
    plan.linear("attn_gate", values, hidden, "linear_attn.in_proj_z")
    _plan_rates(plan, facts, value_heads, hidden)
    plan.conv("ssm_conv1d", 2 * keys + values, kernel)
    plan.vector("ssm_dt.bias", value_heads)
    plan.vector("ssm_a", value_heads)
    plan.norm("ssm_norm", value_dim)
    plan.linear("ssm_out", hidden, values, "linear_attn.out_proj")
    state = value_heads * key_dim * value_dim
    return Recurrent("gated_delta", value_heads, state, 2 * keys + values, kernel, _state_dtype(facts))


class _Delta(NamedTuple):
    """Widths of a gated delta net."""

    value_heads: int
    key_dim: int
    value_dim: int
    keys: int
    """Of all key heads together."""
    values: int
    kernel: int
    """Of its convolution."""


def _delta_of(facts: Facts) -> _Delta:
    key_heads = facts.need(("linear_num_key_heads",), "heads")
    value_heads = facts.need(("linear_num_value_heads",), "heads")
    key_dim, value_dim = facts.need(("linear_key_head_dim",)), facts.need(("linear_value_head_dim",))
    kernel = facts.default(("linear_conv_kernel_dim",), 4)
    return _Delta(value_heads, key_dim, value_dim, key_heads * key_dim, value_heads * value_dim, kernel)


def _plan_rates(plan: Plan, facts: Facts, value_heads: int, hidden: int) -> None:
    """Decay and rate: one matrix in Qwen3-Next, two since 3.5."""
    if str(facts.config.get("model_type")) == "qwen3_next":
        plan.linear("ssm_ba", 2 * value_heads, hidden, "linear_attn.in_proj_ba")
    else:
        plan.linear("ssm_beta", value_heads, hidden, "linear_attn.in_proj_b")
        plan.linear("ssm_alpha", value_heads, hidden, "linear_attn.in_proj_a")


def plan_olmo_delta(plan: Plan, facts: Facts) -> Recurrent:
    """OLMo hybrid: the same net with a projection for each part."""
    hidden = facts.need(HIDDEN)
    value_heads, key_dim, value_dim, keys, values, kernel = _delta_of(facts)
    for role, width in (("attn_q", keys), ("attn_k", keys), ("attn_v", values), ("ssm_g", values)):
        plan.linear(role, width, hidden, f"linear_attn.{role[-1]}_proj")
    plan.linear("ssm_alpha", value_heads, hidden, "linear_attn.a_proj")
    plan.linear("ssm_beta", value_heads, hidden, "linear_attn.b_proj")
    plan.conv("ssm_conv1d", 2 * keys + values, kernel)
    plan.vector("ssm_a", value_heads)
    plan.vector("ssm_dt.bias", value_heads)
    plan.norm("ssm_norm", value_dim)
    plan.linear("ssm_out", hidden, values, "linear_attn.o_proj")
    return Recurrent("gated_delta", value_heads, value_heads * key_dim * value_dim, 2 * keys + values, kernel)


def plan_kda(plan: Plan, facts: Facts) -> Recurrent:
    """Kimi delta attention: every channel decays at its own rate, made by a low-rank projection."""
    hidden = facts.need(HIDDEN)
    inner = Facts(facts.table("linear_attn_config") or {}, f"{facts.where}: linear_attn_config")
    heads = inner.whole(("num_heads",), "heads") or facts.default(("linear_num_heads",), facts.need(HEADS, "heads"))
    width = inner.whole(("head_dim",)) or facts.default(("linear_head_dim",), 128)
    kernel = inner.whole(("short_conv_kernel_size",)) or facts.default(("linear_conv_kernel_dim",), 4)
    full_rank = inner.flag("use_full_rank_gate", False)
    total = heads * width
    for role in ("attn_q", "attn_k", "attn_v"):
        plan.linear(role, total, hidden, f"self_attn.{role[-1]}_proj")
        plan.conv(f"ssm_conv1d_{role[-1]}", total, kernel)
    for role, name in (("ssm_f", "f"), ("ssm_g", "g")):
        if full_rank and name == "g":
            plan.linear(role, total, hidden, "self_attn.g_proj")
            continue
        plan.linear(f"{role}_a", width, hidden, f"self_attn.{name}_a_proj")
        plan.linear(f"{role}_b", total, width, f"self_attn.{name}_b_proj")
    plan.linear("ssm_beta", heads, hidden, "self_attn.b_proj")
    plan.vector("ssm_dt.bias", total, dtype="F32")
    plan.vector("ssm_a", heads, dtype="F32")
    plan.norm("ssm_norm", width)
    plan.linear("attn_output", hidden, total, "self_attn.o_proj")
    return Recurrent("kda", heads, heads * width * width, 3 * total, kernel)


def plan_mamba2(plan: Plan, facts: Facts, *, normed: bool = True) -> Recurrent:
    """Mamba-2: one scalar decay per head; keys and queries are shared by groups of heads."""
    hidden = facts.need(HIDDEN)
    heads, width, inner = _mamba2_heads(facts, hidden)
    groups = facts.default(("mamba_n_groups", "n_groups", "mamba_ngroups"), 1, "heads")
    state = facts.need(("ssm_state_size", "mamba_d_state", "state_size"))
    kernel = facts.default(("conv_kernel", "mamba_d_conv"), 4)
    channels = inner + 2 * groups * state
    bias = facts.flag("mamba_proj_bias", facts.flag("use_bias", False))
    plan.linear("ssm_in", 2 * inner + 2 * groups * state + heads, hidden, "mixer.in_proj", bias=bias)
    plan.conv("ssm_conv1d", channels, kernel, bias=facts.flag("mamba_conv_bias", facts.flag("use_conv_bias", True)))
    plan.vector("ssm_dt.bias", heads)
    plan.vector("ssm_a", heads)
    plan.vector("ssm_d", heads)
    if normed:
        plan.norm("ssm_norm", inner)
    plan.linear("ssm_out", hidden, inner, "mixer.out_proj", bias=bias)
    return Recurrent("mamba2", heads, heads * width * state, channels, kernel, _state_dtype(facts))


def _mamba2_heads(facts: Facts, hidden: int) -> tuple[int, int, int]:
    """Heads, their width, and both together: configs give two of the three or the factor over the model's width."""
    heads = facts.whole(("mamba_num_heads", "mamba_n_heads", "n_mamba_heads"), "heads")
    if heads is None and facts.config.get("model_type") == "mamba2":
        heads = facts.whole(("num_heads",), "heads")
    width = facts.whole(("mamba_head_dim", "mamba_d_head"))
    if width is None and facts.config.get("model_type") == "mamba2":
        width = facts.whole(("head_dim",))
    inner = facts.whole(("mamba_d_ssm",))
    if inner is None and heads is not None and width is not None:
        inner = heads * width
    if inner is None:
        inner = facts.default(("mamba_expand", "expand"), 2, "heads") * hidden
    if heads is None:
        heads = inner // width if width else facts.need(("mamba_num_heads",), "heads")
    if inner % heads:
        raise InputError(f"{inner} Mamba channels cannot be split over {heads} heads", where=facts.where)
    return heads, inner // heads, inner


def plan_mamba1(plan: Plan, facts: Facts, *, normed: bool = False) -> Recurrent:
    """Mamba: a state per channel; `normed` adds Jamba's norms on step, input and output."""
    hidden = facts.need(HIDDEN)
    inner = facts.whole(("intermediate_size",)) if not normed else None
    inner = inner or facts.default(("mamba_expand", "expand"), 2, "heads") * hidden
    state = facts.default(("mamba_d_state", "state_size"), 16)
    kernel = facts.default(("mamba_d_conv", "conv_kernel"), 4)
    name = "mamba_dt_rank" if facts.has("mamba_dt_rank") else "time_step_rank"
    value = facts.raw(name)
    rank = -(-hidden // 16) if value in (None, "auto") else facts.checked(name, value, 1, 1 << 16)
    bias = facts.flag("mamba_proj_bias", facts.flag("use_bias", False))
    plan.linear("ssm_in", 2 * inner, hidden, "mixer.in_proj", bias=bias)
    plan.conv("ssm_conv1d", inner, kernel, bias=facts.flag("mamba_conv_bias", facts.flag("use_conv_bias", True)))
    plan.linear("ssm_x", rank + 2 * state, inner, "mixer.x_proj")
    plan.linear("ssm_dt", inner, rank, "mixer.dt_proj", bias=True)
    plan.vector("ssm_a", inner, state)
    plan.vector("ssm_d", inner)
    if normed:
        plan.norm("ssm_dt_norm", rank)
        plan.norm("ssm_b_norm", state)
        plan.norm("ssm_c_norm", state)
    plan.linear("ssm_out", hidden, inner, "mixer.out_proj", bias=bias)
    return Recurrent("mamba1", 1, inner * state, inner, kernel)


def plan_lightning(plan: Plan, facts: Facts) -> Recurrent:
    """MiniMax's lightning attention: one matrix per head, decaying at a fixed rate."""
    hidden = facts.need(HIDDEN)
    heads = facts.need(HEADS, "heads")
    width = facts.whole(("head_dim",)) or hidden // heads
    total = heads * width
    plan.linear("attn_qkv", 3 * total, hidden, "self_attn.qkv_proj")
    plan.linear("attn_gate", total, hidden, "self_attn.output_gate")
    plan.norm("ssm_norm", total)
    plan.linear("attn_output", hidden, total, "self_attn.out_proj")
    return Recurrent("lightning", heads, heads * width * width)


def plan_short_conv(plan: Plan, facts: Facts) -> Recurrent:
    """LFM2: a gated convolution over the last few tokens."""
    hidden = facts.need(HIDDEN)
    kernel = facts.default(("conv_L_cache", "conv_kernel_size"), 3)
    bias = facts.flag("conv_bias", False)
    plan.linear("shortconv.in_proj", 3 * hidden, hidden, "conv.in_proj", bias=bias)
    plan.conv("shortconv.conv", hidden, kernel, bias=bias)
    plan.linear("shortconv.out_proj", hidden, hidden, "conv.out_proj", bias=bias)
    return Recurrent("short_conv", 1, 0, hidden, kernel)


def _state_dtype(facts: Facts) -> str:
    value = facts.raw("mamba_ssm_dtype", "mamba_ssm_cache_dtype")
    return value if isinstance(value, str) else "float32"

"""Families that mix attention with layers of fixed state: Jamba, Bamba, Granite 4, Nemotron-H, Falcon-H1, LFM2, ..."""

from __future__ import annotations

import msgspec

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Dense, Layer, Mixer, Mlp, Recurrent

from .attention import attention_of, latent_of, plan_attention, plan_latent
from .facts import EXPERTS, HEADS, HIDDEN, INTERMEDIATE, SHARED_INTERMEDIATE, Facts
from .family import Family
from .layers import build_layers, plain_layer, plan_mlp, plan_norms
from .mlp import moe_of, plan_dense, plan_moe
from .plan import Plan
from .recurrent import plan_kda, plan_lightning, plan_mamba1, plan_mamba2, plan_olmo_delta, plan_short_conv
from .schedule import Sight, sparse


def _attention(plan: Plan, facts: Facts, family: Family, sight: Sight, layer: int) -> Mixer:
    spec = attention_of(facts, family, sight, layer)
    plan_attention(plan, facts, family, spec)
    return spec


def mamba(facts: Facts, _family: Family, depth: int) -> tuple[Layer, ...]:
    """Mamba layers only: a norm and a mixer, no MLP. Mamba-2 where the config counts heads."""
    plan = Plan()
    plan.norm("attn_norm", facts.need(HIDDEN))
    second = facts.config.get("model_type") == "mamba2" or facts.has("mamba_num_heads")
    mixer = plan_mamba2(plan, facts) if second else plan_mamba1(plan, facts)
    return (Layer((mixer,), None, plan.done()),) * depth


def bamba(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Mamba-2 layers with attention at the places the config lists."""
    places = facts.listed("attn_layer_indices") or ()
    listed = facts.has("layer_types", "layers_block_type")

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        plan = Plan()
        attends = sight == "full" if listed else layer in places
        mixer = _attention(plan, facts, family, "full", layer) if attends else plan_mamba2(plan, facts)
        mlp = plan_mlp(plan, facts, family, experts, layer)
        plan_norms(plan, facts, family)
        return Layer((mixer,), mlp, plan.done())

    if listed:
        return build_layers(facts, family, depth, build)
    first = next((place for place in places if isinstance(place, int)), 0)
    kinds = {attends: build(facts, family, "full", False, first if attends else -1)
             for attends in {i in places for i in range(depth)}}  # fmt: skip
    return tuple(kinds[i in places] for i in range(depth))


def jamba(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Every so-manieth layer attends, every other one has experts."""
    period, offset = facts.default(("attn_layer_period",), 8), facts.default(("attn_layer_offset",), 4, least=0)
    every, first = facts.default(("expert_layer_period",), 2), facts.default(("expert_layer_offset",), 1, least=0)
    many = (facts.whole(EXPERTS, "experts") or 1) > 1
    made: dict[tuple[bool, bool], Layer] = {}
    built = []
    for i in range(depth):
        key = (i % period == offset, many and i % every == first)
        if key not in made:
            plan = Plan()
            mixer = _attention(plan, facts, family, "full", i) if key[0] else plan_mamba1(plan, facts, normed=True)
            mlp = plan_mlp(plan, facts, family, key[1], i)
            plan_norms(plan, facts, family)
            made[key] = Layer((mixer,), mlp, plan.done())
        built.append(made[key])
    return tuple(built)


def granite(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Granite 4: Mamba-2 or attention, experts if any, and a shared MLP whose gate and up are one matrix."""
    mamba_layers = facts.has("mamba_d_state") or facts.config.get("model_type") == "granitemoehybrid"

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        plan = Plan()
        attends = sight == "full" if facts.has("layer_types", "layers_block_type") else not mamba_layers
        mixer = _attention(plan, facts, family, "full", layer) if attends else plan_mamba2(plan, facts)
        shared = facts.default(SHARED_INTERMEDIATE, 1024 if mamba_layers else 0, least=0)
        mlp: Mlp
        if experts:
            mixture = moe_of(facts, family)
            plan_moe(plan, facts, family, msgspec.structs.replace(mixture, shared_intermediate=0))
            mlp = msgspec.structs.replace(mixture, shared_intermediate=shared)
        else:
            mlp = Dense(shared)
        if shared:
            suffix = "_shexp" if experts else ""
            plan.linear(f"ffn_gate{suffix}", shared, facts.need(HIDDEN), "shared_mlp.input_linear")
            plan.linear(f"ffn_up{suffix}", shared, facts.need(HIDDEN), "shared_mlp.input_linear")
            plan.linear(f"ffn_down{suffix}", facts.need(HIDDEN), shared, "shared_mlp.output_linear")
        plan_norms(plan, facts, family)
        return Layer((mixer,), mlp, plan.done())

    return build_layers(facts, family, depth, build)


_NEMOTRON = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_NEMOTRON_WORDS = {"linear_attention": "mamba", "full_attention": "attention", "mamba2": "mamba"}


def nemotron_h(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """One thing per layer: Mamba-2, attention, an MLP or experts, as the pattern's letters say."""
    pattern = facts.raw("hybrid_override_pattern")
    if isinstance(pattern, str):
        kinds = [_NEMOTRON.get(letter, "") for letter in pattern]
    else:
        listed = facts.listed("layers_block_type") or facts.listed("layer_types")
        if listed is None:
            facts.missing.append("hybrid_override_pattern")
            return ()
        kinds = [_NEMOTRON_WORDS.get(str(one), str(one)) for one in listed]
    if len(kinds) < depth or not set(kinds) <= set(_NEMOTRON.values()):
        raise InputError(
            f"hybrid_override_pattern has {len(kinds)} letters (M * - E are known) for {depth} layers",
            where=facts.where,
        )
    made = {kind: nemotron_layer(facts, family, kind) for kind in dict.fromkeys(kinds[:depth])}
    return tuple(made[kind] for kind in kinds[:depth])


def nemotron_layer(facts: Facts, family: Family, kind: str) -> Layer:
    plan = Plan()
    plan.norm("attn_norm", facts.need(HIDDEN))
    mixers: tuple[Mixer, ...] = ()
    mlp: Mlp | None = None
    if kind == "mamba":
        mixers = (plan_mamba2(plan, facts),)
    elif kind == "attention":
        mixers = (_attention(plan, facts, family, "full", 0),)
    elif kind == "mlp":
        dense = Dense(facts.need(INTERMEDIATE), gated=False)
        plan_dense(plan, facts, family, dense)
        mlp = dense
    else:
        family = msgspec.structs.replace(family, correction_bias=True)
        mixture = moe_of(facts, family)
        if mixture.shared_intermediate and not facts.has("moe_shared_expert_intermediate_size"):
            facts.assume("moe_shared_expert_intermediate_size", 2 * mixture.intermediate)
            mixture = msgspec.structs.replace(mixture, shared_intermediate=2 * mixture.intermediate)
        plan_moe(plan, facts, family, mixture)
        mlp = mixture
    return Layer(mixers, mlp, plan.done())


def falcon_h1(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Attention and Mamba-2 side by side in every layer."""
    plan = Plan()
    side = plan_mamba2(plan, facts, normed=facts.flag("mamba_rms_norm", False))
    attention = _attention(plan, facts, family, "full", 0)
    mlp = plan_mlp(plan, facts, family, False, 0)
    plan_norms(plan, facts, family)
    return (Layer((attention, side), mlp, plan.done()),) * depth


def lfm2(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Short convolutions with attention now and then; the MLP's width may be rounded from a larger one."""
    base = msgspec.structs.replace(family, qk_norm="head", qkv_bias=False, o_bias=False, mlp_bias=False)
    places = facts.listed("full_attn_idxs")
    listed = facts.has("layer_types")
    width = _lfm2_width(facts)

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        plan = Plan()
        attends = sight != "conv" if listed else places is None or layer in places
        mixer = _attention(plan, facts, family, "full", layer) if attends else plan_short_conv(plan, facts)
        mlp: Mlp
        if experts:
            mlp = plan_mlp(plan, facts, family, True, layer)
        else:
            mlp = Dense(width)
            plan_dense(plan, facts, family, mlp)
        plan_norms(plan, facts, family)
        return Layer((mixer,), mlp, plan.done())

    if listed or places is None:
        return build_layers(facts, base, depth, build)
    experts = sparse(facts, depth)
    made: dict[tuple[bool, bool], Layer] = {}
    for i in range(depth):
        made.setdefault((i in places, experts[i]), build(facts, base, "full", experts[i], i))
    return tuple(made[i in places, experts[i]] for i in range(depth))


def _lfm2_width(facts: Facts) -> int:
    """Two thirds of the stated width, rounded up, where the config asks for that (the first LFM2 models)."""
    width = facts.need(("intermediate_size", "block_ff_dim"))
    if not facts.flag("block_auto_adjust_ff_dim", facts.has("block_ff_dim")):
        return width
    width = int(2 * width / 3)
    multiplier = facts.raw("block_ffn_dim_multiplier")
    if isinstance(multiplier, int | float) and 0 < multiplier < 100:
        width = int(multiplier * width)
    unit = facts.default(("block_multiple_of",), 256)
    return -(-width // unit) * unit


def kimi_linear(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Kimi delta attention with a latent-attention layer now and then."""
    latent = _latent_places(facts, depth)
    first = facts.whole(("first_k_dense_replace",), "layers", 0)
    first = 1 if first is None else first
    made: dict[tuple[bool, bool], Layer] = {}
    built = []
    for i in range(depth):
        key = (i in latent, i >= first)
        if key not in made:
            made[key] = _kimi_layer(facts, family, i, attends=key[0], experts=key[1])
        built.append(made[key])
    return tuple(built)


def _latent_places(facts: Facts, depth: int) -> frozenset[int]:
    table = facts.table("linear_attn_config")
    if table is not None:
        listed = Facts(table, facts.where).listed("full_attn_layers") or ()
        return frozenset(facts.checked("full_attn_layers", one, 1, depth) - 1 for one in listed)  # counted from one
    named = facts.listed("layer_types")
    if named is not None:
        return frozenset(i for i, one in enumerate(named[:depth]) if one == "full_attention")
    facts.assume("layer_types", "latent attention in every fourth layer and the last")
    return frozenset(i for i in range(depth) if i % 4 == 3 or i == depth - 1)


def _kimi_layer(facts: Facts, family: Family, layer: int, *, attends: bool, experts: bool) -> Layer:
    plan = Plan()
    mixer: Mixer
    if attends:
        mixer = latent_of(facts, layer)
        plan_latent(plan, facts, mixer)
    else:
        mixer = plan_kda(plan, facts)
    mlp = plan_mlp(plan, facts, family, experts, layer)
    plan_norms(plan, facts, family)
    return Layer((mixer,), mlp, plan.done())


def minimax(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """MiniMax-Text-01 and M1: lightning attention, and softmax attention in every eighth layer."""
    if not facts.has("attn_type_list", "attn_type_list_rle", "layer_types"):
        facts.assume("attn_type_list", "softmax attention in every eighth layer")
        every_eighth = ["full" if i % 8 == 7 else "linear_attention" for i in range(depth)]
        facts = facts.with_facts(layer_types=every_eighth)

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        plan = Plan()
        linear = sight == "linear"
        mixer = plan_lightning(plan, facts) if linear else _attention(plan, facts, family, "full", layer)
        mlp = plan_mlp(plan, facts, family, experts, layer)
        plan_norms(plan, facts, family)
        return Layer((mixer,), mlp, plan.done())

    return build_layers(facts, family, depth, build)


def olmo_hybrid(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Delta-net layers have norms before their parts, attention layers after them."""

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        if sight != "linear":
            return plain_layer(facts, family, sight, experts, layer)
        plan = Plan()
        mixer = plan_olmo_delta(plan, facts)
        mlp = plan_mlp(plan, facts, family, experts, layer)
        plan_norms(plan, facts, msgspec.structs.replace(family, norms=("attn_norm", "ffn_norm")))
        return Layer((mixer,), mlp, plan.done())

    return build_layers(facts, family, depth, build)


def recurrent_gemma(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Griffin: gated linear recurrences, and local attention in every third layer."""
    hidden, width = facts.need(HIDDEN), facts.whole(("lru_width",)) or facts.need(HIDDEN)
    heads = facts.need(HEADS, "heads")
    types = [str(one) for one in facts.listed("block_types") or ("recurrent", "recurrent", "attention")]

    def build(kind: str) -> Layer:
        plan = Plan()
        mixer: Mixer
        if kind == "attention":
            mixer = _attention(plan, facts, msgspec.structs.replace(family, o_bias=True), "full", 0)
            window = facts.whole(("attention_window_size",), "context")
            mixer = msgspec.structs.replace(mixer, kind="sliding", window=window)
        else:
            for role in ("ssm_y", "ssm_x"):
                plan.linear(role, width, hidden, "temporal_block.linear", bias=True)
            plan.linear("ssm_out", hidden, width, "temporal_block.linear_out", bias=True)
            plan.conv("ssm_conv1d", width, facts.default(("conv1d_width",), 4), bias=True)
            plan.vector("ssm_a", width)
            for role in ("ssm_input_gate", "ssm_recurrent_gate"):
                plan.kept(role, heads, width // heads, width // heads)
                plan.vector(f"{role}.bias", heads, width // heads)
            mixer = Recurrent("rwkv", 1, width, width, facts.default(("conv1d_width",), 4))
        dense = Dense(facts.need(INTERMEDIATE) // 2)
        plan_dense(plan, facts, msgspec.structs.replace(family, mlp_bias=True), dense)
        plan_norms(plan, facts, family)
        return Layer((mixer,), dense, plan.done())

    made = {kind: build(kind) for kind in dict.fromkeys(types)}
    return tuple(made[types[i % len(types)]] for i in range(depth))


def rwkv(facts: Facts, _family: Family, depth: int) -> tuple[Layer, ...]:
    """RWKV-4: no attention at all; the first layer has one norm more."""
    hidden = facts.need(HIDDEN)
    mixed = facts.whole(("attention_hidden_size",)) or hidden
    width = facts.whole(("intermediate_size",)) or 4 * hidden

    def build(first: bool) -> Layer:
        plan = Plan()
        for role in (("pre_norm",) if first else ()) + ("attn_norm", "ffn_norm"):
            plan.norm(role, hidden, bias=True)
        for role in ("time_mix_decay", "time_mix_first"):
            plan.vector(role, mixed)
        for role in (
            "time_mix_lerp_k",
            "time_mix_lerp_v",
            "time_mix_lerp_r",
            "channel_mix_lerp_k",
            "channel_mix_lerp_r",
        ):
            plan.vector(role, hidden)
        for role in ("time_mix_key", "time_mix_value", "time_mix_receptance"):
            plan.linear(role, mixed, hidden, f"attention.{role}")
        plan.linear("time_mix_output", hidden, mixed, "attention.output")
        plan.linear("channel_mix_key", width, hidden, "feed_forward.key")
        plan.linear("channel_mix_receptance", hidden, hidden, "feed_forward.receptance")
        plan.linear("channel_mix_value", hidden, width, "feed_forward.value")
        return Layer((Recurrent("rwkv", 1, 3 * mixed, 2 * hidden, 2),), Dense(width, gated=False), plan.done())

    return (build(True),) + (build(False),) * (depth - 1)

"""Single families with one oddity each."""

from __future__ import annotations

import msgspec

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Attention, Dense, Layer, Mixer, Mlp

from .attention import attention_of, latent_of, plan_attention, plan_latent
from .facts import HEADS, HIDDEN, INTERMEDIATE, Facts
from .family import Family
from .layers import build_layers, plain_layer, plan_norms
from .mlp import moe_of, plan_dense
from .plan import Plan
from .schedule import Sight


def _and(layer: Layer, plan: Plan) -> Layer:
    """The layer with further tensors."""
    return msgspec.structs.replace(layer, tensors=layer.tensors + plan.done())


def bitnet(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """One more norm before the output projection and one inside the MLP."""
    plan = Plan()
    plan.norm("ffn_sub_norm", facts.need(INTERMEDIATE))
    return (_and(plain_layer(facts, family, "full", False, 0), plan),) * depth


def axk1(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Latent attention and balanced experts; sparse layers have one more norm."""
    plain = msgspec.structs.replace(family, norms=("attn_norm", "ffn_norm"))

    def build(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
        return plain_layer(facts, family if experts else plain, sight, experts, layer)

    return build_layers(facts, family, depth, build)


def diffllama(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Differential attention: four vectors of a head's width."""
    layer = plain_layer(facts, family, "full", False, 0)
    mixer = layer.mixers[0]
    plan = Plan()
    if isinstance(mixer, Attention):
        for role in ("lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2"):
            plan.vector(role, mixer.head_dim)
    return (_and(layer, plan),) * depth


def falcon(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """One or two norms, one or many key-value heads, as three flags of two generations say."""
    heads = facts.need(HEADS, "heads")
    grouped = 1 < (facts.whole(("num_kv_heads", "n_head_kv", "num_key_value_heads"), "heads") or 1) < heads
    new, parallel = facts.flag("new_decoder_architecture", grouped), facts.flag("parallel_attn", True)
    if new:
        kv_heads = facts.whole(("num_kv_heads", "n_head_kv", "num_key_value_heads"), "heads") or heads
        norms = facts.whole(("num_ln_in_parallel_attn",), "heads") or 2
    else:
        kv_heads = 1 if facts.flag("multi_query", True) else heads
        norms = 1 if parallel else 2
    family = msgspec.structs.replace(family, norms=("attn_norm", "attn_norm_2")[:norms])
    facts = facts.with_facts(num_key_value_heads=kv_heads, num_kv_heads=None, n_head_kv=None)
    return (plain_layer(facts, family, "full", False, 0),) * depth


def bigcode(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """One key-value head or as many as heads, whatever newer tools write beside `multi_query`."""
    kv_heads = 1 if facts.flag("multi_query", True) else facts.need(HEADS, "heads")
    return build_layers(facts.with_facts(num_key_value_heads=kv_heads), family, depth, plain_layer)


def longcat(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Two latent attentions and two dense MLPs around one mixture, some of whose experts do nothing."""
    plan, hidden = Plan(), facts.need(HIDDEN)
    mixers: list[Mixer] = []
    width = facts.need(("ffn_hidden_size", "intermediate_size"))
    for _ in range(2):
        spec = latent_of(facts, 0)
        plan_latent(plan, facts, spec)
        mixers.append(spec)
        plan_dense(plan, facts, family, Dense(width), "mlps")
        plan_norms(plan, facts, family)
    mixture = moe_of(facts, family)
    idle = facts.whole(("zero_expert_num",), "experts", 0) or 0
    plan.router(mixture.experts + idle, hidden, "mlp.router.classifier", bias=facts.flag("router_bias", False))
    plan.vector("exp_probs_b", mixture.experts + idle, dtype="F32")
    for role, out, into in (("gate", mixture.intermediate, hidden), ("up", mixture.intermediate, hidden)):
        plan.experts(f"ffn_{role}_exps", mixture.experts, out, into, f"experts.{role}_proj")
    plan.experts("ffn_down_exps", mixture.experts, hidden, mixture.intermediate, "experts.down_proj")
    mlp: Mlp = msgspec.structs.replace(mixture, shared_intermediate=2 * width)
    return (Layer(tuple(mixers), mlp, plan.done()),) * depth


def qwen1(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """The first Qwen: intermediate_size counts gate and up together in the repository's config."""
    spec = attention_of(facts, family, "full", 0)
    width = facts.need(INTERMEDIATE) // 2
    plan = Plan()
    plan_attention(plan, facts, family, spec)
    plan_dense(plan, facts, family, Dense(width))
    plan_norms(plan, facts, family)
    return (Layer((spec,), Dense(width), plan.done()),) * depth


def stablelm(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """The parallel form has one norm."""
    if facts.flag("use_parallel_residual", False):
        family = msgspec.structs.replace(family, norms=("attn_norm",))
    return build_layers(facts, family, depth, plain_layer)


def deci(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    """Nemotron NAS: each layer has its own heads and width, or no attention or MLP at all."""
    blocks = facts.listed("block_configs")
    if blocks is None:
        facts.missing.append("block_configs")
        return ()
    if len(blocks) < depth:
        raise InputError(f"block_configs has {len(blocks)} entries for {depth} layers", where=facts.where)
    return tuple(_deci_layer(facts, family, block) for block in blocks[:depth])


def _deci_layer(facts: Facts, family: Family, block: object) -> Layer:
    inner = Facts(block if isinstance(block, dict) else {}, f"{facts.where}: block_configs")
    attention = Facts(inner.table("attention") or {}, inner.where)
    ffn = Facts(inner.table("ffn") or {}, inner.where)
    plan, hidden = Plan(), facts.need(HIDDEN)
    mixers: tuple[Mixer, ...] = ()
    mlp: Mlp | None = None
    if attention.flag("replace_with_linear", False):
        plan.linear("attn_output", hidden, hidden, "self_attn.linear_attn")
        plan.norm("attn_norm", hidden)
    elif not attention.flag("no_op", False):
        heads = facts.need(HEADS, "heads")
        group = attention.need(("n_heads_in_group",), "heads")
        spec = attention_of(facts.with_facts(num_key_value_heads=heads // group), family, "full", 0)
        plan_attention(plan, facts, family, spec)
        plan.norm("attn_norm", hidden)
        mixers = (spec,)
    if ffn.flag("replace_with_linear", False):
        plan.linear("ffn_up", hidden, hidden, "mlp.linear_mlp")
        plan.norm("ffn_norm", hidden)
    elif not ffn.flag("no_op", False):
        factor = ffn.raw("ffn_mult")
        if not isinstance(factor, int | float) or not 0 < factor < 1000:
            raise InputError(f"ffn_mult is {factor!r}, not a factor of the model's width", where=inner.where)
        width = -(-int(2 * factor * hidden / 3) // 256) * 256
        plan_dense(plan, facts, family, Dense(width))
        plan.norm("ffn_norm", hidden)
        mlp = Dense(width)
    return Layer(mixers, mlp, plan.done())

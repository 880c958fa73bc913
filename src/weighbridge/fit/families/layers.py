"""Assemble the layers of a model: schedule, mixer, MLP, norms; the plain way, which most families follow."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.fit.architecture import Layer, Mixer, Mlp

from .attention import attention_of, decide, latent_of, plan_attention, plan_latent
from .facts import HIDDEN, Facts
from .family import Family
from .mlp import dense_of, moe_of, plan_dense, plan_moe
from .plan import Plan
from .recurrent import plan_gated_delta
from .schedule import Sight, sights, sparse

Build = Callable[[Facts, Family, Sight, bool, int], Layer]


def build_layers(facts: Facts, family: Family, layers: int, build: Build) -> tuple[Layer, ...]:
    """Every layer; equal ones are one object and are built once."""
    kinds, experts = sights(facts, family, layers), sparse(facts, layers)
    varying = _varying(facts, layers)
    made: dict[object, Layer] = {}
    built: list[Layer] = []
    for i in range(layers):
        key = (kinds[i], experts[i], tuple(values[i] for values in varying))
        layer = made.get(key)
        if layer is None:
            layer = made[key] = build(facts, family, kinds[i], experts[i], i)
        built.append(layer)
    return tuple(built)


def _varying(facts: Facts, layers: int) -> list[tuple[object, ...]]:
    """Lists with a value for each layer that change its shape."""
    names = ("intermediate_size", "num_key_value_heads", "num_attention_heads", "indexer_types", "ffn_dim")
    found = [facts.listed(name) for name in names]
    return [values for values in found if values is not None and len(values) >= layers]


def plain_layer(facts: Facts, family: Family, sight: Sight, experts: bool, layer: int) -> Layer:
    """Attention (latent where the config has a rank for it) or a gated delta net, then an MLP, with norms between."""
    plan = Plan()
    mixer: Mixer
    if sight == "linear":
        mixer = plan_gated_delta(plan, facts)
    elif facts.has("kv_lora_rank"):
        mixer = latent_of(facts, layer)
        plan_latent(plan, facts, mixer)
    else:
        mixer = attention_of(facts, family, sight, layer)
        plan_attention(plan, facts, family, mixer)
    mlp = plan_mlp(plan, facts, family, experts, layer)
    plan_norms(plan, facts, family)
    return Layer((mixer,), mlp, plan.done())


def plan_mlp(plan: Plan, facts: Facts, family: Family, experts: bool, layer: int) -> Mlp:
    if experts:
        mixture = moe_of(facts, family)
        plan_moe(plan, facts, family, mixture)
        return mixture
    dense = dense_of(facts, family, layer)
    plan_dense(plan, facts, family, dense)
    return dense


def plan_norms(plan: Plan, facts: Facts, family: Family) -> None:
    bias = decide(family.norm_bias, facts)
    for role in family.norms:
        plan.norm(role, facts.need(HIDDEN), bias=bias)

"""Assemble the layers of a model: schedule, mixer, MLP, norms; the plain way, which most families follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Layer, Mixer, Mlp

from .attention import attention_of, decide, latent_of, plan_attention, plan_latent
from .facts import HIDDEN, Facts
from .family import Family
from .mlp import dense_of, moe_of, plan_dense, plan_moe
from .plan import Plan
from .recurrent import plan_gated_delta, plan_mamba2, plan_short_conv
from .schedule import Sight, sights, sparse

Build = Callable[[Facts, Family, Sight, bool, int], Layer]


def build_layers(facts: Facts, family: Family, layers: int, build: Build) -> tuple[Layer, ...]:
    """Every layer; equal ones are one object and are built once."""
    kinds, experts = sights(facts, family, layers), sparse(facts, layers)
    varying = _varying(facts, layers)
    special = _special(facts, layers)
    made: dict[object, Layer] = {}
    built: list[Layer] = []
    for i in range(layers):
        key = (kinds[i], experts[i], *(repr(values[i]) for values in varying), repr(special.get(i)))
        layer = made.get(key)
        if layer is None:
            own = facts.with_facts(**special[i]) if i in special else facts
            layer = made[key] = build(own, family, kinds[i], experts[i], i)
        built.append(layer)
    return tuple(built)


def _special(facts: Facts, layers: int) -> dict[int, dict[str, object]]:
    """Facts that hold for one layer only: `per_layer_config` of transformers 5, by the layer's number as text."""
    table = facts.table("per_layer_config") or {}
    return {
        int(number): {str(key): value for key, value in own.items()}
        for number, own in table.items()
        if str(number).isdecimal() and int(number) < layers and isinstance(own, Mapping)
    }


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
    elif sight == "mamba":
        mixer = plan_mamba2(plan, facts)
    elif sight == "conv":
        mixer = plan_short_conv(plan, facts)
    elif sight not in ("full", "sliding", "chunked"):
        raise InputError(
            f"a layer of the kind {sight!r} in a family that is not known here",
            where=facts.where,
            next_move="Its tensors follow no rule; read the header of the weights instead.",
        )
    elif facts.has("kv_lora_rank"):
        mixer = latent_of(facts, layer)
        plan_latent(plan, facts, mixer)
    else:
        mixer = attention_of(facts, family, sight, layer)
        plan_attention(plan, facts, family, mixer)
    mlp = plan_mlp(plan, facts, family, experts, layer)
    plan_norms(plan, facts, family)
    for number in range(family.scalars):
        plan.vector(f"scalar.{number}", 1)
    return Layer((mixer,), mlp, plan.done())


def plan_mlp(plan: Plan, facts: Facts, family: Family, experts: bool, layer: int) -> Mlp:
    """The tensors of a layer's network, of all its experts where it has some, and its record."""
    if experts:
        mixture = moe_of(facts, family)
        plan_moe(plan, facts, family, mixture)
        if facts.flag("residual_moe", False):  # Grok 2: a dense network beside the experts, for every token
            beside = dense_of(facts, family, layer)
            plan_dense(plan, facts, family, beside)
            return msgspec.structs.replace(
                mixture, shared_intermediate=mixture.shared_intermediate + beside.intermediate
            )
        return mixture
    dense = dense_of(facts, family, layer)
    plan_dense(plan, facts, family, dense)
    return dense


def plan_norms(plan: Plan, facts: Facts, family: Family) -> None:
    """The norms that every layer of the family has."""
    bias = decide(family.norm_bias, facts)
    for role in family.norms:
        plan.norm(role, facts.need(HIDDEN), bias=bias)

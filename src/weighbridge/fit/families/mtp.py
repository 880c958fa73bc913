"""Layers that draft further tokens: stored in the checkpoint, left out by most engines unless they speculate.

deepseek   one more layer, a projection of [embedding, hidden] to the model's width, two norms for it, the norm before
           the head, and copies of the embedding table and the head
qwen       one full-attention layer with its MLP, the projection, two norms, a last norm
mimo       a dense layer of sliding attention, the projection, two norms, a last norm
"""

from __future__ import annotations

import msgspec

from weighbridge.fit.architecture import LatentAttention, Layer, Tensor

from .deepseek_v4 import plan_head_mixer, v4_layer
from .facts import Facts
from .family import Family
from .layers import plain_layer
from .plan import Plan

COUNT = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers", "num_mtp_modules")


def draft_layers(facts: Facts, family: Family, layers: tuple[Layer, ...], hidden: int, vocab: int) -> tuple[Layer, ...]:
    """The draft layers the config counts, in the shape of its family; none where the family's checkpoints have none."""
    if not family.mtp or not layers:
        return ()
    count = facts.whole(COUNT, "layers", 0)
    if count is None:
        count = family.mtp_count
    if not count:
        return ()
    if family.mtp == "qwen":
        return (_qwen(facts, family, layers, hidden),) * count
    if family.mtp == "mimo":
        return (_mimo(facts, family, hidden),) * count
    if family.builder == "deepseek_v4":
        return (_v4(facts, family, hidden),) * count
    return (_deepseek(facts, layers[-1], hidden, 0 if family.mtp == "bare" else vocab),) * count


def _with(layer: Layer, plan: Plan) -> Layer:
    return msgspec.structs.replace(layer, tensors=layer.tensors + plan.done())


def _deepseek(facts: Facts, layer: Layer, hidden: int, vocab: int) -> Layer:
    plan = Plan()
    plan.tensors.append(Tensor("nextn.eh_proj", (hidden, 2 * hidden), "router", "eh_proj"))
    for role in ("nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"):
        plan.norm(role, hidden)
    if vocab:
        plan.tensors.append(Tensor("nextn.embed_tokens", (vocab, hidden), "embedding", "embed_tokens"))
        plan.tensors.append(Tensor("nextn.shared_head_head", (vocab, hidden), "head", "shared_head.head"))
    mixer = layer.mixers[0] if layer.mixers else None
    if isinstance(mixer, LatentAttention) and mixer.indexer is not None and mixer.indexer.shared:
        layer = plain_layer(
            facts.with_facts(indexer_types=None), Family(mlp_bias=False), "full", layer.mlp is not None, 0
        )
    return _with(layer, plan)


def _qwen(facts: Facts, family: Family, layers: tuple[Layer, ...], hidden: int) -> Layer:
    experts = layers[-1].mlp is not None and layers[-1].mlp.kind == "moe"
    layer = plain_layer(facts, family, "full", experts, len(layers) - 1)
    return _with(layer, _joined("mtp.fc", hidden))


def _mimo(facts: Facts, family: Family, hidden: int) -> Layer:
    sight = "sliding" if facts.has("swa_head_dim", "swa_num_key_value_heads") else "full"
    layer = plain_layer(facts, family, sight, False, 0)  # type: ignore[arg-type]
    return _with(layer, _joined("input_proj", hidden))


def _joined(projection: str, hidden: int) -> Plan:
    """Embedding and hidden state projected together by the tensor of this name; a norm for each and for the head."""
    plan = Plan()
    plan.tensors.append(Tensor("nextn.eh_proj", (hidden, 2 * hidden), "linear", projection))
    for role in ("nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"):
        plan.norm(role, hidden)
    return plan


def _v4(facts: Facts, family: Family, hidden: int) -> Layer:
    """Looks at its window only; embedding and hidden state are projected apart."""
    plan = Plan()
    for role in ("nextn.e_proj", "nextn.h_proj"):
        plan.linear(role, hidden, hidden, role)
    for role in ("nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"):
        plan.norm(role, hidden)
    plan_head_mixer(plan, facts, hidden)
    return _with(v4_layer(facts, family, 0, False), plan)

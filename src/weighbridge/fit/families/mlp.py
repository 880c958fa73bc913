"""Feed-forward networks: one for all tokens, or experts that a router picks from."""

from __future__ import annotations

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Dense, Moe

from .attention import decide
from .facts import EXPERTS, HIDDEN, INTERMEDIATE, MOE_INTERMEDIATE, PER_TOKEN, SHARED, SHARED_INTERMEDIATE, Facts
from .family import Family
from .plan import Plan


def dense_of(facts: Facts, family: Family, layer: int) -> Dense:
    """The MLP of a layer without experts."""
    width = facts.per_layer(("intermediate_size_mlp",), layer) or facts.per_layer(INTERMEDIATE, layer)
    if width is None and family.intermediate_factor is not None:
        width = family.intermediate_factor * facts.need(HIDDEN)
    if width is None and not facts.has(*EXPERTS):
        width = facts.whole(MOE_INTERMEDIATE)  # some tools write any MLP's width there
    if width is None:
        width = facts.need(INTERMEDIATE)
    return Dense(width, gated=decide(family.gated, facts))


def moe_of(facts: Facts, family: Family) -> Moe:
    """The mixture of a sparse layer."""
    experts = facts.need(EXPERTS, "experts")
    width = facts.whole(MOE_INTERMEDIATE) or facts.need(INTERMEDIATE)
    return Moe(
        experts=experts,
        per_token=per_token_of(facts, experts),
        intermediate=width,
        shared_intermediate=_shared(facts, family, width),
        gated=decide(family.gated, facts),
        latent=facts.whole(("moe_latent_size", "routed_expert_hidden_size")),
    )


def per_token_of(facts: Facts, experts: int) -> int:
    """How many experts a token goes through; 8 is assumed. Raises InputError for more than there are."""
    said = facts.whole(PER_TOKEN, "experts")
    if said is not None and not facts.missing and said > experts:
        name = next(name for name in PER_TOKEN if facts.has(name))
        raise InputError(f"{name} is {said}, of {experts} experts", where=facts.where)
    return min(facts.default(PER_TOKEN, 8, "experts"), experts)


def _shared(facts: Facts, family: Family, width: int) -> int:
    """Width of what every token goes through beside its experts: the shared ones together."""
    if family.shared_always:
        return width
    count = facts.whole(SHARED, "experts", 0)
    each = facts.whole((*SHARED_INTERMEDIATE, "share_expert_dim"), "width", 0)
    if each is not None:
        return each
    return (count or 0) * width


def plan_dense(plan: Plan, facts: Facts, family: Family, spec: Dense, name: str = "mlp") -> None:
    """Two or three matrices, or gate and up as one."""
    hidden, width = facts.need(HIDDEN), spec.intermediate
    bias = decide(family.mlp_bias, facts)
    if family.fused_gate_up and spec.gated:
        plan.linear("ffn_up", 2 * width, hidden, f"{name}.gate_up_proj", bias=bias)
    else:
        if spec.gated:
            plan.linear("ffn_gate", width, hidden, f"{name}.gate_proj", bias=bias)
        plan.linear("ffn_up", width, hidden, f"{name}.up_proj", bias=bias)
    plan.linear("ffn_down", hidden, width, f"{name}.down_proj", bias=bias)


def plan_moe(plan: Plan, facts: Facts, family: Family, spec: Moe) -> None:
    """Router, experts, and what every token goes through beside them."""
    hidden = facts.need(HIDDEN)
    inner = spec.latent or hidden
    plan.router(spec.experts, hidden, bias=family.router_bias)
    if family.correction_bias or facts.config.get("topk_method") == "noaux_tc":
        plan.vector("exp_probs_b", spec.experts, dtype="F32")
    if spec.latent:
        plan.linear("ffn_latent_down", spec.latent, hidden, "mlp.fc1_latent_proj")
        plan.linear("ffn_latent_up", hidden, spec.latent, "mlp.fc2_latent_proj")
    if spec.gated:
        plan.experts(
            "ffn_gate_exps", spec.experts, spec.intermediate, inner, "mlp.experts.gate_proj", bias=family.expert_bias
        )
    plan.experts("ffn_up_exps", spec.experts, spec.intermediate, inner, "mlp.experts.up_proj", bias=family.expert_bias)
    plan.experts(
        "ffn_down_exps", spec.experts, inner, spec.intermediate, "mlp.experts.down_proj", bias=family.expert_bias
    )
    if spec.shared_intermediate:
        plan_shared(plan, facts, family, spec)


def plan_shared(plan: Plan, facts: Facts, family: Family, spec: Moe) -> None:
    """Experts that see every token, as one network, and its gate where the family has one."""
    hidden, width = facts.need(HIDDEN), spec.shared_intermediate
    bias = decide(family.mlp_bias, facts)
    if spec.gated:
        plan.linear("ffn_gate_shexp", width, hidden, "mlp.shared_experts.gate_proj", bias=bias)
    plan.linear("ffn_up_shexp", width, hidden, "mlp.shared_experts.up_proj", bias=bias)
    plan.linear("ffn_down_shexp", hidden, width, "mlp.shared_experts.down_proj", bias=bias)
    if family.shared_gate:
        plan.kept("ffn_gate_inp_shexp", 1, hidden, name="mlp.shared_expert_gate")

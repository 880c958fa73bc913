"""A family for a model_type nobody knows, by what the config's own keys give away.

New families are mostly old ones with a new name: a key like `hybrid_override_pattern` says whose layers they have.
What no key says follows Llama: no biases, two norms, a gated MLP.
"""

from __future__ import annotations

import msgspec

from .facts import Facts
from .family import FAMILIES, GENERIC, Family

UNGATED = frozenset(("gelu", "gelu_new", "gelu_fast", "gelu_python", "quick_gelu", "relu", "relu2", "relu_squared"))
"""Activations of MLPs of two matrices; gated ones are called silu, swiglu or gelu_pytorch_tanh."""
_TOLD_BY: tuple[tuple[tuple[str, ...], str], ...] = (
    (("compress_ratios", "compress_ratios_rle"), "deepseek_v4"),
    (("hybrid_override_pattern",), "nemotron_h"),
    (("linear_attn_config",), "kimi_linear"),
    (("block_configs",), "nemotron-nas"),
    (("attn_layer_period",), "jamba"),
    (("zero_expert_num",), "longcat_flash"),
    (("mamba_d_ssm",), "falcon_h1"),
    (("num_global_key_value_heads", "hidden_size_per_layer_input"), "gemma4_text"),
)
"""Keys that one way of building layers alone has, and a family that builds so."""


def family_by_keys(facts: Facts) -> Family:
    """The family whose keys the config has; else Llama's with the flags its keys set."""
    for keys, name in _TOLD_BY:
        if facts.has(*keys):
            return msgspec.structs.replace(FAMILIES[name], head_copy="", sees="", latent=False, needs=())
    blocks = facts.raw("layers_block_type")
    if isinstance(blocks, (list, tuple)) and ("moe" in blocks or "mlp" in blocks):
        return FAMILIES["nemotron_h"]
    activation = facts.raw("hidden_act", "activation_function", "hidden_activation", "mlp_hidden_act")
    return msgspec.structs.replace(
        GENERIC,
        gated=not (isinstance(activation, str) and activation in UNGATED),
        gate="double_q" if facts.has("attn_output_gate") else "",
        correction_bias=facts.config.get("scoring_func") == "sigmoid" or facts.flag("use_routing_bias", False),
        shared_always=facts.has("intermediate_size_mlp") and facts.has("interleave_moe_layer_step"),
        shared_gate=facts.has("shared_expert_intermediate_size"),
        mtp="bare" if facts.has("num_nextn_predict_layers") else "",
    )

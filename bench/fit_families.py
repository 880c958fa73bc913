"""Do derived parameter counts equal those of transformers, on every family it can write text with?

Method: for each model_type with a causal language model, its default config and three changed ones (other widths,
heads, layers, experts; biases and norms switched on; tied or not) are built on PyTorch's meta device, which allocates
nothing, and the parameters counted. The same config goes through read_architecture; the two counts must be equal.
Buffers that checkpoints store (balancing biases) count on both sides. What would prove us wrong: one family whose count
differs.

Needs torch and transformers, which weighbridge does not; their answers are kept as tests/data/fit_families.json, so
that the test suite can do without.

    python bench/fit_families.py              compare
    python bench/fit_families.py --write      compare, and write the answers into tests/data
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.reading import read_architecture

ANSWERS = Path(__file__).parent.parent / "tests" / "data" / "fit_families.json"
STORED_BUFFERS = ("e_score_correction_bias", "expert_bias", "tid2eid", "layer_scalar", "balancing_biases")
KEPT_AS_COPY = frozenset(("gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text", "falcon"))
"""Families whose checkpoints hold the tied head twice, which the code that loads them does not show."""
ENCODERS = frozenset((
    "bart", "bert", "bert-generation", "big_bird", "bigbird_pegasus", "blenderbot", "blenderbot-small", "camembert",
    "data2vec-text", "electra", "ernie", "marian", "mbart", "megatron-bert", "mvp", "pegasus", "plbart",
    "prophetnet", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "trocr", "whisper", "xlm",
    "xlm-roberta", "xlm-roberta-xl", "xlnet", "xmod", "musicgen", "musicgen_melody", "moshi", "git", "reformer",
))  # fmt: skip
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {
        "hidden_size": 768, "num_hidden_layers": 9, "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 64,
        "intermediate_size": 2176, "vocab_size": 32_100, "n_embd": 768, "n_layer": 9, "n_head": 12, "d_model": 768,
        "n_heads": 12, "n_layers": 9, "moe_intermediate_size": 320, "layer_types": None, "mlp_layer_types": None,
    },
    {
        "hidden_size": 1280, "num_hidden_layers": 13, "num_attention_heads": 10, "num_key_value_heads": 2,
        "head_dim": 128, "intermediate_size": 3456, "vocab_size": 50_000, "num_experts": 12, "n_routed_experts": 12,
        "num_local_experts": 12, "num_experts_per_tok": 3, "attention_bias": True, "mlp_bias": True, "qkv_bias": True,
        "use_bias": True, "layer_types": None, "mlp_layer_types": None, "kv_lora_rank": 96, "q_lora_rank": 160,
        "qk_rope_head_dim": 32, "qk_nope_head_dim": 48, "v_head_dim": 80,
    },
    {
        "hidden_size": 1024, "num_hidden_layers": 8, "tie_word_embeddings": True, "num_attention_heads": 16,
        "num_key_value_heads": 16, "head_dim": 64, "use_qk_norm": True, "qk_layernorm": True, "layer_types": None,
        "mlp_layer_types": None, "first_k_dense_replace": 2, "n_shared_experts": 2, "num_shared_experts": 2,
        "shared_expert_intermediate_size": 640,
    },
)  # fmt: skip


def cases() -> Iterator[tuple[str, dict[str, Any], int, bool]]:
    """(model_type, config, parameters, whether it has a vision tower) of all that transformers can build."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as NAMES

    for name in sorted(set(NAMES) - ENCODERS):
        for change in CHANGES:
            try:
                default = CONFIG_MAPPING[name]()
                known = {key: value for key, value in change.items() if hasattr(default, key)}
                if change and len(known) < 3:
                    continue
                config = CONFIG_MAPPING[name](**known)
                with torch.device("meta"):
                    model = AutoModelForCausalLM.from_config(config)
                sees = any("vis" in name or "patch" in name for name, _ in model.named_parameters())
                yield name, config.to_dict(), _parameters(model), sees
            except Exception as error:  # a family's own code refuses the change
                print(f"not built: {name} {'changed' if change else 'default'}: {str(error)[:80]}", file=sys.stderr)


def _parameters(model: Any) -> int:
    kept = set(model.state_dict())
    count = sum(math.prod(tensor.shape) for tensor in model.parameters())
    for name, tensor in model.named_buffers():
        if name in kept and any(word in name for word in STORED_BUFFERS):
            count += math.prod(tensor.shape)
    return count


def ours(config: Mapping[str, Any], *, sees: bool = True) -> int:
    """Parameters of what the family's code builds: no draft layers, no assumed tower, no second copy of the head.

    sees: whether the class that was built has the tower its config describes.
    """
    arch = read_architecture(config)
    tensors = [tensor for layer in arch.layers for tensor in layer.tensors]
    tensors += [tensor for tensor in arch.outside if not _copy(arch, tensor.role)]
    tensors += [tensor for tower in arch.towers if sees and not tower.assumed for tensor in tower.tensors]
    return sum(tensor.elements for tensor in tensors)


def _copy(arch: Architecture, role: str) -> bool:
    return arch.tied and role in ("output", "output_copy")


def main(arguments: list[str]) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    answers, equal, different = [], 0, []
    for name, config, count, sees in cases():
        try:
            derived: int | str = ours(config, sees=sees)
        except InputError as error:
            derived = error.what
        if derived == count:
            equal += 1
        else:
            different.append({"family": name, "theirs": count, "ours": derived})
        answers.append(
            {"family": name, "config": slim(config), "parameters": count, "sees": sees, "equal": derived == count}
        )
    if "--write" in arguments:
        ANSWERS.write_text("[\n" + ",\n".join(json.dumps(one, sort_keys=True) for one in answers) + "\n]\n")
    print(json.dumps({"equal": equal, "of": equal + len(different), "different": different}, indent=1))


NOISE = frozenset((
    "id2label", "label2id", "torch_dtype", "dtype", "transformers_version", "architectures", "return_dict",
    "output_hidden_states", "output_attentions", "chunk_size_feed_forward", "problem_type", "_name_or_path",
    "initializer_range", "rms_norm_eps", "use_cache", "pad_token_id", "bos_token_id", "eos_token_id",
    "rope_parameters", "attention_dropout", "hidden_act", "rope_theta", "layer_norm_eps", "is_encoder_decoder",
    "output_router_logits", "router_aux_loss_coef", "pretraining_tp", "rope_scaling", "hidden_dropout",
))  # fmt: skip


def slim(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what no shape follows from."""
    kept = {key: value for key, value in config.items() if key not in NOISE and value is not None}
    return {key: slim(value) if isinstance(value, dict) else value for key, value in kept.items()}


if __name__ == "__main__":
    main(sys.argv[1:])

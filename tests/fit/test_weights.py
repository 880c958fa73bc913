"""Bytes of weights against what makers published, and against sums done by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Architecture, Stored
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.weights import derive
from weighbridge.units import GIB

TINY: dict[str, Any] = {
    "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 256, "intermediate_size": 512,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "tie_word_embeddings": False,
}  # fmt: skip
LINEAR = 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256)
"""Elements of the matrices of both layers: queries and output, keys and values, the MLP."""
NORMS = 5 * 256
TABLES = 2 * 1000 * 256
QWEN3_8B: dict[str, Any] = {
    "model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096, "intermediate_size": 12_288,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936,
    "tie_word_embeddings": False,
}  # fmt: skip


def tensors(arch: Architecture, fmt: str) -> int:
    """Bytes of the tensors, without what is around them."""
    weights = derive(arch, fmt)
    assert sum(part.bytes for part in weights.parts) == weights.total_bytes - weights.container_bytes
    return weights.total_bytes - weights.container_bytes


@pytest.mark.parametrize(
    ("fmt", "linear"),
    [
        pytest.param("bf16", 2 * LINEAR, id="bf16"),
        pytest.param("fp32", 4 * LINEAR, id="fp32"),
        pytest.param("fp8", LINEAR + LINEAR // 128**2 * 4, id="fp8-with-a-scale-per-128-by-128"),
        pytest.param(
            "fp8-channel", LINEAR + 2 * (2 * 256 + 2 * 128 + 2 * 512 + 256) * 2, id="fp8-with-a-scale-per-row"
        ),
        pytest.param("awq", LINEAR // 2 + LINEAR // 128 * 2 + LINEAR // 128 // 2, id="awq-words-scales-zeros"),
        pytest.param("nvfp4", LINEAR // 2 + LINEAR // 16 + 14 * 8, id="nvfp4-a-byte-per-16-and-two-floats"),
        pytest.param("mlx:4bit", LINEAR // 2 + LINEAR // 64 * 4, id="mlx-scale-and-bias-per-64"),
    ],
)
def test_a_small_model_is_the_sum_done_by_hand(fmt: str, linear: int) -> None:
    """Norms and tables stay in 16 bits (MLX packs the tables too)."""
    tables = TABLES // 2 + TABLES // 64 * 4 if fmt.startswith("mlx") else TABLES * (4 if fmt == "fp32" else 2)
    norms = NORMS * (4 if fmt == "fp32" else 2)

    assert tensors(read_architecture(TINY), fmt) == linear + tables + norms


def test_tied_tables_are_stored_once() -> None:
    tied = read_architecture(TINY | {"tie_word_embeddings": True})

    assert tensors(read_architecture(TINY), "bf16") - tensors(tied, "bf16") == TABLES
    assert derive(tied, "bf16").part("embedding") is None


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        pytest.param(QWEN3_8B, 8_190_735_360, id="Qwen3-8B"),
        pytest.param(
            {"model_type": "llama", "num_hidden_layers": 126, "hidden_size": 16_384, "intermediate_size": 53_248,
             "num_attention_heads": 128, "num_key_value_heads": 8, "vocab_size": 128_256,
             "tie_word_embeddings": False},
            405_853_388_800,
            id="Hermes-4-405B",
        ),
        pytest.param(
            {"model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880, "intermediate_size": 2880,
             "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "num_local_experts": 32,
             "num_experts_per_tok": 4, "vocab_size": 201_088, "tie_word_embeddings": False},
            20_914_757_184,
            id="gpt-oss-20b",
        ),
        pytest.param(
            {"model_type": "qwen2", "num_hidden_layers": 80, "hidden_size": 8192, "intermediate_size": 29_568,
             "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 152_064,
             "tie_word_embeddings": False},
            72_706_203_648,
            id="Qwen2.5-72B",
        ),
    ],
)  # fmt: skip
def test_parameters_are_those_the_hub_counts(config: dict[str, Any], parameters: int) -> None:
    assert derive(read_architecture(config), "bf16").parameters_total == parameters


def test_deepseek_v3_as_stored_is_what_its_files_hold() -> None:
    """641.3 GiB on the hub: fp8 in blocks, the draft layer, tables and routers in 16 bits."""
    arch = read_architecture(
        {
            "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168, "intermediate_size": 18_432,
            "num_attention_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256, "num_experts_per_tok": 8,
            "n_shared_experts": 1, "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "vocab_size": 129_280,
            "num_nextn_predict_layers": 1,
            "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
        }
    )  # fmt: skip

    assert derive(arch, "native").total_bytes / GIB == pytest.approx(641.3, abs=0.05)


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        pytest.param({}, Stored(), id="nothing"),
        pytest.param({"quant_method": "fp8", "weight_block_size": [128, 128]}, ("fp8", 8, (128, 128)), id="fp8"),
        pytest.param({"quant_method": "awq", "bits": 4, "group_size": 64}, ("int4", 4, (1, 64)), id="awq"),
        pytest.param({"quant_method": "gptq", "bits": 8, "group_size": -1}, ("int8", 8, (1, 0)), id="gptq"),
        pytest.param({"quant_method": "mxfp4"}, ("mxfp4", 4, (1, 32)), id="mxfp4"),
        pytest.param({"quant_method": "modelopt", "quant_algo": "NVFP4"}, ("nvfp4", 4, (1, 16)), id="modelopt"),
        pytest.param(
            {"quant_method": "compressed-tensors", "format": "pack-quantized",
             "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "strategy": "group",
                                                       "group_size": 32, "symmetric": True}}}},
            ("int4", 4, (1, 32)),
            id="compressed-tensors",
        ),
        pytest.param({"quant_method": "bitsandbytes", "load_in_4bit": True}, ("int4", 4, (1, 64)), id="bitsandbytes"),
    ],
)  # fmt: skip
def test_the_packing_a_checkpoint_states_is_read(config: dict[str, Any], stored: object) -> None:
    found = read_architecture(TINY | {"quantization_config": config}).stored

    assert stored in (found, (found.method, found.bits, found.block))


def test_modules_that_are_named_stay_as_they_were_trained() -> None:
    """Lists name whole modules, parts of names, or patterns."""
    packed = {
        "quant_method": "compressed-tensors",
        "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float"}}},
    }
    all_packed = read_architecture(TINY | {"quantization_config": packed})
    for ignore in (
        ["self_attn"],
        ["re:.*self_attn.*"],
        ["model.layers.0.self_attn", "model.layers.1.self_attn*"],
    ):
        arch = read_architecture(TINY | {"quantization_config": packed | {"ignore": ignore}})
        attention = 2 * (2 * 256 * 256 + 2 * 128 * 256)
        scales = 2 * 4 * 4
        assert tensors(arch, "native") - tensors(all_packed, "native") == attention - scales


def test_a_pattern_made_to_run_for_ever_is_not_run() -> None:
    """Backtracking patterns come from whoever wrote the config."""
    packed = {"quant_method": "fp8", "weight_block_size": [128, 128], "ignore": ["re:(a+)+$", "re:(.*.*)*x"]}

    assert derive(read_architecture(TINY | {"quantization_config": packed}), "native").total_bytes > 0


def test_active_parameters_count_the_experts_a_token_goes_through() -> None:
    """Mixtral 8x7B: 46.7B parameters, 12.9B active, as its report says; the table of inputs does not count here."""
    arch = read_architecture(
        {
            "model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096, "intermediate_size": 14_336,
            "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32_000, "num_local_experts": 8,
            "num_experts_per_tok": 2,
        }
    )  # fmt: skip
    weights = derive(arch, "bf16")

    assert weights.parameters_total == 46_702_792_704
    assert weights.parameters_active == pytest.approx(12.9e9 - 32_000 * 4096, rel=0.002)


def test_parts_are_what_speed_is_worked_out_from() -> None:
    arch = read_architecture(
        QWEN3_8B | {"model_type": "qwen2_moe", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64,
                    "shared_expert_intermediate_size": 128}
    )  # fmt: skip
    parts = {part.name: part.parameters for part in derive(arch, "bf16").parts}

    assert parts["experts"] == 36 * 4 * 3 * 64 * 4096
    assert parts["shared"] == 36 * (3 * 128 + 1) * 4096
    assert parts["embedding"] == parts["head"] == 151_936 * 4096


def test_bits_per_weight_are_an_estimate_with_an_interval() -> None:
    weights = derive(read_architecture(TINY), "exl3_4.25bpw")

    assert weights.kind == "estimated"
    assert weights.interval is not None
    assert weights.interval[0] < weights.total_bytes < weights.interval[1]


def test_a_recipe_per_tensor_is_not_predicted() -> None:
    with pytest.raises(InputError, match="no rule predicts it") as caught:
        derive(read_architecture(TINY), "UD-Q4_K_XL")

    assert "--file" in str(caught.value)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="Q5_K_Z") as caught:
        derive(read_architecture(TINY), "Q5_K_Z")

    assert "Q4_K_M" in str(caught.value)


def test_what_was_assumed_is_noted() -> None:
    config = {name: value for name, value in TINY.items() if name != "tie_word_embeddings"}

    assert derive(read_architecture(config), "bf16").notes == ("assumed: tie_word_embeddings = False",)


def test_weights_can_be_written_as_json() -> None:
    weights = derive(read_architecture(TINY), "Q4_K_M")

    assert msgspec.json.decode(msgspec.json.encode(weights), type=type(weights)) == weights


def test_modules_listed_for_some_layers_stay_in_those_only() -> None:
    packed = {"quant_method": "modelopt", "quant_algo": "FP8"}
    attention = 2 * 256 * 256 + 2 * 128 * 256
    none = tensors(read_architecture(TINY | {"quantization_config": packed}), "native")

    for ignore in (["model.layers.0.self_attn*"], ["model.language_model.layers.1.self_attn", "lm_head"]):
        arch = read_architecture(TINY | {"quantization_config": packed | {"ignore": ignore}})
        assert tensors(arch, "native") - none == attention - 4 * 8


def test_a_pattern_with_many_stars_is_not_run() -> None:
    """Ten stars over a name of sixty letters would run for years."""
    packed = {"quant_method": "fp8", "weight_block_size": [128, 128], "ignore": ["re:" + ".*" * 40 + "x"]}

    assert derive(read_architecture(TINY | {"quantization_config": packed}), "native").total_bytes > 0

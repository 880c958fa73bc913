"""Configs become layers, or errors that name what is missing or cannot be."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Attention, CompressedAttention, Dense, LatentAttention, Moe, Recurrent
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.weights import derive

LLAMA = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "intermediate_size": 14_336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256, "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168, "intermediate_size": 18_432,
    "num_attention_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256, "num_experts_per_tok": 8,
    "n_shared_experts": 1, "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "vocab_size": 129_280,
    "num_nextn_predict_layers": 1,
}  # fmt: skip


def test_heads_and_widths_of_a_llama() -> None:
    arch = read_architecture(LLAMA)

    assert len(arch.layers) == 32
    assert arch.layers[0].mixers == (Attention("full", 32, 8, 128, 128),)
    assert arch.layers[0].mlp == Dense(14_336)
    assert (arch.vocab, arch.tied, arch.max_context, arch.assumed) == (128_256, False, 131_072, ())


def test_latent_attention_and_experts_of_deepseek() -> None:
    """Its report counts 671B parameters, and 37B that a token goes through."""
    arch = read_architecture(DEEPSEEK_V3)

    assert arch.layers[0].mlp == Dense(18_432)
    assert arch.layers[3].mlp == Moe(256, 8, 2048, shared_intermediate=2048)
    assert arch.layers[0].mixers == (LatentAttention(128, 512, 64, 128, 128, 1536),)
    assert len(arch.mtp) == 1
    weights = derive(arch, "bf16")
    assert weights.parameters_total == 684_489_845_504  # as the hub counts DeepSeek-R1's files without their scales
    assert 36e9 < weights.parameters_active < 38e9


def test_the_language_half_of_a_model_that_sees_is_found() -> None:
    nested = {"model_type": "some_vl", "text_config": LLAMA, "vision_config": {}}
    thinker = {"model_type": "omni", "thinker_config": {"text_config": LLAMA}}

    assert read_architecture(nested).layers == read_architecture(LLAMA).layers == read_architecture(thinker).layers


def test_other_spellings_mean_the_same() -> None:
    """GPT-2 writes n_embd, Falcon n_layer, MPT d_model."""
    spelt = {
        "model_type": "llama", "n_layer": 32, "n_embd": 4096, "ffn_dim": 14_336, "n_head": 32, "num_kv_heads": 8,
        "padded_vocab_size": 128_256, "seq_length": 131_072, "tie_word_embeddings": False,
    }  # fmt: skip

    assert read_architecture(spelt) == read_architecture(LLAMA)


def test_an_unknown_family_is_read_by_its_keys_and_says_so() -> None:
    arch = read_architecture(LLAMA | {"model_type": "brand_new"})

    assert arch.layers == read_architecture(LLAMA).layers
    assert any("brand_new is not known" in fact for fact in arch.assumed)


def test_an_unknown_family_with_latent_attention_and_experts_is_read_by_its_keys() -> None:
    arch = read_architecture(DEEPSEEK_V3 | {"model_type": "brand_new"})

    assert isinstance(arch.layers[0].mixers[0], LatentAttention)
    assert isinstance(arch.layers[60].mlp, Moe)


def parameters(config: dict[str, Any]) -> int:
    return derive(read_architecture(config), "bf16").parameters_total


def test_an_unknown_family_of_two_matrix_mlps_is_known_by_its_activation() -> None:
    gated, plain = (parameters(LLAMA | {"model_type": "brand_new", "hidden_act": act}) for act in ("silu", "gelu_new"))

    assert gated - plain == 32 * 4096 * 14_336


@pytest.mark.parametrize("blocks", ["M-M*-M-", ["mamba", "mlp", "mamba", "attention", "mlp", "mamba", "mlp"]])
def test_an_unknown_family_takes_the_layers_of_the_family_whose_keys_it_has(blocks: object) -> None:
    key = "hybrid_override_pattern" if isinstance(blocks, str) else "layers_block_type"
    config = {
        "model_type": "nemotron_h", "num_hidden_layers": 7, "hidden_size": 1024, "intermediate_size": 4096,
        "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 32_000, key: blocks,
        "mamba_num_heads": 32, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8, "conv_kernel": 4,
        "tie_word_embeddings": False,
    }  # fmt: skip

    assert parameters(config | {"model_type": "brand_new"}) == parameters(config)


def test_run_length_lists_are_unrolled() -> None:
    rle = LLAMA | {"num_hidden_layers": 4, "layer_types_rle": [["sliding_attention", 3], ["full_attention", 1]],
                   "sliding_window": 128}  # fmt: skip

    kinds = [layer.mixers[0].kind for layer in read_architecture(rle).layers]

    assert kinds == ["sliding", "sliding", "sliding", "full"]


def test_sliding_and_full_layers_may_have_heads_of_their_own() -> None:
    """MiMo-V2: 8 key-value heads in layers that slide, 4 in the others, values narrower than keys."""
    arch = read_architecture(
        LLAMA
        | {
            "num_hidden_layers": 2, "head_dim": 192, "v_head_dim": 128, "num_key_value_heads": 4, "sliding_window": 128,
            "hybrid_layer_pattern": [0, 1], "swa_num_key_value_heads": 8, "swa_head_dim": 192, "swa_v_head_dim": 128,
        }
    )  # fmt: skip

    assert arch.layers[0].mixers[0] == Attention("full", 32, 4, 192, 128)
    assert arch.layers[1].mixers[0] == Attention("sliding", 32, 8, 192, 128, 128)


def test_three_of_four_layers_of_qwen3_next_keep_a_state() -> None:
    """State of one layer: 32 value heads x 128 x 128 elements, as its configuration says."""
    config = {
        "model_type": "qwen3_next", "num_hidden_layers": 48, "hidden_size": 2048, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "num_experts": 512, "num_experts_per_tok": 10,
        "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "vocab_size": 151_936,
        "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "full_attention_interval": 4,
        "tie_word_embeddings": False,
    }  # fmt: skip
    arch = read_architecture(config)

    states = [layer.mixers[0] for layer in arch.layers if isinstance(layer.mixers[0], Recurrent)]

    assert len(states) == 36
    assert (states[0].state_elements, states[0].conv_channels, states[0].conv_elements) == (524_288, 8192, 24_576)
    assert derive(arch, "bf16").parameters_total == 81_324_862_720  # as the hub counts Qwen3-Next-80B-A3B-Instruct


def test_deepseek_v4_compresses_by_layer() -> None:
    config = DEEPSEEK_V3 | {
        "model_type": "deepseek_v4", "num_hidden_layers": 3, "head_dim": 512, "sliding_window": 128,
        "o_lora_rank": 1024, "o_groups": 8, "compress_ratios": [0, 4, 128], "index_n_heads": 64, "index_head_dim": 128,
        "index_topk": 512, "hc_mult": 4, "num_hash_layers": 1,
    }  # fmt: skip
    mixers = [layer.mixers[0] for layer in read_architecture(config).layers]

    assert [mixer.ratio for mixer in mixers if isinstance(mixer, CompressedAttention)] == [0, 4, 128]
    assert [bool(mixer.indexer) for mixer in mixers if isinstance(mixer, CompressedAttention)] == [False, True, False]


# --- what is refused


@pytest.mark.parametrize(
    ("config", "what"),
    [
        pytest.param({"model_type": "bert", "hidden_size": 768}, "an encoder", id="bert"),
        pytest.param({"model_type": "t5", "d_model": 512}, "an encoder-decoder", id="t5"),
        pytest.param({"model_type": "whisper", "d_model": 512}, "an encoder-decoder", id="whisper"),
        pytest.param({"model_type": "clip", "projection_dim": 512}, "an encoder", id="clip"),
        pytest.param({"model_type": "vit", "hidden_size": 768}, "an encoder", id="vit"),
        pytest.param({"_class_name": "FluxTransformer2DModel"}, "an image pipeline", id="diffusion"),
        pytest.param(LLAMA | {"is_encoder_decoder": True}, "an encoder-decoder", id="marked-so"),
        pytest.param(LLAMA | {"architectures": ["XForSequenceClassification"]}, "of XForSequence", id="classifier"),
    ],
)
def test_a_config_of_something_else_is_refused_by_name(config: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_architecture(config)


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_architecture({"model_type": "llama", "num_attention_heads": 32})

    for name in ("num_hidden_layers", "hidden_size", "vocab_size", "intermediate_size"):
        assert name in caught.value.what


def test_what_is_there_gives_a_bound() -> None:
    """32 layers without the width of their MLP still have attention: 32 x 2.5 x 4096 x 4096 parameters."""
    with pytest.raises(InputError, match="intermediate_size") as caught:
        read_architecture(
            {name: value for name, value in LLAMA.items() if name not in ("intermediate_size", "vocab_size")}
        )

    assert "at least 1.3 billion parameters" in str(caught.value)


def test_ranks_that_deepseek_must_have_are_not_guessed() -> None:
    """Without them it would be read as ordinary attention, with a cache 25 times too large."""
    with pytest.raises(InputError, match="kv_lora_rank"):
        read_architecture({name: value for name, value in DEEPSEEK_V3.items() if "lora" not in name})


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        pytest.param({"num_hidden_layers": 0}, "num_hidden_layers is 0", id="no-layers"),
        pytest.param({"num_hidden_layers": -1}, "num_hidden_layers is -1", id="minus-one"),
        pytest.param({"num_hidden_layers": 10**9}, "which no model has", id="a-billion-layers"),
        pytest.param({"num_hidden_layers": 10**400}, "more than 18 digits", id="400-digits"),
        pytest.param({"hidden_size": "4096"}, "not a whole number", id="text"),
        pytest.param({"hidden_size": 4096.5}, "not a whole number", id="fraction"),
        pytest.param({"hidden_size": True}, "not a whole number", id="true"),
        pytest.param({"vocab_size": float("inf")}, "not a whole number", id="infinite"),
        pytest.param({"num_attention_heads": 33, "head_dim": 128}, "share 8 key-value heads", id="heads-not-shared"),
        pytest.param({"num_attention_heads": 24}, "not divisible by 24", id="heads-not-dividing"),
        pytest.param({"layer_types": ["full_attention"] * 3}, "3 entries for 32 layers", id="short-list"),
        pytest.param({"layer_types": ["telepathy"] * 32}, "telepathy", id="unknown-layer"),
        pytest.param({"layer_types_rle": [["full_attention", 10**9]]}, "no model has", id="long-run"),
        pytest.param({"attention_bias": "yes"}, "neither true nor false", id="flag"),
    ],
)
def test_numbers_that_cannot_be_are_refused(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_architecture(LLAMA | facts)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=6),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=250, deadline=None)
@given(some.sampled_from(sorted((*LLAMA, *DEEPSEEK_V3, "layer_types", "vision_config", "quantization_config"))), JSON)
def test_any_value_of_any_field_is_read_or_refused(name: str, value: object) -> None:
    """Nothing but InputError may come out of a config, whatever somebody wrote into it."""
    for base in (LLAMA, DEEPSEEK_V3):
        config = json.loads(json.dumps(base | {name: value}))
        with contextlib.suppress(InputError):
            derive(read_architecture(config), "native")

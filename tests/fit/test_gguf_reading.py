"""What a GGUF header says of a model: each kind of layer by its tensors, and no header that brings it down."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gguf_bytes import BOOL, T, Typed, gguf
from weighbridge.errors import WeightsError
from weighbridge.fit.architecture import Attention, LatentAttention, Moe, Recurrent
from weighbridge.fit.gguf_limits import gguf_context
from weighbridge.fit.gguf_reading import read_gguf_architecture
from weighbridge.fit.gguf_weights import gguf_weights
from weighbridge.fit.state import state_of
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.units import MIB

BASE: dict[str, Any] = {
    "block_count": 2, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2,
    "context_length": 1024, "feed_forward_length": 128,
}  # fmt: skip
ATTENTION = ("attn_q", "attn_k", "attn_v")


def header(
    tmp_path: Path, arch: str, facts: dict[str, Any], *blocks: tuple[str, ...], more: tuple[T, ...] = ()
) -> GgufHeader:
    """A file of that architecture whose blocks have these tensors, each 64 x 32."""
    metadata = {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in {**BASE, **facts}.items()}}
    tensors = [T("token_embd.weight", (64, 100)), *more]
    for number, block in enumerate(blocks):
        tensors += [T(f"blk.{number}.{name}.weight", (64, 32)) for name in block]
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf(metadata, tensors))
    return read_gguf(path)


def mixers(found: GgufHeader) -> list[Any]:
    return [layer.mixers[0] for layer in read_gguf_architecture(found).layers]


def test_windows_follow_the_pattern_the_file_or_the_family_has(tmp_path: Path) -> None:
    window = {"attention.sliding_window": 128, "block_count": 6}
    blocks = (ATTENTION,) * 6
    pattern = {**window, "attention.sliding_window_pattern": Typed(9, [True, True, False] * 2, BOOL)}

    by_file = [one.kind for one in mixers(header(tmp_path, "new", pattern, *blocks))]
    by_family = [one.kind for one in mixers(header(tmp_path, "gemma3", window, *blocks))]
    unknown = read_gguf_architecture(header(tmp_path, "new", window, *blocks))

    assert by_file == ["sliding", "sliding", "full"] * 2
    assert by_family == ["sliding"] * 5 + ["full"]
    assert {layer.mixers[0].kind for layer in unknown.layers} == {"full"}
    assert unknown.assumed == ("sliding_window_pattern = full attention everywhere",)


def test_heads_may_differ_by_layer_and_keys_from_values(tmp_path: Path) -> None:
    facts = {"attention.head_count_kv": [1, 2], "attention.key_length": 48, "attention.value_length": 32}

    found = mixers(header(tmp_path, "new", facts, ATTENTION, ATTENTION))

    assert found == [Attention("full", 4, 1, 48, 32), Attention("full", 4, 2, 48, 32)]


def test_a_latent_is_told_by_its_projection(tmp_path: Path) -> None:
    facts = {
        "attention.kv_lora_rank": 512, "rope.dimension_count": 64, "attention.key_length": 576,
        "attention.value_length": 512, "attention.key_length_mla": 192, "attention.value_length_mla": 128,
    }  # fmt: skip

    found = mixers(header(tmp_path, "deepseek2", facts, ("attn_q", "attn_kv_a_mqa"), ("attn_q", "attn_kv_a_mqa")))

    assert found[0] == LatentAttention(4, 512, 64, 128, 128)


def test_states_and_attention_may_take_turns(tmp_path: Path) -> None:
    """Qwen3.5 as llama.cpp writes it: 48 value heads of 128 x 128, a convolution over 10,240 channels."""
    facts = {
        "ssm.conv_kernel": 4, "ssm.inner_size": 6144, "ssm.state_size": 128, "ssm.group_count": 16,
        "ssm.time_step_rank": 48,
    }  # fmt: skip

    state, attention = mixers(header(tmp_path, "qwen35", facts, ("attn_qkv", "ssm_conv1d", "ssm_a"), ATTENTION))

    assert state == Recurrent("mamba2", 48, 48 * 128 * 128, 10_240, 4)
    assert isinstance(attention, Attention)


def test_a_layer_may_have_both(tmp_path: Path) -> None:
    facts = {"ssm.conv_kernel": 4, "ssm.inner_size": 256, "ssm.state_size": 16, "ssm.group_count": 1}

    layer = read_gguf_architecture(
        header(tmp_path, "falcon-h1", facts, (*ATTENTION, "ssm_in", "ssm_conv1d"), ATTENTION)
    ).layers[0]

    assert [type(mixer) for mixer in layer.mixers] == [Attention, Recurrent]


def test_experts_are_counted_from_their_tensor(tmp_path: Path) -> None:
    experts = (T("blk.0.ffn_down_exps.weight", (32, 64, 8)), T("blk.0.ffn_gate_exps.weight", (64, 32, 8)))

    layer = read_gguf_architecture(header(tmp_path, "new", {"expert_used_count": 2}, ATTENTION, more=experts)).layers[0]

    assert layer.mlp == Moe(experts=8, per_token=2, intermediate=32)


def test_layers_that_draft_come_last_and_stand_apart(tmp_path: Path) -> None:
    found = read_gguf_architecture(header(tmp_path, "new", {"nextn_predict_layers": 1}, ATTENTION, ATTENTION))

    assert (len(found.layers), len(found.mtp)) == (1, 1)


def test_a_tied_table_is_the_head_and_weights_are_exact(tmp_path: Path) -> None:
    file = header(tmp_path, "new", {}, ATTENTION, ATTENTION)
    architecture = read_gguf_architecture(file)

    weights = gguf_weights([file], architecture)

    assert architecture.tied
    assert weights.kind == "exact"
    assert weights.bytes_of("head") == 64 * 100 * 4
    assert weights.total_bytes == file.file_bytes
    assert weights.total_bytes - weights.container_bytes == file.data_bytes


@pytest.mark.parametrize(
    ("arch", "facts", "said"),
    [
        ("clip", {"block_count": 0}, "no language model"),
        ("new", {"embedding_length": "wide"}, "does not say new.embedding_length"),
        ("new", {"attention.head_count": Typed(11, -4)}, "is -4, which cannot be"),
        ("new", {"block_count": 1 << 31}, "no language model"),
    ],
)
def test_a_header_that_is_no_models_is_refused(tmp_path: Path, arch: str, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        read_gguf_architecture(header(tmp_path, arch, facts, ATTENTION, ATTENTION))


KEYS = (
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.sliding_window", "attention.kv_lora_rank", "rope.dimension_count",
    "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel", "ssm.group_count", "expert_used_count", "wkv.head_size",
    "nextn_predict_layers", "shortconv.l_cache", "attention.shared_kv_layers", "kda.head_dim", "context_length",
)  # fmt: skip
ROLES = (
    "attn_q", "attn_k", "attn_qkv", "attn_kv_a_mqa", "indexer.attn_k", "ssm_in", "ssm_conv1d", "ssm_conv1d_q", "ssm_x",
    "shortconv.conv", "time_mix_key", "ffn_down", "ffn_gate", "ffn_down_exps", "ffn_down_shexp", "attn_norm",
)  # fmt: skip
VALUES = st.one_of(
    st.integers(0, 300),
    st.integers(0, (1 << 32) - 1),
    st.lists(st.integers(0, 99), max_size=4),
    st.text(max_size=3),
    st.booleans(),
)


@given(
    facts=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12),
    roles=st.lists(st.sampled_from(ROLES), unique=True, max_size=6),
    arch=st.sampled_from(("new", "llama4", "gemma3", "deepseek2")),
)
@settings(max_examples=200)
def test_any_header_gives_a_model_or_says_what_is_wrong(facts: dict[str, Any], roles: list[str], arch: str) -> None:
    with TemporaryDirectory() as folder:
        found = header(Path(folder), arch, {"block_count": 1, **facts}, tuple(roles))

    try:
        architecture = read_gguf_architecture(found)
    except WeightsError as error:
        assert error.where  # noqa: PT017  (either outcome is right)
        return
    assert state_of(architecture).sequence_bytes(1000) >= 0
    assert gguf_weights([found], architecture).total_bytes > 0


def test_the_context_that_fits_into_a_memory_fits_and_the_next_block_does_not(tmp_path: Path) -> None:
    file = header(tmp_path, "new", {"context_length": 1 << 20, "block_count": 40}, *(ATTENTION,) * 40)

    short = gguf_context(file, 400 * MIB, slots=2)

    assert gguf_context(file, 200 * MIB, slots=2) < short < gguf_context(file, 400 * MIB, slots=1)
    assert short % 256 == 0
    assert gguf_context(file, 1 * MIB) == 0
    assert gguf_context(file, 1 << 50) == 1 << 20
    assert gguf_context(file, 400 * MIB, slots=2, kv_dtype="q8_0") > short

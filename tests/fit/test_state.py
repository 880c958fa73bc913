"""What a sequence keeps: sums by hand for each kind of layer, and what must hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import COMPRESSED, FULL, LATENT, SLIDING, SPARSE, STATE, make_architecture

from weighbridge.errors import UsageError
from weighbridge.fit.architecture import Attention, Mixer
from weighbridge.fit.memory_llamacpp import rounding
from weighbridge.fit.state import Rounding, state_of, stored_heads
from weighbridge.fit.state_types import ENGINE_TYPES, KV_TYPES, check_engine_keeps, kv_type

MIXERS: list[Mixer] = [FULL, SLIDING, LATENT, SPARSE, COMPRESSED, STATE]


@pytest.mark.parametrize(
    ("kept", "bytes_of_32"),
    [("f32", 128), ("f16", 64), ("fp8", 32), ("q8_0", 34), ("q5_1", 24), ("q5_0", 22), ("q4_1", 20), ("q4_0", 18),
     ("iq4_nl", 18), ("nvfp4", 18)],
)  # fmt: skip
def test_a_block_of_32_numbers_takes_what_its_type_says(kept: str, bytes_of_32: int) -> None:
    one = Attention("full", heads=1, kv_heads=1, head_dim=32, v_dim=32)

    state = state_of(make_architecture(one, layers=1), kept)

    assert state.per_token_bytes(1) == 2 * bytes_of_32


@pytest.mark.parametrize(
    ("mixer", "kept", "expected"),
    [
        pytest.param(LATENT, "bf16", 576 * 2, id="latent-in-16-bit"),
        pytest.param(LATENT, "fp8", 576, id="latent-in-fp8-with-one-scale"),
        pytest.param(LATENT, "fp8_ds_mla", 512 + 4 * 4 + 64 * 2, id="latent-packed-656"),
        pytest.param(SPARSE, "bf16", 576 * 2 + 132, id="sparse-has-an-indexer"),
        pytest.param(SPARSE, "fp8", 656 + 132, id="sparse-in-fp8-is-packed"),
    ],
)
def test_a_latent_takes_the_bytes_of_vllms_layouts(mixer: Mixer, kept: str, expected: int) -> None:
    """vllm/v1/kv_cache_interface.py: 576 elements, 656 bytes packed, 132 of indexer."""
    assert state_of(make_architecture(mixer, layers=1), kept).per_token_bytes(1) == expected


def test_keys_and_values_made_from_a_latent_take_seventy_times_as_much() -> None:
    unabsorbed = state_of(make_architecture(LATENT, layers=1), mla_absorbed=False)

    assert unabsorbed.per_token_bytes(1) == 128 * ((128 + 64) + 128) * 2


def test_compressed_attention_keeps_its_window_and_an_entry_for_every_fourth_token() -> None:
    """584 bytes an entry packed (448 fp8, 128 of rotary part, 8 of scales), and 132 for the indexer's key of each."""
    packed = state_of(make_architecture(COMPRESSED, layers=1), "fp8")
    plain = state_of(make_architecture(COMPRESSED, layers=1), "bf16")

    assert packed.sequence_bytes(4096) == 128 * 584 + 1024 * (584 + 132)
    assert plain.sequence_bytes(4096) == 128 * 1024 + 1024 * (1024 + 256)


def test_a_latent_is_the_same_on_every_rank_and_heads_fewer_than_ranks_are_repeated() -> None:
    assert state_of(make_architecture(LATENT), tensor=8).per_token_bytes(1) == 8 * state_of(
        make_architecture(LATENT)
    ).per_token_bytes(1)
    assert [stored_heads(8, ranks) for ranks in (1, 2, 8, 16)] == [8, 8, 8, 16]


def test_a_layer_that_reads_anothers_keys_keeps_none() -> None:
    reader = Attention("full", heads=8, kv_heads=8, head_dim=128, v_dim=128, shares_kv=True)

    assert state_of(make_architecture(reader)).sequence_bytes(1000) == 0


def test_layers_that_draft_keep_a_cache_only_while_they_are_used() -> None:
    architecture = make_architecture(FULL, mtp=make_architecture(FULL, layers=1).layers)

    without, drafting = state_of(architecture), state_of(architecture, mtp=True)

    assert drafting.per_token_bytes(1) - without.per_token_bytes(1) == 8 * 256 * 2


def test_llama_cpp_rounds_to_256_cells_and_keeps_a_step_beside_a_window() -> None:
    """Seen in its log: gemma-3-270m, window 512, 4,096 cells, --ubatch-size 512: 1,024 cells of sliding cache."""
    state = state_of(make_architecture(SLIDING, layers=1))
    cell = 8 * 256 * 2

    assert state.sequence_bytes(1000, rounding(512)) == 1024 * cell
    assert state.sequence_bytes(4096, rounding(512)) == 1024 * cell
    assert state.sequence_bytes(300, rounding(512)) == 512 * cell
    assert state.sequence_bytes(4096, rounding(512, whole_windows=True)) == 4096 * cell


@given(
    mixers=st.lists(st.sampled_from(MIXERS), min_size=1, max_size=3),
    kept=st.sampled_from(sorted(KV_TYPES)),
    tensor=st.sampled_from((1, 2, 4, 8, 16)),
    tokens=st.integers(1, 1 << 21),
    more=st.integers(0, 1 << 12),
    block=st.sampled_from((1, 16, 64, 256)),
)
@settings(max_examples=150)
def test_a_longer_sequence_never_keeps_less_and_more_ranks_never_keep_less(
    *, mixers: list[Mixer], kept: str, tensor: int, tokens: int, more: int, block: int
) -> None:
    architecture = make_architecture(*mixers)
    one, many = state_of(architecture, kept), state_of(architecture, kept, tensor=tensor)
    round_up = Rounding(block=block, window_block=block, window_extra=block)

    assert 0 < one.sequence_bytes(tokens) <= one.sequence_bytes(tokens + more)
    assert one.sequence_bytes(tokens) <= one.sequence_bytes(tokens, round_up)
    assert one.sequence_bytes(tokens) <= many.sequence_bytes(tokens)
    assert one.sequence_bytes(tokens) >= one.recurrent_bytes()


@given(st.text(max_size=12))
def test_any_name_of_a_type_is_known_or_refused_with_the_known_ones(name: str) -> None:
    try:
        found = kv_type(name)
    except UsageError as error:
        found = str(error.next_move).rsplit(" ", 1)[-1].rstrip(".")

    assert found in KV_TYPES


def test_an_engine_that_keeps_no_such_cache_says_who_does() -> None:
    with pytest.raises(UsageError, match="vllm keeps no cache in q8_0") as caught:
        check_engine_keeps("vllm", "q8_0")

    assert "llamacpp" in str(caught.value)
    assert all(kept <= set(KV_TYPES) for kept in ENGINE_TYPES.values())

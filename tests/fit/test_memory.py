"""Bytes of a device set: what each engine takes beside weights and cache, and what must hold of all of them."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import FULL, LATENT, SLIDING, STATE, make_architecture, make_hardware, make_subject

from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.cli.compose_fit import source_of_model
from weighbridge.fit.architecture import Dense, Layer, Mixer
from weighbridge.fit.memory import backend_of, capacity_bytes, plan
from weighbridge.fit.memory_llamacpp import RUNTIME_BYTES, Backend, compute_bytes, unpacked_bytes
from weighbridge.fit.memory_servers import activation_bytes, logits_bytes
from weighbridge.fit.records import ENGINES, Ask, Engine, Split
from weighbridge.units import GIB, MIB


def test_logits_and_one_hidden_state_fill_the_buffer_of_llama_3() -> None:
    """llama-bench of 2025 prints `compute buffer size = 258.50 MiB` for Llama 3 8B: 512 x (128,256 + 4,096) x 4."""
    llama = make_architecture(FULL, hidden=4096, vocab=128_256)

    assert compute_bytes(llama, 512, 512, rows=512, flash_attention=True) == int(258.5 * MIB)


def test_scores_fill_it_without_flash_attention() -> None:
    """SmolLM2-135M at 8,192 cells: llama.cpp's log says 167.51 MiB; 9 heads x 8,192 x 512 x 4 are 144 of them."""
    head = msgspec.structs.replace(FULL, heads=9, kv_heads=3, head_dim=64, v_dim=64)
    smol = make_architecture(head, hidden=576, vocab=49_152)

    assert compute_bytes(smol, 512, 8192, rows=1, flash_attention=False) == pytest.approx(167.51 * MIB, rel=0.005)


def test_rocm_keeps_every_smaller_score_its_pool_has_seen() -> None:
    """Without flash attention 8 steps of 512 tokens leave buffers of 6 to 8 x 16 MiB beside a matrix of 86 MiB."""
    llama = make_architecture(FULL)
    with_flash = unpacked_bytes(llama, 512, 4096, flash_attention=True)

    assert unpacked_bytes(llama, 512, 4096, flash_attention=False) > with_flash + 100 * MIB


def test_every_backend_has_a_runtime() -> None:
    assert set(RUNTIME_BYTES) == set(get_args(Backend))
    assert backend_of(make_hardware(vendor="Apple", kind="unified")) == "metal"
    assert backend_of(make_hardware(kind="cpu", vendor="Intel")) == "cpu"
    assert backend_of(make_hardware(vendor="Moore Threads")) == "vulkan"


def test_llama_cpp_leaves_the_embedding_table_with_the_host_unless_it_is_also_the_head() -> None:
    apart = make_subject(make_architecture(), "Q8_0")
    outside = (make_architecture().outside[0],)
    tied = make_subject(make_architecture(tied=True, outside=outside), "Q8_0")
    ask = Ask(engine="llamacpp")

    on_card, on_cpu = (plan(apart, ask, make_hardware(kind=kind)).need(8192, 1) for kind in ("gpu", "cpu"))

    assert on_card.host_bytes == 32_000 * 1024 * 34 // 32
    assert on_cpu.host_bytes == plan(tied, ask, make_hardware()).need(8192, 1).host_bytes == 0


def test_a_server_takes_its_fraction_of_what_the_driver_reports() -> None:
    card = make_hardware(usable_bytes=80 * GIB)

    assert capacity_bytes(Ask(engine="vllm"), card) == int(80 * GIB * 0.92)
    assert capacity_bytes(Ask(engine="vllm", memory_fraction=0.5), card) == 40 * GIB
    assert capacity_bytes(Ask(engine="llamacpp", split=Split(pipeline=2)), card) == 160 * GIB


def test_vllm_makes_a_block_as_large_as_a_recurrent_state() -> None:
    """All layers share one pool: 1,072 tokens of 4 KiB are the first multiple of 16 that hold 2.1 MB of state."""
    subject = make_subject(make_architecture(STATE, STATE, STATE, FULL))

    rounding = plan(subject, Ask(engine="vllm"), make_hardware()).rounding

    state = 32 * 128 * 128 * 4 + 3 * 8192 * 2
    assert rounding.block % 16 == 0
    assert rounding.block * 4096 >= state > (rounding.block - 16) * 4096
    assert rounding.state_unit == rounding.block * 4096


def test_activations_of_llama_3_are_what_vllm_profiles() -> None:
    """Its logs on H100s, 8,192 tokens a step: 1.19 to 1.26 GiB with 256 rows of logits."""
    llama = make_architecture(hidden=4096, vocab=128_256, layers=1)
    llama = msgspec.structs.replace(llama, layers=(Layer((FULL,), Dense(14_336), ()),) * 32)

    taken = activation_bytes(llama, 8192, 1) + logits_bytes(llama, 8192, 256)

    assert taken == pytest.approx(1.19 * GIB, rel=0.1)


@given(
    mixers=st.lists(st.sampled_from([FULL, SLIDING, LATENT, STATE]), min_size=1, max_size=4),
    engine=st.sampled_from(ENGINES),
    tokens=st.integers(1, 200_000),
    sequences=st.integers(1, 300),
    more=st.tuples(st.integers(0, 5000), st.integers(0, 20)),
    experts=st.sampled_from((0, 8)),
)
@settings(max_examples=150)
def test_longer_or_more_sequences_never_take_less(
    *, mixers: list[Mixer], engine: Engine, tokens: int, sequences: int, more: tuple[int, int], experts: int
) -> None:
    subject = make_subject(make_architecture(*mixers, experts=experts), "Q4_K_M" if engine == "llamacpp" else "bf16")
    planned = plan(subject, Ask(engine=engine), make_hardware())

    need = planned.need(tokens, sequences)
    larger = planned.need(tokens + more[0], sequences + more[1])

    assert all(isinstance(count, int) for count in (need.kv_bytes, need.overhead_bytes, need.total_bytes))
    assert need.overhead_bytes >= 0
    assert need.total_bytes == need.weights_bytes + need.kv_bytes + need.overhead_bytes
    assert need.total_bytes <= larger.total_bytes
    assert need.total_bytes == planned.total_bytes(tokens, sequences)


@given(
    mixers=st.lists(st.sampled_from([FULL, SLIDING, LATENT]), min_size=1, max_size=3),
    engine=st.sampled_from(("vllm", "sglang", "tensorrt-llm")),
    tensor=st.sampled_from((2, 4, 8, 16, 32)),
)
@settings(max_examples=60)
def test_cutting_a_model_over_more_ranks_never_takes_less_in_all(
    mixers: list[Mixer], engine: Engine, tensor: int
) -> None:
    subject = make_subject(make_architecture(*mixers))
    one = plan(subject, Ask(engine=engine), make_hardware(usable_bytes=80 * GIB))
    many = plan(subject, Ask(engine=engine, split=Split(tensor=tensor)), make_hardware(usable_bytes=80 * GIB))

    assert many.total_bytes(8192, 8) >= one.total_bytes(8192, 8)


@pytest.mark.parametrize(("ranks", "left_gib"), [(1, 53.29), (2, 58.97)])
def test_what_vllm_leaves_for_the_cache_is_what_it_logged(ranks: int, left_gib: float) -> None:
    """vLLM's pull request 10511: Llama 3 8B on H100s of 79.22 GiB at 0.9, one rank and two. 58.97 follows from the
    other figures of its log: 71.29 - 7.48 - 3.58 - 1.26."""
    catalogue = load_catalogue()
    source = source_of_model(catalogue.models["meta-llama/Meta-Llama-3-8B"], catalogue)
    assert source is not None
    card = make_hardware(usable_bytes=int(79.22 * GIB))
    ask = Ask(engine="vllm", split=Split(tensor=ranks), memory_fraction=0.9)

    need = plan(source.subject("bf16", "vllm"), ask, card).need(1, 256)

    left = capacity_bytes(ask, card) - need.weights_bytes - need.overhead_bytes
    assert left / ranks / GIB == pytest.approx(left_gib, rel=0.04)


@pytest.mark.parametrize(
    ("model", "ranks", "loaded_gib"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 1, 14.9889),  # vLLM's pull request 17122
        ("Qwen/Qwen3-30B-A3B", 4, 14.2474),  # vLLM's issue 17327
    ],
)
def test_weights_of_a_rank_are_what_vllm_says_it_loaded(model: str, ranks: int, loaded_gib: float) -> None:
    catalogue = load_catalogue()
    source = source_of_model(catalogue.models[model], catalogue)
    assert source is not None

    weights = source.subject("bf16", "vllm").weights

    assert weights.total_bytes / ranks / GIB == pytest.approx(loaded_gib, rel=0.005)

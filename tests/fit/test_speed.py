"""How fast: what must hold of a roofline whatever its factors, and what is said where nothing was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.errors import InputError, UsageError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.devices import DeviceSet
from weighbridge.fit.efficiencies import SHIPPED, Efficiencies, load_efficiencies
from weighbridge.fit.hardware import Hardware
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.records import Ask, Split
from weighbridge.fit.speed import Speeds, accepted_tokens, most_sequences, run_of, speed, step_seconds
from weighbridge.fit.speed_run import Run
from weighbridge.fit.speed_serving import STEP_TERMS, step_terms
from weighbridge.fit.speed_work import format_class, work_of
from weighbridge.fit.weights import derive

CARD = Hardware(
    id="card",
    name="a card",
    vendor="NVIDIA",
    kind="gpu",
    generation="Hopper",
    memory_bytes=80 * 10**9,
    usable_bytes=80 * 10**9,
    bandwidth=3.35e12,
    bf16_flops=989e12,
    fp8_flops=1978e12,
    int8_ops=1978e12,
    link="NVLink4",
    link_bandwidth=450e9,
)
DENSE: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "max_position_embeddings": 131072,
}
EXPERTS: dict[str, Any] = {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}
HALVES: dict[str, Any] = {
    "model_type": "nemotron_h",
    "num_hidden_layers": 52,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "hidden_size": 2688,
    "intermediate_size": 1856,
    "moe_intermediate_size": 1856,
    "moe_shared_expert_intermediate_size": 3712,
    "n_routed_experts": 128,
    "n_shared_experts": 1,
    "num_experts_per_tok": 6,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "mamba_num_heads": 64,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 8,
    "conv_kernel": 4,
    "vocab_size": 131072,
    "tie_word_embeddings": False,
}
LATENT: dict[str, Any] = {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 4,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "vocab_size": 129280,
}


def speeds(
    config: dict[str, Any] = DENSE,
    *,
    fmt: str = "bf16",
    device: Hardware = CARD,
    count: int = 1,
    engine: str = "vllm",
    **asked: Any,
) -> Speeds:
    found = maybe_speeds(config, fmt=fmt, device=device, count=count, engine=engine, **asked)
    assert found is not None
    return found


def maybe_speeds(
    config: dict[str, Any] = DENSE,
    *,
    fmt: str = "bf16",
    device: Hardware = CARD,
    count: int = 1,
    engine: str = "vllm",
    **asked: Any,
) -> Speeds | None:
    architecture = read_architecture(config)
    split = Split(pipeline=count) if engine == "llamacpp" else Split(tensor=count)
    ask = msgspec.structs.replace(Ask(context_tokens=2048, split=split), engine=engine, **asked)
    return speed(architecture, derive(architecture, fmt), ask, DeviceSet(device, count))


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llamacpp", "ollama"])
@pytest.mark.parametrize("fmt", ["bf16", "fp8", "Q4_K_M"])
def test_no_engine_writes_faster_than_it_can_read_the_weights(engine: str, fmt: str) -> None:
    weights = derive(read_architecture(DENSE), fmt)

    found = speeds(fmt=fmt, engine=engine)

    assert found.decode_tps.value < (CARD.bandwidth or 0) / weights.bytes_of("dense", "head")


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_no_engine_reads_a_prompt_faster_than_its_device_multiplies(engine: str) -> None:
    """Twice the bf16 rate bounds llama.cpp's integer products on this card."""
    found = speeds(engine=engine, prompt_tokens=2000)

    parameters = read_parameters(DENSE)
    assert found.prefill_tps is not None
    assert found.prefill_tps.value < (CARD.bf16_flops or 0) / parameters


def read_parameters(config: dict[str, Any]) -> int:
    return sum(part.parameters for part in derive(read_architecture(config), "bf16").parts if part.name == "dense")


@settings(max_examples=40)
@given(sequences=st.integers(1, 500), more=st.integers(1, 500), engine=st.sampled_from(["vllm", "sglang", "llamacpp"]))
def test_more_sequences_write_more_together_and_less_each(sequences: int, more: int, engine: str) -> None:
    roomy = msgspec.structs.replace(CARD, usable_bytes=10**13)

    few, many = (speeds(EXPERTS, device=roomy, engine=engine, concurrency=n) for n in (sequences, sequences + more))

    assert many.decode_tps.value >= few.decode_tps.value * 0.999
    assert many.decode_tps_per_user.value <= few.decode_tps_per_user.value * 1.001


@settings(max_examples=40)
@given(tokens=st.integers(64, 100_000), more=st.integers(1, 100_000))
def test_a_longer_context_never_makes_writing_faster(tokens: int, more: int) -> None:
    short, long = (speeds(context_tokens=n, prompt_tokens=32) for n in (tokens, tokens + more))

    assert long.decode_tps.value <= short.decode_tps.value


@settings(max_examples=30)
@given(factor=st.floats(1.01, 20))
def test_a_device_that_reads_and_computes_faster_is_faster(factor: float) -> None:
    faster = msgspec.structs.replace(
        CARD, bandwidth=(CARD.bandwidth or 0) * factor, bf16_flops=(CARD.bf16_flops or 0) * factor
    )

    slow, fast = speeds(), speeds(device=faster)

    assert slow.decode_tps.value < fast.decode_tps.value < slow.decode_tps.value * factor


def test_distinct_experts_follow_the_law_of_even_routing() -> None:
    """One expert of 4, drawn evenly by 3 tokens: 37 of 64 quarters are touched, counted out by hand."""
    config = {**EXPERTS, "num_experts": 4, "num_experts_per_tok": 1}
    work = work_of(read_architecture(config), derive(read_architecture(config), "bf16"))

    assert work.touched_share(1) == pytest.approx(1 / 4)
    assert work.touched_share(3) == pytest.approx(1 - (3 / 4) ** 3) == pytest.approx(37 / 64)


def test_a_latent_cache_is_read_by_every_rank_and_key_value_heads_are_shared_out() -> None:
    latent, grouped = (read_architecture(config) for config in (LATENT, DENSE))

    works = [work_of(architecture, derive(architecture, "bf16")) for architecture in (latent, grouped)]

    assert works[0].cache_bytes(1000, ranks=8) == works[0].cache_bytes(1000, ranks=1) == 1000 * 4 * 576 * 2
    assert works[1].cache_bytes(1000, ranks=8) == works[1].cache_bytes(1000) / 8
    assert works[1].cache_bytes(1000, ranks=16) == works[1].cache_bytes(1000) / 8, "heads are not cut"


def test_a_sliding_window_stops_growing() -> None:
    """Of gpt-oss's two layers here one looks back 128 tokens, the other at everything."""
    config = {
        **EXPERTS,
        "model_type": "gpt_oss",
        "num_hidden_layers": 2,
        "sliding_window": 128,
        "num_local_experts": 32,
    }
    work = work_of(read_architecture(config), derive(read_architecture(config), "bf16"))
    cell = 2 * 4 * 128 * 2

    assert work.cache_bytes(100) == 2 * 100 * cell
    assert work.cache_bytes(5_000) == (128 + 5_000) * cell


def test_blocks_of_which_a_layer_has_one_are_launched_as_half_a_layer() -> None:
    """Nemotron-H's 52 layers are a mixer or an MLP each: 26 of those that have both."""
    both, halves = read_architecture(DENSE), read_architecture(HALVES)

    assert work_of(both, derive(both, "bf16")).layers == 32
    assert work_of(halves, derive(halves, "bf16")).layers == 26


def test_memory_beside_the_chip_is_not_kept_busy_by_one_sequence_of_llamacpp() -> None:
    """The same rate from many thin channels asks for more reads under way than its kernels have."""
    stacked = msgspec.structs.replace(CARD, stacked_bandwidth=CARD.bandwidth)

    plain, beside = (speeds(engine="llamacpp", device=device) for device in (CARD, stacked))
    served, beside_served = (speeds(device=device) for device in (CARD, stacked))

    assert beside.decode_tps.value < 0.85 * plain.decode_tps.value
    assert beside_served.decode_tps == served.decode_tps


def test_recurrent_layers_take_launches_of_their_own() -> None:
    architecture = read_architecture(HALVES)
    weights = derive(architecture, "Q4_K_M")
    work = work_of(architecture, weights)
    ask = Ask(context_tokens=2048, engine="llamacpp")
    run = run_of(work, weights, ask, DeviceSet(CARD))

    with_them, without = (
        step_seconds(msgspec.structs.replace(work, recurrent=count), "k", run, CARD, load_efficiencies())
        for count in (work.recurrent, 0)
    )

    assert with_them is not None
    assert without is not None
    assert 10e-6 < (with_them[0] - without[0]) / work.recurrent < 200e-6


def test_a_long_cache_that_the_host_keeps_costs_more_than_weights_it_keeps() -> None:
    """The processor has attention to compute there, not only bytes to read."""
    architecture = read_architecture(DENSE)
    work = work_of(architecture, derive(architecture, "Q4_K_M"))
    behind = 1e9 / work.cache_bytes(1)
    runs = [
        Run(engine="llamacpp", spilled=0.5),
        Run(engine="llamacpp", spilled=0.5, behind_tokens=behind),
        Run(engine="llamacpp", spilled=0.5),
    ]
    heavier = msgspec.structs.replace(work, dense_bytes=work.dense_bytes + 1e9)
    counted = zip(runs, (work, work, heavier), strict=True)

    bare, cache, weights = (step_seconds(one, "k", run, CARD, load_efficiencies()) for run, one in counted)

    assert bare is not None
    assert cache is not None
    assert weights is not None
    assert cache[0] - bare[0] > 1.2 * (weights[0] - bare[0])


def test_layers_over_several_cards_do_not_read_a_token_faster_in_llamacpp() -> None:
    """Each card waits for the one before; a prompt's steps follow one another through them."""
    one, four = (speeds(engine="llamacpp", count=n, context_tokens=8192) for n in (1, 4))

    assert four.decode_tps.value < one.decode_tps.value
    assert four.prefill_tps is not None
    assert one.prefill_tps is not None
    assert four.prefill_tps.value > one.prefill_tps.value


def served(name: str, config: dict[str, Any] = EXPERTS, **said: Any) -> float:
    """Seconds of one term of a step of a serving engine, at stated rates."""
    architecture = read_architecture(config)
    work = work_of(architecture, derive(architecture, "bf16"))
    run = Run(**{"engine": "vllm", "behind_tokens": 1000.0, "prompt_tokens": 500.0, "answer_tokens": 500.0, **said})
    return dict(zip(STEP_TERMS, step_terms(work, CARD, 3.35e12, run, "16"), strict=True))[name]


def test_a_sequence_alone_waits_for_nobodys_prompt_and_each_further_one_adds_its_own() -> None:
    one, two, three = (served("prompts", sequences=n) for n in (1.0, 2.0, 3.0))

    assert one == 0
    assert two > 0
    assert three == pytest.approx(2 * two)


def test_tokens_go_to_their_experts_only_where_attention_is_data_parallel() -> None:
    """Tensor ranks hold every token anyway, and the all-reduce after a layer brings the experts' parts together."""
    together = served("expert_hops", sequences=8.0, tensor=8, experts=8)
    apart = served("expert_hops", sequences=8.0, attention=8, experts=8)

    assert together == 0
    assert apart > 0


def test_a_latent_takes_launches_of_its_own() -> None:
    assert served("latent", LATENT) == pytest.approx(4e-6)
    assert served("latent", DENSE) == 0


def test_tensor_ranks_make_a_token_faster_but_not_by_their_number() -> None:
    one, eight = (speeds(count=n) for n in (1, 8))

    assert one.decode_tps.value < eight.decode_tps.value < 8 * one.decode_tps.value


def test_a_slow_link_costs_tensor_ranks_more() -> None:
    slow = msgspec.structs.replace(CARD, link_bandwidth=16e9)

    assert (
        speeds(count=8, device=slow, concurrency=64).decode_tps.value < speeds(count=8, concurrency=64).decode_tps.value
    )


def test_what_has_no_room_is_read_by_the_host_and_costs_more_than_it_is() -> None:
    small = msgspec.structs.replace(CARD, usable_bytes=12 * 10**9)

    fits, spills = speeds(engine="llamacpp"), speeds(engine="llamacpp", device=small)

    assert fits.spilled == 0
    assert 0.2 < spills.spilled < 0.6
    assert spills.decode_tps.value < fits.decode_tps.value / 3


@pytest.mark.parametrize("kind", ["cpu", "unified"])
def test_memory_that_is_the_hosts_cannot_spill_to_the_host(kind: str) -> None:
    small = msgspec.structs.replace(CARD, usable_bytes=12 * 10**9, kind=kind)

    assert speeds(engine="llamacpp", device=small).spilled == 0


def test_other_sequences_prompts_are_paid_for_between_the_tokens() -> None:
    """At the same length behind, long prompts with short answers leave less time for writing."""
    chat = speeds(concurrency=64, context_tokens=8192, prompt_tokens=1024)
    extracts = speeds(concurrency=64, context_tokens=8192, prompt_tokens=8000)

    assert extracts.decode_tps.value < chat.decode_tps.value


@pytest.mark.parametrize(
    ("draft", "acceptance", "tokens"),
    [(0, 0.7, 1.0), (1, 0.0, 1.0), (1, 0.7, 1.7), (3, 1.0, 4.0), (2, 0.5, 1.75)],
)
def test_drafted_tokens_count_as_far_as_they_are_accepted(draft: int, acceptance: float, tokens: float) -> None:
    assert accepted_tokens(draft, acceptance) == pytest.approx(tokens)


def test_drafting_is_said_and_helps_a_single_sequence() -> None:
    plain, drafted = speeds(EXPERTS), speeds(EXPERTS, draft_tokens=2)

    assert drafted.decode_tps.value > plain.decode_tps.value
    assert drafted.assumed == ("70% of 2 drafted tokens are accepted",)


def test_intervals_hold_their_value_and_widen_where_nobody_measured() -> None:
    known = speeds()
    strange = speeds(device=msgspec.structs.replace(CARD, generation="Ascend", vendor="Huawei"))

    for found in (known, strange):
        for figure in (found.decode_tps, found.decode_tps_per_user, found.prefill_tps, found.first_token_s):
            assert figure is not None
            assert figure.interval[0] < figure.value < figure.interval[1]
    assert known.seen
    assert not strange.seen
    assert width(strange) > width(known)


def width(found: Speeds) -> float:
    low, high = found.decode_tps.interval
    return high / low


def test_a_device_nobody_states_a_rate_of_has_no_speed() -> None:
    """Unknown is not zero, and not fast."""
    assert maybe_speeds(device=msgspec.structs.replace(CARD, bandwidth=None)) is None

    reads_only = speeds(device=msgspec.structs.replace(CARD, bf16_flops=None), engine="llamacpp")

    assert reads_only.prefill_tps is None
    assert reads_only.first_token_s is None


@settings(max_examples=30)
@given(milliseconds=st.floats(1, 200))
def test_the_break_of_a_latency_target_is_the_last_that_holds(milliseconds: float) -> None:
    architecture = read_architecture(DENSE)
    weights, devices = derive(architecture, "bf16"), DeviceSet(CARD)
    ask = Ask(context_tokens=2048)

    most = most_sequences(architecture, weights, ask, devices, token_s=milliseconds / 1e3)

    for sequences, holds in ((most, True), (most + 1, False)):
        if 1 <= sequences <= 1 << 16:
            per_user = speeds(concurrency=sequences).decode_tps_per_user.value
            assert (1 / per_user <= milliseconds / 1e3) is holds


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bf16", "16"), ("fp8", "fp8"), ("Q4_K_M", "k"), ("UD-Q4_K_XL", "k"), ("Q8_0", "q8"), ("Q4_0", "q40"),
        ("IQ2_XXS", "iq"), ("mxfp4", "mxfp4"), ("MXFP4_MOE", "mxfp4"), ("nvfp4", "nvfp4"), ("awq", "int4"),
        ("4bit", "int4"), ("int8", "int8"), ("something new", "16"), ("gguf:MXFP4", "mxfp4"), ("gguf:bf16", "16"),
        ("3bit", "int4"), ("8bit", "int8"), ("4bit-mxfp4", "mxfp4"), ("mlx:6bit", "int4"),
    ],
)  # fmt: skip
def test_formats_fall_into_classes_by_how_they_are_multiplied(name: str, expected: str) -> None:
    assert format_class(name) == expected


def test_a_cache_type_nobody_keeps_is_refused() -> None:
    with pytest.raises(UsageError, match="f17"):
        speeds(kv_dtype="f17")


def test_a_smaller_cache_type_is_faster_at_length() -> None:
    whole, half = (speeds(context_tokens=100_000, kv_dtype=kept) for kept in ("bf16", "fp8"))

    assert half.decode_tps.value > whole.decode_tps.value


def test_the_shipped_factors_say_what_they_stand_on() -> None:
    table = load_efficiencies()

    for name in ("local_step", "local_prompt", "serving_step", "serving_first"):
        model = getattr(table, name)
        assert model.rows >= 300
        assert model.groups >= 5
        assert all(factor > 0 for factor in model.terms.values())
        for spread in (model.pooled, model.unseen, *model.spread.values()):
            assert spread.low < 0 < spread.high


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("date = ", "day = ", "day"),
        ("weights = ", "wights = ", "weights"),
        ("[local_step]", "[local_step", "line 7"),
        ('generations = ["Ada"', 'generations = [1, "Ada"', "generations"),
    ],
)
def test_a_spoilt_file_of_factors_is_refused_with_its_place(tmp_path: Path, old: str, new: str, where: str) -> None:
    path = tmp_path / "efficiencies.toml"
    text = SHIPPED.read_text()
    path.write_text(text.replace(old, new, 1))
    assert old in text

    with pytest.raises(InputError, match=where) as caught:
        load_efficiencies(path)

    assert str(path) in str(caught.value)


def test_factors_are_arguments() -> None:
    """The same function judges with anybody's factors: slower memory by half is slower by less than half."""
    table = load_efficiencies()
    terms = {**table.serving_step.terms, "weights": table.serving_step.terms["weights"] * 2}
    slower: Efficiencies = msgspec.structs.replace(
        table, serving_step=msgspec.structs.replace(table.serving_step, terms=terms)
    )
    architecture: Architecture = read_architecture(DENSE)
    weights = derive(architecture, "bf16")

    usual = speed(architecture, weights, Ask(), DeviceSet(CARD))
    halved = speed(architecture, weights, Ask(), DeviceSet(CARD), slower)

    assert usual is not None
    assert halved is not None
    assert usual.decode_tps.value / 2 < halved.decode_tps.value < usual.decode_tps.value

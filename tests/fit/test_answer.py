"""The answer as a whole: what is left, how long, how many, the smallest set, the quantisation to take."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import FULL, LATENT, SLIDING, STATE, make_architecture, make_devices, make_hardware, make_subject

from weighbridge.errors import UsageError
from weighbridge.fit.answer import fit, fit_details
from weighbridge.fit.answer_limits import largest
from weighbridge.fit.answer_quant import choose_quant
from weighbridge.fit.answer_smallest import Target, smallest_set, smallest_sets
from weighbridge.fit.answer_split import resolve_split
from weighbridge.fit.architecture import Mixer, Stored
from weighbridge.fit.many import fit_many, room_many
from weighbridge.fit.records import ENGINES, Ask, Engine, Fit, Split
from weighbridge.units import GIB

FIELDS = (
    "model", "variant", "device", "count", "weights_bytes", "kv_bytes_per_token", "state_bytes_per_sequence",
    "kv_bytes", "overhead_bytes", "total_bytes", "capacity_bytes", "fits", "max_context", "max_concurrency",
    "prefill_tps", "decode_tps", "kinds", "launch",
)  # fmt: skip


def quant_for(engine: Engine) -> str:
    return "Q4_K_M" if engine in ("llamacpp", "ollama") else "bf16"


def test_the_answer_has_the_fields_programs_rely_on_in_their_order() -> None:
    plain = msgspec.to_builtins(fit(make_subject(), Ask(), make_devices()))

    assert tuple(plain) == FIELDS
    assert set(plain["prefill_tps"]) == set(plain["decode_tps"]) == {"value", "interval"}
    assert set(plain["launch"]) == set(ENGINES)
    assert set(plain["kinds"]) == set(FIELDS) - {"model", "variant", "device", "count", "kinds", "launch"}
    assert set(plain["kinds"].values()) <= {"exact", "derived", "measured", "estimated"}


@given(
    mixers=st.lists(st.sampled_from([FULL, SLIDING, LATENT, STATE]), min_size=1, max_size=3),
    engine=st.sampled_from(ENGINES),
    gib=st.integers(1, 40),
    tokens=st.integers(1, 100_000),
    sequences=st.integers(1, 64),
)
@settings(max_examples=120)
def test_the_longest_context_and_the_most_sequences_fit_and_the_next_do_not(
    *, mixers: list[Mixer], engine: Engine, gib: int, tokens: int, sequences: int
) -> None:
    subject = make_subject(make_architecture(*mixers, layers=16), quant_for(engine))
    devices = make_devices(usable_bytes=gib * GIB)
    asked = Ask(engine=engine, context_tokens=tokens, concurrency=sequences)

    def fits(**changes: Any) -> bool:
        return fit(subject, msgspec.structs.replace(asked, **changes), devices, launch=False).fits

    found = fit(subject, asked, devices, launch=False)

    assert found.fits == (found.total_bytes <= found.capacity_bytes)
    assert found.fits == (tokens <= found.max_context) or tokens > 1 << 20
    assert found.fits == (sequences <= found.max_concurrency)
    if found.max_context:
        assert fits(context_tokens=found.max_context)
    if found.max_context < 1 << 20:
        assert not fits(context_tokens=found.max_context + 1)
    if found.max_concurrency:
        assert fits(concurrency=found.max_concurrency)
    assert not fits(concurrency=found.max_concurrency + 1) or found.max_concurrency == 1 << 20


@given(
    steps=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    capacity=st.integers(-10, 2000),
)
def test_the_largest_number_within_a_capacity_is_found_on_any_rising_line(steps: list[int], capacity: int) -> None:
    totals = [sum(steps[: number + 1]) for number in range(len(steps))]

    found = largest(lambda number: totals[number - 1], capacity, len(totals))

    assert found == sum(total <= capacity for total in totals)


def test_one_model_on_many_devices_is_what_it_is_on_each() -> None:
    """`fit_many` multiplies the sums out; every figure must be the one `fit` gives."""
    kinds = (
        make_hardware(id="a", usable_bytes=8 * GIB, generation="Ada"),
        make_hardware(id="b", usable_bytes=80 * GIB, fp8_flops=2e14, link_bandwidth=4e11),
        make_hardware(id="c", vendor="AMD", generation="CDNA3", usable_bytes=190 * GIB),
        make_hardware(id="d", kind="cpu", vendor="Intel", bandwidth=1e11, bf16_flops=None),
        make_hardware(id="e", kind="unified", vendor="Apple", usable_bytes=48 * GIB),
        make_hardware(id="f", bandwidth=None),
    )
    for engine in ENGINES:
        subject = make_subject(make_architecture(FULL, SLIDING, layers=40), quant_for(engine))
        ask = Ask(engine=engine, concurrency=9, context_tokens=9000)

        many = fit_many(subject, ask, kinds)
        room = room_many(subject, ask, kinds)

        for memory, whole in (
            (room.total_bytes, many.total_bytes),
            (room.capacity_bytes, many.capacity_bytes),
            (room.max_concurrency, many.max_concurrency),
        ):
            assert list(memory) == list(whole)
        for row, kind in enumerate(kinds):
            one = fit(subject, ask, make_devices(**msgspec.structs.asdict(kind)), launch=False)
            columns = (many.total_bytes, many.capacity_bytes, many.fits, many.max_context, many.max_concurrency)
            assert [column[row] for column in columns] == [
                one.total_bytes, one.capacity_bytes, one.fits, one.max_context, one.max_concurrency,
            ]  # fmt: skip
            for speed, rates in ((one.decode_tps, many.decode_tps), (one.prefill_tps, many.prefill_tps)):
                if speed is not None:
                    found = (rates.value[row], rates.low[row], rates.high[row])
                    assert found == pytest.approx((speed.value, *speed.interval), rel=1e-9)
                elif one.fits:
                    assert math.isnan(rates.value[row])


def test_a_server_that_would_not_start_has_no_speed_and_no_command() -> None:
    found = fit(make_subject(), Ask(context_tokens=1 << 20, concurrency=64), make_devices(usable_bytes=4 * GIB))

    assert not found.fits
    assert found.decode_tps is None
    assert found.launch["vllm"].startswith("# vLLM would lack ")


def test_a_copy_for_another_number_of_devices_is_cut_anew() -> None:
    details = fit_details(make_subject(), Ask(), make_devices(4))

    assert details.ask.split == Split(tensor=4)
    assert details.fit.capacity_bytes == 4 * int(24 * GIB * 0.92)


@pytest.mark.parametrize(
    ("count", "options", "said"),
    [
        pytest.param(3, {"tensor": 3}, "32 heads cannot be shared by 3", id="heads-do-not-divide"),
        pytest.param(4, {"tensor": 2}, "", id="the-rest-are-stages"),
        pytest.param(4, {"tensor": 2, "pipeline": 1}, "makes 2 devices, not 4", id="product-is-wrong"),
        pytest.param(64, {"pipeline": 64}, "8 layers cannot make 64", id="more-stages-than-layers"),
        pytest.param(8, {"tensor": 8, "expert": 3}, "--ep 3 does not divide", id="expert-ranks"),
    ],
)
def test_a_split_the_engine_would_refuse_is_refused_with_one_it_takes(
    count: int, options: dict[str, int], said: str
) -> None:
    architecture = make_architecture(experts=16)
    if not said:
        assert resolve_split(architecture, "vllm", count, **options).pipeline == 2
        return

    with pytest.raises(UsageError, match=said) as caught:
        resolve_split(architecture, "vllm", count, **options)

    assert "Possible on" in str(caught.value)


def test_more_devices_than_layers_are_too_many_for_llama_cpp() -> None:
    with pytest.raises(UsageError, match="use fewer"):
        resolve_split(make_architecture(), "llamacpp", 9)


def test_how_many_layers_llama_cpp_brings_to_a_small_device_is_noted() -> None:
    subject = make_subject(make_architecture(layers=200), "Q8_0")

    details = fit_details(subject, Ask(engine="llamacpp"), make_devices(usable_bytes=4 * GIB))

    assert not details.fit.fits
    assert any("of 200 layers fit on the devices" in note for note in details.notes)
    assert details.fit.launch["llamacpp"].startswith("llama-server ")


def test_experts_in_blocks_of_fp8_are_spread_where_they_cannot_be_cut() -> None:
    """Qwen3-235B in fp8 on 8 ranks: 1,536 / 8 = 192 is no multiple of 128; vLLM wants expert parallel."""
    stored = Stored("fp8", "finegrained", 8, (128, 128))
    blocks_of_256 = make_architecture(experts=16, stored=msgspec.structs.replace(stored, block=(256, 256)))

    assert resolve_split(make_architecture(experts=16, stored=stored), "vllm", 4) == Split(tensor=4)
    assert resolve_split(blocks_of_256, "vllm", 4) == Split(tensor=4, expert=4)


def test_the_least_lossy_quantisation_that_fits_is_taken() -> None:
    architecture = make_architecture(layers=80)

    def make(quant: str) -> Any:
        return make_subject(architecture, f"gguf:{quant}")

    small = choose_quant(make, architecture, Ask(engine="llamacpp"), make_devices(usable_bytes=4 * GIB))
    large = choose_quant(make, architecture, Ask(engine="llamacpp"), make_devices(usable_bytes=24 * GIB))
    none = choose_quant(make, architecture, Ask(engine="llamacpp"), make_devices(usable_bytes=2 * GIB))

    assert large.best == 0
    assert small.best is not None
    assert [one.fits for one in small.tried] == [number >= small.best for number in range(len(small.tried))]
    assert none.best is None


def test_the_smallest_set_serves_all_users_and_one_group_less_does_not() -> None:
    subject, kind = make_subject(), make_hardware(usable_bytes=8 * GIB)
    ask, target = Ask(context_tokens=32_768), Target(users=40)

    found = smallest_set(subject, ask, target, kind)

    assert found is not None
    assert found.details.fit.fits
    assert found.users_each * found.groups >= 40
    each = found.details.fit.max_concurrency
    assert (found.groups - 1) * each < 40
    assert found.devices == found.groups * found.details.fit.count


def test_a_latency_target_takes_more_devices_and_an_impossible_one_takes_none() -> None:
    subject, kind = make_subject(), make_hardware(usable_bytes=24 * GIB, usd_per_hour=2.0)
    ask = Ask(context_tokens=4096)

    relaxed = smallest_set(subject, ask, Target(users=64), kind)
    quick = smallest_set(subject, ask, Target(users=64, tokens_per_s=60), kind)
    never = smallest_set(subject, ask, Target(users=64, tokens_per_s=1e9), kind)

    assert relaxed is not None
    assert quick is not None
    assert quick.devices >= relaxed.devices
    assert relaxed.usd_per_hour == 2.0 * relaxed.devices
    assert never is None


def test_sets_with_a_price_come_first_the_cheapest_before() -> None:
    kinds = tuple(make_hardware(id=name, usd_per_hour=usd) for name, usd in (("none", None), ("b", 3.0), ("a", 1.0)))

    found = smallest_sets(make_subject(), Ask(), Target(users=1), kinds)

    assert [one.details.fit.device for one in found] == ["a", "b", "none"]


def test_a_figure_is_no_better_than_what_it_was_made_from() -> None:
    assumed = make_subject(make_architecture(assumed=("head_dim = 128",)))

    found = fit_details(assumed, Ask(), make_devices(assumed=("usable_memory_bytes",)))

    assert found.fit.kinds["kv_bytes"] == found.fit.kinds["capacity_bytes"] == "estimated"
    assert any("head_dim = 128" in note for note in found.notes)


def test_more_tokens_than_the_model_was_made_for_are_noted() -> None:
    details = fit_details(make_subject(make_architecture(max_context=4096)), Ask(context_tokens=5000), make_devices())

    assert details.fit.max_context == 4096
    assert any("4,096" in note for note in details.notes)


def test_fit_is_a_record_that_survives_json() -> None:
    found = fit(make_subject(), Ask(), make_devices())

    assert msgspec.json.decode(msgspec.json.encode(found), type=Fit) == found

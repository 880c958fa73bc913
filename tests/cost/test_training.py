"""Training and fine-tuning: the sums by hand, and DeepSeek-V3's reported figures from assumptions that are stated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.profile import known
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.cost.finetuning import METHODS, Method, Tuning, reckon_tuning
from weighbridge.cost.training import AT_WORK, MFU, Training, attention_flop, reckon
from weighbridge.fit.reading import read_architecture

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
H800 = 989e12


def test_hours_are_operations_over_what_a_device_does() -> None:
    cost = reckon(Training(parameters=37e9, tokens=14.8e12, peak_flops=H800))

    assert cost.flop_parameters == pytest.approx(6 * 37e9 * 14.8e12)
    assert cost.device_hours.value == pytest.approx(cost.flop / (H800 * MFU.value * AT_WORK) / 3600)
    assert cost.device_hours.low < cost.device_hours.value < cost.device_hours.high


def test_attention_of_a_llama_is_the_sum_done_by_hand() -> None:
    """A token looks at half of 4,096: 32 layers x 32 heads x (128 + 128) x 2048.5 multiplications, six operations each
    forward and backward."""
    arch = read_architecture(LLAMA)

    assert attention_flop(arch, 4096) == pytest.approx(6 * 32 * 32 * 256 * 2048.5)


def test_a_window_is_looked_at_no_further_than_it_reaches() -> None:
    windows = {
        "model_type": "qwen3",
        "head_dim": 128,
        "sliding_window": 1024,
        "layer_types": ["sliding_attention"] * 32,
    }
    arch = read_architecture({**LLAMA, **windows})
    layers = 32 * 32 * 256

    assert attention_flop(arch, 1024) == pytest.approx(6 * layers * 512.5)
    assert attention_flop(arch, 1 << 20) == pytest.approx(6 * layers * 1024, rel=1e-3)


def test_deepseek_v3_comes_within_a_tenth_of_what_was_reported_by_assumptions_of_other_runs() -> None:
    """2.788M H800 hours and $5.576M at $2 (arXiv 2412.19437); utilisation and time at work are Llama's."""
    catalogue = load_catalogue()
    config = known(catalogue, catalogue.models["deepseek-ai/DeepSeek-V3"], "config")
    assert config is not None
    run = Training(parameters=37e9, tokens=14.8e12, peak_flops=H800, architecture=read_architecture(config.value))

    cost = reckon(run)

    assert cost.flop_attention / cost.flop_parameters == pytest.approx(0.138, abs=0.002)
    assert cost.device_hours.value == pytest.approx(2.788e6, rel=0.1)
    assert cost.device_hours.value * 2 == pytest.approx(5.576e6, rel=0.1)


@given(st.floats(1e8, 1e12), st.floats(1e9, 1e14), st.floats(1.01, 10))
def test_training_costs_more_with_more_tokens_and_parameters(parameters: float, tokens: float, more: float) -> None:
    hours = reckon(Training(parameters=parameters, tokens=tokens, peak_flops=H800)).device_hours.value

    assert reckon(Training(parameters=parameters * more, tokens=tokens, peak_flops=H800)).device_hours.value > hours
    assert reckon(Training(parameters=parameters, tokens=tokens * more, peak_flops=H800)).device_hours.value > hours


def tuning(method: Method, **changes: float) -> Tuning:
    usual = {"total_parameters": 8e9, "active_parameters": 8e9, "tokens": 1e8, "peak_flops": H800, "memory_bytes": 80e9}
    return Tuning(method=method, layers=32, hidden=4096, vocab=128_256, **usual | changes)  # type: ignore[arg-type]


def test_full_tuning_keeps_sixteen_bytes_a_parameter() -> None:
    cost = reckon_tuning(tuning("full"))

    assert cost.state_bytes == pytest.approx(16 * 8e9)
    assert cost.devices == 2


def test_each_method_takes_less_memory_than_the_one_before_and_none_more_time() -> None:
    full, lora, qlora = (reckon_tuning(tuning(method)) for method in METHODS)

    assert full.state_bytes > lora.state_bytes > qlora.state_bytes
    assert full.device_hours.value > lora.device_hours.value
    assert qlora.state_bytes == pytest.approx(0.516 * 8e9 + 16 * qlora.trained_parameters)


def test_a_device_that_does_not_hold_one_step_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        reckon_tuning(tuning("qlora", memory_bytes=4e9))

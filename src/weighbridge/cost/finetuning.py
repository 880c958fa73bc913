"""What fine-tuning takes: memory and device hours, for full tuning, LoRA and QLoRA with AdamW.

    memory, full    16 bytes a parameter: 2 weights, 2 gradients, 4 a master copy, 8 two moments (arXiv 1910.02054)
    LoRA            2 bytes a frozen parameter, 16 a trained one
    QLoRA           0.52 bytes a frozen parameter: 4 bits and 0.127 of doubly quantised scales (arXiv 2305.14314)
    activations     2 bytes x layers x hidden x tokens of a step on a device, kept at the borders of layers, and logits:
                    6 bytes x vocabulary x tokens
    operations      full 8 N D: 6, and 2 for running forward again from the borders; LoRA 6 N D: no gradients of what is
                    frozen; QLoRA the same, slower by the time its weights take to unpack (not counted)

Modest on purpose: a run is short, and its real cost is people and tries. MFU 0.35 where nothing is said: small batches
and no tuned kernels.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from weighbridge.cost.workload import Range

Method = Literal["full", "lora", "qlora"]
METHODS: tuple[Method, ...] = ("full", "lora", "qlora")
MFU = Range(0.35, 0.25, 0.45)
USABLE = 0.92
"""Of a device's memory; the rest is the driver, the framework and fragments."""
FROZEN_BYTES: dict[Method, float] = {"full": 0.0, "lora": 2.0, "qlora": 0.516}
TRAINED_BYTES = 16.0
STEP_TOKENS = 4096
"""On each device at once."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    method: Method
    total_parameters: float
    active_parameters: float
    tokens: float
    """Of all epochs."""
    layers: int
    hidden: int
    vocab: int
    rank: int = 16
    peak_flops: float
    memory_bytes: float
    """Usable, of one device."""
    mfu: Range = MFU


class TuningCost(msgspec.Struct, frozen=True, kw_only=True):
    trained_parameters: float
    state_bytes: float
    """Weights, gradients and the optimiser's state, over all devices."""
    activation_bytes: float
    """On each device."""
    devices: int
    """Fewest that hold it, the state split evenly over them (ZeRO-3, FSDP)."""
    device_hours: Range


def reckon_tuning(run: Tuning) -> TuningCost:
    """Memory and hours. Raises ValueError where activations alone are more than a device holds."""
    trained = run.total_parameters if run.method == "full" else _adapters(run)
    state = FROZEN_BYTES[run.method] * run.total_parameters + TRAINED_BYTES * trained
    activations = STEP_TOKENS * (2.0 * run.layers * run.hidden + 6.0 * run.vocab)
    room = USABLE * run.memory_bytes - activations
    if room <= 0:
        raise ValueError("activations of one step do not fit on a device")
    operations = (8 if run.method == "full" else 6) * run.active_parameters * run.tokens
    hours = Range(*(operations / run.peak_flops / mfu / 3600 for mfu in (run.mfu.value, run.mfu.high, run.mfu.low)))
    return TuningCost(
        trained_parameters=trained,
        state_bytes=state,
        activation_bytes=activations,
        devices=max(1, math.ceil(state / room)),
        device_hours=hours,
    )


def _adapters(run: Tuning) -> float:
    """Rank x (in + out) of seven matrices a layer, each about hidden wide on one side and up to four times on the
    other; a bound from above for attention, near it for the feed-forward part."""
    return run.layers * run.rank * (4 * 2 * run.hidden + 3 * 5 * run.hidden)

"""How a model is run while its speed is asked for, and what a device can do for it."""

from __future__ import annotations

from typing import Literal

import msgspec

from .hardware import Hardware

Family = Literal["local", "serving"]
SERVING = frozenset(("vllm", "sglang", "tensorrt-llm"))
"""Engines that batch requests as they come and cut layers over devices; the others put layer after layer."""
PCIE_BANDWIDTH = 20e9
"""Bytes a second at which weights that do not fit reach a card for a prompt."""
HOST_BANDWIDTH = 50e9
"""Bytes a second at which a processor reads the layers that stay with it: two channels of DDR5, measured rates."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One way of running a model. Numbers of ranks multiply to the number of devices, `experts` excepted."""

    engine: str
    """A name of efficiencies.toml: `vllm`, `llamacpp`, `llamacpp-vulkan`; `vllm@0.12` for an old release."""
    sequences: float = 1.0
    """At once, over all devices."""
    behind_tokens: float = 0.0
    """Mean length a token looks back at while an answer is written: prompt and half of the answer."""
    prompt_tokens: float = 512.0
    cached_tokens: float = 0.0
    """Tokens that lie in the cache before the prompt is read."""
    answer_tokens: float = 0.0
    """Of one sequence; 0: prompts of other sequences are not read meanwhile."""
    tensor: int = 1
    attention: int = 1
    """Ranks that each serve sequences of their own with whole attention layers (attention data parallel)."""
    experts: int = 1
    """Ranks over which whole experts are spread; 1: every expert is cut."""
    stages: int = 1
    step_tokens: int = 512
    """Tokens of a prompt that are read in one step."""
    spilled: float = 0.0
    """Share of weights and cache that has no room on the devices (local engines only)."""

    @property
    def family(self) -> Family:
        return "serving" if self.engine.partition("@")[0] in SERVING else "local"

    @property
    def devices(self) -> int:
        return self.tensor * self.attention * self.stages


def matmul_peak(hardware: Hardware, format_class: str, family: Family) -> float | None:
    """Dense operations a second that bound products of weights of this class; None where nobody states a rate.

    Serving engines multiply in the format's own type where the device can. llama.cpp multiplies quantised weights in
    int8 and accumulates in fp16 or int32, which NVIDIA's GeForce cards do at twice the rate stated for fp32.
    """
    if hardware.bf16_flops is None:
        return None
    if family == "local":
        fast = (hardware.int8_ops or 0.0) / 2 if hardware.vendor == "NVIDIA" else 0.0
        return max(hardware.bf16_flops, fast)
    if format_class in ("fp8", "int8"):
        return hardware.fp8_flops or hardware.int8_ops or hardware.bf16_flops
    if format_class == "nvfp4":
        return hardware.fp4_flops or hardware.bf16_flops
    return hardware.bf16_flops

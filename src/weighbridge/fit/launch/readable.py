"""What each engine can read, and where it runs: the reason an engine is not offered, in words for people.

As of the releases in flags.toml. An engine that needs a plug-in for a format or a device counts as one that cannot, and
so does one that only emulates a format: vLLM takes NVFP4 on AMD's devices through 16 bit (its pull request 35733 of
2026-03), so that the speed said for packed weights would not be reached. SGLang's way there is its pull request 7302.
"""

from __future__ import annotations

from weighbridge.errors import InputError

from ..formats import format_of
from ..hardware import Hardware
from ..records import Engine, Subject
from ..state_types import kv_type

PLAIN = frozenset(("bf16", "fp16", "fp32"))
SERVERS: frozenset[Engine] = frozenset(("vllm", "sglang", "tensorrt-llm"))
CHECKPOINTS: dict[str, frozenset[str]] = {
    "vllm": frozenset(("fp8", "awq", "gptq", "int4", "int8", "nvfp4", "mxfp4", "native")) | PLAIN,
    "sglang": frozenset(("fp8", "awq", "gptq", "int4", "int8", "nvfp4", "mxfp4", "native")) | PLAIN,
    "tensorrt-llm": frozenset(("fp8", "awq", "gptq", "nvfp4", "mxfp4", "native")) | PLAIN,
}
"""Formats of safetensors checkpoints."""
NAMES: dict[Engine, str] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "ollama": "Ollama",
    "tensorrt-llm": "TensorRT-LLM",
}


def why_not(engine: Engine, subject: Subject, device: Hardware) -> str | None:
    """Why an engine cannot run this variant on this device; None where it can."""
    if engine == "sglang" and device.vendor != "NVIDIA" and way_of(subject) == "gguf":
        return f"{NAMES[engine]} reads GGUF on NVIDIA's devices only"
    return _unread(engine, subject) or _elsewhere(engine, device) or _not_there(engine, subject, device)


def _not_there(engine: Engine, subject: Subject, device: Hardware) -> str | None:
    """A format that an engine reads, on devices on which it does not."""
    stored = subject.architecture.stored.method if subject.variant == "native" else subject.variant
    if stored != "nvfp4" or device.vendor == "NVIDIA":
        return None
    if engine == "vllm" and device.vendor == "AMD":
        return f"{NAMES[engine]} only emulates NVFP4 on AMD's devices; try --quant fp8"
    if engine == "sglang" and device.vendor == "AMD":
        return f"{NAMES[engine]} needs the plug-in petit-kernel for NVFP4 on AMD's devices; try --quant fp8"
    return f"{NAMES[engine]} runs NVFP4 on NVIDIA's devices only"


def no_cache(engine: Engine, kv_dtype: str, device: Hardware) -> str | None:
    """Why an engine cannot keep its cache in that type on this device; None where it can.

    vLLM, SGLang and TensorRT-LLM keep NVFP4 by kernels of NVIDIA's (vllm pull request 40177).
    """
    if kv_type(kv_dtype) != "nvfp4" or device.vendor == "NVIDIA":
        return None
    return f"{NAMES[engine]} keeps a cache in NVFP4 on NVIDIA's devices only; try --kv-dtype fp8"


def _unread(engine: Engine, subject: Subject) -> str | None:
    variant, name = subject.variant, NAMES[engine]
    way = way_of(subject)
    if way == "mlx":
        return f"{name} reads no MLX weights ({variant}); mlx-lm does"
    if engine in SERVERS:
        if way == "gguf":
            return None if engine == "sglang" else f"{name} reads no GGUF; llama.cpp, Ollama and SGLang do"
        return None if variant in CHECKPOINTS[engine] else f"{name} reads no {variant} checkpoints"
    if way == "gguf" or variant in PLAIN - {"fp32"}:
        return None
    return f"{name} reads GGUF files, not {variant} checkpoints; try --quant Q4_K_M or Q8_0"


def way_of(subject: Subject) -> str:
    """`gguf`, `mlx` or `checkpoint`; GGUF types are written in capitals, 16 bit ones too (`BF16`)."""
    if subject.gguf or subject.variant[:1].isupper():
        return "gguf"
    try:
        found = format_of(subject.variant, subject.architecture)
    except InputError:
        return "checkpoint"
    return "mlx" if found.stored.layout == "mlx" else "gguf" if found.way == "gguf" else "checkpoint"


def _elsewhere(engine: Engine, device: Hardware) -> str | None:
    vendor, name = device.vendor, NAMES[engine]
    if engine == "tensorrt-llm" and vendor != "NVIDIA":
        return f"{name} runs on NVIDIA's devices only"
    if engine in SERVERS and vendor == "Apple":
        return f"{name} does not run on Apple's chips"
    if engine == "vllm" and vendor == "Huawei":
        return f"{name} needs the plug-in vllm-ascend on Huawei's devices"
    if engine == "ollama" and vendor == "Huawei":
        return f"{name} does not run on Huawei's devices"
    if engine == "ollama" and vendor == "Intel" and device.kind == "gpu":
        return f"{name} runs on NVIDIA's, AMD's and Apple's devices and on CPUs"
    return None

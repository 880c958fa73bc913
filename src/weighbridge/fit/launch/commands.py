"""Commands as somebody would paste them into a shell, one for each engine.

An engine that cannot run the variant on the device, or could not hold it, gets a comment instead: `# vLLM reads no
GGUF; llama.cpp and Ollama do`. Every flag stands in flags.toml with the release it was seen in; a test holds that.
"""

from __future__ import annotations

from collections.abc import Callable
from shlex import quote

from weighbridge.errors import UsageError
from weighbridge.units import format_bytes

from ..hardware import Hardware
from ..records import ENGINES, Ask, Engine, Subject
from .llamacpp import llamacpp_command
from .ollama import ollama_command
from .readable import NAMES, no_cache, why_not
from .sglang import sglang_command
from .tensorrt import tensorrt_command
from .vllm import vllm_command
from .words import Run

COMMANDS: dict[Engine, Callable[[Run], str]] = {
    "vllm": vllm_command,
    "sglang": sglang_command,
    "llamacpp": llamacpp_command,
    "ollama": ollama_command,
    "tensorrt-llm": tensorrt_command,
}
ByEngine = Callable[[Engine], tuple[Ask, int]]
"""An engine to the ask with its own split, and the bytes that are lacking (0: it fits)."""


def launch_commands(subject: Subject, device: Hardware, asks: ByEngine) -> dict[str, str]:
    """Engine to command, or to a comment that says why there is none."""
    return {engine: _one(engine, subject, device, asks) for engine in ENGINES}


def _one(engine: Engine, subject: Subject, device: Hardware, asks: ByEngine) -> str:
    reason = why_not(engine, subject, device)
    if reason is not None:
        return f"# {reason}"
    try:
        ask, lacking = asks(engine)
    except UsageError as error:
        return f"# {error.what}"
    if lacking and engine in ("vllm", "sglang", "tensorrt-llm"):
        return f"# {NAMES[engine]} would lack {format_bytes(lacking)} with this context and concurrency"
    reason = no_cache(engine, ask.kv_dtype, device)
    if reason is not None:
        return f"# {reason}"
    return COMMANDS[engine](Run(subject, ask, device, quote(loaded(subject))))


def loaded(subject: Subject) -> str:
    """What an engine is told to load. A variant nobody names a place for stands as a local folder or file."""
    if subject.source:
        return subject.source
    name = subject.model.rsplit("/", 1)[-1]
    if subject.gguf or subject.variant[:1].isupper():
        return f"./{name}-{subject.variant}.gguf"
    if subject.variant in ("awq", "gptq", "int4", "int8", "nvfp4", "mxfp4") and not _is_stored(subject):
        return f"./{name}-{subject.variant}"
    return subject.model


def _is_stored(subject: Subject) -> bool:
    """Whether the model's own repository already holds this format."""
    stored = subject.architecture.stored
    return subject.variant == "native" or subject.variant in (stored.method, stored.layout)

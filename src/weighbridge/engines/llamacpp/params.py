"""What llama.cpp is told, out of the file's header, the settings and the machine.

    context of a slot   what was asked for, else the least of: trained length, CONTEXT_TOKENS, what memory holds
    bytes of a token    layers x key/value heads x (key length + value length) x bytes of the kept types
    memory              MEMORY_SHARE of what is available, after the weights

Layers with a sliding window are counted as full: they are, with `whole_cache`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.engines.llamacpp.settings import CONTEXT_TOKENS, MEMORY_SHARE, LlamaCppSettings
from weighbridge.errors import CannotAsk
from weighbridge.formats.gguf import GgufHeader

LEAST_CONTEXT = 512
MOST_SLOTS = 4
KV_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}
"""Bytes of one number; the block types store a scale with each 32."""


@dataclass(frozen=True, slots=True)
class Plan:
    slots: int
    context_tokens: int
    """Of each slot."""
    params: dict[str, Any]
    """llama.cpp's parameters by name; enumerations by their member's name."""


def plan(header: GgufHeader, settings: LlamaCppSettings, *, threads: int, memory: int | None, where: str) -> Plan:
    """How the engine runs. `threads` is what it may have, `memory` the bytes available (None: unknown).

    Raises CannotAsk for a context longer than the model was trained for.
    """
    slots = slots_for(settings, threads)
    context = _context(header, settings, slots, memory, where)
    params: dict[str, Any] = {
        "n_ctx": context * slots,
        "n_parallel": slots,
        "kv_unified": False,
        "n_threads_http": 2 * slots + 6,
        "cpuparams.n_threads": settings.threads or threads,
        "cpuparams_batch.n_threads": settings.threads or threads,
        "n_batch": settings.batch_tokens,
        "n_ubatch": min(settings.step_tokens, settings.batch_tokens),
        "warmup": settings.warmup,
        "cache_type_k": f"GGML_TYPE_{settings.kv_type_k.upper()}",
        "cache_type_v": f"GGML_TYPE_{settings.kv_type_v.upper()}",
        "swa_full": settings.whole_cache and f"{header.architecture}.attention.sliding_window" in header.metadata,
        "fit_params": settings.gpu_layers is None,
        "cache_ram_mib": 0,
        "cache_idle_slots": False,
        "slot_prompt_similarity": 0.0,
        "sampling.seed": settings.seed,
        "n_predict": settings.max_tokens,
        "verbosity": 2,
    }
    if settings.flash_attention is not None:
        params["flash_attn_type"] = (
            "LLAMA_FLASH_ATTN_TYPE_ENABLED" if settings.flash_attention else "LLAMA_FLASH_ATTN_TYPE_DISABLED"
        )
    if settings.gpu_layers is not None:
        params["n_gpu_layers"] = 999 if settings.gpu_layers == "all" else settings.gpu_layers
    if not settings.map_file:
        params["load_mode"] = "LLAMA_LOAD_MODE_NONE"
    return Plan(slots, context, params)


def slots_for(settings: LlamaCppSettings, threads: int) -> int:
    """Calls at once: one for each two threads, unless somebody says."""
    return settings.slots or max(1, min(MOST_SLOTS, (settings.threads or threads) // 2))


def bytes_per_token(header: GgufHeader, settings: LlamaCppSettings) -> float | None:
    """Of keys and values; None where the header does not say enough."""
    arch = header.architecture
    layers, embedding = header.number(f"{arch}.block_count"), header.number(f"{arch}.embedding_length")
    heads = header.metadata.get(f"{arch}.attention.head_count")
    kv_heads = header.metadata.get(f"{arch}.attention.head_count_kv", heads)
    if isinstance(heads, tuple):
        heads = max((head for head in heads if isinstance(head, int)), default=None)
    if isinstance(kv_heads, int) and layers is not None:
        kv_total = kv_heads * layers
    elif isinstance(kv_heads, tuple):
        kv_total = sum(head for head in kv_heads if isinstance(head, int))
    else:
        return None
    if not isinstance(heads, int) or heads <= 0 or embedding is None:
        return None
    key = header.number(f"{arch}.attention.key_length") or embedding // heads
    value = header.number(f"{arch}.attention.value_length") or embedding // heads
    return kv_total * (key * KV_BYTES[settings.kv_type_k] + value * KV_BYTES[settings.kv_type_v])


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that can be had without swapping, a container's limit respected; None where the system does not say."""
    found: list[int] = []
    with suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError):  # `max`: no limit
        found.append(int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text()))
    return max(0, min(found)) if found else None


def _context(header: GgufHeader, settings: LlamaCppSettings, slots: int, memory: int | None, where: str) -> int:
    trained = header.context_length
    asked = settings.context_tokens
    if asked is not None:
        if trained is not None and asked > trained:
            raise CannotAsk(
                f"settings.context_tokens asks for {asked} tokens; this model was trained for {trained}",
                where=where,
                next_move=f"Set it to at most {trained}, or leave it out.",
            )
        return asked
    most = min(trained or CONTEXT_TOKENS, CONTEXT_TOKENS)
    each = bytes_per_token(header, settings)
    if memory is not None and each:
        room = max(0, memory - header.file_bytes) * MEMORY_SHARE
        most = min(most, int(room / each / slots))
    return max(most, min(LEAST_CONTEXT, trained or LEAST_CONTEXT))

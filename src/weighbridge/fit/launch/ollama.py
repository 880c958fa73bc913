"""`ollama serve` with its settings in the environment, and the model it is to run."""

from __future__ import annotations

import re

from ..state_types import kv_type
from .words import Run, command


def ollama_command(run: Run) -> str:
    """Two lines for a repository, three for a file: the server, and in a second shell the model."""
    ask = run.ask
    kept = kv_type(ask.kv_dtype)
    serve = command(
        f"OLLAMA_CONTEXT_LENGTH={ask.context_tokens}",
        f"OLLAMA_NUM_PARALLEL={ask.concurrency}",
        "OLLAMA_FLASH_ATTENTION=1" if ask.flash_attention else "OLLAMA_FLASH_ATTENTION=0",
        f"OLLAMA_KV_CACHE_TYPE={kept}" if kept in ("q8_0", "q4_0") else None,
        "OLLAMA_SCHED_SPREAD=1" if ask.split.devices > 1 else None,
        "ollama serve",
    )
    if run.from_hub:
        return f"{serve}\nollama run hf.co/{run.model}"
    name = re.sub(r"[^a-z0-9._-]+", "-", run.subject.model.rsplit("/", 1)[-1].lower())
    return f"{serve}\necho FROM {run.model} > Modelfile\nollama create {name} -f Modelfile && ollama run {name}"

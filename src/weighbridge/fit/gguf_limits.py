"""How long a context a GGUF file leaves room for, for whoever starts llama.cpp."""

from __future__ import annotations

from weighbridge.formats.gguf import GgufHeader

from .answer_limits import longest_context
from .gguf_reading import read_gguf_architecture
from .gguf_weights import gguf_weights
from .hardware import Hardware
from .memory import plan
from .records import Ask, Subject


def gguf_context(
    header: GgufHeader,
    memory_bytes: int,
    *,
    slots: int = 1,
    kv_dtype: str = "auto",
    step_tokens: int | None = None,
    whole_windows: bool = False,
) -> int:
    """Tokens of each slot that fit into this memory beside weights and buffers, at most what the model was made for.

    0 where not even one token fits. The memory is the host's, where embeddings lie too. Raises WeightsError for a file
    that holds no language model.
    """
    architecture = read_gguf_architecture(header)
    weights = gguf_weights([header], architecture)
    subject = Subject(model=header.name or "", architecture=architecture, weights=weights, gguf=True)
    host = Hardware(id="host", name="host", vendor="", kind="cpu", memory_bytes=memory_bytes, usable_bytes=memory_bytes)
    ask = Ask(
        engine="llamacpp",
        concurrency=slots,
        kv_dtype=kv_dtype,
        step_tokens=step_tokens,
        whole_windows=whole_windows,
    )
    return longest_context(plan(subject, ask, host), slots, memory_bytes)

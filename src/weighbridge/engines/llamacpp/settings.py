"""`settings` of a backend of kind `llamacpp`, and what they are when nobody says."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]

CONTEXT_TOKENS = 8192
"""Most tokens of one call, prompt and answer, unless the setting says otherwise: enough for long tickets with
examples, and small models keep it in a few hundred MiB."""
MEMORY_SHARE = 0.25
"""Part of the free memory that the context of all slots may take where nobody set its length."""


class LlamaCppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Checked when the engine is made; None means the engine chooses, as said."""

    threads: Count | None = None
    """Threads that compute; None is this engine's share of the processor cores this process may use."""
    slots: Count | None = None
    """Calls worked on at once, each with a context of its own; None is 1 for each two threads, at most 4."""
    context_tokens: Annotated[int, msgspec.Meta(ge=256)] | None = None
    """Longest prompt and answer together, of one call, rounded up to a multiple of 256; None is what the model was
    trained for, at most 8,192 and at most what a quarter of the free memory holds."""
    memory_gib: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Most memory a gateway lets it take, weights included; None is what is available. A context that does not fit is
    shortened, weights that do not are not loaded."""
    warmup: bool = False
    """Run the model once before the first call: starts slower, answers the first call faster."""
    gpu_layers: Annotated[int, msgspec.Meta(ge=0)] | Literal["all"] | None = None
    """Layers kept on a GPU; None lets llama.cpp choose (all that fit)."""
    batch_tokens: Count = 2048
    """Tokens of prompts handed to the model at once (llama.cpp's n_batch)."""
    step_tokens: Count = 512
    """Tokens computed in one step (llama.cpp's n_ubatch)."""
    kv_type_k: KvType = "f16"
    kv_type_v: KvType = "f16"
    """How keys and values are kept; smaller ones save memory and change answers slightly."""
    flash_attention: bool | None = None
    """None lets llama.cpp choose."""
    whole_cache: bool = True
    """Keep the whole context of models that look at a sliding window only: more memory, and what a prompt shares with
    the last one is found to the token, where else the server goes back to a checkpoint before it."""
    map_file: bool = True
    """Map the file into memory; False reads it at once, for slow network disks."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 2)] = 0
    """For requests that sample and name no seed of their own, so that a rerun says the same."""
    max_tokens: Count = 1024
    """Longest answer of a request that names no length: a small model may never stop by itself."""
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    restarts: Annotated[int, msgspec.Meta(ge=0)] = 20
    """How often in a row a crashed engine is started again without one answer between, before it is given up. More
    than one call is tried again, so that a single item that crashes it is not the end of the run."""

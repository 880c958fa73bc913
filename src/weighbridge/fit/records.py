"""What is asked of a fit, and what is answered.

Bytes are whole numbers for the whole device set; tokens are counts, times are seconds, speeds tokens a second.
`Fit` is the JSON of `weighbridge fit --json`, field for field.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .architecture import Architecture
from .weights_record import Weights

Engine = Literal["vllm", "sglang", "llamacpp", "ollama", "tensorrt-llm"]
ENGINES: tuple[Engine, ...] = ("vllm", "sglang", "llamacpp", "ollama", "tensorrt-llm")

FigureKind = Literal["exact", "derived", "measured", "estimated"]
"""exact: read from a file's header. derived: computed from a config. measured: somebody ran it and a source says so.
estimated: a model of measurements, with an interval where the figure is a speed."""

Count = Annotated[int, msgspec.Meta(ge=1)]
Bytes = Annotated[int, msgspec.Meta(ge=0)]


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is cut over devices; `tensor` x `pipeline` is their number."""

    tensor: Count = 1
    """Ranks that share every layer. Key/value heads fewer than ranks are repeated; latent (MLA) caches always are."""
    pipeline: Count = 1
    """Groups of consecutive layers."""
    expert: Count = 1
    """Ranks over which whole experts are spread instead of being cut; divides `tensor` x `pipeline`."""

    @property
    def devices(self) -> int:
        """How many devices the split takes; experts are spread over the same ones."""
        return self.tensor * self.pipeline


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, and how. Everything that has a default is what the engine does when it is not told."""

    context_tokens: Count = 8192
    """Of one sequence: prompt and answer together."""
    concurrency: Count = 1
    """Sequences at once, each as long as `context_tokens`."""
    engine: Engine = "vllm"
    kv_dtype: str = "auto"
    """Of what is kept for each token; `auto` is 16 bit."""
    split: Split = Split()
    prompt_tokens: Count | None = None
    """Of `context_tokens`, those that are read before the first token is written; None: half."""
    step_tokens: Count | None = None
    """Tokens read in one step: llama.cpp's --ubatch-size, vLLM's --max-num-batched-tokens; None: the engine's own."""
    flash_attention: bool = True
    whole_windows: bool = False
    """llama.cpp's --swa-full: sliding windows are kept for the whole context."""
    mla_absorbed: bool = True
    """Keep the latent vector (what every engine does by default), not the keys and values made from it."""
    draft_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Tokens proposed each step by multi-token-prediction layers; 0: they are not used, and keep no state."""
    memory_fraction: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    """Of a device, what the engine may take; None: the engine's own default."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run: one model in one format."""

    model: str
    """As the answer names it: a catalogue id, or the config's or the file's name."""
    architecture: Architecture
    weights: Weights
    source: str = ""
    """What an engine is told to load: a repository, or the path of a GGUF file; empty: `model`."""
    gguf: bool = False
    """The weights are a GGUF file, which llama.cpp and Ollama read."""

    @property
    def variant(self) -> str:
        """The format of the weights: `native`, `fp8`, `Q4_K_M`."""
        return self.weights.format


class Speed(msgspec.Struct, frozen=True):
    """Tokens a second over all sequences, with the interval that covers 80% of measurements."""

    value: float
    interval: tuple[float, float]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one model, one variant and one set of devices."""

    model: str
    variant: str
    device: str
    count: int
    weights_bytes: Bytes
    """Of the tensors; what tensor parallelism keeps on every rank stands in `overhead_bytes`."""
    kv_bytes_per_token: Bytes
    """Growth of the cache for one more token of one sequence, at the length that was asked for."""
    state_bytes_per_sequence: Bytes
    """What a sequence takes whatever its length: recurrent states and full sliding windows."""
    kv_bytes: Bytes
    """All sequences at their full length, rounded up to the engine's blocks."""
    overhead_bytes: Bytes
    """Buffers for computing, CUDA graphs, the driver's context, copies on several ranks; details name each part."""
    total_bytes: Bytes
    """weights_bytes + kv_bytes + overhead_bytes."""
    capacity_bytes: Bytes
    """What the engine may use of the devices: their usable memory x the engine's fraction."""
    fits: bool
    """total_bytes <= capacity_bytes."""
    max_context: int
    """Longest context of `concurrency` sequences that fits; at most what the model was made for. 0: none."""
    max_concurrency: int
    """Most sequences of the asked length that fit. 0: none."""
    prefill_tps: Speed | None
    """None where the device's speed is unknown."""
    decode_tps: Speed | None
    kinds: dict[str, FigureKind]
    launch: dict[str, str]
    """Engine to the command that starts it; where an engine cannot run this, a comment `# ...` that says why."""

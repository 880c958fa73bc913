"""What llama.cpp takes on its devices beside weights and cache, and how it rounds the cache.

    compute buffer   the larger of a step's logits, its widest layer and, without flash attention, its scores; and masks
                     rows x (vocab + hidden) x 4       step x (3 mlp + 5 hidden) x 4
                     step x (cells x heads + 5 hidden + 2 queries) x 4
                     masks: step x cells x 2, without flash attention x 4
    runtime          the driver's context, kernels, small buffers; a constant of the backend
    unpacked         ROCm multiplies large batches in 16 bit: the largest dense matrix unpacked, and what its pool
                     keeps of the scores of each step of the prompt without flash attention

A step is --ubatch-size tokens, or the context where that is shorter. llama-server reserves a row of logits for each
sequence (n_outputs_max, seen in its log with builds of 2026); llama-bench and builds of 2025 one for each token of a
step. A context is rounded up to 256 cells, a sliding window keeps its window and one step. The embedding table stays
on the host, except on Vulkan and Metal, where it lies in memory the device counts as its own or shares with it.

RUNTIME_BYTES of ROCm and Vulkan and ROCM_BATCH_BYTES are medians over llama-bench runs on one Strix Halo machine;
bench/fit_memory.py estimates them again, leaving out the model it predicts. CUDA's, Metal's, SYCL's and
CANN's are assumed: nobody measured them here, and they may be off by some 150 MiB.
Sources: llama-kv-cache.cpp (padding), ggml-alloc.c (buffers), ggml-cuda.cu (legacy pool); compute buffers and caches
compared with llama.cpp's own log in tests/fit/test_memory_llamacpp_real.py.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from weighbridge.units import MIB

from .architecture import Architecture, Attention, Dense, LatentAttention, Moe
from .memory_records import Charge
from .state import Rounding

Backend = Literal["cuda", "rocm", "vulkan", "metal", "sycl", "cann", "cpu"]

STEP_TOKENS = 512
"""--ubatch-size when nobody says."""
CELLS = 256
"""A context is rounded up to a multiple of this."""
RUNTIME_BYTES: dict[Backend, int] = {
    "cuda": 330 * MIB,
    "rocm": 150 * MIB,
    "vulkan": 125 * MIB,
    "metal": 60 * MIB,
    "sycl": 300 * MIB,
    "cann": 300 * MIB,
    "cpu": 30 * MIB,
}
ROCM_BATCH_BYTES = 135 * MIB
"""rocBLAS kernels and workspace, loaded at the first large batch."""
POOL_MARGIN = 1.05
"""The pool asks for 5% more than it needs, so that the next size may fit too."""


def rounding(step_tokens: int, *, whole_windows: bool = False) -> Rounding:
    """How llama.cpp rounds a sequence's cache when every sequence has its own."""
    return Rounding(block=CELLS, window_block=CELLS, window_extra=step_tokens, whole_windows=whole_windows)


def compute_bytes(architecture: Architecture, step: int, cells: int, rows: int, *, flash_attention: bool) -> int:
    """Of the buffer a step's activations live in, on the device that computes `rows` rows of logits."""
    hidden = architecture.hidden
    logits = 4 * rows * (architecture.vocab + hidden)
    layer = 4 * step * (_mlp_width(architecture) + 5 * hidden)
    if flash_attention:
        return max(logits, layer + 2 * step * cells)
    heads, queries = _most_heads(architecture)
    scores = 4 * step * (cells * heads + 5 * hidden + 2 * queries)
    return max(logits, max(layer, scores) + 4 * step * cells)


def unpacked_bytes(architecture: Architecture, step: int, cells: int, *, flash_attention: bool) -> int:
    """What ROCm's pool holds after a prompt of `cells` tokens; see the top of the file."""
    matrix = 2 * _largest_dense(architecture)
    pool = matrix
    if not flash_attention:
        each = 2 * step * step * _most_heads(architecture)[0]
        pool += sum(each * number for number in range(1, -(-cells // step) + 1) if each * number > matrix)
    return ROCM_BATCH_BYTES + int(POOL_MARGIN * pool)


def charges(
    architecture: Architecture,
    *,
    backend: Backend,
    cells: int,
    devices: int = 1,
    step_tokens: int = STEP_TOKENS,
    rows: int | None = None,
    flash_attention: bool = True,
    reads_prompts: bool = True,
) -> tuple[Charge, ...]:
    """The overhead on all devices, each of which has a context and buffers of its own.

    `cells` are of one sequence, rounded; `rows` are rows of logits, None: one for each token of a step, as llama-bench
    reserves them; `reads_prompts` is False for a server that has only written so far.
    """
    step = min(step_tokens, cells)
    kept = step if rows is None else min(rows, step)
    compute = compute_bytes(architecture, step, cells, kept, flash_attention=flash_attention)
    found = [
        Charge("compute buffers", devices * compute),
        Charge("driver and runtime", devices * RUNTIME_BYTES[backend]),
    ]
    if backend == "rocm" and reads_prompts and step >= MANY_TOKENS:
        unpacked = unpacked_bytes(architecture, step, cells, flash_attention=flash_attention)
        found.append(Charge("unpacked weights", devices * unpacked))
    return tuple(found)


MANY_TOKENS = 64
"""From so many tokens in a step on, ROCm unpacks weights instead of multiplying them packed."""


@lru_cache(maxsize=1024)
def _most_heads(architecture: Architecture) -> tuple[int, int]:
    """Query heads of the layer that has most, and elements of its queries."""
    found = [(0, 0)]
    for mixer in {mixer for layer in architecture.layers for mixer in layer.mixers}:
        if isinstance(mixer, Attention):
            found.append((mixer.heads, mixer.heads * mixer.head_dim))
        elif isinstance(mixer, LatentAttention):
            found.append((mixer.heads, mixer.heads * (mixer.kv_lora_rank + mixer.rope_dim)))
    return max(found)


@lru_cache(maxsize=1024)
def _mlp_width(architecture: Architecture) -> int:
    """Elements a token takes inside the widest feed-forward network: gate, up, product, of each expert."""
    widths = []
    for mlp in {layer.mlp for layer in architecture.layers}:
        if isinstance(mlp, Dense):
            widths.append((3 if mlp.gated else 2) * mlp.intermediate)
        elif isinstance(mlp, Moe):
            each = 3 * mlp.intermediate + architecture.hidden
            widths.append(mlp.per_token * each + 3 * mlp.shared_intermediate)
    return max(widths, default=0)


@lru_cache(maxsize=1024)
def _largest_dense(architecture: Architecture) -> int:
    """Elements of the largest matrix that every token goes through; the head is not, it sees one token a prompt."""
    tensors = {tensor for layer in architecture.layers for tensor in layer.tensors if tensor.kind == "linear"}
    return max((tensor.elements for tensor in tensors), default=0)

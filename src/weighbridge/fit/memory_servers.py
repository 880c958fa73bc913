"""What vLLM, SGLang and TensorRT-LLM take beside weights and cache, and how they round the cache.

    activations   step x (2 hidden + widest layer / ranks) x 2, and a row of logits for each sequence
    graphs        CUDA graphs of the batch sizes that are captured
    runtime       context, kernels, workspaces; with several ranks the buffers of their collectives

vLLM hands out blocks of 16 tokens, and where recurrent layers stand beside attention it makes a block so large that a
state fits it (vllm/platforms, update_block_size_for_backend), so that all layers share one pool. It takes a fraction
of the device, 0.92 when nobody says (0.33.0), and gives the cache what is left. SGLang keeps back what its own rule
says (arg_groups/memory_hook.py, 0.5.23) and gives the cache the rest. TensorRT-LLM gives the cache 0.9 of what is free
once weights and activations are there.

The activations of Llama 3 8B at 8192 tokens come out at 1.1 GiB; vLLM's logs of H100s say 1.19 to 1.26. Graphs are
0.3 GiB and 1.2% of a rank's weights: logs say 0.31 GiB at 4.2, 0.96 at 55. These parts are estimates.
"""

from __future__ import annotations

from functools import lru_cache

from weighbridge.units import GIB, MIB

from .architecture import (
    Architecture,
    Attention,
    CompressedAttention,
    Dense,
    LatentAttention,
    Layer,
    Moe,
)
from .memory_records import Charge
from .state import Rounding, State

VLLM_FRACTION = 0.92
VLLM_BLOCK = 16
LATENT_BLOCK = 64
"""Tokens in a block of latent caches, by FlashMLA's kernels."""
COMPRESSED_BLOCK = 256
TRT_FREE_FRACTION = 0.9
RUNTIME = int(0.35 * GIB)
COLLECTIVES = int(1.5 * GIB)
"""Of each rank where there are several: memory outside of PyTorch grew by 1.79 GiB from one rank to two in the logs of
vLLM's pull request 10511 (Llama 3 8B, H100)."""
GRAPHS_LEAST, GRAPHS_SHARE = int(0.3 * GIB), 0.012


def step_tokens_of(device_bytes: int) -> int:
    """--max-num-batched-tokens of vLLM's server when nobody says; SGLang's chunks are alike."""
    if device_bytes >= 160 * GIB:
        return 16384
    return 8192 if device_bytes >= 70 * GIB else 2048


def vllm_rounding(architecture: Architecture, state: State) -> Rounding:
    """Blocks of the pool that all layers share."""
    block = _block(architecture)
    states = [strand.cell_bytes for strand, _ in state.strands if strand.every == 0]
    cells = [strand.cell_bytes for strand, _ in state.strands if strand.grows and strand.every == 1]
    if not states or not cells:
        return Rounding(block=block, window_block=block, window_extra=block)
    cell, largest = max(cells), max(states)
    block = -(-largest // (cell * block)) * block
    return Rounding(block=block, window_block=block, window_extra=block, state_unit=cell * block)


@lru_cache(maxsize=1024)
def _block(architecture: Architecture) -> int:
    mixers = {type(mixer) for layer in architecture.layers for mixer in layer.mixers}
    if CompressedAttention in mixers:
        return COMPRESSED_BLOCK
    return LATENT_BLOCK if LatentAttention in mixers else VLLM_BLOCK


def logits_bytes(architecture: Architecture, step: int, sequences: int) -> int:
    """Of one rank: a row for each sequence, in 16 bit, in 32, and once more while a token is drawn."""
    return 10 * min(sequences, step) * architecture.vocab


@lru_cache(maxsize=1024)
def activation_bytes(architecture: Architecture, step: int, tensor: int) -> int:
    """Peak of one rank while it reads `step` tokens, without their logits."""
    widest = max((_width(layer, tensor) for layer in set(architecture.layers)), default=0)
    return 2 * step * (2 * architecture.hidden + widest)


def _width(layer: Layer, tensor: int) -> int:
    """Elements a token takes while it goes through a layer, beside the two hidden states."""
    attended = 0
    for mixer in layer.mixers:
        if isinstance(mixer, Attention):
            attended = max(attended, (2 * mixer.heads + 2 * mixer.kv_heads) * mixer.head_dim)
        elif isinstance(mixer, LatentAttention):
            attended = max(attended, 3 * mixer.heads * (mixer.nope_dim + mixer.rope_dim))
        elif isinstance(mixer, CompressedAttention):
            attended = max(attended, 2 * mixer.heads * mixer.head_dim)
    return max(attended // tensor, _mlp_width(layer, tensor))


def _mlp_width(layer: Layer, tensor: int) -> int:
    mlp = layer.mlp
    if isinstance(mlp, Dense):
        return (3 if mlp.gated else 2) * mlp.intermediate // tensor
    if isinstance(mlp, Moe):
        each = mlp.intermediate // tensor
        return mlp.per_token * (max(2 * each, layer_width(layer)) + each) + 3 * mlp.shared_intermediate // tensor
    return 0


def layer_width(layer: Layer) -> int:
    """The model's width as the layer's largest norm has it."""
    return max((tensor.elements for tensor in layer.tensors if tensor.kind == "norm"), default=0)


def server_charges(
    architecture: Architecture, *, rank_weights: int, ranks: int, tensor: int, step: int
) -> tuple[Charge, ...]:
    """What vLLM and TensorRT-LLM take on all ranks, whatever the sequences."""
    return (
        Charge("activations", ranks * activation_bytes(architecture, step, tensor)),
        Charge("CUDA graphs", ranks * (GRAPHS_LEAST + int(GRAPHS_SHARE * rank_weights))),
        Charge("driver and runtime", ranks * (RUNTIME + (COLLECTIVES if ranks > 1 else 0))),
    )


def sglang_charges(*, device_bytes: int, ranks: int, step: int, latent: bool) -> tuple[Charge, ...]:
    """What SGLang keeps back of each device for activations and graphs, by its own rule."""
    kept = (
        512 * MIB + int(1.5 * max(step, 2048)) * MIB + ranks * 128 * MIB + 2 * _graph_batches(device_bytes, ranks) * MIB
    )
    kept += 1536 * MIB if latent else 50 * 8 * MIB
    if device_bytes > 60 * GIB:
        kept = max(kept, 10 * GIB)
    return (Charge("kept back for activations and CUDA graphs", ranks * kept),)


def sglang_step(device_bytes: int) -> int:
    """--chunked-prefill-size when nobody says."""
    for limit, step in ((20, 2048), (60, 4096), (160, 8192)):
        if device_bytes < limit * GIB:
            return step
    return 16384


def _graph_batches(device_bytes: int, ranks: int) -> int:
    few = ranks < 4
    for limit, batches in ((20, 8), (35, 48 if few else 160), (60, 32 if few else 160), (160, 256 if few else 512)):
        if device_bytes < limit * GIB:
            return batches
    return 512


def tensorrt_free(kv_bytes: int) -> int:
    """The tenth of the free memory that TensorRT-LLM's cache leaves alone."""
    return round(kv_bytes * (1 - TRT_FREE_FRACTION) / TRT_FREE_FRACTION)

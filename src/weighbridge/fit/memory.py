"""What a set of devices must hold for an ask: weights, cache and what the engine takes beside them.

    total = weights + cache of all sequences + overhead        what the engine may use = usable memory x its fraction

The overhead is a sum of named charges (memory_llamacpp.py, memory_servers.py) and of what cutting a model costs:
tensors that every tensor-parallel rank keeps whole, and pipeline stages that cannot be equal. Where llama.cpp leaves
the embedding table in the host's memory, the table counts with the weights and is taken off the overhead again.
"""

from __future__ import annotations

from functools import lru_cache

from weighbridge.fit.architecture import Architecture, LatentAttention, Tensor
from weighbridge.fit.hardware import Hardware
from weighbridge.fit.memory_llamacpp import CELLS, STEP_TOKENS, Backend
from weighbridge.fit.memory_llamacpp import charges as llamacpp_charges
from weighbridge.fit.memory_llamacpp import rounding as llamacpp_rounding
from weighbridge.fit.memory_records import Charge, Need
from weighbridge.fit.memory_servers import (
    VLLM_FRACTION,
    sglang_charges,
    sglang_step,
    step_tokens_of,
    tensorrt_free,
    vllm_charges,
    vllm_rounding,
)
from weighbridge.fit.records import Ask, Subject
from weighbridge.fit.state import EXACT, Rounding, State, state_of

LLAMACPP = frozenset(("llamacpp", "ollama"))
TRT_STEP_TOKENS = 8192


def backend_of(device: Hardware) -> Backend:
    """The backend llama.cpp's own builds use for a device."""
    if device.kind == "cpu":
        return "cpu"
    vendors: dict[str, Backend] = {"NVIDIA": "cuda", "AMD": "rocm", "Intel": "sycl", "Apple": "metal", "Huawei": "cann"}
    return vendors.get(device.vendor, "vulkan")


def capacity_bytes(ask: Ask, device: Hardware) -> int:
    """What the engine may use of all devices."""
    fraction = ask.memory_fraction or (VLLM_FRACTION if ask.engine == "vllm" else 1.0)
    return int(device.usable_bytes * fraction) * ask.split.devices


def state_for(subject: Subject, ask: Ask) -> State:
    """What a sequence keeps with this engine and this split."""
    return state_of(
        subject.architecture,
        ask.kv_dtype,
        tensor=ask.split.tensor,
        mtp=ask.draft_tokens > 0,
        mla_absorbed=ask.mla_absorbed,
        float32_convolutions=ask.engine in LLAMACPP,
    )


def rounding_for(subject: Subject, ask: Ask, state: State) -> Rounding:
    """How the engine rounds what a sequence keeps."""
    if ask.engine in LLAMACPP:
        return llamacpp_rounding(ask.step_tokens or STEP_TOKENS, whole_windows=ask.whole_windows)
    return vllm_rounding(subject.architecture, state) if ask.engine == "vllm" else EXACT


def step_tokens(ask: Ask, device: Hardware) -> int:
    """Tokens read in one step: as asked, else the engine's default on this device."""
    if ask.step_tokens is not None:
        return ask.step_tokens
    if ask.engine in LLAMACPP:
        return STEP_TOKENS
    if ask.engine == "tensorrt-llm":
        return TRT_STEP_TOKENS
    return sglang_step(device.usable_bytes) if ask.engine == "sglang" else step_tokens_of(device.usable_bytes)


def need(subject: Subject, ask: Ask, device: Hardware) -> Need:
    """Bytes of the whole device set, part by part; `ask.split` says how many devices there are."""
    state = state_for(subject, ask)
    kv = ask.concurrency * state.sequence_bytes(ask.context_tokens, rounding_for(subject, ask, state))
    weights = subject.weights.total_bytes - subject.weights.container_bytes
    host = subject.weights.host_bytes if ask.engine in LLAMACPP and backend_of(device) != "cpu" else 0
    bare = Need(weights, kv, (), host)
    charges = [*_engine_charges(subject, ask, device, bare), *_cutting(subject, ask, bare), *_not_loaded(subject, ask)]
    if ask.engine == "vllm":
        charges.append(Charge("windows of prompts being read", _window_transient(state, ask, step_tokens(ask, device))))
    if host:
        charges.append(Charge("embedding table left in the host's memory", -host))
    return Need(weights, kv, tuple(charge for charge in charges if charge.bytes), host)


def _engine_charges(subject: Subject, ask: Ask, device: Hardware, bare: Need) -> tuple[Charge, ...]:
    step, ranks, tensor = step_tokens(ask, device), ask.split.devices, ask.split.tensor
    if ask.engine in LLAMACPP:
        return llamacpp_charges(
            subject.architecture,
            backend=backend_of(device),
            cells=-(-ask.context_tokens // CELLS) * CELLS,
            devices=ranks,
            step_tokens=step,
            flash_attention=ask.flash_attention,
        )
    if ask.engine == "sglang":
        latent = _is_latent(subject.architecture)
        return sglang_charges(device_bytes=device.usable_bytes, ranks=ranks, step=step, latent=latent)
    common = vllm_charges(
        subject.architecture,
        rank_weights=bare.weights_bytes // ranks,
        ranks=ranks,
        tensor=tensor,
        step=step,
        sequences=ask.concurrency,
    )
    return common if ask.engine == "vllm" else (*common, tensorrt_free(bare.kv_bytes))


def _not_loaded(subject: Subject, ask: Ask) -> list[Charge]:
    """Layers that draft tokens stay on the disk while nobody asks for drafts."""
    drafting = subject.weights.bytes_of("mtp")
    return [Charge("layers that draft, not loaded", -drafting)] if drafting and not ask.draft_tokens else []


def _cutting(subject: Subject, ask: Ask, bare: Need) -> list[Charge]:
    """What cutting a model over ranks and stages costs beyond an even share."""
    layers, stages = len(subject.architecture.layers), ask.split.pipeline
    found = []
    if ask.split.tensor > 1:
        whole = _whole_elements(subject.architecture) * 2
        found.append(Charge("tensors that every rank keeps whole", (ask.split.tensor - 1) * whole))
    if stages > 1:
        fullest = -(-layers // stages) * stages / layers
        found.append(Charge("uneven stages", round((fullest - 1) * (bare.weights_bytes + bare.kv_bytes))))
    return found


def _window_transient(state: State, ask: Ask, step: int) -> int:
    """Sliding layers hold a step's tokens beside their window while a prompt is read; one step is read at a time."""
    cells = ((count * strand.cell_bytes, strand.most) for strand, count in state.strands if strand.most is not None)
    return sum(each * max(0, min(step, ask.context_tokens - most)) for each, most in cells)


@lru_cache(maxsize=1024)
def _whole_elements(architecture: Architecture) -> int:
    """Elements that are not cut by tensor parallelism: norms, routers, and the way down to a latent."""
    return sum(tensor.elements for layer in architecture.layers for tensor in layer.tensors if _is_whole(tensor))


def _is_whole(tensor: Tensor) -> bool:
    latent = tensor.role.startswith(("attn_q_a", "attn_kv_a", "indexer"))
    return latent or tensor.kind in ("norm", "vector", "router")


def _is_latent(architecture: Architecture) -> bool:
    return any(isinstance(mixer, LatentAttention) for layer in architecture.layers for mixer in layer.mixers)

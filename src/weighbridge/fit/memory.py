"""What a set of devices must hold for an ask: weights, cache and what the engine takes beside them.

    total = weights + cache of all sequences + overhead        what the engine may use = usable memory x its fraction

The overhead is a sum of named charges (memory_llamacpp.py, memory_servers.py) and of what cutting a model costs:
tensors that every tensor-parallel rank keeps whole, and pipeline stages that cannot be equal. Where llama.cpp leaves
the embedding table in the host's memory, the table counts with the weights and is taken off the overhead again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .architecture import Architecture, LatentAttention, Tensor
from .hardware import Hardware
from .memory_llamacpp import CELLS, RUNTIME_BYTES, STEP_TOKENS, Backend, compute_bytes, unpacked_bytes
from .memory_llamacpp import rounding as llamacpp_rounding
from .memory_records import Charge, Need
from .memory_servers import (
    VLLM_FRACTION,
    logits_bytes,
    server_charges,
    sglang_charges,
    sglang_step,
    step_tokens_of,
    tensorrt_free,
    vllm_rounding,
)
from .records import Ask, Subject
from .state import EXACT, Rounding, State, state_of

LLAMACPP = frozenset(("llamacpp", "ollama"))
TRT_STEP_TOKENS = 8192


ONE_MEMORY = ("cpu", "metal")
"""Backends whose device and host are one memory: what stays with the host takes the same bytes."""


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


@dataclass(frozen=True, slots=True)
class Plan:
    """All that does not depend on how long the sequences are and how many: made once, asked often."""

    subject: Subject
    ask: Ask
    device: Hardware
    state: State
    rounding: Rounding
    step: int
    weights_bytes: int
    host_bytes: int
    constant: tuple[Charge, ...]
    """Charges that are the same whatever the sequences."""
    constant_bytes: int

    def need(self, tokens: int, sequences: int) -> Need:
        """Bytes of the whole device set for so many sequences of that length, part by part."""
        kv = sequences * self.state.sequence_bytes(tokens, self.rounding)
        varying = (Charge(name, size) for name, size in self._varying(tokens, sequences, kv))
        charges = tuple(charge for charge in (*varying, *self.constant) if charge.bytes)
        return Need(self.weights_bytes, kv, charges, self.host_bytes)

    def total_bytes(self, tokens: int, sequences: int) -> int:
        """The total of `need`, at a fraction of its cost."""
        kv = sequences * self.state.sequence_bytes(tokens, self.rounding)
        overhead = self.constant_bytes
        for _, size in self._varying(tokens, sequences, kv):
            overhead += size
        return self.weights_bytes + kv + max(0, overhead)

    def _varying(self, tokens: int, sequences: int, kv: int) -> tuple[tuple[str, int], ...]:
        """Charges that follow from the sequences."""
        architecture, ask = self.subject.architecture, self.ask
        uneven = "uneven stages", _uneven_bytes(architecture, ask.split.pipeline, self.weights_bytes + kv)
        if ask.engine in LLAMACPP:
            cells = -(-tokens // CELLS) * CELLS
            flash = ask.flash_attention
            step = min(self.step, cells)
            compute = compute_bytes(architecture, step, cells, min(sequences, step), flash_attention=flash)
            unpacked = 0
            if backend_of(self.device) == "rocm":
                unpacked = unpacked_bytes(architecture, step, cells, flash_attention=flash)
            devices = ask.split.devices
            return ("compute buffers", devices * compute), ("unpacked weights", devices * unpacked), uneven
        if ask.engine == "sglang":
            return (uneven,)
        logits = "logits", ask.split.devices * logits_bytes(architecture, self.step, sequences)
        if ask.engine == "vllm":
            return logits, ("windows of prompts being read", _window_transient(self.state, tokens, self.step)), uneven
        return logits, ("left free beside the cache", tensorrt_free(kv)), uneven


def plan(subject: Subject, ask: Ask, device: Hardware) -> Plan:
    """What a set of devices must hold, as a function of sequences; `ask.split` says how many devices there are."""
    state = state_for(subject, ask)
    weights = subject.weights.total_bytes - subject.weights.container_bytes
    apart = ask.engine in LLAMACPP and backend_of(device) not in ONE_MEMORY
    host = _left_on_host(subject) if apart else 0
    step = step_tokens(ask, device)
    constant = [*_constant_charges(subject, ask, device, weights)]
    if ask.split.tensor > 1:
        whole = (ask.split.tensor - 1) * _whole_bytes(subject.architecture)
        constant.append(Charge("tensors that every rank keeps whole", whole))
    if not ask.draft_tokens:
        constant.append(Charge("layers that draft, not loaded", -subject.weights.bytes_of("mtp")))
    constant.append(Charge("embedding table left in the host's memory", -host))
    return Plan(
        subject=subject,
        ask=ask,
        device=device,
        state=state,
        rounding=rounding_for(subject, ask, state),
        step=step,
        weights_bytes=weights,
        host_bytes=host,
        constant=tuple(constant),
        constant_bytes=sum(charge.bytes for charge in constant),
    )


def _left_on_host(subject: Subject) -> int:
    """What llama.cpp does not bring to the device; a table that is also the head is needed there all the same."""
    architecture, host = subject.architecture, subject.weights.host_bytes
    if not architecture.tied:
        return host
    tables = [tensor for tensor in architecture.outside if tensor.kind == "embedding"]
    every = sum(tensor.elements for tensor in tables)
    return host * sum(tensor.elements for tensor in tables if tensor.role != "token_embd") // every if every else 0


def _constant_charges(subject: Subject, ask: Ask, device: Hardware, weights: int) -> tuple[Charge, ...]:
    ranks, step = ask.split.devices, step_tokens(ask, device)
    if ask.engine in LLAMACPP:
        return (Charge("driver and runtime", ranks * RUNTIME_BYTES[backend_of(device)]),)
    if ask.engine == "sglang":
        latent = _is_latent(subject.architecture)
        return sglang_charges(device_bytes=device.usable_bytes, ranks=ranks, step=step, latent=latent)
    return server_charges(
        subject.architecture, rank_weights=weights // ranks, ranks=ranks, tensor=ask.split.tensor, step=step
    )


def _uneven_bytes(architecture: Architecture, stages: int, divided: int) -> int:
    """What the fullest of several pipeline stages holds beyond an even share, on every stage."""
    layers = len(architecture.layers)
    return divided * (-(-layers // stages) * stages - layers) // layers


def _window_transient(state: State, tokens: int, step: int) -> int:
    """Sliding layers hold a step's tokens beside their window while a prompt is read; one step is read at a time."""
    held = 0
    for strand, count in state.strands:
        if strand.most is not None and tokens > strand.most:
            held += count * strand.cell_bytes * min(step, tokens - strand.most)
    return held


@lru_cache(maxsize=1024)
def _whole_bytes(architecture: Architecture) -> int:
    """Of tensors that are not cut by tensor parallelism: norms, routers, and the way down to a latent."""
    packed = min(16, architecture.stored.bits)
    tensors = (tensor for layer in architecture.layers for tensor in layer.tensors if _is_whole(tensor))
    return sum(tensor.elements * (packed if tensor.kind == "linear" else 16) // 8 for tensor in tensors)


def _is_whole(tensor: Tensor) -> bool:
    latent = tensor.role.startswith(("attn_q_a", "attn_kv_a", "indexer"))
    return latent or tensor.kind in ("norm", "vector", "router")


def _is_latent(architecture: Architecture) -> bool:
    return any(isinstance(mixer, LatentAttention) for layer in architecture.layers for mixer in layer.mixers)

"""What one token makes a model read and compute, counted once per model, format and cache type.

    Work      bytes of weights by how often they are read, parameters that are multiplied, what the mixers look back at
    Reading   equal cells a mixer reads back for every new token, with the operations each costs

Bytes and operations are of the whole model, before it is cut over devices. An operation is one multiply or one add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from .architecture import Architecture, Attention, CompressedAttention, LatentAttention, Mixer, Moe, Recurrent, Stored
from .state import STATE_BYTES
from .state_types import KV_TYPES, kv_type
from .weights_record import Weights


class Reading(msgspec.Struct, frozen=True, cache_hash=True):
    """Cells that are read back for each new token of a sequence."""

    cell_bytes: float
    ways: int
    """Ranks the cells can be cut over; 1: every rank reads all of them (latent attention)."""
    every: int = 1
    """Tokens a cell stands for."""
    most: int | None = None
    """Cells that are read at most: a window, or what an indexer picks."""
    step_ops: float = 0.0
    """Operations for each new token and cell while one token is written."""
    prompt_ops: float = 0.0
    """The same while a prompt is read; differs where a latent is unpacked then."""

    def cells(self, tokens: float) -> float:
        """Cells that are read when `tokens` lie behind."""
        count = tokens / self.every
        return count if self.most is None else min(count, self.most)


class Work(msgspec.Struct, frozen=True, cache_hash=True):
    """What a step does, whatever the device."""

    hidden: int
    layers: float
    """Halves: a mixer is one, an MLP the other. Where a layer has only one of both, two layers are launched as one."""
    moe_layers: int
    dense_bytes: float
    """Read in every step: attention, norms, dense and shared MLPs."""
    head_bytes: float
    expert_bytes: float
    """All routed experts."""
    dense_parameters: float
    head_parameters: float
    expert_parameters: float
    routing: tuple[tuple[int, int, float], ...]
    """(experts, per token, share of all experts' parameters), by kind of MoE layer."""
    readings: tuple[tuple[Reading, int], ...]
    """A reading, and how many mixers do it."""
    state_bytes: float
    """Recurrent state of a sequence: read and written in every step."""
    recurrent: int
    """Recurrent mixers."""
    latent: int = 0
    """Mixers over a latent."""

    def cache_bytes(self, tokens: float, ranks: int = 1) -> float:
        """What one rank of `ranks` reads back for one sequence of that length."""
        return sum(
            reading.cells(tokens) * reading.cell_bytes * count / min(ranks, reading.ways)
            for reading, count in self.readings
        )

    def attention_ops(self, tokens: float, *, prompt: bool = False) -> float:
        """Operations of attention for one new token when `tokens` lie behind."""
        return sum(
            reading.cells(tokens) * (reading.prompt_ops if prompt else reading.step_ops) * count
            for reading, count in self.readings
        )

    def kept_bytes(self, tokens: float) -> float:
        """What a sequence of that length keeps, states included; sparse attention keeps all it picks from."""
        kept = sum(
            (tokens / reading.every if reading.every > 1 or reading.most is None else min(tokens, reading.most))
            * reading.cell_bytes
            * count
            for reading, count in self.readings
        )
        return kept + self.state_bytes

    @property
    def active_share(self) -> float:
        """Of the experts' parameters, what one token goes through."""
        return sum(share * per_token / experts for experts, per_token, share in self.routing)

    def touched_share(self, tokens: float) -> float:
        """Of the experts' bytes, what a step of `tokens` tokens reads: 1 - (1 - k/E)^tokens under even routing."""
        touched = 0.0
        for experts, per_token, share in self.routing:
            touched += share * (1.0 - float((1.0 - per_token / experts) ** tokens))
        return touched


@lru_cache(maxsize=4096)
def work_of(architecture: Architecture, weights: Weights, kv_dtype: str = "auto") -> Work:
    """Count a model's work. Raises UsageError for a cache type nobody keeps."""
    element = float(KV_TYPES[kv_type(kv_dtype)])
    mixers = Counter(mixer for layer in architecture.layers for mixer in layer.mixers)
    readings: Counter[Reading] = Counter()
    for mixer, count in mixers.items():
        for reading in _readings(mixer, element):
            readings[reading] += count
    recurrent = [(mixer, count) for mixer, count in mixers.items() if isinstance(mixer, Recurrent)]
    parameters = {part.name: part.parameters for part in weights.parts}
    return Work(
        hidden=architecture.hidden,
        layers=sum(len(layer.mixers) + (layer.mlp is not None) for layer in architecture.layers) / 2,
        moe_layers=sum(isinstance(layer.mlp, Moe) for layer in architecture.layers),
        dense_bytes=weights.bytes_of("dense", "shared"),
        head_bytes=weights.bytes_of("head"),
        expert_bytes=weights.bytes_of("experts"),
        dense_parameters=parameters.get("dense", 0) + parameters.get("shared", 0),
        head_parameters=parameters.get("head", 0),
        expert_parameters=parameters.get("experts", 0),
        routing=_routing(architecture),
        readings=tuple(readings.items()),
        state_bytes=float(sum(_state_bytes(mixer) * count for mixer, count in recurrent)),
        recurrent=sum(count for _, count in recurrent),
        latent=sum(
            count for mixer, count in mixers.items() if isinstance(mixer, LatentAttention | CompressedAttention)
        ),
    )


def _readings(mixer: Mixer, element: float) -> Iterator[Reading]:
    if isinstance(mixer, Attention):
        ops = 2.0 * mixer.heads * (mixer.head_dim + mixer.v_dim)
        cell = mixer.kv_heads * (mixer.head_dim + mixer.v_dim) * element
        yield Reading(cell, mixer.kv_heads, most=mixer.window, step_ops=ops, prompt_ops=ops)
    elif isinstance(mixer, LatentAttention):
        picks = mixer.indexer.top_k if mixer.indexer is not None else None
        absorbed = 2.0 * mixer.heads * (2 * mixer.kv_lora_rank + mixer.rope_dim)
        unpacked = 2.0 * mixer.heads * (mixer.nope_dim + mixer.rope_dim + mixer.v_dim)
        cell = (mixer.kv_lora_rank + mixer.rope_dim) * element
        yield Reading(cell, 1, most=picks, step_ops=absorbed, prompt_ops=unpacked if picks is None else absorbed)
        yield from _indexing(mixer, 1)
    elif isinstance(mixer, CompressedAttention):
        ops, cell = 4.0 * mixer.heads * mixer.head_dim, mixer.head_dim * element
        yield Reading(cell, 1, most=mixer.window, step_ops=ops, prompt_ops=ops)
        if mixer.ratio:
            picks = mixer.indexer.top_k if mixer.indexer is not None else None
            yield Reading(cell, 1, every=mixer.ratio, most=picks, step_ops=ops, prompt_ops=ops)
            yield from _indexing(mixer, mixer.ratio)


def _indexing(mixer: LatentAttention | CompressedAttention, every: int) -> Iterator[Reading]:
    """What picks tokens looks at all of them: a key in fp8 and its scale."""
    indexer = mixer.indexer
    if indexer is not None and not indexer.shared:
        ops = 2.0 * indexer.heads * indexer.dim
        yield Reading(indexer.dim + 4 * -(-indexer.dim // 128), 1, every=every, step_ops=ops, prompt_ops=ops)


def _state_bytes(mixer: Recurrent) -> int:
    return mixer.state_elements * STATE_BYTES.get(mixer.state_dtype, 4) + 2 * mixer.conv_elements


def _routing(architecture: Architecture) -> tuple[tuple[int, int, float], ...]:
    sizes: Counter[tuple[int, int]] = Counter()
    for layer in architecture.layers:
        if isinstance(layer.mlp, Moe):
            elements = sum(tensor.elements for tensor in layer.tensors if tensor.kind == "expert")
            sizes[(layer.mlp.experts, min(layer.mlp.per_token, layer.mlp.experts))] += max(1, elements)
    total = sum(sizes.values())
    return tuple((experts, per_token, size / total) for (experts, per_token), size in sizes.items())


FORMAT_CLASSES = ("16", "fp8", "int8", "q8", "q40", "k", "iq", "mxfp4", "nvfp4", "int4")
"""Ways of packing weights that are multiplied by different code."""
_CLASS_OF_STORED = {"none": "16", "fp8": "fp8", "mxfp4": "mxfp4", "nvfp4": "nvfp4", "int4": "int4", "int8": "int8"}
_CLASS_OF = {"fp4": "nvfp4", "awq": "int4", "gptq": "int4"}
_KIND_OF_FILE = re.compile(r"^(?:gguf:|mlx[:_-])?(?:ud-)?")
_BITS = re.compile(r"(\d)(?:\.\d+)?[ -]?bit(?:[-_]?(mxfp4|nvfp4))?")


@lru_cache(maxsize=1024)
def format_class(name: str, stored: Stored | None = None) -> str:
    """The class of a format as Weights names it; `native` is what the checkpoint is stored as."""
    plain = _KIND_OF_FILE.sub("", name.lower())
    if plain == "native":
        if stored is None:
            return "16"
        return _CLASS_OF_STORED.get(stored.method, "int4" if stored.bits <= 4 else "fp8" if stored.bits <= 8 else "16")
    if plain in FORMAT_CLASSES:
        return plain
    if plain in _CLASS_OF:
        return _CLASS_OF[plain]
    bits = _BITS.match(plain)
    if bits:
        return bits[2] or ("int4" if int(bits[1]) <= 6 else "int8")
    if plain.startswith(("q8", "q4_0", "q4_1", "q5_0", "q5_1")):
        return "q8" if plain.startswith("q8") else "q40"
    if plain.startswith(("iq", "tq")):
        return "iq"
    return "k" if plain.startswith("q") else "mxfp4" if plain.startswith("mxfp4") else "16"

"""How a model is cut over devices: what engines refuse, and what they would do when nobody says.

    llama.cpp, Ollama          consecutive layers (pipeline)
    vLLM, SGLang, TensorRT-LLM tensor parallel over all devices where the heads divide, the rest as pipeline stages

Rules, as vllm/config/model.py and its fp8 layers check them: query heads and recurrent heads divide by the ranks;
key/value heads divide by them or the ranks by the heads; what a rank holds of an expert is a whole number of the
blocks that share a scale, unless experts are spread whole (expert parallel).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from weighbridge.errors import InputError, UsageError

from .architecture import Architecture, Attention, Moe, Recurrent
from .formats import format_of
from .records import Engine, Split

BY_LAYER = frozenset(("llamacpp", "ollama"))


def resolve_split(
    architecture: Architecture,
    engine: Engine,
    count: int,
    *,
    tensor: int | None = None,
    pipeline: int | None = None,
    expert: int | None = None,
) -> Split:
    """The split over `count` devices; what is None is chosen. Raises UsageError for one the engine would refuse."""
    if tensor is None and pipeline is None:
        chosen = _default(architecture, engine, count)
        tensor, pipeline = chosen.tensor, chosen.pipeline
        expert = expert or chosen.expert
    tensor = tensor or max(1, count // (pipeline or 1))
    pipeline = pipeline or max(1, count // tensor)
    split = Split(tensor=tensor, pipeline=pipeline, expert=expert or 1)
    if split.devices != count:
        raise UsageError(
            f"--tp {tensor} x --pp {pipeline} makes {split.devices} devices, not {count}",
            where="--tp, --pp",
            next_move=f"Their product is the number of devices. {_next_move(architecture, engine, count)}",
        )
    for problem in refusals(architecture, engine, split):
        raise UsageError(problem, where="--tp, --pp, --ep", next_move=_next_move(architecture, engine, count))
    return split


@lru_cache(maxsize=4096)
def packed_as(architecture: Architecture, variant: str) -> Architecture:
    """The architecture with the packing of the format that is to be run: its blocks decide how experts may be cut."""
    try:
        found = format_of(variant, architecture)
    except InputError:
        return architecture  # said where the format is used
    if found.stored == architecture.stored:
        return architecture
    return msgspec.structs.replace(architecture, stored=found.stored)


@lru_cache(maxsize=4096)
def _default(architecture: Architecture, engine: Engine, count: int) -> Split:
    if engine in BY_LAYER:
        return Split(pipeline=count)
    for tensor in (ranks for ranks in range(count, 0, -1) if count % ranks == 0):
        for expert in (1, tensor):
            split = Split(tensor=tensor, pipeline=count // tensor, expert=expert)
            if not any(refusals(architecture, engine, split)):
                return split
    return Split(pipeline=count)


def refusals(architecture: Architecture, engine: Engine, split: Split) -> Iterator[str]:
    """Why an engine would not start with this split, in words for people."""
    if engine in BY_LAYER and (split.tensor > 1 or split.expert > 1):
        yield f"{engine} cuts between layers, not through them: --tp and --ep are for vLLM, SGLang and TensorRT-LLM"
        return
    if split.pipeline > len(architecture.layers):
        yield f"{len(architecture.layers)} layers cannot make {split.pipeline} pipeline stages"
    if split.devices % split.expert:
        yield f"--ep {split.expert} does not divide {split.devices} devices"
    for layer in set(architecture.layers):
        for mixer in layer.mixers:
            yield from _heads(mixer, split.tensor)
        if isinstance(layer.mlp, Moe):
            yield from _experts(layer.mlp, architecture, split)


def _heads(mixer: object, tensor: int) -> Iterator[str]:
    heads = getattr(mixer, "heads", 1)
    if heads % tensor and not (isinstance(mixer, Recurrent) and heads == 1):
        yield f"{heads} heads cannot be shared by {tensor} tensor-parallel ranks"
    if isinstance(mixer, Attention) and mixer.kv_heads % tensor and tensor % mixer.kv_heads:
        yield f"{mixer.kv_heads} key/value heads can be neither shared by nor repeated on {tensor} ranks"


def _experts(mlp: Moe, architecture: Architecture, split: Split) -> Iterator[str]:
    if split.expert > 1:
        if mlp.experts % split.expert:
            yield f"{mlp.experts} experts cannot be spread over {split.expert} ranks"
        return
    block = architecture.stored.block[0] if architecture.stored.block and architecture.stored.bits == 8 else 1
    if mlp.intermediate % split.tensor or (block and mlp.intermediate // split.tensor % block):
        yield (
            f"{split.tensor} ranks would hold {mlp.intermediate / split.tensor:g} of an expert's {mlp.intermediate}, "
            f"which is no whole number of blocks of {block}"
        )


def _next_move(architecture: Architecture, engine: Engine, count: int) -> str:
    chosen = _default(architecture, engine, count)
    if any(refusals(architecture, engine, chosen)):
        return f"There is no way to cut it over {count} devices: use fewer."
    words = [f"--tp {chosen.tensor}"] if chosen.tensor > 1 else []
    words += [f"--pp {chosen.pipeline}"] if chosen.pipeline > 1 else []
    words += [f"--ep {chosen.expert}"] if chosen.expert > 1 else []
    return f"Possible on {count}: {' '.join(words) or '--tp 1'}."

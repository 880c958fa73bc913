"""Joins a brief with fit: the least hardware that runs a model, as it is stored and in what people run locally."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from weighbridge.catalog.page import Point
from weighbridge.catalog.records import Model
from weighbridge.cli.chosen import held
from weighbridge.cli.compose_fit import LOCAL_QUANT, Wish, engine_for, known_devices, source_of_model, subject_for
from weighbridge.cli.compose_source import Source
from weighbridge.errors import WeighbridgeError
from weighbridge.fit.answer_smallest import Served, Target, smallest_set
from weighbridge.fit.hardware import Hardware
from weighbridge.fit.launch.readable import why_not
from weighbridge.fit.records import Engine
from weighbridge.units import GIB

IN_ONE_MACHINE = {"gpu": 8, "unified": 1}
"""Kind of device to how many of it stand in one machine."""
WAYS: tuple[tuple[str, str | None, Engine, str], ...] = (
    ("Locally, in 4 bits", LOCAL_QUANT, "llamacpp", "llama.cpp"),
    ("As it is stored", None, "vllm", "vLLM"),
)
"""What the line is called, the format, the engine and its name."""


def smallest_hardware(model: Model, folder: Path) -> Sequence[Point]:
    """Points of a brief; none where the shape of the model is not known well enough."""
    source = source_of_model(model, held(folder).catalogue)
    return () if source is None else tuple(_points(source, folder))


def _points(source: Source, folder: Path) -> Iterator[Point]:
    kinds = [kind for _, kind in known_devices(folder) if kind.kind in IN_ONE_MACHINE]
    for label, quant, engine, name in WAYS:
        judged = (_smallest(Wish(quant=quant), source, engine, kind) for kind in kinds)
        found = [pair for pair in judged if pair is not None]
        if not found:
            yield Point(label, f"no machine that is known here holds it with {name}, up to 8 devices")
            continue
        kind, served = min(found, key=lambda pair: (pair[0].usable_bytes * pair[1].devices, pair[1].devices))
        gib = served.details.fit.total_bytes / GIB
        asked = f"one user with {Wish().ask.context_tokens:,} tokens, estimated as `weighbridge fit` does"
        yield Point(label, f"{served.devices} x {kind.name} with {name}: {gib:,.1f} GiB for {asked}")


def _smallest(wish: Wish, source: Source, engine: Engine, kind: Hardware) -> tuple[Hardware, Served] | None:
    """The least of one kind, in one machine; None where there is none, or the engine does not run there."""
    try:
        asked = replace(wish, engine=engine)
        subject = subject_for(asked, source, engine_for(asked, source, kind))
        if why_not(engine, subject, kind) is not None:
            return None
        ask = msgspec.structs.replace(asked.ask, engine=engine)
        served = smallest_set(subject, ask, Target(users=1), kind)
    except WeighbridgeError:
        return None  # a format or a split that this model cannot have is no hardware for it
    return (kind, served) if served is not None and served.devices <= IN_ONE_MACHINE[kind.kind] else None

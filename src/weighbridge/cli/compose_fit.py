"""Joins sources of models, devices and fit's answers for `weighbridge fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import msgspec

from weighbridge.catalog.records import Catalogue, Model
from weighbridge.cli.chosen import choose, held
from weighbridge.cli.compose_source import Source, from_catalogue, from_config, from_file
from weighbridge.errors import InputError, UsageError
from weighbridge.fit.answer import Details, fit_details, usual_engine
from weighbridge.fit.answer_quant import Choice, choose_quant
from weighbridge.fit.answer_smallest import Served, Target, by_price, smallest_sets, users_of
from weighbridge.fit.answer_split import packed_as, resolve_split
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.devices import DeviceSet, Known, find_devices
from weighbridge.fit.formats import format_of
from weighbridge.fit.hardware import Hardware, all_hardware
from weighbridge.fit.launch.readable import why_not
from weighbridge.fit.memory import LLAMACPP
from weighbridge.fit.records import ENGINES, Ask, Engine, Subject
from weighbridge.fit.state_types import check_engine_keeps, engine_keeps

LOCAL_QUANT = "Q4_K_M"
"""What people run with llama.cpp when they do not say."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks; None is not said."""

    model: str | None = None
    config: Path | None = None
    file: Path | None = None
    on: tuple[str, ...] = ()
    quant: str | None = None
    engine: Engine | None = None
    tensor: int | None = None
    pipeline: int | None = None
    expert: int | None = None
    ask: Ask = field(default_factory=Ask)
    first_token_s: float | None = None
    """A target: most seconds until the first token."""
    tokens_per_s: float | None = None
    """A target: least tokens a second for each user."""


def source_of(wish: Wish, folder: Path) -> Source:
    """The model of a wish: a name of the catalogue, a place on the web, a config.json, or a file."""
    if (wish.model is not None) == (wish.config is not None or wish.file is not None):
        raise UsageError(
            "say which model, once: MODEL, --config FILE or --file FILE",
            next_move="Example: `weighbridge fit qwen3-8b --on 'RTX 4090'`.",
        )
    if wish.file is not None:
        return from_file(wish.file, wish.config)
    if wish.config is not None:
        return from_config(wish.config)
    assert wish.model is not None
    if Path(wish.model).is_dir() and wish.model not in held(folder).catalogue.models:
        raise UsageError(f"{wish.model} is a folder", next_move=f"For the model in it: --config {wish.model}.")
    if wish.model.startswith(("hf:", "http://", "https://")):
        from weighbridge.cli.compose_web import from_web

        return from_web(wish.model)
    if wish.model.endswith((".gguf", ".safetensors")):
        return from_file(Path(wish.model))
    if wish.model.endswith(".json"):
        return from_config(Path(wish.model))
    return from_catalogue(choose(folder, wish.model), held(folder).catalogue)


def source_of_model(model: Model, catalogue: Catalogue) -> Source | None:
    """A model of the catalogue as something to fit; None where its config is unknown or says too little."""
    try:
        return from_catalogue(model, catalogue)
    except InputError:
        return None


def known_devices(folder: Path) -> Known:
    """Devices of a catalogue whose memory is known, with their figures."""
    return _all_hardware(folder)


@lru_cache(maxsize=4)
def _all_hardware(folder: Path) -> Known:
    return all_hardware(held(folder).catalogue)


def engine_for(wish: Wish, source: Source, device: Hardware) -> Engine:
    """The engine asked for, else the usual one: llama.cpp for GGUF, on CPUs and on Apple's chips, vLLM elsewhere."""
    if wish.engine is not None:
        return wish.engine
    return usual_engine(device, gguf=source.fixed is not None or _is_gguf(wish.quant, source.architecture))


def _is_gguf(quant: str | None, architecture: Architecture) -> bool:
    if quant is None or quant == "auto":
        return False
    try:
        return format_of(quant, architecture).way == "gguf"
    except InputError:
        return False  # said with near names where the format is used


def subject_for(wish: Wish, source: Source, engine: Engine) -> Subject:
    """The model in the format asked for; without one, as it is stored, or in what people run locally."""
    if source.fixed is not None:
        if wish.quant not in (None, "auto", source.fixed.variant):
            raise UsageError(
                f"the file holds {source.fixed.variant}, not {wish.quant}",
                where="--quant",
                next_move="Leave --quant out, or name the model instead of the file.",
            )
        return source.fixed
    return source.subject(wish.quant or (LOCAL_QUANT if engine in LLAMACPP else "native"), engine)


def ask_for(wish: Wish, source: Source, engine: Engine, devices: DeviceSet) -> Ask:
    """The ask with its engine, its split and the cache a checkpoint asks for; UsageError for what engines refuse."""
    kept = wish.ask.kv_dtype
    check_engine_keeps(engine, kept)
    cache = source.architecture.stored.cache
    if cache and kept.strip().lower() == "auto" and wish.quant in (None, "native") and engine_keeps(engine, cache):
        kept = cache
    split = resolve_split(
        source.architecture if wish.quant is None else packed_as(source.architecture, wish.quant),
        engine,
        devices.count,
        tensor=wish.tensor,
        pipeline=wish.pipeline,
        expert=wish.expert,
    )
    return msgspec.structs.replace(wish.ask, engine=engine, split=split, kv_dtype=kept)


def check_runs(engine: Engine, subject: Subject, device: Hardware) -> None:
    """Raises UsageError where an engine somebody asked for cannot run the variant on the device."""
    reason = why_not(engine, subject, device)
    if reason is not None:
        able = [name for name in ENGINES if why_not(name, subject, device) is None]
        raise UsageError(reason, where="--engine", next_move=f"Able: {', '.join(able) or 'none of them'}.")


def devices_for(wish: Wish, folder: Path) -> list[DeviceSet]:
    """The devices of a wish; `auto`, or nothing, is this machine."""
    from weighbridge.cli.compose_devices import this_machine

    known = known_devices(folder)
    found: list[DeviceSet] = []
    for text in wish.on or ("auto",):
        found += this_machine(known) if text.strip().lower() == "auto" else [find_devices(text, known)]
    return found


def answers(wish: Wish, folder: Path) -> list[tuple[Details, DeviceSet]]:
    """The answer on each of the devices."""
    source = source_of(wish, folder)
    found = []
    for devices in devices_for(wish, folder):
        engine = engine_for(wish, source, devices.hardware)
        subject = subject_for(wish, source, engine)
        if wish.engine is not None:
            check_runs(engine, subject, devices.hardware)
        ask = ask_for(wish, source, engine, devices)
        details = fit_details(subject, ask, devices)
        if wish.first_token_s is not None or wish.tokens_per_s is not None:
            target = Target(users=1 << 20, first_token_s=wish.first_token_s, tokens_per_s=wish.tokens_per_s)
            held_users = users_of(subject, ask, target, devices)
            details = msgspec.structs.replace(details, users_within_target=held_users)
        found.append((details, devices))
    return found


def choices(wish: Wish, folder: Path) -> list[Choice]:
    """Every quantisation worth a thought on each of the devices."""
    source = source_of(wish, folder)
    if source.fixed is not None:
        raise UsageError("a file holds one quantisation", where="--quant auto", next_move="Name the model instead.")
    found = []
    for devices in devices_for(wish, folder):
        engine = engine_for(wish, source, devices.hardware)
        ask = ask_for(wish, source, engine, devices)
        found.append(choose_quant(partial(source.subject, engine=engine), source.architecture, ask, devices))
    return found


def smallest(wish: Wish, target: Target, folder: Path) -> tuple[Served, ...]:
    """The smallest set of each kind of device; of all graphics processors of the catalogue when none is named."""
    source = source_of(wish, folder)
    if wish.on:
        kinds = [devices.hardware for devices in devices_for(wish, folder)]
    else:
        kinds = [hardware for _, hardware in known_devices(folder) if hardware.kind == "gpu" and hardware.usd_per_hour]
    found: list[Served] = []
    for kind in kinds:
        engine = engine_for(wish, source, kind)
        subject = subject_for(wish, source, engine)
        if why_not(engine, subject, kind) is None:
            ask = msgspec.structs.replace(wish.ask, engine=engine)
            found += smallest_sets(subject, ask, target, (kind,))
    return tuple(sorted(found, key=by_price))

"""Joins the catalogue's configs and devices, files and headers into what fit is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.catalog.facts import Resolved, resolve
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.cli.chosen import choose, held
from weighbridge.errors import InputError, UsageError, WeightsError
from weighbridge.fit.answer import Details, fit_details
from weighbridge.fit.answer_quant import Choice, choose_quant
from weighbridge.fit.answer_smallest import Served, Target, by_price, smallest_sets
from weighbridge.fit.answer_split import resolve_split
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.devices import DeviceSet, Known, find_devices
from weighbridge.fit.formats import PACKED, PLAIN, format_of
from weighbridge.fit.gguf_mix import MIXES
from weighbridge.fit.gguf_reading import read_gguf_architecture
from weighbridge.fit.gguf_weights import gguf_weights
from weighbridge.fit.hardware import Hardware, all_hardware
from weighbridge.fit.launch.readable import why_not
from weighbridge.fit.memory import LLAMACPP
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.records import ENGINES, Ask, Engine, Subject
from weighbridge.fit.state_types import check_engine_keeps
from weighbridge.fit.weights import derive
from weighbridge.formats.gguf import read_gguf

MOST_CONFIG_BYTES = 8 << 20
LOCAL_QUANT = "Q4_K_M"
"""What people run with llama.cpp when they do not say."""
_SPLIT = re.compile(r"-00001-of-(\d{5})\.gguf$")


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
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be had in several formats, or in the one a file has."""

    name: str
    architecture: Architecture
    make: Callable[[str], Subject]
    """Format to subject; a file's is whatever it is."""
    fixed: Subject | None = None
    """A file's own subject."""


def source_of(wish: Wish, folder: Path) -> Source:
    """The model of a wish: a name of the catalogue, a config.json, or a GGUF file."""
    named = [what for what in (wish.model, wish.config, wish.file) if what is not None]
    if len(named) != 1:
        raise UsageError(
            "say which model, once: MODEL, --config FILE or --file FILE",
            next_move="Example: `weighbridge fit qwen3-8b --on 'RTX 4090'`.",
        )
    path = Path(wish.model) if wish.model and wish.model.endswith((".gguf", ".json")) else None
    if wish.file is not None or (path is not None and path.suffix == ".gguf"):
        return _from_file(wish.file or path or Path())
    if wish.config is not None or path is not None:
        return _from_config(wish.config or path or Path())
    assert wish.model is not None
    return _from_catalogue(choose(folder, wish.model), held(folder).catalogue)


def source_of_model(model: Model, catalogue: Catalogue) -> Source | None:
    """A model of the catalogue as something to fit; None where its config is unknown or says too little."""
    try:
        return _from_catalogue(model, catalogue)
    except InputError:
        return None


def _from_catalogue(model: Model, catalogue: Catalogue) -> Source:
    believed = resolve(model.facts["config"], catalogue.sources) if "config" in model.facts else None
    if believed is None or not isinstance(believed.value, Mapping):
        raise InputError(
            f"the catalogue does not have the config of {model.id}",
            where=model.id,
            next_move="Give it: --config config.json, from the model's repository; or --file model.gguf.",
        )
    architecture = _architecture(model.id, believed)
    sources = {variant.format: variant.source for variant in model.variants if variant.source}

    def make(quant: str) -> Subject:
        place = sources.get(quant, "")
        return Subject(
            model=model.id,
            architecture=architecture,
            weights=derive(architecture, quant),
            source=place.removeprefix("hf:") if place.startswith("hf:") else "",
        )

    return Source(model.id, architecture, make)


def _architecture(name: str, believed: Resolved) -> Architecture:
    try:
        return _read_again(msgspec.json.encode(believed.value, order="sorted"), f"the catalogue's config of {name}")
    except InputError as error:
        raise InputError(
            error.what,
            where=error.where,
            next_move="Give the whole one: --config config.json, from the model's repository.",
        ) from error


@lru_cache(maxsize=2048)
def _read_again(config: bytes, where: str) -> Architecture:
    return read_architecture(msgspec.json.decode(config), where)


def _from_config(path: Path) -> Source:
    file = path / "config.json" if path.is_dir() else path
    config = _read_json(file)
    architecture = read_architecture(config, where=str(file))
    said = config.get("_name_or_path")
    name = said if isinstance(said, str) and said else file.resolve().parent.name or file.stem

    def make(quant: str) -> Subject:
        return Subject(model=name, architecture=architecture, weights=derive(architecture, quant))

    return Source(name, architecture, make)


def _read_json(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_CONFIG_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(file)) from error
    if len(data) > MOST_CONFIG_BYTES:
        raise InputError(
            f"a config has less than {MOST_CONFIG_BYTES >> 20} MiB; this is something else", where=str(file)
        )
    try:
        config = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}", where=str(file), next_move="Name a config.json.") from error
    if not isinstance(config, dict):
        raise InputError("a config is a JSON object; this is something else", where=str(file))
    return config


def _from_file(path: Path) -> Source:
    files = [read_gguf(path)]
    for other in _other_parts(path):
        files.append(read_gguf(other))
    for header in files:
        header.check_whole()
    architecture = read_gguf_architecture(*files)
    subject = Subject(
        model=files[0].name or path.stem,
        architecture=architecture,
        weights=gguf_weights(files, architecture),
        source=str(path),
        gguf=True,
    )
    return Source(subject.model, architecture, lambda _: subject, fixed=subject)


def _other_parts(path: Path) -> list[Path]:
    """The files of a split model after the first."""
    found = _SPLIT.search(path.name)
    if found is None:
        return []
    parts = [
        path.with_name(f"{path.name[: found.start()]}-{n:05}-of-{found[1]}.gguf") for n in range(2, int(found[1]) + 1)
    ]
    missing = next((part for part in parts if not part.exists()), None)
    if missing is not None:
        raise WeightsError("a part of the model is missing", where=str(missing), next_move="Pull all parts of it.")
    return parts


def known_devices(folder: Path) -> Known:
    return _all_hardware(folder)


@lru_cache(maxsize=4)
def _all_hardware(folder: Path) -> Known:
    return all_hardware(held(folder).catalogue)


def engine_for(wish: Wish, source: Source, device: Hardware) -> Engine:
    """The engine asked for, else the usual one: llama.cpp for GGUF, on CPUs and on Apple's chips, vLLM elsewhere."""
    if wish.engine is not None:
        return wish.engine
    if source.fixed is not None or _is_gguf(wish.quant, source.architecture):
        return "llamacpp"
    return "llamacpp" if device.kind == "cpu" or device.vendor == "Apple" else "vllm"


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
    quant = wish.quant or (LOCAL_QUANT if engine in LLAMACPP else "native")
    return for_engine(source, quant, engine)


def for_engine(source: Source, quant: str, engine: Engine) -> Subject:
    """The model in a format; 16 bit for llama.cpp is a GGUF file in 16 bit. Raises UsageError, with near ones."""
    try:
        found = format_of(quant, source.architecture)
        if found.way != "plain" or engine not in LLAMACPP:
            return source.make(quant)
        name = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}[found.dtype]
        subject = source.make(f"gguf:{name}")
        return msgspec.structs.replace(subject, weights=msgspec.structs.replace(subject.weights, format=name))
    except InputError as error:
        near = get_close_matches(quant.lower(), [*PLAIN, *PACKED, *(name.lower() for name in MIXES)], n=2)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(error.what, where="--quant", next_move=f"{hint}{error.next_move or ''}") from error


def ask_for(wish: Wish, source: Source, engine: Engine, devices: DeviceSet) -> Ask:
    """The ask with its engine and its split. Raises UsageError for what the engine would refuse."""
    check_engine_keeps(engine, wish.ask.kv_dtype)
    split = resolve_split(
        source.architecture,
        engine,
        devices.count,
        tensor=wish.tensor,
        pipeline=wish.pipeline,
        expert=wish.expert,
    )
    return msgspec.structs.replace(wish.ask, engine=engine, split=split)


def check_runs(engine: Engine, subject: Subject, device: Hardware) -> None:
    """Raises UsageError where an engine somebody asked for cannot run the variant on the device."""
    reason = why_not(engine, subject, device)
    if reason is not None:
        able = [name for name in ENGINES if why_not(name, subject, device) is None]
        raise UsageError(reason, where="--engine", next_move=f"Able: {', '.join(able) or 'none of them'}.")


def devices_for(wish: Wish, folder: Path) -> list[DeviceSet]:
    """The devices of a wish; `auto`, or nothing, is this machine."""
    known = known_devices(folder)
    found: list[DeviceSet] = []
    for text in wish.on or ("auto",):
        found += _this_machine(known) if text.strip().lower() == "auto" else [find_devices(text, known)]
    return found


def _this_machine(known: Known) -> list[DeviceSet]:
    from weighbridge.cli.compose_devices import this_machine

    return this_machine(known)


def answers(wish: Wish, folder: Path) -> list[tuple[Details, DeviceSet]]:
    """The answer on each of the devices."""
    source = source_of(wish, folder)
    found = []
    for devices in devices_for(wish, folder):
        engine = engine_for(wish, source, devices.hardware)
        subject = subject_for(wish, source, engine)
        if wish.engine is not None:
            check_runs(engine, subject, devices.hardware)
        found.append((fit_details(subject, ask_for(wish, source, engine, devices), devices), devices))
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
        found.append(choose_quant(partial(for_engine, source, engine=engine), source.architecture, ask, devices))
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

"""Joins models, training runs and devices into reckoned training and fine-tuning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.catalog.profile import known
from weighbridge.catalog.records import Catalogue, Model, TrainingRun
from weighbridge.catalog.tables import load_training
from weighbridge.cli.chosen import choose, held
from weighbridge.cost.amounts import read_amount, read_share
from weighbridge.cost.finetuning import MFU as TUNING_MFU
from weighbridge.cost.finetuning import Method, Tuning, reckon_tuning
from weighbridge.cost.training import MFU, Training, reckon
from weighbridge.cost.training_words import Reckoned, Tuned
from weighbridge.cost.workload import sure
from weighbridge.errors import UsageError, WeighbridgeError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.devices import find_devices
from weighbridge.fit.hardware import Hardware, all_hardware
from weighbridge.fit.reading import read_architecture

USUAL = "H100-SXM"
_CHIP = re.compile(r"\b([A-Z]{1,2}\d{2,3})\b")
LIMITS = {"active": (1e6, 1e14), "tokens": (1e3, 1e16), "usd_hour": (0.001, 1e4), "devices": (1, 1e7), "seq": (16, 1e7)}


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `--train`, read and held against LIMITS; None where they were not given."""

    active: float | None = None
    tokens: float | None = None
    usd_hour: float | None = None
    devices: float | None = None
    seq: float | None = None
    mfu: float | None = None
    at_work: float | None = None
    on: str | None = None


def read_given(options: Mapping[str, Any]) -> Given:
    """Raises UsageError for a value that is no number, or none that can be."""
    values: dict[str, Any] = {}
    for name, (low, high) in LIMITS.items():
        if options.get(name) is not None:
            value = read_amount(options[name])
            if value is None or not low <= value <= high:
                raise UsageError(
                    f"{options[name]!r:.60} is not plausible",
                    where=f"--{name.replace('_', '-')}",
                    next_move=f"A number from {low:g} to {high:g}: 37B, 14.8T, 2048.",
                )
            values[name] = value
    for name in ("mfu", "at_work"):
        if options.get(name) is not None:
            share = read_share(options[name])
            if share is None or not 0.01 <= share <= 1:
                raise UsageError(
                    f"{options[name]!r:.60} is no share",
                    where=f"--{name.replace('_', '-')}",
                    next_move="Write 40% or 0.4.",
                )
            values[name] = share
    return Given(**values, on=options.get("on"))


def reckon_model(name: str | None, given: Given, folder: Path) -> Reckoned:
    """One run: of a model of the catalogue, or of the numbers that are given."""
    state = held(folder)
    model = None if name is None else choose(folder, name)
    runs = [] if model is None else [run for run in load_training(folder) if run.model == model.id]
    return _reckoned(state.catalogue, model, _telling(runs), given)


def reckon_all(given: Given, folder: Path) -> tuple[list[Reckoned], list[str]]:
    """Every run of the catalogue that says enough; and of the others what they do not say."""
    state = held(folder)
    by_model: dict[str, list[TrainingRun]] = {}
    for run in load_training(folder):
        by_model.setdefault(run.model, []).append(run)
    found, left = [], []
    for name, runs in by_model.items():
        try:
            found.append(_reckoned(state.catalogue, state.catalogue.models[name], _telling(runs), given))
        except UsageError as error:
            left.append(f"{name}: {error.what}")
    return found, left


def _telling(runs: Iterable[TrainingRun]) -> list[TrainingRun]:
    """Runs over all tokens; stages of other kinds (context extension, reinforcement) are no 6 N D of their own."""
    return [run for run in runs if run.tokens is not None or run.stage.startswith(("training", "final run"))]


def _reckoned(catalogue: Catalogue, model: Model | None, reports: list[TrainingRun], given: Given) -> Reckoned:
    parameters, tokens = _sizes(catalogue, model, reports, given)
    device, taken = _device(catalogue, given.on, reports)
    run = Training(
        parameters=parameters,
        tokens=tokens,
        peak_flops=_peak(device),
        mfu=MFU if given.mfu is None else sure(given.mfu),
        architecture=None if model is None else _network(catalogue, model),
        **{name: value for name, value in _assumed(given).items() if value is not None},
    )
    usd_hour = given.usd_hour or next((r.usd_per_gpu_hour for r in reports if r.usd_per_gpu_hour), None)
    return Reckoned(
        name="a model" if model is None else model.id,
        run=run,
        cost=reckon(run),
        device=device.id,
        usd_hour=usd_hour or device.usd_per_hour,
        devices=None if given.devices is None else round(given.devices),
        reports=tuple(reports),
        notes=taken,
    )


def _sizes(catalogue: Catalogue, model: Model | None, reports: list[TrainingRun], given: Given) -> tuple[float, float]:
    """Parameters that a token uses, and tokens trained on: as asked, as reported, as the catalogue has them. Raises
    UsageError that names the option where nobody says."""
    parameters, tokens = given.active, given.tokens or next((run.tokens for run in reports if run.tokens), None)
    if model is not None:
        parameters = parameters or _value(catalogue, model, "parameters_active")
        tokens = tokens or _value(catalogue, model, "training_tokens")
    if parameters is None:
        raise UsageError("how many parameters a token uses is not known", next_move="Say it: --active 37B.")
    if tokens is None:
        raise UsageError("on how many tokens it was trained is not known", next_move="Say it: --tokens 14.8T.")
    return parameters, tokens


def _assumed(given: Given) -> dict[str, Any]:
    return {"at_work": given.at_work, "sequence": None if given.seq is None else round(given.seq)}


def _value(catalogue: Catalogue, model: Model, name: str) -> float | None:
    fact = known(catalogue, model, name)
    return None if fact is None else float(fact.value)


def _network(catalogue: Catalogue, model: Model) -> Architecture | None:
    config = known(catalogue, model, "config")
    if config is None:
        return None
    try:
        return read_architecture(config.value, model.id)
    except WeighbridgeError:
        return None


def _device(catalogue: Catalogue, on: str | None, reports: list[TrainingRun]) -> tuple[Hardware, tuple[str, ...]]:
    """The device that is asked for, or the one a report names: its SXM board where there are several."""
    devices = all_hardware(catalogue)
    if on is not None:
        return find_devices(on, devices).hardware, ()
    said = next((run.hardware for run in reports if run.hardware), None)
    chip = _CHIP.search(said or "")
    named = [h for _, h in devices if chip is not None and h.id.upper().startswith(chip[1]) and h.bf16_flops]
    if not named:
        what = "on what it was trained is not known" if not said else f"no one chip is meant by {said!r}"
        return find_devices(USUAL, devices).hardware, (f"{what}: reckoned for {USUAL}",)
    boards = [hardware for hardware in named if "SXM" in hardware.id] or named
    best = max(boards, key=lambda hardware: hardware.bf16_flops or 0)
    return best, (f"the report says {said!r}: taken for {best.id}",) if best.id != said else ()


def _peak(device: Hardware) -> float:
    if device.bf16_flops is None:
        raise UsageError(f"how fast {device.id} multiplies in bf16 is not known", next_move="Name another device.")
    return device.bf16_flops


def reckon_tuning_of(name: str, method: Method, given: Given, folder: Path) -> Tuned:
    """Fine-tuning of a model of the catalogue, whose config is known."""
    state = held(folder)
    model = choose(folder, name)
    architecture = _network(state.catalogue, model)
    total = _value(state.catalogue, model, "parameters_total")
    active = given.active or _value(state.catalogue, model, "parameters_active")
    if architecture is None or total is None or active is None:
        raise UsageError(
            f"the network of {model.id} is not known here", next_move="Name a model whose config is known."
        )
    if given.tokens is None:
        raise UsageError(
            "on how many tokens it is tuned is not said", next_move="Say it, all epochs counted: --tokens 50M."
        )
    device = find_devices(given.on or USUAL, all_hardware(state.catalogue)).hardware
    run = Tuning(
        method=method,
        total_parameters=total,
        active_parameters=active,
        tokens=given.tokens,
        layers=len(architecture.layers),
        hidden=architecture.hidden,
        vocab=architecture.vocab,
        peak_flops=_peak(device),
        memory_bytes=device.usable_bytes,
        mfu=TUNING_MFU if given.mfu is None else sure(given.mfu),
    )
    try:
        cost = reckon_tuning(run)
    except ValueError as error:
        raise UsageError(f"{error}: {device.id}", next_move="Name a larger device.") from None
    return Tuned(model.id, run, cost, device.id, given.usd_hour or device.usd_per_hour)

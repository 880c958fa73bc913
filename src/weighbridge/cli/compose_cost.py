"""Joins the catalogue, what feeds brought and fit's speeds into comparisons of cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.charts.plane import Plane
from weighbridge.cli.chosen import choose, held
from weighbridge.cli.compose_rooms import Wanted
from weighbridge.cli.compose_runs import device_name, devices_named, served_by
from weighbridge.cli.environment import settings_from_environment
from weighbridge.cost.asked import hardware_of, pace_of, workload_of
from weighbridge.cost.batch import DISCOUNTS
from weighbridge.cost.chart import plane_of
from weighbridge.cost.comparison import Comparison, Served, compare
from weighbridge.cost.hardware import Hardware
from weighbridge.cost.sensitivity import Moved, sensitivity
from weighbridge.cost.workload import Workload
from weighbridge.errors import UsageError
from weighbridge.fit.hardware import all_hardware
from weighbridge.fit.records import Engine


@dataclass(frozen=True)
class Wish:
    """What the command was asked, values as written but checked."""

    models: tuple[str, ...]
    work: Mapping[str, Any]
    own: Mapping[str, Any]
    folder: Path
    quant: str | None = None
    engine: Engine | None = None


@dataclass(frozen=True)
class Found:
    catalogue: Catalogue
    work: Workload
    compared: list[tuple[Comparison, list[Moved]]]
    plane: Plane | None
    notes: tuple[str, ...]


def compare_costs(wish: Wish) -> Found:
    """Every model of the wish, each with what moves its answer."""
    if not wish.models:
        raise UsageError("name a MODEL", next_move="Several may be named: `weighbridge cost glm-4.6 kimi-k2 ...`.")
    state = held(wish.folder)
    work = workload_of(wish.work)
    disputed = price_disputes(wish.folder)
    notes: list[str] = []
    compared = []
    for name in wish.models:
        model = choose(wish.folder, name)
        served = _served(wish, state.catalogue, model, notes)
        one = compare(model.id, state.offers, work, served=served, disputed=disputed, batch=DISCOUNTS)
        compared.append((one, sensitivity(one, state.offers, disputed=disputed, batch=DISCOUNTS)))
    plane = plane_of([each for each, _ in compared])
    return Found(state.catalogue, work, compared, plane, tuple(dict.fromkeys(notes)))


def price_disputes(folder: Path) -> dict[tuple[str, str], Resolved]:
    """Offers that sources price differently, by provider and id; the shipped prices alone are of one source."""
    overlays = settings_from_environment().data_dir / "catalogue"
    if not any(overlays.glob("*.json")):
        return {}
    from weighbridge.catalog.feeds.joined import load_joined

    return {
        (each.value.provider, each.value.model_id.casefold()): each for each in load_joined(overlays, folder).disputes
    }


def _served(wish: Wish, catalogue: Catalogue, model: Model, notes: list[str]) -> Served | None:
    """Own hardware and its speed; None where none is asked about, or where nothing says how fast it is."""
    if "on" not in wish.own:
        return None
    everything = all_hardware(catalogue)
    devices = devices_named(wish.own["on"], everything)
    chip = devices.hardware
    known = Hardware(device=chip.id, usd_hour=chip.usd_per_hour, watts=chip.watts)
    hardware = hardware_of(wish.own, device_name(devices, everything), devices.count, known)
    pace = pace_of(wish.own)
    if pace is not None:
        return Served(hardware, pace)
    work = workload_of(wish.work)
    longest = math.ceil(work.input_tokens + work.output_tokens)
    wanted = Wanted(work, longest, wish.engine, (wish.quant,) if wish.quant else ())
    run = served_by(catalogue, model, devices, hardware, wanted)
    if isinstance(run, str):
        notes.append(f"{model.id} on {chip.id} x{devices.count}: {run}")
        return None
    if run.pace is None:
        notes.append(f"How fast {chip.id} is, is not known: say with --tps how many tokens a set writes a second.")
        return None
    notes.append(f"{model.id} runs there as {run.variant}, {run.sequences} at once in the busiest hour.")
    if run.assumed:
        notes.append(f"{model.id}: {run.assumed}; --quant says otherwise.")
    return Served(hardware, run.pace)

"""How far engines and devices stay from the stated rates: the calibrated factors, and how far they are off.

    seconds = sum over terms of (term at stated rates x base factor x factor of each cell the run lies in)

    model      local_step, local_prompt, serving_step, serving_first
    cell       engine, generation (of devices), format (class of weights), device
    group      terms that share a factor within a cell: `bytes`, `overhead`, `matmul` ...

A cell nobody measured has the factor 1. `spread` holds the 10% and 90% quantiles of log(measured / predicted seconds)
for models that were left out, by engine, pooled, and for what was never seen. efficiencies.toml is written by
bench/fit_calibrate.py.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from weighbridge.errors import InputError

from . import speed_local, speed_serving

TERMS: dict[str, tuple[str, ...]] = {
    "local_step": speed_local.STEP_TERMS,
    "local_prompt": speed_local.PROMPT_TERMS,
    "serving_step": speed_serving.STEP_TERMS,
    "serving_first": speed_serving.FIRST_TERMS,
}
_OVERHEAD = ("layers", "moe_layers", "step")
_BYTES = {"weights": ("weights",), "experts": ("experts",), "cache": ("cache",), "overhead": _OVERHEAD}
_PRODUCTS = {"matmul": ("dense", "expert_matmul"), "attention": ("attention",), "overhead": _OVERHEAD}
_WAITS = {"start": ("weights", "step"), "queue": ("queue", "queue_reduce", "sequences")}
GROUPS: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "local_step": {
        "engine": _BYTES,
        "generation": _BYTES,
        "format": {"bytes": ("weights", "experts")},
        "device": {"all": ("weights", "experts", "cache", *_OVERHEAD)},
    },
    "local_prompt": {
        "engine": _PRODUCTS,
        "generation": _PRODUCTS,
        "format": {"matmul": ("dense", "expert_matmul")},
        "device": {"all": ("dense", "expert_matmul", "attention")},
    },
    "serving_step": {
        "engine": {"experts": ("all_experts",)},
        "generation": {"prompts": ("prompts",), "sequences": ("sequences",)},
        "format": {"overhead": _OVERHEAD},
    },
    "serving_first": {"engine": _WAITS},
}
"""Model to kind of cell to group to its terms."""
SHIPPED = Path(__file__).parent / "efficiencies.toml"


class Spread(msgspec.Struct, frozen=True):
    """Quantiles 10% and 90% of log(measured / predicted seconds), and how many rows they stand on."""

    low: float
    high: float
    rows: int
    groups: int = 0
    """Families of models among the rows."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sum of terms with its factors."""

    rows: int
    groups: int
    generations: tuple[str, ...]
    """Of devices, that rows are of."""
    terms: dict[str, float]
    pooled: Spread
    unseen: Spread
    """For an engine or a generation of devices that no row is of."""
    spread: dict[str, Spread] = {}
    """By engine."""
    engine: dict[str, dict[str, float]] = {}
    generation: dict[str, dict[str, float]] = {}
    format: dict[str, dict[str, float]] = {}
    device: dict[str, dict[str, float]] = {}

    def cells(self, kind: str) -> Mapping[str, Mapping[str, float]]:
        found: dict[str, dict[str, float]] = getattr(self, kind)
        return found


class Efficiencies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was calibrated."""

    date: str
    """ISO date of the calibration."""
    source: str
    local_step: Model
    local_prompt: Model
    serving_step: Model
    serving_first: Model

    def __hash__(self) -> int:
        return id(self)


class Cell(msgspec.Struct, frozen=True):
    """Where a run lies: one name for each kind of cell."""

    engine: str
    generation: str
    format: str
    device: str


class Factors(msgspec.Struct, frozen=True):
    """What one model says of one cell."""

    values: tuple[float, ...]
    """By the model's terms."""
    spread: Spread
    seen: bool
    """Whether rows of this engine and this generation of devices were calibrated on."""


@lru_cache(maxsize=4096)
def factors(table: Efficiencies, name: str, cell: Cell) -> Factors:
    """The factors of one model for a cell, and the spread to expect."""
    model: Model = getattr(table, name)
    values = {term: model.terms[term] for term in TERMS[name]}
    for kind, groups in GROUPS[name].items():
        said = model.cells(kind).get(getattr(cell, kind), {})
        for group, terms in groups.items():
            if group in said:
                for term in terms:
                    values[term] *= said[group]
    seen = cell.engine in model.spread and cell.generation in model.generations
    own = model.spread.get(cell.engine, model.pooled)
    return Factors(tuple(values.values()), own if seen else _wider(own, model.unseen), seen)


def _wider(one: Spread, other: Spread) -> Spread:
    return Spread(min(one.low, other.low), max(one.high, other.high), other.rows, other.groups)


def seconds(terms: tuple[float, ...], found: Factors) -> float:
    """The sum of a step's terms."""
    return math.fsum(map(float.__mul__, map(float, terms), found.values))


@lru_cache(maxsize=4)
def load_efficiencies(path: Path = SHIPPED) -> Efficiencies:
    """The factors of a file, by default those that came with weighbridge; the same value each time.

    Raises InputError, with the path of the field, for a file that is not what bench/fit_calibrate.py writes.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Efficiencies)
    except (OSError, ValueError) as error:
        raise InputError(
            f"factors of speed cannot be read: {error}",
            where=str(path),
            next_move="`python bench/fit_calibrate.py FOLDER` makes the file from measurements.",
        ) from error
    for name, terms in TERMS.items():
        missing = sorted(set(terms) - set(getattr(found, name).terms))
        if missing:
            raise InputError(f"{name}.terms lacks {', '.join(missing)}", where=str(path))
    return found

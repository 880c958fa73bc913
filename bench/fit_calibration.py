"""From placed rows to calibrated factors: priors, weights of rows, left-out errors, spreads.

Shared by fit_calibrate.py, which writes the shipped factors, and fit_throughput.py, which measures how good they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from fit_measured import STEPS, Measured
from fit_solver import Array, Prior, Rows, Solution, leave_out, solve

from weighbridge.fit import speed_local, speed_serving
from weighbridge.fit.efficiencies import GROUPS, TERMS, Cell, Efficiencies, Model, Spread

PRIORS = {
    "local_step": Prior(
        {"weights": 1.3, "experts": 1.4, "cache": 1.25, "state": 2.0, "stacked": 0.6, "unpack": 8.0, "spilled": 2.0,
         "spilled_attention": 5.0, "spilled_layers": 100.0, "layers": 22.0, "moe_layers": 16.0, "recurrent": 40.0,
         "step": 0.4, "sequences": 0.2, "matmul": 2.0, "attention": 3.5, "hops": 0.3},
        0.2,
        {"engine": 0.15, "generation": 0.2, "format": 0.15, "device": 0.15},
    ),
    "local_prompt": Prior(
        {"dense": 2.2, "expert_matmul": 3.5, "attention": 4.0, "cache": 1.0, "weights": 1.0, "experts": 1.5,
         "layers": 4.0, "moe_layers": 4.0, "step": 1.0, "spilled": 1.5, "recurrent": 0.5, "hops": 1.0},
        0.2,
        {"engine": 0.2, "generation": 0.2, "format": 0.2, "device": 0.1},
    ),
    "serving_step": Prior(
        {"weights": 1.2, "experts": 1.3, "all_experts": 0.035, "cache": 1.35, "matmul": 1.7, "attention": 4.5,
         "prompts": 1.6, "prompt_reduce": 0.7, "prompt_steps": 4.0, "reduce_hops": 5.0, "reduce_bytes": 1.5,
         "expert_hops": 16.0, "expert_bytes": 1.5, "layers": 28.0, "moe_layers": 28.0, "step": 0.45,
         "sequences": 15.0, "latent": 10.0, "recurrent": 30.0},
        0.2,
        {"generation": 0.3, "format": 0.2},
        {("engine", "vllm@0.12", "experts"): 0.3},
        {("engine", "vllm@0.12", "experts"): 40.0},
    ),
    "serving_first": Prior(
        {"prompt": 1.7, "prompt_reduce": 1.5, "weights": 2.0, "step": 4.0, "sequences": 2.0, "queue": 0.8,
         "queue_reduce": 0.8},
        0.5,
        {"engine": 0.3},
        {("terms", "", "prompt"): 0.06},
    ),
}  # fmt: skip
"""Expected before a row is seen: memory read at 0.7 to 0.8 of its stated rate, stacked memory by llama.cpp at half of
it, products at half of theirs, 20 to 30 us of launches a layer and 10 to 40 us more for a latent or a state, 5 us a hop
of an all-reduce, long prompts reduced inside the switch, a PC's processor reading 25 GB/s. Engines, devices and formats
differ by some 20%; a serving engine is hardly told from another, which is what leaving models out says (docs/speed.md).
Serving engines read a prompt at 0.6 of the stated rate: waiting for the first token is mostly a queue, and would be
taken for slow reading else. vLLM 0.12 is expected to read all experts at 0.7 of the rate, whatever the batch. That was
set knowing its rows; aiconfigurator's predictions from its kernel tables of that release depend as little on the batch.
docs/speed.md has the errors without it."""
FEW = 20
"""Rows and families an engine's own spread is worth this many pooled rows against."""
ENDS = (0.08, 0.92)
"""Quantiles of left-out errors that cover 80% of a family that is new: those of other families do not quite."""
FLOOR = 0.02
"""No interval is narrower than that on either side, as a log."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of one model."""

    name: str
    measured: tuple[Measured, ...]
    rows: Rows


def samples(measured: Iterable[Measured]) -> dict[str, Sample]:
    """Rows by the model that predicts them."""
    by_name: dict[str, list[tuple[Measured, tuple[float, ...]]]] = {name: [] for name in TERMS}
    for row in measured:
        name = model_of(row)
        terms = _terms(name)(row)
        if terms is not None:
            by_name[name].append((row, terms))
    return {name: _sample(name, found) for name, found in by_name.items() if found}


def model_of(row: Measured) -> str:
    """The model that predicts a row."""
    family = row.run.family
    if row.metric in STEPS:
        return f"{family}_step"
    return "local_prompt" if family == "local" else "serving_first"


def _terms(name: str) -> Callable[[Measured], tuple[float, ...] | None]:
    function = {
        "local_step": speed_local.step_terms,
        "local_prompt": speed_local.prompt_terms,
        "serving_step": speed_serving.step_terms,
        "serving_first": speed_serving.first_terms,
    }[name]

    def terms(row: Measured) -> tuple[float, ...] | None:
        if row.hardware.bandwidth is None:
            return None
        return function(row.work, row.hardware, row.hardware.bandwidth, row.run, row.kind)

    return terms


def cell_of(row: Measured) -> Cell:
    return Cell(row.engine, row.hardware.generation, row.kind, row.hardware.id)


def _sample(name: str, found: Sequence[tuple[Measured, tuple[float, ...]]]) -> Sample:
    measured = tuple(row for row, _ in found)
    return Sample(
        name,
        measured,
        Rows(
            np.array([terms for _, terms in found], dtype=float),
            np.log([row.seconds for row in measured]),
            _weights(measured),
            tuple(map(cell_of, measured)),
            tuple(row.group for row in measured),
        ),
    )


def _weights(measured: Sequence[Measured]) -> Array:
    """Rows of one campaign share their mistakes: n of them count as the square root of n; copies count once."""

    def campaign(row: Measured) -> object:
        run = row.run
        return (row.group, row.hardware.id, row.engine, row.kind, run.tensor, run.attention, run.experts, row.source)

    def copy(row: Measured) -> object:
        return (row.group, row.hardware.id, row.engine, row.kind, row.metric, row.value)

    campaigns, copies = Counter(map(campaign, measured)), Counter(map(copy, measured))
    weights = np.array([campaigns[campaign(row)] ** -0.5 / copies[copy(row)] for row in measured])
    return weights * (len(weights) / weights.sum())


def left_out(sample: Sample, label: str = "group") -> Array:
    """log(measured / predicted) with the row's family of models (or engine, or generation) left out."""
    labels = {
        "group": [row.group for row in sample.measured],
        "engine": [row.engine for row in sample.measured],
        "generation": [row.hardware.generation for row in sample.measured],
        "collection": [row.collection for row in sample.measured],
    }[label]
    return leave_out(sample.name, sample.rows, PRIORS[sample.name], labels)


def spread_of(errors: Array, engines: Sequence[str], groups: Sequence[str], engine: str | None) -> Spread:
    """Quantiles of left-out errors: an engine's own, drawn towards all by how few they are."""
    low, high = np.quantile(errors, ENDS)
    if engine is None:
        return _spread(low, high, len(errors), len(set(groups)))
    own = np.array([name == engine for name in engines])
    families = {group for group, mine in zip(groups, own, strict=True) if mine}
    own_low, own_high = np.quantile(errors[own], ENDS)
    trust = own.sum() / (own.sum() + FEW) * len(families) / (len(families) + 1)
    return _spread(
        trust * own_low + (1 - trust) * low, trust * own_high + (1 - trust) * high, int(own.sum()), len(families)
    )


def _spread(low: float, high: float, rows: int, groups: int) -> Spread:
    return Spread(round(min(low, -FLOOR), 3), round(max(high, FLOOR), 3), rows, groups)


def calibrate(measured: Iterable[Measured], date: str, source: str) -> Efficiencies:
    """Factors and spreads of all models."""
    models = {}
    for name, sample in samples(measured).items():
        solution = solve(name, sample.rows, PRIORS[name])
        errors = left_out(sample)
        unseen = np.concatenate([left_out(sample, label) for label in ("generation", "engine")])
        engines, groups = [row.engine for row in sample.measured], list(sample.rows.groups)
        models[name] = model_record(
            solution,
            rows=len(sample.measured),
            groups=len(set(groups)),
            pooled=spread_of(errors, engines, groups, None),
            generations=tuple(sorted({row.hardware.generation for row in sample.measured})),
            unseen=_wider(spread_of(unseen, engines, groups, None), spread_of(errors, engines, groups, None)),
            spread={engine: spread_of(errors, engines, groups, engine) for engine in sorted(set(engines))},
        )
    return Efficiencies(date=date, source=source, **models)


def _wider(one: Spread, other: Spread) -> Spread:
    return Spread(min(one.low, other.low), max(one.high, other.high), one.rows, one.groups)


def model_record(
    solution: Solution,
    *,
    rows: int,
    groups: int,
    generations: tuple[str, ...],
    pooled: Spread,
    unseen: Spread,
    spread: dict[str, Spread],
) -> Model:
    """A solution as it is written: factors with three digits."""
    cells: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in GROUPS[solution.name]}
    for (kind, cell, group), value in sorted(solution.values.items()):
        if kind != "terms":
            cells[kind].setdefault(cell, {})[group] = round(float(np.exp(value)), 3)
    terms = {term: float(f"{np.exp(solution.values['terms', '', term]):.4g}") for term in TERMS[solution.name]}
    return Model(
        rows=rows,
        groups=groups,
        generations=generations,
        terms=terms,
        pooled=pooled,
        unseen=unseen,
        spread=spread,
        **cells,
    )

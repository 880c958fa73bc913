"""Speeds of one model on many devices at once: the same sums as speed.py, multiplied out.

A term of speed_local.py or speed_serving.py is a constant, or something divided by one of a device's rates (bandwidth,
the format's peak, the 16 bit peak, the link). What is divided is found by asking for the terms of a device on which
one rate is 1 and the others are infinite, so no formula stands here twice; a test holds both ways to the same figures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from . import speed_local, speed_serving
from .devices import DeviceSet
from .efficiencies import Cell, factors, load_efficiencies
from .hardware import Hardware
from .records import Ask, Subject
from .speed import ACCEPTANCE, HOST_SHARE, accepted_tokens, run_of
from .speed_run import SERVING, Family, Run, matmul_peak
from .speed_serving import SLOW_LINK
from .speed_work import Work, format_class, work_of

Array = npt.NDArray[np.float64]
INF = float("inf")
RATES = ("bandwidth", "stacked", "peak", "plain", "link")
Terms = Callable[[Work, Hardware, float, Run, str], tuple[float, ...] | None]


class Rates(msgspec.Struct, frozen=True, eq=False):
    """Rows of figures, one a device; NaN where nobody states a rate."""

    value: Array
    low: Array
    high: Array
    """Ends of the 80% interval."""


class _On(NamedTuple):
    """What the columns of one kind of weights on these devices depend on."""

    devices: tuple[Hardware, ...]
    kind: str
    """Class of the format."""
    engine: str


def rates_of(subject: Subject, ask: Ask, kinds: tuple[Hardware, ...]) -> tuple[Rates, Rates]:
    """Tokens read and written a second on sets of `ask.split.devices` of each kind."""
    work = work_of(subject.architecture, subject.weights, ask.kv_dtype)
    kind = format_class(subject.weights.format, subject.architecture.stored)
    count = ask.split.devices
    first = run_of(work, subject.weights, ask, DeviceSet(kinds[0], count))
    run = msgspec.structs.replace(first, spilled=0.0)
    wide = msgspec.structs.replace(run, sequences=run.sequences * (1 + ask.draft_tokens)) if ask.draft_tokens else run
    spilled = None if ask.engine in SERVING else _spilled(work, subject, ask, kinds)
    step, prompt = ("serving_step", "serving_first") if ask.engine in SERVING else ("local_step", "local_prompt")
    on = _On(kinds, kind, ask.engine)
    taken = _seconds(step, work, wide, on, spilled)
    decode = _rates(run.sequences * accepted_tokens(ask.draft_tokens, ACCEPTANCE) / taken, step, on)
    alone = msgspec.structs.replace(run, sequences=1.0) if ask.engine in SERVING else run
    read = _seconds(prompt, work, alone, on, spilled)
    known = np.where(np.isnan(_peaks(on)[1]), np.nan, read)
    return _rates(run.prompt_tokens / known, prompt, on), decode


def _spilled(work: Work, subject: Subject, ask: Ask, kinds: tuple[Hardware, ...]) -> Array:
    """As speed.spilled_share, for every device."""
    weights = subject.weights
    held = weights.total_bytes - weights.container_bytes - weights.host_bytes
    needed = held + ask.concurrency * work.kept_bytes(ask.context_tokens) + HOST_SHARE
    usable, spills = _memory(kinds)
    lacking = (needed - usable * ask.split.devices) / needed
    return np.where(spills, np.clip(lacking, 0.0, 1.0), 0.0)


@lru_cache(maxsize=8)
def _memory(kinds: tuple[Hardware, ...]) -> tuple[Array, npt.NDArray[np.bool_]]:
    usable = np.array([kind.usable_bytes for kind in kinds], dtype=float)
    return usable, np.array([kind.kind not in ("cpu", "unified") for kind in kinds])


TERMS: dict[str, Terms] = {
    "local_step": speed_local.step_terms,
    "local_prompt": speed_local.prompt_terms,
    "serving_step": speed_serving.step_terms,
    "serving_first": speed_serving.first_terms,
}


def _seconds(name: str, work: Work, run: Run, on: _On, spilled: Array | None) -> Array:
    """Seconds of a step or a prompt on each device."""
    weighed = _factors(name, on)[0]
    inverse = _inverse(on)
    taken: Array = _sum(weighed, inverse, _parts(TERMS[name], work, run, on.kind))
    if spilled is not None and spilled.any():
        beside = msgspec.structs.replace(run, spilled=1.0)
        taken = taken + spilled * (_sum(weighed, inverse, _parts(TERMS[name], work, beside, on.kind)) - taken)
    return taken


def _sum(weighed: Array, inverse: Array, parts: Array) -> Array:
    """(devices x terms) . (rates x terms) summed over rates, each at the device's own."""
    found: Array = ((weighed @ parts.T) * inverse).sum(axis=1)
    return found


def _parts(terms: Terms, work: Work, run: Run, kind: str) -> Array:
    """Rows: the constant, then what each rate divides."""
    rows = [_asked(terms, work, run, kind, None)]
    rows += [_asked(terms, work, run, kind, rate) - rows[0] for rate in RATES]
    return np.stack(rows)


def _asked(terms: Terms, work: Work, run: Run, kind: str, one: str | None) -> Array:
    device = _unit(one, kind if run.engine in SERVING else "16")
    found = terms(work, device, device.bandwidth or INF, run, kind)
    assert found is not None, "a device with all rates has all terms"
    return np.array(found, dtype=float)


@lru_cache(maxsize=64)
def _unit(one: str | None, kind: str) -> Hardware:
    """A device on which one rate is 1 and the others are infinite. Where a format has no peak of its own, the 16 bit
    peak is its peak, and counts once."""
    own = {"fp8": "fp8_flops", "int8": "fp8_flops", "nvfp4": "fp4_flops"}.get(kind)
    rates: dict[str, Any] = dict.fromkeys(
        ("bandwidth", "stacked_bandwidth", "bf16_flops", "fp8_flops", "fp4_flops", "link_bandwidth"), INF
    )
    wanted = {
        "bandwidth": "bandwidth",
        "stacked": "stacked_bandwidth",
        "peak": own or "bf16_flops",
        "plain": own and "bf16_flops",
        "link": "link_bandwidth",
    }
    field = wanted.get(one or "")
    if field:
        rates[field] = 1.0
    return Hardware(id="unit", name="unit", vendor="", kind="gpu", memory_bytes=1, usable_bytes=1, **rates)


@lru_cache(maxsize=256)
def _peaks(on: _On) -> tuple[Array, Array]:
    family: Family = "serving" if on.engine in SERVING else "local"
    peaks = np.array([matmul_peak(hardware, on.kind, family) or np.nan for hardware in on.devices])
    return peaks, np.array([hardware.bf16_flops or np.nan for hardware in on.devices])


@lru_cache(maxsize=256)
def _inverse(on: _On) -> Array:
    """Columns: 1, and 1 / rate for each of RATES. A peak nobody states costs nothing, as in speed.py."""
    bandwidth = np.array([hardware.bandwidth or np.nan for hardware in on.devices])
    link = np.array([hardware.link_bandwidth or SLOW_LINK for hardware in on.devices])
    free = [np.nan_to_num(1 / rate, nan=0.0) for rate in _peaks(on)]
    stacked = np.array([1 / (hardware.stacked_bandwidth or INF) for hardware in on.devices])
    return np.stack([np.ones(len(on.devices)), 1 / bandwidth, stacked, *free, 1 / link], axis=1)


@lru_cache(maxsize=256)
def _factors(name: str, on: _On) -> tuple[Array, Array, Array]:
    """Calibrated factors (devices x terms), and the ends of the spread."""
    table = load_efficiencies()
    cells = [Cell(on.engine, hardware.generation, on.kind, hardware.id) for hardware in on.devices]
    found = [factors(table, name, cell) for cell in cells]
    values = np.array([each.values for each in found], dtype=float)
    low = np.array([each.spread.low for each in found])
    return values, low, np.array([each.spread.high for each in found])


def _rates(value: Array, name: str, on: _On) -> Rates:
    _, low, high = _factors(name, on)
    return Rates(value, value * np.exp(-high), value * np.exp(-low))

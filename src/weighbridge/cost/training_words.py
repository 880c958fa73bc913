"""A reckoned training run beside what was reported of it, in words and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from weighbridge.catalog.records import TrainingRun
from weighbridge.charts.plane import short
from weighbridge.cost.finetuning import Tuning, TuningCost
from weighbridge.cost.training import AT_WORK, MFU, Training, TrainingCost
from weighbridge.cost.words import usd
from weighbridge.cost.workload import Range, sure
from weighbridge.units import format_bytes


class Reckoned(msgspec.Struct, frozen=True, kw_only=True):
    """One run, reckoned, and the reports it is held against."""

    name: str
    run: Training
    cost: TrainingCost
    device: str
    usd_hour: float | None
    """None: no price is known."""
    devices: int | None
    """At work at once; None: not asked."""
    reports: tuple[TrainingRun, ...]
    notes: tuple[str, ...]

    @property
    def usd(self) -> Range | None:
        return None if self.usd_hour is None else self.cost.device_hours.times(self.usd_hour)


class Tuned(msgspec.Struct, frozen=True):
    """Fine-tuning, reckoned."""

    name: str
    run: Tuning
    cost: TuningCost
    device: str
    usd_hour: float | None


def tuning_lines(one: Tuned) -> Iterator[str]:
    run, cost = one.run, one.cost
    yield f"{one.name}, {run.method}: {short(cost.trained_parameters)} parameters trained on {short(run.tokens)} tokens"
    yield f"  memory         {format_bytes(round(cost.state_bytes))} of weights, gradients and optimiser, and"
    yield f"                 {format_bytes(round(cost.activation_bytes))} of activations on each device, about"
    yield f"  devices        {cost.devices} x {one.device} at least, the state split evenly over them"
    used = f"{run.mfu.value:.0%} ({run.mfu.low:.0%} to {run.mfu.high:.0%})"
    yield f"  device hours   {_hours(cost.device_hours)} at {used} of the dense bf16 peak"
    if one.usd_hour is None:
        yield "  dollars        no rent is known: give --usd-hour"
    else:
        yield f"  dollars        {_dollars(cost.device_hours.times(one.usd_hour))} at ${one.usd_hour:g} an hour"
    yield "  not counted    data, tries that fail, evaluation, people"


def plain_tuning(one: Tuned) -> dict[str, Any]:
    hours, rent = one.cost.device_hours, one.usd_hour
    return {
        "model": one.name,
        "method": one.run.method,
        "tokens": one.run.tokens,
        "trained_parameters": one.cost.trained_parameters,
        "state_bytes": round(one.cost.state_bytes),
        "activation_bytes": round(one.cost.activation_bytes),
        "device": one.device,
        "devices": one.cost.devices,
        "device_hours": {"value": hours.value, "interval": [hours.low, hours.high]},
        "usd": None
        if rent is None
        else {"value": hours.value * rent, "interval": [hours.low * rent, hours.high * rent]},
    }


def lines(one: Reckoned) -> Iterator[str]:
    """The sum, line by line, then each report and how far it is from it."""
    run, cost = one.run, one.cost
    yield f"{one.name}: {short(run.parameters)} parameters a token x {short(run.tokens)} tokens"
    yield f"  6 N D          {cost.flop_parameters:.3g} operations"
    if cost.flop_attention:
        share = cost.flop_attention / cost.flop_parameters
        yield f"  attention      {cost.flop_attention:.3g} (+{share:.1%}), causal, sequences of {run.sequence:,} tokens"
    else:
        yield "  attention      not counted: the network is not known here"
    peak = f"{run.peak_flops / 1e12:,.0f} TFLOPS dense bf16"
    yield f"  {one.device:<14} {peak}, {run.mfu.value:.0%} of it used ({run.mfu.low:.0%} to {run.mfu.high:.0%}),"
    yield f"  {'':<14} {run.at_work:.0%} of the time"
    yield from (f"  {'':<14} {line}" for line in _assumed(run))
    yield f"  device hours   {_hours(cost.device_hours)}"
    if one.usd is not None:
        yield f"  dollars        {_dollars(one.usd)} at ${one.usd_hour:g} an hour"
    else:
        yield "  dollars        no rent is known: give --usd-hour"
    if one.devices is not None:
        yield f"  time           {cost.device_hours.value / one.devices / 24:.1f} days on {one.devices:,}"
    for report in one.reports:
        yield from _report(one, report)
    yield from (f"  note: {note}" for note in one.notes)


def _assumed(run: Training) -> Iterator[str]:
    """Where assumptions that nobody gave are from."""
    if run.mfu == MFU:
        yield "assumed: Llama 3 405B used 38 to 43% of it (arXiv 2407.21783); with fp8 matrices no more:"
        yield "Llama 4 did 390 TFLOPS a GPU, 39% of the bf16 peak"
    if run.at_work == AT_WORK:
        yield "assumed: the rest of the time goes to failures and restarts, as in Llama 3's report"


def _report(one: Reckoned, report: TrainingRun) -> Iterator[str]:
    how = f"{report.kind} by {report.reported_by}, {report.stage}, {report.source}"
    yield f"  {how}"
    for said, found, name in (
        (report.gpu_hours, one.cost.device_hours, "hours"),
        (report.usd, one.usd, "dollars"),
        (report.flop, sure(one.cost.flop_parameters), "operations"),
    ):
        if said is None:
            continue
        if found is None:
            yield f"    {said:,.4g} {name}"
            continue
        if name == "operations":
            yield f"    {said:.3g} operations: 6 N D is {found.value / said - 1:+.1%}"
            continue
        inside = "within" if found.low <= said <= found.high else "outside"
        yield f"    {said:,.0f} {name}: reckoned {found.value / said - 1:+.1%}, {inside} the interval"
    yield from (f"    {text}" for text in (report.note, report.doubt and f"doubtful: {report.doubt}") if text)


HEADS = ("MODEL", "STAGE", "HOURS REPORTED", "RECKONED", "RATIO", "OPERATIONS REPORTED", "6 N D", "RATIO")


def table_rows(found: list[Reckoned]) -> list[tuple[str, ...]]:
    """One line a report that names hours or operations: reported, reckoned, ratio."""
    return [
        (
            one.name,
            report.stage,
            *_beside(report.gpu_hours, one.cost.device_hours.value, short),
            *_operations(one, report),
        )
        for one in found
        for report in one.reports
        if report.gpu_hours or report.flop
    ]


def _operations(one: Reckoned, report: TrainingRun) -> tuple[str, str, str]:
    return _beside(report.flop, one.cost.flop_parameters, lambda value: f"{value:.2e}")


def _beside(reported: float | None, reckoned: float, write: Callable[[float], str]) -> tuple[str, str, str]:
    if not reported:
        return "", "", ""
    return write(reported), write(reckoned), f"{reckoned / reported:.2f}"


def plain(one: Reckoned) -> dict[str, Any]:
    hours = one.cost.device_hours
    return {
        "model": one.name,
        "parameters": one.run.parameters,
        "tokens": one.run.tokens,
        "flop_6nd": one.cost.flop_parameters,
        "flop_attention": one.cost.flop_attention,
        "device": one.device,
        "assumed": {
            "peak_flops": one.run.peak_flops,
            "mfu": [one.run.mfu.value, one.run.mfu.low, one.run.mfu.high],
            "at_work": one.run.at_work,
            "sequence": one.run.sequence,
        },
        "device_hours": {"value": hours.value, "interval": [hours.low, hours.high]},
        "usd": None if one.usd is None else {"value": one.usd.value, "interval": [one.usd.low, one.usd.high]},
        "usd_hour": one.usd_hour,
        "days": None if one.devices is None else hours.value / one.devices / 24,
        "reported": [_plain_report(one, report) for report in one.reports],
        "notes": list(one.notes),
    }


def _plain_report(one: Reckoned, report: TrainingRun) -> dict[str, Any]:
    hours, money = one.cost.device_hours, one.usd
    return {
        "stage": report.stage,
        "by": report.reported_by,
        "source": report.source,
        "kind": report.kind,
        "device_hours": report.gpu_hours,
        "usd": report.usd,
        "flop": report.flop,
        "reckoned_over_reported": {
            "device_hours": hours.value / report.gpu_hours if report.gpu_hours else None,
            "usd": money.value / report.usd if money and report.usd else None,
            "flop": one.cost.flop_parameters / report.flop if report.flop else None,
        },
        "note": report.note,
        "doubt": report.doubt,
    }


def _hours(hours: Range) -> str:
    return f"{short(hours.value)} ({short(hours.low)} to {short(hours.high)})"


def _dollars(money: Range) -> str:
    return f"{usd(money.value)} ({usd(money.low)} to {usd(money.high)})"

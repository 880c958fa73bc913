"""The answer: does it fit, what is left, how long, how many, how fast.

`fit` is a function of records alone. It is what the command prints, what costs are reckoned from and what `pick` asks
for every model; `fit_details` adds the parts of the overhead and the notes that people want to read.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .answer_limits import longest_context, most_sequences
from .answer_split import packed_as, resolve_split
from .devices import DeviceSet
from .hardware import Hardware
from .launch import launch_commands
from .memory import LLAMACPP, capacity_bytes, plan
from .memory_records import Need
from .records import Ask, Engine, FigureKind, Fit, Subject
from .speed import Speeds, speed
from .state_types import engine_keeps


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """A fit with everything it was made from."""

    fit: Fit
    ask: Ask
    """With the split that was chosen."""
    need: Need
    free_bytes: int
    """capacity - total; below zero where it does not fit."""
    speeds: Speeds | None
    """None where the device's bandwidth is unknown, or where the engine would not start for want of memory."""
    notes: tuple[str, ...] = ()
    users_within_target: int | None = None
    """Most sequences for which a latency target holds that somebody named; None where nobody did."""


def usual_engine(device: Hardware, *, gguf: bool = False) -> Engine:
    """The engine people would take: llama.cpp for its own files, on CPUs and on Apple's chips, else vLLM."""
    if gguf or device.kind == "cpu" or device.vendor == "Apple":
        return "llamacpp"
    return "vllm"


def fit(subject: Subject, ask: Ask, devices: DeviceSet, *, launch: bool = True) -> Fit:
    """The answer for one model on one set of devices; a split of another number of devices is replaced by the usual.

    Without `launch` the commands are left out, which takes a fraction of the time.
    """
    return fit_details(subject, ask, devices, launch=launch).fit


def fit_details(subject: Subject, ask: Ask, devices: DeviceSet, *, launch: bool = True) -> Details:
    """The answer, and what it was made from."""
    if ask.split.devices != devices.count:
        ask = msgspec.structs.replace(
            ask, split=resolve_split(packed_as(subject.architecture, subject.variant), ask.engine, devices.count)
        )
    planned = plan(subject, ask, devices.hardware)
    need = planned.need(ask.context_tokens, ask.concurrency)
    capacity = capacity_bytes(ask, devices.hardware)
    total = need.total_bytes
    speeds = None
    if total <= capacity or ask.engine in LLAMACPP:
        speeds = speed(subject.architecture, subject.weights, ask, devices)
    answer = Fit(
        model=subject.model,
        variant=subject.variant,
        device=devices.hardware.id,
        count=devices.count,
        weights_bytes=need.weights_bytes,
        kv_bytes_per_token=planned.state.per_token_bytes(ask.context_tokens),
        state_bytes_per_sequence=planned.state.fixed_bytes(),
        kv_bytes=need.kv_bytes,
        overhead_bytes=need.overhead_bytes,
        total_bytes=total,
        capacity_bytes=capacity,
        fits=total <= capacity,
        max_context=longest_context(planned, ask.concurrency, capacity),
        max_concurrency=most_sequences(planned, ask.context_tokens, capacity),
        prefill_tps=speeds.prefill_tps if speeds else None,
        decode_tps=speeds.decode_tps if speeds else None,
        kinds=_kinds(subject, devices.hardware),
        launch=launch_commands(subject, devices.hardware, _asks(subject, ask, devices)) if launch else {},
    )
    notes = (*_notes(subject, ask), *_left_out(subject, ask, need, capacity), *(speeds.assumed if speeds else ()))
    return Details(fit=answer, ask=ask, need=need, free_bytes=capacity - total, speeds=speeds, notes=notes)


def _asks(subject: Subject, ask: Ask, devices: DeviceSet) -> Callable[[Engine], tuple[Ask, int]]:
    """The same ask for another engine, cut as that engine cuts, and the bytes it would lack."""

    def for_engine(engine: Engine) -> tuple[Ask, int]:
        other = ask
        if engine != ask.engine:
            split = resolve_split(packed_as(subject.architecture, subject.variant), engine, devices.count)
            kept = ask.kv_dtype if engine_keeps(engine, ask.kv_dtype) else "auto"
            own = {"memory_fraction": None, "step_tokens": None}
            other = msgspec.structs.replace(ask, engine=engine, split=split, kv_dtype=kept, **own)
        total = plan(subject, other, devices.hardware).total_bytes(ask.context_tokens, ask.concurrency)
        return other, max(0, total - capacity_bytes(other, devices.hardware))

    return for_engine


def _kinds(subject: Subject, device: Hardware) -> dict[str, FigureKind]:
    """How each figure came about. Totals are no better than the worst of what they are made of."""
    kept: FigureKind = "estimated" if subject.architecture.assumed else "derived"
    capacity: FigureKind = "estimated" if "usable_memory_bytes" in device.assumed else "measured"
    kinds: dict[str, FigureKind] = {
        "weights_bytes": subject.weights.kind,
        "kv_bytes_per_token": kept,
        "state_bytes_per_sequence": kept,
        "kv_bytes": kept,
        "overhead_bytes": "estimated",
        "total_bytes": "estimated",
        "capacity_bytes": capacity,
        "fits": "estimated",
        "max_context": "estimated",
        "max_concurrency": "estimated",
        "prefill_tps": "estimated",
        "decode_tps": "estimated",
    }
    return kinds


def _left_out(subject: Subject, ask: Ask, need: Need, capacity: int) -> tuple[str, ...]:
    """How much llama.cpp would bring to devices that do not hold all of it."""
    if ask.engine not in LLAMACPP or need.total_bytes <= capacity:
        return ()
    layers = len(subject.architecture.layers)
    room = max(0, capacity - need.overhead_bytes)
    held = min(layers, layers * room // max(1, need.weights_bytes + need.kv_bytes))
    return (
        f"about {held} of {layers} layers fit on the devices; llama.cpp leaves the others to the host, which is slow",
    )


def _notes(subject: Subject, ask: Ask) -> tuple[str, ...]:
    assumed = subject.architecture.assumed
    notes = [note for note in subject.weights.notes if note.removeprefix("assumed: ") not in assumed]  # said once
    made_for = subject.architecture.max_context
    if made_for is not None and ask.context_tokens > made_for:
        notes.append(f"the model was made for {made_for:,} tokens; {ask.context_tokens:,} needs scaled positions")
    if assumed:
        notes.append(f"the config does not say: {', '.join(assumed)} (assumed)")
    return tuple(notes)

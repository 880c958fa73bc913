"""How fast: prompts read and tokens written a second, time to the first token, and where a latency target breaks.

    seconds of a step   sum of what it reads, computes and waits for, at stated rates x calibrated factors
    decode              sequences / seconds of a step; `draft_tokens` proposed and partly accepted make it more
    prefill             tokens of a prompt / seconds until it is read, with no other request in the way
    first token         the same with the queue of `concurrency` prompts

Every figure is an estimate with the interval that covers 80% of measurements of models that were left out of the
calibration. A device whose bandwidth nobody states has no speed. How and how well: docs/speed.md.
"""

from __future__ import annotations

import math

import msgspec

from . import speed_local, speed_serving
from .architecture import Architecture
from .devices import DeviceSet
from .efficiencies import Cell, Efficiencies, Factors, factors, load_efficiencies, seconds
from .hardware import Hardware
from .records import Ask, Speed
from .speed_run import SERVING, Run
from .speed_work import Work, format_class, work_of
from .weights_record import Weights

ACCEPTANCE = 0.7
"""Share of proposed tokens that are accepted when nobody says: DeepSeek-V3's report has 0.85 to 0.90 for its own
second token, engines' users report 0.6 to 0.8 over mixed work."""
HOST_SHARE = 0.6e9
"""Bytes of buffers that llama.cpp needs beside weights and cache before layers must stay with the host."""
MOST_SEQUENCES = 1 << 16


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """Over the whole device set."""

    decode_tps: Speed
    """Tokens written a second over all sequences."""
    decode_tps_per_user: Speed
    prefill_tps: Speed | None
    """Tokens of one prompt read a second; None where the device's operations a second are unknown."""
    first_token_s: Speed | None
    """Seconds until the first token of a request when all sequences arrive together."""
    seen: bool
    """Whether this engine on this generation of devices was measured; else the intervals are wide."""
    spilled: float = 0.0
    """Share of the weights that has no room and is read by the host's processor (llama.cpp)."""
    assumed: tuple[str, ...] = ()


def speed(
    architecture: Architecture,
    weights: Weights,
    ask: Ask,
    devices: DeviceSet,
    table: Efficiencies | None = None,
    *,
    acceptance: float = ACCEPTANCE,
) -> Speeds | None:
    """Speeds of a model on a set of devices; None where the device's bandwidth is unknown.

    `table` are the calibrated factors, by default those that came with weighbridge. `acceptance` is the share of
    drafted tokens that are kept (only with `ask.draft_tokens`), in [0, 1].
    """
    work = work_of(architecture, weights, ask.kv_dtype)
    run = run_of(work, weights, ask, devices)
    kind = format_class(weights.format, architecture.stored)
    return speeds_of(work, kind, run, devices.hardware, table, draft=ask.draft_tokens, acceptance=acceptance)


def run_of(work: Work, weights: Weights, ask: Ask, devices: DeviceSet) -> Run:
    """How an ask runs: lengths, ranks, and what has no room."""
    prompt = ask.prompt_tokens or max(1, ask.context_tokens // 2)
    answer = max(1, ask.context_tokens - prompt)
    serving = ask.engine in SERVING
    split = ask.split if ask.split.devices == devices.count else None
    return Run(
        engine=ask.engine,
        sequences=float(ask.concurrency),
        behind_tokens=prompt + answer / 2,
        prompt_tokens=float(prompt),
        answer_tokens=float(answer) if serving and ask.concurrency > 1 else 0.0,
        tensor=(split.tensor if split else devices.count) if serving else 1,
        experts=split.expert if split and serving else 1,
        stages=(split.pipeline if split else 1) if serving else devices.count,
        step_tokens=ask.step_tokens or (2048 if serving else 512),
        spilled=0.0 if serving else spilled_share(work, weights, ask, devices),
    )


def spilled_share(work: Work, weights: Weights, ask: Ask, devices: DeviceSet) -> float:
    """Share of weights and cache that a local engine leaves with the host; 0 where the device is the host."""
    if devices.hardware.kind in ("cpu", "unified"):
        return 0.0
    held = weights.total_bytes - weights.container_bytes - weights.host_bytes
    needed = held + ask.concurrency * work.kept_bytes(ask.context_tokens) + HOST_SHARE
    return min(1.0, max(0.0, (needed - devices.usable_bytes) / needed))


def speeds_of(
    work: Work,
    kind: str,
    run: Run,
    hardware: Hardware,
    table: Efficiencies | None = None,
    *,
    draft: int = 0,
    acceptance: float = ACCEPTANCE,
) -> Speeds | None:
    """Speeds of counted work; `kind` is the class of its format (speed_work.py)."""
    table = table or load_efficiencies()
    step = step_seconds(work, kind, run, hardware, table, draft=draft)
    if step is None:
        return None
    taken, found = step
    kept = accepted_tokens(draft, acceptance)
    decode = _rate(run.sequences * kept / taken, found)
    prompt = prompt_seconds(work, kind, run, hardware, table)
    first = first_token_seconds(work, kind, run, hardware, table)
    return Speeds(
        decode_tps=decode,
        decode_tps_per_user=_rate(kept / taken, found),
        prefill_tps=_rate(run.prompt_tokens / prompt[0], prompt[1]) if prompt else None,
        first_token_s=_time(first[0], first[1]) if first else None,
        seen=found.seen,
        spilled=run.spilled,
        assumed=(f"{acceptance:.0%} of {draft} drafted tokens are accepted",) if draft else (),
    )


def step_seconds(
    work: Work, kind: str, run: Run, hardware: Hardware, table: Efficiencies, *, draft: int = 0
) -> tuple[float, Factors] | None:
    """Seconds of a step that writes one token of each sequence, or checks `draft` more; None without a bandwidth."""
    if hardware.bandwidth is None:
        return None
    module, name = (speed_serving, "serving_step") if run.family == "serving" else (speed_local, "local_step")
    found = factors(table, name, _cell(run, kind, hardware))
    wide = msgspec.structs.replace(run, sequences=run.sequences * (1 + draft)) if draft else run
    return seconds(module.step_terms(work, hardware, hardware.bandwidth, wide, kind), found), found


def prompt_seconds(
    work: Work, kind: str, run: Run, hardware: Hardware, table: Efficiencies
) -> tuple[float, Factors] | None:
    """Seconds until one prompt is read when nobody else asks; None without the device's rates."""
    if run.family == "serving":
        return first_token_seconds(work, kind, msgspec.structs.replace(run, sequences=1.0), hardware, table)
    if hardware.bandwidth is None:
        return None
    found = factors(table, "local_prompt", _cell(run, kind, hardware))
    terms = speed_local.prompt_terms(work, hardware, hardware.bandwidth, run, kind)
    return (seconds(terms, found), found) if terms else None


def first_token_seconds(
    work: Work, kind: str, run: Run, hardware: Hardware, table: Efficiencies
) -> tuple[float, Factors] | None:
    """Seconds until the first token when all sequences arrive together; None without the device's rates."""
    if hardware.bandwidth is None or hardware.bf16_flops is None:
        return None
    if run.family == "serving":
        found = factors(table, "serving_first", _cell(run, kind, hardware))
        return seconds(speed_serving.first_terms(work, hardware, hardware.bandwidth, run, kind), found), found
    prompt = prompt_seconds(work, kind, run, hardware, table)
    step = step_seconds(work, kind, run, hardware, table)
    if prompt is None or step is None:
        return None
    return prompt[0] * (run.sequences + 1) / 2 + step[0], prompt[1]


def steady_first_seconds(work: Work, kind: str, run: Run, hardware: Hardware, table: Efficiencies) -> float | None:
    """Mean seconds until the first token of somebody who asks while the others are being answered.

    Each of `sequences` users asks again as soon as an answer ends, so prompts come at times of their own: one is read
    at a time, after those before it (a queue with one server and service of fixed length), and then one step follows.
    None without the device's rates.
    """
    prompt = prompt_seconds(work, kind, run, hardware, table)
    step = step_seconds(work, kind, run, hardware, table)
    if prompt is None or step is None:
        return None
    answer = run.answer_tokens or run.prompt_tokens
    busy = (run.sequences - 1) * prompt[0] / (answer * step[0] + prompt[0])
    if busy >= 1:
        return math.inf
    return prompt[0] * (1 + busy / (2 * (1 - busy))) + step[0]


def accepted_tokens(draft: int, acceptance: float) -> float:
    """Tokens a step yields: one, and as many of `draft` as come before the first that is refused."""
    if not draft:
        return 1.0
    return float(draft + 1) if acceptance >= 1 else (1 - acceptance ** (draft + 1)) / (1 - acceptance)


def first_token_between(architecture: Architecture, weights: Weights, ask: Ask, devices: DeviceSet) -> float | None:
    """steady_first_seconds of a model on a set of devices, by the shipped factors; None where speeds are unknown."""
    work = work_of(architecture, weights, ask.kv_dtype)
    kind = format_class(weights.format, architecture.stored)
    run = run_of(work, weights, ask, devices)
    return steady_first_seconds(work, kind, run, devices.hardware, load_efficiencies())


def most_sequences(
    architecture: Architecture,
    weights: Weights,
    ask: Ask,
    devices: DeviceSet,
    *,
    token_s: float | None = None,
    first_s: float | None = None,
    table: Efficiencies | None = None,
) -> int:
    """Most sequences at once for which a token takes at most `token_s` and the first at most `first_s` seconds, while
    users ask at times of their own (steady_first_seconds).

    Judged by the middle of the estimate. 0 where one sequence is too slow already, or where speeds are unknown.
    """
    table, work = table or load_efficiencies(), work_of(architecture, weights, ask.kv_dtype)
    kind = format_class(weights.format, architecture.stored)

    def holds(sequences: int) -> bool:
        asked = msgspec.structs.replace(ask, concurrency=sequences)
        run = run_of(work, weights, asked, devices)
        step = step_seconds(work, kind, run, devices.hardware, table)
        first = steady_first_seconds(work, kind, run, devices.hardware, table) if first_s is not None else None
        quick = token_s is None or (step is not None and step[0] <= token_s)
        return quick and (first_s is None or (first is not None and first <= first_s))

    low, high = 0, 1
    while high <= MOST_SEQUENCES and holds(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _cell(run: Run, kind: str, hardware: Hardware) -> Cell:
    return Cell(run.engine, hardware.generation, kind, hardware.id)


def _rate(value: float, found: Factors) -> Speed:
    """A rate falls when seconds rise: the upper quantile of seconds is the lower end."""
    return Speed(value, (value * math.exp(-found.spread.high), value * math.exp(-found.spread.low)))


def _time(value: float, found: Factors) -> Speed:
    return Speed(value, (value * math.exp(found.spread.low), value * math.exp(found.spread.high)))

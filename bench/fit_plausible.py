"""Which rows cannot be what they say, judged by the row and by physics, never by what is predicted for it.

    unfinished    its note says that whoever measured calls it unofficial, experimental or work in progress
    no device     its columns say that it ran on none
    no room       a serving engine, whose weights take more than the memory of the devices it names
    too fast      a step or a prompt that takes less time than reading its bytes once, or doing its operations, at the
                  rates that the devices' makers state: another model, format or device than the row says, prompts from
                  a cache, or drafted tokens

A bound is on the safe side: it counts one token's experts, nothing for waits, the faster of all ways of leaving
weights with the host, and 5% for sizes that are known no better. Operations bound devices that state a rate for
matrices, not processors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fit_measured import STEPS, Measured

from weighbridge.fit import speed_serving
from weighbridge.fit.speed_run import Run, matmul_peak
from weighbridge.fit.speed_work import Work

UNFINISHED = re.compile(r"\bWIP\b|\bwork in progress\b|\bexperimental\b|\b(?:not |un)official\b", re.IGNORECASE)
FASTEST_HOST = 102.4e9
"""Bytes a second of two channels of DDR5-6400, what desktop processors have at best."""
SLACK = 1.05


def contradiction(row: Mapping[str, str]) -> str | None:
    """Why the row's own words rule it out; None where they do not."""
    if UNFINISHED.search(row["note"]):
        return "its source calls itself unfinished"
    if row["n_gpu"].strip() in ("0", "0.0"):
        return "the row says it ran on no device"
    return None


def impossible(row: Measured) -> str | None:
    """Why nothing could have run like that; None where something could."""
    work, hardware = row.work, row.hardware
    weights = work.dense_bytes + work.head_bytes + work.expert_bytes
    if row.run.family == "serving" and weights > SLACK * hardware.memory_bytes * row.run.devices:
        return "its weights have no room on the devices it names"
    if hardware.bandwidth is None:
        return None
    if row.metric in STEPS and row.seconds * SLACK < _reading_seconds(work, row.run, hardware.bandwidth):
        return "faster than its bytes can be read"
    if row.seconds * SLACK < _computing_seconds(row):
        return "faster than its operations can be done"
    return None


def _reading_seconds(work: Work, run: Run, bandwidth: float) -> float:
    """What a step reads at least, at stated rates; each rank of a serving engine reads its share."""
    experts = work.expert_bytes * work.touched_share(1)
    if run.family == "serving":
        own = max(1.0, run.sequences / run.stages / run.attention)
        cache = own * work.cache_bytes(run.behind_tokens, run.tensor)
        read = (work.dense_bytes + work.head_bytes) / run.tensor + experts / (run.tensor * run.attention) + cache
        return read / bandwidth
    cache = run.sequences * work.cache_bytes(run.behind_tokens)
    spilled = run.spilled * (work.dense_bytes + work.expert_bytes + cache)
    idle = min(spilled, work.expert_bytes)  # experts are best left with the host: few of them are read
    hosted = idle * work.touched_share(1) + spilled - idle
    return (work.dense_bytes + work.head_bytes + experts + cache - hosted) / bandwidth + hosted / FASTEST_HOST


def _computing_seconds(row: Measured) -> float:
    """What products take at least; 0 where nobody states a rate that binds."""
    work, run, plain = row.work, row.run, row.hardware.bf16_flops
    peak = matmul_peak(row.hardware, row.kind, run.family)
    if peak is None or row.hardware.kind == "cpu":
        return 0.0
    step = row.metric in STEPS
    if not step and run.family == "serving":
        return speed_serving.prompt_seconds(work, run, peak, plain)
    products = work.dense_parameters + work.active_share * work.expert_parameters
    if step:
        products += work.head_parameters
    return 2 * products * (run.sequences if step else run.prompt_tokens) / peak / run.devices

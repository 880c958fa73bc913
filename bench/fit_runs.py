"""How a row of throughput_truth.csv was run: lengths, sequences at once, and over how many ranks.

Columns that mean something else than they seem to, as seen in the rows:

    batch_or_concurrency   for serving engines sequences of one attention rank, but for ids that say as many in all;
                           for llama.cpp above 256 its --batch-size
    note `ctx=N`           the allocated context; for llama-bench rows (512/128 with a batch size) tokens already cached
    parallel               tp8..mtp8ep8 with 64 devices is 8 devices (the same ids stand there as 8); the id of a row
                           says tpX_epY where the columns multiply; tp above 8 with one expert rank is wide attention
                           data parallel
    isl, osl               512 and 128 of a self-reported row are llama-bench's two separate tests
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fit_row_names import Unplaced

from weighbridge.fit.hardware import Hardware
from weighbridge.fit.speed import HOST_SHARE
from weighbridge.fit.speed_run import Run
from weighbridge.fit.speed_work import Work
from weighbridge.fit.weights_record import Weights

MOST = 10**9
"""Of tokens, sequences or devices."""


def local_run(row: Mapping[str, str], engine: str, serving: bool) -> Run:
    """Rows of llama.cpp and its kin, and single requests to a serving engine."""
    batch, prompt, answer, depth = (number(row, name) for name in ("batch_or_concurrency", "isl", "osl", "depth"))
    separate = prompt == 512 and answer == 128
    if not serving and batch > 256:
        if separate:
            depth = _allocated(row)
        batch = 1
    read_before = 0 if row["metric"] == "decode_total" or separate else prompt
    return Run(
        engine=engine,
        sequences=float(max(1, batch)),
        behind_tokens=depth + read_before + answer / 2,
        prompt_tokens=float(prompt or 512),
        cached_tokens=float(depth),
        stages=1 if serving else max(1, number(row, "n_gpu")),
        tensor=max(1, number(row, "n_gpu")) if serving else 1,
        step_tokens=2048 if "ubatch 2048" in row["note"] or serving or engine == "mlx" else 512,
    )


def serving_run(row: Mapping[str, str], engine: str) -> Run:
    tensor, attention, experts, sequences = ranks(row)
    prompt, answer = number(row, "isl"), number(row, "osl")
    return Run(
        engine=engine,
        sequences=float(sequences),
        behind_tokens=prompt + answer / 2,
        prompt_tokens=float(prompt or 512),
        answer_tokens=float(answer),
        tensor=tensor,
        attention=attention,
        experts=experts,
        step_tokens=2048,
    )


def ranks(row: Mapping[str, str]) -> tuple[int, int, int, int]:
    """Tensor ranks, attention ranks, expert ranks and sequences in all (module docstring)."""
    batch = max(1, number(row, "batch_or_concurrency"))
    short = re.fullmatch(r"([td])ep([1-9]\d{0,5})", row["parallel"])
    if short:
        count = int(short[2])
        return (count, 1, count, batch) if short[1] == "t" else (1, count, count, batch)
    found = re.fullmatch(r"tp([1-9]\d{0,5})(?:pp(\d{0,6})dp(\d{0,6})mtp(\d{0,6})ep(\d{0,6}))?", row["parallel"])
    if found is None:
        raise Unplaced(f"parallel {row['parallel']!r} cannot be read")
    tensor, _, data, moe_tensor, experts = (max(1, int(part or 1)) for part in found.groups())
    named = re.search(r"_tp([1-9]\d{0,5})(?:_0)?_ep(\d{1,6})(?:_0)?_\d+$", row["source"])
    asked = re.search(r"_c(\d{1,9})_", row["source"])
    total = batch if asked and int(asked[1]) == batch else batch * data
    if named:
        devices, spread = int(named[1]), int(named[2])
        if tensor == 1 or devices > 8:
            return 1, devices, max(spread, devices), total
        return devices, 1, spread, total
    if moe_tensor == experts > 1 and "epnone" not in row["source"]:
        return (1, experts, experts, total) if tensor == 1 else (experts, 1, experts, total)
    if moe_tensor * experts > tensor * data:  # attention is repeated where the experts take more devices
        data = moe_tensor * experts // tensor
        total = batch if asked else batch * data
    if asked and "dpm" in row["parallel"] and int(asked[1]) == batch * tensor > total:
        return 1, tensor, experts, int(asked[1])
    return tensor, data, experts, total


def spilled_share(row: Mapping[str, str], run: Run, work: Work, weights: Weights, hardware: Hardware) -> float:
    """Of weights and cache, what has no room on the row's cards; 0 where the device is the host."""
    if hardware.kind in ("cpu", "unified"):
        return 0.0
    length = max(_allocated(row), run.behind_tokens, run.cached_tokens + run.prompt_tokens, 2048)
    held = weights.total_bytes - weights.container_bytes - weights.host_bytes
    needed = held + run.sequences * work.kept_bytes(length) + HOST_SHARE
    return min(1.0, max(0.0, (needed - hardware.usable_bytes * run.devices) / needed))


def number(row: Mapping[str, str], name: str) -> int:
    """A column as a whole number; 0 where it is empty or text. Raises Unplaced for what nobody can have run."""
    text = row.get(name) or "0"
    try:
        said = float(text)
    except ValueError:
        return 0
    if not 0 <= said <= MOST:
        raise Unplaced(f"{name} {text!r} cannot have been run")
    return int(said)


def _allocated(row: Mapping[str, str]) -> int:
    said = re.search(r"ctx=(\d{1,9})\b", row["note"])
    return int(said[1]) if said else 0

"""How far is llama.cpp's predicted memory from what its benchmark took, on models the constants have not seen?

Truth: `runtime_mem_truth.csv`: llama-bench, with the exact bytes of the tensors and the device's memory before and at
its peak. Peak = what graphics memory (gtt + vram) grew by. Ours = tensors - the embedding table where the backend
leaves it with the host + cache + overhead. The two constants of a backend (runtime, first large batch) are estimated
again for each model from the rows of the others, so nothing is told about the model that is predicted.

Skipped and counted: models without a config, and rows whose peak lies below the tensors themselves: part of the model
was not in memory that is counted there (seen with Vulkan, whose weights spill into plain system memory).

    error = |ours - truth| / truth          within: error <= 2% or |ours - truth| <= 300 MiB

    python bench/fit_memory.py FOLDER [--rows] | tail -1
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fit_names import FORMAT, Names, rows_of
from fit_weights import bytes_of, percentile

from weighbridge.errors import InputError, UsageError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.memory_llamacpp import (
    CELLS,
    ROCM_BATCH_BYTES,
    RUNTIME_BYTES,
    STEP_TOKENS,
    Backend,
    charges,
    rounding,
)
from weighbridge.fit.state import state_of
from weighbridge.fit.state_types import kv_type
from weighbridge.fit.weights import derive
from weighbridge.units import MIB

TOLERANCE = 300 * MIB
BACKENDS: dict[str, Backend] = {
    "rocm|hip": "rocm",
    "vulkan": "vulkan",
    "cuda": "cuda",
    "metal|mtl": "metal",
    "sycl": "sycl",
    "cann": "cann",
    "cpu|blas": "cpu",
}
"""How rows write them; the first that is named counts (`Vulkan,RPC`, `Metal,BLAS`)."""


@dataclass(frozen=True)
class Run:
    group: str
    model: str
    backend: Backend
    reads: bool
    """Whether it read a prompt in large steps."""
    tokens: int
    truth: int
    known: int
    """Tensors on the device, cache and buffers: all but the constants."""

    def predicted(self, runtime: int, batch: int) -> int:
        return self.known + runtime + (batch if self.reads and self.backend == "rocm" else 0)


def measure(folder: Path) -> dict[str, object]:
    """Figures of all rows of a folder."""
    runs, skipped = place(folder)
    judged = [(run, *errors_of(run, runs)) for run in runs]
    errors = [error for _, _, error in judged]
    shipped = [abs(_shipped(run) - run.truth) / run.truth for run in runs]
    return {
        "n": len(errors),
        "median": statistics.median(errors) if errors else None,
        "p95": percentile(errors, 0.95),
        "within": _share([abs(off) <= max(TOLERANCE, 0.02 * run.truth) for run, off, _ in judged]),
        "median_shipped": statistics.median(shipped) if shipped else None,
        "constants_mib": _constants(runs),
        "skipped": dict(skipped),
    }


def place(folder: Path) -> tuple[list[Run], Counter[str]]:
    """Every row that can be placed, and how many cannot, by reason."""
    names, runs, skipped = Names(folder), [], Counter[str]()
    for row in rows_of(folder / "runtime_mem_truth.csv"):
        architecture = names.find(row["group"], row["file"])
        if architecture is None:
            skipped["no config for the model"] += 1
            continue
        wrong = _unsaid(row)
        if wrong:
            skipped[wrong] += 1
            continue
        truth = _grown(row, "gtt") + _grown(row, "vram")
        held = bytes_of(row["model_tensor_bytes"]) - _table(architecture, row["file"])
        if truth < held:
            skipped["peak below the model's own tensors"] += 1
            continue
        runs.append(_run(row, architecture, truth))
    return runs, skipped


def backend_of(text: str) -> Backend | None:
    """The first backend a row names that is known here; None: it names none."""
    return next((kind for label, kind in BACKENDS.items() if re.search(label, text, re.IGNORECASE)), None)


def _unsaid(row: Mapping[str, str]) -> str:
    """What a row lacks before it can be predicted; empty: nothing."""
    if backend_of(row["backend"]) is None:
        return f"backend {row['backend']!r} is not known"
    if not all(bytes_of(row[name]) > 0 for name in ("tokens", "model_tensor_bytes")):
        return "the row does not say what was run"
    try:
        kv_type(row["type_k"] or "f16")
        float(row["gtt_peak_mib"] or row["vram_peak_mib"])
    except UsageError:
        return f"cache type {row['type_k']!r} is not known"
    except ValueError:
        return "the row does not say what was measured"
    return ""


def _grown(row: dict[str, str], where: str) -> int:
    return int(float(row[f"{where}_peak_mib"] or 0) - float(row[f"{where}_start_mib"] or 0)) * MIB


def _table(architecture: Architecture, file: str) -> int:
    """Bytes of the embedding table that the host keeps: by the file's own mixture, else as four bits would have it."""
    if architecture.tied:
        return 0
    found = FORMAT.search(file)
    name = found[4].upper() if found and not found[1] else "Q4_K_M"
    try:
        return derive(architecture, f"gguf:{name}").host_bytes
    except InputError:
        return derive(architecture, "gguf:Q4_K_M").host_bytes


def _run(row: dict[str, str], architecture: Architecture, truth: int) -> Run:
    backend = backend_of(row["backend"])
    assert backend is not None  # _unsaid
    tokens, step = bytes_of(row["tokens"]), bytes_of(row["n_ubatch"]) or STEP_TOKENS
    reads = row["mode"] == "pp" and tokens >= 64
    cells = -(-tokens // CELLS) * CELLS
    flash = row["fa"].lower() in ("true", "1", "on")
    taken = charges(
        architecture, backend=backend, cells=cells, step_tokens=step, flash_attention=flash, reads_prompts=reads
    )
    overhead = sum(charge.bytes for charge in taken) - RUNTIME_BYTES[backend]
    overhead -= ROCM_BATCH_BYTES if reads and backend == "rocm" else 0
    cache = state_of(architecture, row["type_k"] or "f16", float32_convolutions=True)
    table = _table(architecture, row["file"]) if backend != "vulkan" else 0
    known = bytes_of(row["model_tensor_bytes"]) - table + cache.sequence_bytes(tokens, rounding(step)) + overhead
    if backend == "vulkan" and architecture.tied:
        known += derive(architecture, "gguf:Q6_K").host_bytes  # the host's copy of a table that is also the head
    return Run(row["group"], row["file"], backend, reads, tokens, truth, known)


def errors_of(run: Run, runs: list[Run]) -> tuple[int, float]:
    """Bytes and share by which a run is missed, with constants from the other models."""
    runtime, batch = constants([other for other in runs if other.group != run.group], run.backend)
    off = run.predicted(runtime, batch) - run.truth
    return off, abs(off) / run.truth


def constants(runs: list[Run], backend: Backend) -> tuple[int, int]:
    """Medians of what is left over: without a large batch, and what such a batch adds."""
    still = [run.truth - run.known for run in runs if run.backend == backend and not run.reads and run.tokens >= 64]
    runtime = int(statistics.median(still)) if still else RUNTIME_BYTES[backend]
    large = [run.truth - run.known - runtime for run in runs if run.backend == backend and run.reads]
    return runtime, int(statistics.median(large)) if large else ROCM_BATCH_BYTES


def _shipped(run: Run) -> int:
    return run.predicted(RUNTIME_BYTES[run.backend], ROCM_BATCH_BYTES)


def _constants(runs: list[Run]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for backend in sorted({run.backend for run in runs}):
        found[backend] = [round(each / MIB) for each in constants(runs, backend)]
    return dict(found)


def _share(kept: list[bool]) -> float | None:
    return sum(kept) / len(kept) if kept else None


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    if "--rows" in arguments:
        runs, _ = place(folder)
        for run in sorted(runs, key=lambda run: (run.group, run.backend, run.reads, run.tokens)):
            off, error = errors_of(run, runs)
            mode = "pp" if run.reads else "tg"
            print(f"{error:8.3%} {off / MIB:8.0f} MiB  {run.backend:7} {mode} {run.tokens:5} {run.model}")
    print(json.dumps({"memory_llamacpp": measure(folder)}))


if __name__ == "__main__":
    main(sys.argv[1:])

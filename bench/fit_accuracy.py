"""How far is `weighbridge fit` from the truth, in weights, cache, memory and speed, and how far are its peers?

Each part is a script of its own that can be run alone: fit_weights, fit_kv, fit_memory, fit_throughput. FOLDER holds
the tables they name; one that is missing is said and left out. Speeds and the constants of memory are judged on models
that were left out of what they were fitted on. The peers' figures stand beside ours where the folder has them, or as
their authors' releases measured on the shipped folder (whichllm 0.5.21, llmfit 1.1.17, llm-cal 0.2.0 without a hub;
aiconfigurator 0.12.0). The last line is one JSON object; errors in it are fractions.

    python bench/fit_accuracy.py FOLDER | tail -1
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fit_kv
import fit_memory
import fit_throughput
import fit_weights
from fit_rows import read_rows

Part = Mapping[str, Any]
PARTS: tuple[tuple[str, tuple[str, ...], Callable[[Path], Part]], ...] = (
    ("weights", ("weights_truth.csv",), fit_weights.measure),
    ("kv", ("kv_reference_32k.csv", "kv_measured.csv"), fit_kv.measure),
    ("memory_llamacpp", ("runtime_mem_truth.csv",), fit_memory.measure),
    ("throughput", ("throughput_truth.csv",), fit_throughput.measure),
)
KEPT = {
    "weights": ("n", "median", "p95"),
    "kv": ("n", "median", "p95"),
    "memory_llamacpp": ("n", "median", "p95", "within"),
    "decode": ("n", "median", "p90", "coverage80"),
    "prefill": ("n", "median", "p90", "coverage80"),
}
GOALS = {
    "weights": "median 0.1%, 95% within 0.5%",
    "kv": "median 0.5%",
    "memory_llamacpp": "2% or 300 MiB",
    "decode": "median 10%, 90% within 25%, intervals cover 75 to 85%",
    "prefill": "median 20%",
}


PEERS: dict[str, dict[str, dict[str, Any]]] = {
    "weights": {"whichllm": {"median": 0.075}, "llmfit": {"median": 0.036}},
}
"""Without a hub to ask, on the shipped folder's rows; caches and speeds are in the folder's tables."""


def accuracy(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of every part the folder has tables for, and of rows nobody could place, by reason."""
    result: dict[str, Any] = {}
    skipped: Counter[str] = Counter()
    for name, files, measure in PARTS:
        missing = [file for file in files if not (folder / file).exists()]
        if len(missing) == len(files):
            say(f"{name}: {' and '.join(missing)} missing in {folder}; left out")
            continue
        try:
            found = measure(folder)
        except FileNotFoundError as error:
            say(f"{name}: {error.filename} is missing; left out")
            continue
        skipped.update(found.get("skipped", {}))
        parts = found if name == "throughput" else {name: found}
        for part, kept in KEPT.items():
            if parts.get(part):
                result[part] = {key: parts[part].get(key) for key in kept}
                _say(say, part, parts[part])
        _say_peers(say, name, found if name != "throughput" else {"peers": _aiconfigurator(folder)})
    result["skipped"] = dict(skipped)
    return result


def _aiconfigurator(folder: Path) -> dict[str, dict[str, Any]]:
    """Its errors beside ours on the points it answered."""
    found: dict[str, dict[str, Any]] = {}
    for metric, both in fit_throughput.peer(folder, read_rows(folder)).items():
        if isinstance(both, Mapping):
            figures = {f"{who} {key}": value for who in ("aiconfigurator", "ours") for key, value in both[who].items()}
            found[f"aiconfigurator, {metric}"] = {"n": both["n"], **figures}
    return found


def placed_share(folder: Path, skipped: Mapping[str, int]) -> float | None:
    """Of all rows that are to be predicted, the share that was placed."""
    rows = sum(_count(folder / file) for _, files, _ in PARTS for file in files)
    return 1 - sum(skipped.values()) / rows if rows else None


def _count(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def _say(say: Callable[[str], None], part: str, found: Part) -> None:
    shown = [f"{key} {_shown(found[key])}" for key in KEPT[part] if found.get(key) is not None]
    say(f"{part:16} {', '.join(shown)}   (goal: {GOALS[part]})")


def _say_peers(say: Callable[[str], None], name: str, found: Part) -> None:
    for peer, figures in {**PEERS.get(name, {}), **dict(found.get("peers") or {})}.items():
        say(f"{'':16} {name}, {peer}: {', '.join(f'{key} {_shown(value)}' for key, value in figures.items())}")


def _shown(value: object) -> str:
    return f"{value:.2%}" if isinstance(value, float) else str(value)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.exit("usage: python bench/fit_accuracy.py FOLDER   (a folder with weights_truth.csv and the like)")
    folder = Path(arguments[0])
    result = accuracy(folder, print)
    share = placed_share(folder, result["skipped"])
    print(f"placed           {_shown(share)} of all rows" if share is not None else "no rows")
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Rows of throughput_truth.csv as runs whose speed can be predicted.

What a row must say before it can be placed: a model whose config is in the folder's configs.jsonl or the catalogue,
a device of the catalogue, an engine and a format that are known, and nothing that cannot be (fit_plausible.py). What
cannot be placed is counted by reason.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from fit_measured import Measured, Placed
from fit_plausible import contradiction, impossible
from fit_row_names import ENGINES, Configs, Unplaced, device_of, positive, weights_of
from fit_runs import local_run, serving_run, spilled_share

from weighbridge.errors import UsageError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.speed_run import SERVING, Run
from weighbridge.fit.speed_work import Work, format_class, work_of
from weighbridge.fit.weights_record import Weights

KNOWN_ENGINES = frozenset(("llamacpp", "llamacpp-vulkan", "llamacpp-rocm", "ollama", "mlx")) | SERVING
OLD = {"llamacpp": (r"2024", "@2024"), "vllm": (r"0\.(\d|1[0-3])\.", "@0.12")}
"""Releases that differ from those of today: llama.cpp before its integer kernels, vLLM while its fp8 kernels read all
experts whatever the batch."""
MODELOPT = re.compile(r"nvidia/.*-(?:NV)?FP[48]$")
"""Checkpoints of NVIDIA's own packer say that the cache is kept in fp8, which engines obey (`kv_cache_quant_algo` of
their hf_quant_config.json; vLLM's resolve_kv_cache_dtype_string)."""


def read_rows(folder: Path) -> Placed:
    """All rows of a folder's throughput_truth.csv."""
    configs = Configs(folder / "configs.jsonl")
    rows: list[Measured] = []
    skipped: Counter[str] = Counter()
    with (folder / "throughput_truth.csv").open(encoding="utf-8-sig", newline="") as file:
        for at, row in enumerate(csv.DictReader(file), start=1):
            try:
                rows.append(
                    _place(at, defaultdict(str, {name: text or "" for name, text in row.items() if name}), configs)
                )
            except Unplaced as why:
                skipped[str(why)] += 1
    return Placed(tuple(rows), dict(skipped))


def read_points(folder: Path, rows: Iterable[Mapping[str, str]], like: Placed) -> list[Measured]:
    """Further points as rows, each in the family that `like` has its model in; what cannot be placed is left out."""
    configs, families = Configs(folder / "configs.jsonl"), {row.model: row.group for row in like.rows}
    points = []
    for row in rows:
        whole = defaultdict(str, row, group=families.get(row["model"], row["model"]))
        with suppress(Unplaced):
            points.append(_place(0, whole, configs))
    return points


def _place(at: int, row: Mapping[str, str], configs: Configs) -> Measured:
    """Raises Unplaced."""
    wrong = contradiction(row)
    if wrong:
        raise Unplaced(wrong)
    engine = ENGINES.get(row["engine"], row["engine"])
    if engine not in KNOWN_ENGINES:
        raise Unplaced(f"engine {row['engine']!r} is not known")
    release, mark = OLD.get(engine, ("(?!)", ""))
    serving, engine = engine in SERVING, engine + mark if re.match(release, row["engine_version"]) else engine
    hardware = device_of(row["hardware"])
    architecture = configs.find(row["repo_or_file"], row["model"])
    weights = weights_of(architecture, row, engine.partition("@")[0].partition("-")[0])
    work = _work(architecture, weights, _cache_type(row))
    run = serving_run(row, engine) if serving and row["parallel"] else local_run(row, engine, serving)
    if not serving:
        run = msgspec.structs.replace(run, spilled=spilled_share(row, run, work, weights, hardware))
    value = positive(row["value"])
    placed = Measured(
        number=at,
        group=row["group"],
        model=row["model"],
        engine=engine,
        metric=row["metric"],
        source=re.sub(r" id[= ]\S+|/results/\S+", "", row["source"])[:60],
        value=value,
        seconds=_seconds(row["metric"], value, run),
        work=work,
        kind=format_class(weights.format, architecture.stored),
        run=run,
        hardware=hardware,
        label=row["source"].partition("silicon_sample.csv id=")[2],
    )
    wrong = impossible(placed)
    if wrong:
        raise Unplaced(wrong)
    return placed


def _work(architecture: Architecture, weights: Weights, cache_type: str) -> Work:
    try:
        return work_of(architecture, weights, cache_type)
    except UsageError as error:
        raise Unplaced(f"cache type {cache_type!r} is not known") from error


def _cache_type(row: Mapping[str, str]) -> str:
    said = row["kv_dtype"]
    if said and said != "turbo2":
        return said
    return "fp8" if MODELOPT.match(row["model"]) else "auto"


def _seconds(metric: str, value: float, run: Run) -> float:
    if metric in ("tpot", "ttft"):
        return value / 1e3
    if metric == "decode_total":
        return run.sequences / value
    if metric in ("prefill", "decode"):
        return (run.prompt_tokens if metric == "prefill" else 1.0) / value
    raise Unplaced(f"metric {metric!r} is not a speed")

"""Rows of throughput_truth.csv as runs whose speed can be predicted.

What a row must say before it can be placed: a model whose config is in the folder's configs.jsonl or the catalogue,
a device of the catalogue, an engine and a format that are known. What cannot is counted by reason.

Columns that mean something else than they seem to, as seen in the rows:

    batch_or_concurrency   for serving engines sequences of one attention rank; for llama.cpp above 256 its --batch-size
    note `ctx=N`           the allocated context; for llama-bench rows (512/128 with a batch size) tokens already cached
    parallel               tp8..mtp8ep8 with 64 devices is 8 devices (the same ids stand there as 8); the id of a row
                           says tpX_epY where the columns multiply; tp above 8 with one expert rank is wide attention
                           data parallel
    isl, osl               512 and 128 of a self-reported row are llama-bench's two separate tests
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from weighbridge.catalog.records import Device
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.errors import WeighbridgeError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.devices import find_devices
from weighbridge.fit.hardware import Hardware, all_hardware
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.speed import HOST_SHARE
from weighbridge.fit.speed_run import SERVING, Run
from weighbridge.fit.speed_work import Work, format_class, work_of
from weighbridge.fit.weights import derive
from weighbridge.fit.weights_record import Weights

STEPS = ("decode", "tpot", "decode_total")
ENGINES = {"llama.cpp": "llamacpp", "trtllm": "tensorrt-llm", "lmstudio": "llamacpp", "hipfire": "llamacpp",
           "llama.cpp/vulkan_radv": "llamacpp-vulkan", "llama.cpp/rocm-7_2_3": "llamacpp-rocm"}  # fmt: skip
KNOWN_ENGINES = frozenset(("llamacpp", "llamacpp-vulkan", "llamacpp-rocm", "ollama", "mlx")) | SERVING
OLD = {"llamacpp": (r"2024", "@2024"), "vllm": (r"0\.(\d|1[0-3])\.", "@0.12")}
"""Releases that differ from those of today: llama.cpp before its integer kernels, vLLM while its fp8 kernels read all
experts whatever the batch."""
DYNAMIC = {"Q2_K_XL": "Q2_K", "Q3_K_XL": "Q3_K_M", "Q4_K_XL": "Q4_K_M", "Q5_K_XL": "Q5_K_M", "Q6_K_XL": "Q6_K",
           "Q8_K_XL": "Q8_0"}  # fmt: skip
"""Recipes that differ by tensor, taken for the nearest fixed one: their bytes are near, not exact."""
QUANTISATION = re.compile(
    r"(?:UD-)?(?:I?Q\d_(?:K_)?(?:XXS|XS|S|M|L|XL|NL|\d)|I?Q\d_K|MXFP4|NVFP4|AWQ|GPTQ|int4|int8|fp8|\d-?bit|BF16|F16)",
    re.IGNORECASE,
)
MARKS = frozenset(("instruct", "it", "mtp", "gguf", "qat", "i1", "ud", "hf", "chat", "base", "meta", "reasoning",
                   "thinking", "plus", "mlx", "community", "2507", "2512", "nvidia", "ggml"))  # fmt: skip
"""Words of a name that do not change the shape of a model."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row that was placed."""

    number: int
    """Line of the file, from 1, the header left out."""
    group: str
    model: str
    engine: str
    metric: str
    source: str
    """Who measured, shortened so that rows of one campaign share it."""
    value: float
    """As the row states it: tokens a second, or milliseconds."""
    seconds: float
    """Of a step, or until the prompt is read."""
    work: Work
    kind: str
    run: Run
    hardware: Hardware
    label: str
    """Id of the point in aiconfigurator's table; empty elsewhere."""


@dataclass(frozen=True, slots=True)
class Placed:
    rows: tuple[Measured, ...]
    skipped: dict[str, int]

    @property
    def total(self) -> int:
        return len(self.rows) + sum(self.skipped.values())


class Unplaced(Exception):
    """Why a row cannot be predicted."""


def read_rows(folder: Path) -> Placed:
    """All rows of a folder's throughput_truth.csv."""
    configs = Configs(folder / "configs.jsonl")
    rows: list[Measured] = []
    skipped: Counter[str] = Counter()
    with (folder / "throughput_truth.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            try:
                rows.append(_place(number, row, configs))
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


def _place(number: int, row: Mapping[str, str], configs: Configs) -> Measured:
    engine = ENGINES.get(row["engine"], row["engine"])
    if engine not in KNOWN_ENGINES:
        raise Unplaced(f"engine {row['engine']!r} is not known")
    release, mark = OLD.get(engine, ("(?!)", ""))
    serving, engine = engine in SERVING, engine + mark if re.match(release, row["engine_version"]) else engine
    hardware = device_of(row["hardware"])
    architecture = configs.find(row["repo_or_file"], row["model"])
    weights = _weights(architecture, row)
    work = work_of(architecture, weights, row["kv_dtype"] if row["kv_dtype"] not in ("", "turbo2") else "auto")
    run = _serving_run(row, engine) if serving and row["parallel"] else _local_run(row, engine, serving)
    if not serving:
        run = msgspec.structs.replace(run, spilled=_spilled(row, run, work, weights, hardware))
    value = float(row["value"])
    return Measured(
        number=number,
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


def _seconds(metric: str, value: float, run: Run) -> float:
    if value <= 0:
        raise Unplaced("the value is not positive")
    if metric in ("tpot", "ttft"):
        return value / 1e3
    if metric == "decode_total":
        return run.sequences / value
    if metric in ("prefill", "decode"):
        return (run.prompt_tokens if metric == "prefill" else 1.0) / value
    raise Unplaced(f"metric {metric!r} is not a speed")


def _number(row: Mapping[str, str], name: str) -> int:
    try:
        return int(float(row.get(name) or 0))
    except ValueError:
        return 0


def _allocated(row: Mapping[str, str]) -> int:
    said = re.search(r"ctx=(\d+)", row["note"])
    return int(said[1]) if said else 0


def _local_run(row: Mapping[str, str], engine: str, serving: bool) -> Run:
    """Rows of llama.cpp and its kin, and single requests to a serving engine."""
    batch, prompt, answer, depth = (_number(row, name) for name in ("batch_or_concurrency", "isl", "osl", "depth"))
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
        stages=1 if serving else max(1, _number(row, "n_gpu")),
        tensor=max(1, _number(row, "n_gpu")) if serving else 1,
        step_tokens=2048 if "ubatch 2048" in row["note"] or serving or engine == "mlx" else 512,
    )


def _serving_run(row: Mapping[str, str], engine: str) -> Run:
    tensor, attention, experts, sequences = ranks(row)
    prompt, answer = _number(row, "isl"), _number(row, "osl")
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
    batch = max(1, _number(row, "batch_or_concurrency"))
    short = re.fullmatch(r"([td])ep(\d+)", row["parallel"])
    if short:
        count = int(short[2])
        return (count, 1, count, batch) if short[1] == "t" else (1, count, count, batch)
    found = re.fullmatch(r"tp(\d+)(?:pp(\d*)dp(\d*)mtp(\d*)ep(\d*))?", row["parallel"])
    if found is None:
        raise Unplaced(f"parallel {row['parallel']!r} cannot be read")
    tensor, _, data, moe_tensor, experts = (max(1, int(part or 1)) for part in found.groups())
    named = re.search(r"_tp(\d+)(?:_0)?_ep(\d+)(?:_0)?_\d+$", row["source"])
    total = batch * data
    if named:
        devices, spread = int(named[1]), int(named[2])
        if tensor == 1 or devices > 8:
            return 1, devices, max(spread, devices), total
        return devices, 1, spread, total
    if moe_tensor == experts > 1 and "epnone" not in row["source"]:
        return (1, experts, experts, total) if tensor == 1 else (experts, 1, experts, total)
    asked = re.search(r"_c(\d+)_", row["source"])
    if moe_tensor * experts > tensor * data:  # attention is repeated where the experts take more devices
        data = moe_tensor * experts // tensor
        total = batch if asked else batch * data
    if asked and "dpm" in row["parallel"] and int(asked[1]) == batch * tensor > total:
        return 1, tensor, experts, int(asked[1])
    return tensor, data, experts, total


def _spilled(row: Mapping[str, str], run: Run, work: Work, weights: Weights, hardware: Hardware) -> float:
    if hardware.kind in ("cpu", "unified"):
        return 0.0
    length = max(_allocated(row), run.behind_tokens, run.cached_tokens + run.prompt_tokens, 2048)
    held = weights.total_bytes - weights.container_bytes - weights.host_bytes
    needed = held + run.sequences * work.kept_bytes(length) + HOST_SHARE
    return min(1.0, max(0.0, (needed - hardware.usable_bytes * run.devices) / needed))


def _weights(architecture: Architecture, row: Mapping[str, str]) -> Weights:
    """Of the row's format; where the row says how large the file is, scaled to that."""
    try:
        weights = derive(architecture, _format(row))
    except WeighbridgeError as error:
        raise Unplaced(f"format {_format(row)!r} is not known") from error
    if not row["weights_gib"]:
        return weights
    share = float(row["weights_gib"]) * 2**30 / weights.total_bytes
    parts = tuple(msgspec.structs.replace(part, bytes=round(part.bytes * share)) for part in weights.parts)
    return msgspec.structs.replace(
        weights,
        parts=parts,
        total_bytes=round(weights.total_bytes * share),
        host_bytes=round(weights.host_bytes * share),
    )


def _format(row: Mapping[str, str]) -> str:
    said, named = row["precision"], QUANTISATION.search(row["repo_or_file"])
    if (not said or said.lower() in ("fp16", "bf16")) and named and row["engine"] != "llama.cpp":
        said = named[0]
    if not said and named:
        said = named[0]
    if not said:
        if ENGINES.get(row["engine"], row["engine"]) not in SERVING:
            raise Unplaced("the row says no format")
        said = "bf16"
    said = said.upper().removeprefix("UD-").removeprefix("MLX-")
    said = {"FP4": "nvfp4", "F16": "fp16", "INT4": "int4", "INT8": "int8", "4BIT": "4bit", "6BIT": "6bit"}.get(
        said, said
    )
    said = DYNAMIC.get(said, said)
    return said if said[0] in "QIM" else said.lower()


class Configs:
    """Architectures by the names people give models: the folder's configs first, then the catalogue's."""

    def __init__(self, path: Path) -> None:
        self._known: dict[str, Mapping[str, object]] = {}
        for name, config in self._read(path):
            cores = list(_cores(name))
            whole = next((self._known[core] for core in cores if core in self._known), config)
            for key in (name.lower(), *cores):
                self._known.setdefault(key, whole if config.get("partial") else config)

    @staticmethod
    def _read(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows.sort(key=lambda row: (bool(row.get("partial")), bool(row.get("confidence"))))
        yield from ((str(row["model"]), row) for row in rows if _readable(row))
        for model in load_catalogue().models.values():
            facts = model.facts.get("config", ())
            if facts and _readable(facts[0].value):
                yield model.id, facts[0].value

    def find(self, *names: str) -> Architecture:
        """The architecture of the first name that is known. Raises Unplaced."""
        for name in names:
            for key in (name.lower(), *_cores(name)):
                if name and key in self._known:
                    return read_architecture(self._known[key])
        raise Unplaced("no config of the model")


def _readable(config: Mapping[str, object]) -> bool:
    try:
        read_architecture(config)
    except WeighbridgeError:
        return False
    return True


def _cores(name: str) -> Iterator[str]:
    """A name without its owner, format and the words that do not change a model's shape."""
    last = name.lower().rpartition("/")[2].partition(":")[0].removesuffix(".gguf")
    owner, _, rest = last.partition("_")
    for text in (last, rest) if owner.isalpha() else (last,):
        words = re.split(r"[-_ ](?!\d)|(?<!\d)\.", QUANTISATION.sub("", text))
        yield "-".join(word for word in words if word and word not in MARKS)


@lru_cache(maxsize=1024)
def device_of(text: str) -> Hardware:
    """The device a row names. Raises Unplaced."""
    bare = re.sub(r"\([^)]*\)|^CPU |w/.*$|\d+\S?Core GPU|_", " ", text).replace("\N{NON-BREAKING HYPHEN}", " ")
    words = [word for at, word in enumerate(bare.split()) if word not in bare.split()[:at]]
    try:
        return find_devices(" ".join(words), _hardware()).hardware
    except WeighbridgeError as error:
        raise Unplaced(f"device {text!r} is not known") from error


@lru_cache(maxsize=1)
def _hardware() -> tuple[tuple[Device, Hardware], ...]:
    return all_hardware(load_catalogue())

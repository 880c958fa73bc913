"""How far are derived weights from published sizes?

Truth: `weights_truth.csv` of a folder (model, repo, format, total_bytes, precision) beside `configs.jsonl`. A row is
placed when its model has a config (in the folder by name, else in the catalogue by what its resolver says the name
means) and its format is known. Files whose recipe is not public (UD) are not predicted: they are counted as skipped.

    error = max(0, |ours - truth| - half the row's rounding unit) / truth

The rounding unit follows from `precision`: `GB 2dp` is 10 MB, `GiB 1dp` 102 MiB, `sum of 4 shards, each 0.1
GiB-rounded` four times 102 MiB, `bpw 4dp x N params` N/8 x 0.0001 bytes. Sizes that count tensors only (llama-bench,
parameter counts) are compared with our tensors, sizes of files with our files.

    python bench/fit_weights.py FOLDER [--rows]
"""

from __future__ import annotations

import csv
import json
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from weighbridge.catalog.match import load_index, resolve_name
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.catalog.view import fact_of
from weighbridge.errors import InputError
from weighbridge.fit.publishers import maker_of
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.weights import derive
from weighbridge.units import GB, GIB

Config = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    group: str
    model: str
    repo: str
    format: str
    truth: int
    precision: str
    date: str

    @property
    def unit(self) -> float:
        """The rounding unit in bytes; 0 for exact rows."""
        text = self.precision
        if match := re.search(r"sum of (\d+) shards, each ([\d.]+) GiB", text):
            return int(match[1]) * float(match[2]) * GIB
        if match := re.search(r"\b(GB|GiB) (\d)dp", text):
            return (GB if match[1] == "GB" else GIB) * 10.0 ** -int(match[2])
        if match := re.search(r"\b(GB|GiB) (\d) significant digits", text):
            whole = GB if match[1] == "GB" else GIB
            return whole * 10.0 ** (len(str(int(self.truth / whole))) - int(match[2]))
        if match := re.search(r"bpw (\d)dp x (\d+) params", text):
            return int(match[2]) / 8 * 10.0 ** -int(match[1])
        return 0.0

    @property
    def of_tensors(self) -> bool:
        """Whether the truth counts tensors only, not the file around them."""
        return any(word in self.precision for word in ("tensor", "llama-bench", "bpw"))


@dataclass(frozen=True)
class Residual:
    row: Row
    ours: int
    error: float


def measure(folder: Path) -> dict[str, object]:
    """Figures for all rows of a folder: n, median, p95, skipped by reason, and medians by format."""
    residuals, skipped = place(folder)
    errors = [residual.error for residual in residuals]
    by_format: defaultdict[str, list[float]] = defaultdict(list)
    for residual in residuals:
        by_format[_family(residual.row.format)].append(residual.error)
    return {
        "n": len(errors),
        "median": statistics.median(errors) if errors else None,
        "p95": percentile(errors, 0.95),
        "skipped": dict(skipped),
        "by_format": {
            name: {"n": len(values), "median": statistics.median(values), "p95": percentile(values, 0.95)}
            for name, values in sorted(by_format.items())
        },
    }


def place(folder: Path) -> tuple[list[Residual], Counter[str]]:
    """Every row with what we derive for it, and how many rows could not be placed, by reason."""
    places = Places(folder)
    residuals: list[Residual] = []
    skipped: Counter[str] = Counter()
    rows = read_rows(folder)
    of_group: dict[str, list[Config]] = {}  # rows of one group share their shapes
    for row in rows:
        of_group[row.group] = of_group.get(row.group) or places.configs(row.model, row.repo)
    for row in rows:
        if row.truth <= 0:
            skipped["the row does not say how many bytes"] += 1
            continue
        configs = places.configs(row.model, row.repo) or of_group[row.group]
        if not configs:
            skipped["no config for the model"] += 1
            continue
        try:
            residuals.append(_residual(row, configs))
        except InputError as error:
            skipped[_reason(error)] += 1
    return residuals, skipped


def _residual(row: Row, configs: Iterable[Config]) -> Residual:
    """With the first config that says enough; the error of the last where none does."""
    trouble: InputError | None = None
    for config in configs:
        try:
            weights = derive(read_architecture(config), format_name(row), maker_of(row.repo, released(row)))
        except InputError as error:
            trouble = error
            continue
        ours = weights.total_bytes - (weights.container_bytes if row.of_tensors else 0)
        return Residual(row, ours, max(0.0, abs(ours - row.truth) - row.unit / 2) / row.truth)
    raise trouble or InputError("no config")


def _reason(error: InputError) -> str:
    text = error.what
    if "UD quantisation" in text:
        return "the recipe is not public (UD)"
    return "the format is not known" if text.startswith("the format") else "the config does not say enough"


def format_name(row: Row) -> str:
    """The row's format as `derive` takes it."""
    text = row.format
    if text.startswith("GGUF:"):
        return f"gguf:{text[5:]}"
    if text.startswith("MLX:"):
        return _mlx(text[4:])
    return "native" if "+" in text else text


def _mlx(text: str) -> str:
    """`Instruct-2512-6bit` is six bits; a name without bits is the model as converted, in 16."""
    match = re.search(r"(\d)[ -]?bit(?:-(mxfp4|nvfp4))?", text, re.IGNORECASE)
    return f"mlx:{match[0]}" if match else "bf16"


def released(row: Row) -> str:
    """The day the model came out, as the catalogue knows it; a file's own date where it is earlier."""
    catalogue = load_catalogue()
    for meant in (*meanings(row.model), *meanings(row.repo)):
        fact = fact_of(catalogue, catalogue.models[meant], "released")
        if fact is not None:
            return min(str(fact.value), row.date or "9")
    return row.date


def read_rows(folder: Path) -> list[Row]:
    """All rows; a column that is missing, or a line that ends early, is an empty cell."""
    with (folder / "weights_truth.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [
            defaultdict(str, {name: text or "" for name, text in row.items() if name}) for row in csv.DictReader(file)
        ]
    return [
        Row(
            row["group"] or row["model"],
            row["model"],
            row["repo"],
            row["format"],
            bytes_of(row["total_bytes"]),
            row["precision"],
            row["date"],
        )
        for row in rows
    ]


def bytes_of(text: str) -> int:
    """A number of bytes, `2.47e9` too; 0 for what is none."""
    try:
        return int(text) if text.strip().isdigit() else round(float(text))
    except (ValueError, OverflowError):
        return 0


class Places:
    """Configs by name: those of the folder first, then the catalogue's."""

    def __init__(self, folder: Path) -> None:
        self.by_id: defaultdict[str, list[Config]] = defaultdict(list)
        self.by_key: defaultdict[str, list[Config]] = defaultdict(list)
        path = folder / "configs.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        configs = [json.loads(line) for line in lines if line.strip()]
        for config in sorted(configs, key=lambda config: bool(config.get("partial"))):
            name = str(config.get("model") or "")
            self.by_id[name.lower()].append(config)
            self.by_key[key_of(name)].append(config)

    def configs(self, model: str, repo: str = "") -> list[Config]:
        """Configs for a model, the most complete first."""
        found: list[Config] = []
        for name in (repo, model):
            found += self.by_id.get(name.lower(), [])
        found += self.by_key.get(key_of(model), [])
        for name in (repo, model):
            for meant in meanings(name):
                found += self.by_id.get(meant.lower(), [])
                found += catalogue_configs(meant)
        complete = [config for config in found if not config.get("partial")]
        return complete + [config for config in found if config.get("partial")]


def key_of(name: str) -> str:
    """A name without owner, case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.rsplit("/", 1)[-1].lower())


@cache
def meanings(name: str) -> tuple[str, ...]:
    """What a name means to the catalogue; a file or a repository of quantised files is tried without its endings.

    A name that could be the base model or the chat model means both where the two have the same shapes.
    """
    plain = re.sub(r"[-_.](gguf|mlx|\d+bit|i1)\b", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    maybe: tuple[str, ...] = ()
    for text in (name, plain, plain.replace("_", "/", 1), plain.split("_", 1)[-1]):
        try:
            match = resolve_name(load_index(), text)
        except InputError:
            continue
        if match.id is not None:
            return (match.id,)
        maybe = maybe or match.alternatives
    shapes = [shapes_of(meant) for meant in maybe]
    return maybe if shapes and shapes[0] is not None and all(shape == shapes[0] for shape in shapes) else ()


def shapes_of(model_id: str) -> object:
    """What tells two architectures apart: their layers and what lies around them."""
    for config in catalogue_configs(model_id):
        try:
            arch = read_architecture(config)
        except InputError:
            continue
        return arch.layers, arch.outside, arch.towers
    return None


def catalogue_configs(model_id: str) -> list[Config]:
    """Configs the catalogue has for an id, those without doubt first."""
    model = load_catalogue().models.get(model_id)
    facts = model.facts.get("config", ()) if model is not None else ()
    return [
        {**fact.value, "partial": bool(fact.doubt and "not all" in fact.doubt)}
        for fact in sorted(facts, key=lambda fact: bool(fact.doubt))
        if isinstance(fact.value, Mapping)
    ]


def percentile(values: list[float], share: float) -> float | None:
    """The value that this share of them does not exceed, interpolated between neighbours."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _family(fmt: str) -> str:
    if fmt.startswith("MLX"):
        return "MLX"
    if fmt.startswith("GGUF:"):
        name = fmt[5:].upper()
        return "GGUF IQ" if name.startswith("IQ") else "GGUF K" if "_K" in name else "GGUF other"
    return fmt


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    if "--rows" in arguments:
        residuals, _ = place(folder)
        for residual in sorted(residuals, key=lambda residual: residual.error):
            row = residual.row
            signed = residual.ours / row.truth - 1
            print(f"{residual.error:9.4%} {signed:+9.4%} {row.model:32.32} {row.format:22} {row.repo[:50]}")
    print(json.dumps({"weights": measure(folder)}))


if __name__ == "__main__":
    main(sys.argv[1:])

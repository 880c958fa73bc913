"""What rows of measurements call models, formats and devices, and what they mean by it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
from weighbridge.fit.speed_run import SERVING
from weighbridge.fit.weights import derive
from weighbridge.fit.weights_record import Weights

ENGINES = {"llama.cpp": "llamacpp", "trtllm": "tensorrt-llm", "lmstudio": "llamacpp", "hipfire": "llamacpp",
           "llama.cpp/vulkan_radv": "llamacpp-vulkan", "llama.cpp/rocm-7_2_3": "llamacpp-rocm"}  # fmt: skip
FILES = {"llamacpp": ("gguf:{}",), "ollama": ("gguf:{}",), "mlx": ("4bit-{}", "{}")}
"""Engine to how the formats of its files are written; llama.cpp's MXFP4 keeps other tensors than a checkpoint's."""
MLX_BITS = {"int4": "4bit", "int8": "8bit"}
DYNAMIC = {"Q2_K_XL": "Q2_K", "Q3_K_XL": "Q3_K_M", "Q4_K_XL": "Q4_K_M", "Q5_K_XL": "Q5_K_M", "Q6_K_XL": "Q6_K",
           "Q8_K_XL": "Q8_0"}  # fmt: skip
"""Recipes that differ by tensor, taken for the nearest fixed one: their bytes are near, not exact."""
SAME = (
    ("F16", "fp16"), ("FP4|NVFP4.+", "nvfp4"), ("FP8.+|W8A8[-_]?FP8|MXFP8", "fp8"), (".*AWQ.*", "awq"),
    (".*GPTQ.*", "gptq"), ("W4A16_MXFP4|W4A8_MXFP4.*", "mxfp4"), ("INT4.*|W4A16|W4A8|W4AFP8|BNB[-_]4BIT", "int4"),
    ("INT8.*|W8A16|W8A8|SQ", "int8"), (r"(\d)[- ]?BIT", r"\1bit"),
)  # fmt: skip
"""Names of one format: engines' flags, packers' schemes, aiconfigurator's modes."""
QUANTISATION = re.compile(
    r"(?:UD-)?(?:I?Q\d_(?:K_)?(?:XXS|XS|S|M|L|XL|NL|\d)|I?Q\d_K|MXFP4|NVFP4|AWQ|GPTQ|int4|int8|fp8|\d-?bit|BF16|F16)",
    re.IGNORECASE,
)
MARKS = frozenset(("instruct", "it", "mtp", "gguf", "qat", "i1", "ud", "hf", "chat", "base", "meta", "reasoning",
                   "thinking", "plus", "mlx", "community", "2507", "2512", "nvidia", "ggml"))  # fmt: skip
"""Words of a name that do not change the shape of a model."""


class Unplaced(Exception):
    """Why a row cannot be predicted."""


def positive(text: str) -> float:
    """Raises Unplaced for what is none, or not above 0."""
    with suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise Unplaced(f"{text!r} is no number above 0")


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
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [json.loads(line) for line in lines if line.strip()]
        rows.sort(key=lambda row: (bool(row.get("partial")), bool(row.get("confidence"))))
        yield from ((str(row.get("model") or ""), row) for row in rows if _readable(row))
        yield from _of_the_catalogue()

    def find(self, *names: str) -> Architecture:
        """The architecture of the first name that is known. Raises Unplaced."""
        for name in names:
            for key in (name.lower(), *_cores(name)):
                if name and key in self._known:
                    return read_architecture(self._known[key])
        raise Unplaced("no config of the model")


@lru_cache(maxsize=1)
def _of_the_catalogue() -> tuple[tuple[str, Mapping[str, object]], ...]:
    """Model to config, those that can be read."""
    stated = ((model.id, model.facts.get("config", ())) for model in load_catalogue().models.values())
    return tuple((name, facts[0].value) for name, facts in stated if facts and _readable(facts[0].value))


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
    for tried in (words, [word for word in words if word.lower() != "sxm"]):
        with suppress(WeighbridgeError):
            return find_devices(" ".join(tried), _hardware()).hardware
    raise Unplaced(f"device {text!r} is not known")


@lru_cache(maxsize=1)
def _hardware() -> tuple[tuple[Device, Hardware], ...]:
    return all_hardware(load_catalogue())


def weights_of(architecture: Architecture, row: Mapping[str, str], engine: str) -> Weights:
    """Of the row's format; where the row says how large the file is, scaled to that."""
    said = _format(row)
    try:
        weights = _derived(architecture, said, engine)
    except WeighbridgeError as error:
        raise Unplaced(f"format {said!r} is not known") from error
    if not row["weights_gib"]:
        return weights
    share = positive(row["weights_gib"]) * 2**30 / weights.total_bytes
    parts = tuple(msgspec.structs.replace(part, bytes=round(part.bytes * share)) for part in weights.parts)
    return msgspec.structs.replace(
        weights,
        parts=parts,
        total_bytes=round(weights.total_bytes * share),
        host_bytes=round(weights.host_bytes * share),
    )


def _derived(architecture: Architecture, said: str, engine: str) -> Weights:
    """A name that several kinds of files share means the kind that the engine reads."""
    for kind in FILES.get(engine, ()):
        with suppress(WeighbridgeError):
            return derive(architecture, kind.format(MLX_BITS.get(said, said)))
    return derive(architecture, said)


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
    known = next((re.sub(pattern, name, said) for pattern, name in SAME if re.fullmatch(pattern, said)), said)
    known = DYNAMIC.get(known, known)
    return known if known[0] in "QIM" else known.lower()

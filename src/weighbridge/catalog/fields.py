"""Every field a model can have: what it holds, what is plausible, how people write it, when two values agree.

One table serves the reader of the TOML files, the filters of `models`, and `check`, which holds other people's tables
against ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from weighbridge.catalog.quantities import COARSE, Quantity, read_date, read_quantity, same_date
from weighbridge.catalog.spellings import (
    read_architecture,
    read_country,
    read_flag,
    read_hardware,
    read_set,
    read_text,
    read_word,
)

Holds = Literal[
    "text", "name", "count", "money", "hours", "date", "flag", "terms", "set", "country", "hardware", "table"
]


@dataclass(frozen=True, slots=True)
class Field:
    """`low` and `high` bound what is plausible for numbers; a value outside is a mistake until proven otherwise."""

    name: str
    holds: Holds
    sentence: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    """The values a field of terms may have, and the names a set may hold; empty where any may stand."""


MODALITIES = ("text", "image", "audio", "video", "pdf", "action", "embedding")
_ALL = (
    Field("lab", "name", "Who released it; the id of a lab."),
    Field("country", "country", "Seat of the lab, ISO 3166 alpha-2."),
    Field("family", "text", "The line it belongs to: Qwen, Llama."),
    Field("licence", "name", "Licence of the weights, by its id; `proprietary` where there are none."),
    Field("commercial_use", "terms", "What the licence says.", words=("yes", "no", "conditional", "unknown")),
    Field(
        "openness",
        "terms",
        "Class in the sense of the Model Openness Framework (arXiv 2403.13784).",
        words=("I", "II", "III", "none"),
    ),
    Field("open_weights", "flag", "Whether the weights can be downloaded."),
    Field("open_code", "terms", "Whether training code is published.", words=("yes", "partial", "no")),
    Field("open_data", "terms", "Whether training data is published.", words=("yes", "partial", "no")),
    Field("open_report", "terms", "Whether a technical report is published.", words=("yes", "partial", "no")),
    Field(
        "training_summary",
        "terms",
        "Whether a public summary of the training content is published (EU AI Act, Article 53(1)(d)).",
        words=("yes", "no"),
    ),
    Field("parameters_total", "count", "All parameters.", low=1e6, high=2e13),
    Field("parameters_active", "count", "Parameters used for one token.", low=1e6, high=2e12),
    Field(
        "architecture",
        "terms",
        "What kind of network: `moe` where experts are routed, whatever the attention.",
        words=("dense", "moe", "hybrid", "ssm"),
    ),
    Field("attention", "text", "How it attends: mha, gqa, mla, dsa, linear ..."),
    Field("context_tokens", "count", "Longest context it was released for.", low=256, high=1e8),
    Field("released", "date", "When it was announced."),
    Field("weights_released", "date", "When the weights could be had."),
    Field("knowledge_cutoff", "date", "What its training data reaches to."),
    Field("base_model", "text", "The model it was made from; an id."),
    Field("predecessor", "text", "The model it follows; an id or a name."),
    Field("stage", "terms", "What it was trained to be.", words=("base", "instruct", "reasoning", "hybrid")),
    Field("reasoning", "flag", "Whether it can reason before it answers."),
    Field("tools", "flag", "Whether it was trained to call tools."),
    Field("modalities", "set", "What it takes.", words=MODALITIES),
    Field("modalities_out", "set", "What it gives.", words=MODALITIES),
    Field("languages", "set", "Languages it was released for."),
    Field("training_tokens", "count", "Tokens it was trained on.", low=1e8, high=1e15),
    Field("training_hours", "hours", "Accelerator hours of training.", low=10, high=1e10),
    Field("training_cost_usd", "money", "What training cost, in dollars.", low=10, high=1e11),
    Field("training_hardware", "hardware", "What it was trained on."),
    Field("training_flop", "count", "Floating-point operations of training.", low=1e17, high=1e28),
    Field("hf_id", "text", "Repository on Hugging Face."),
    Field("modelscope_id", "text", "Repository on ModelScope."),
    Field("config", "table", "What its config.json says, for `fit`, by the names used there."),
    Field("exact_parameters", "count", "Parameters counted in the files.", low=1e6, high=2e13),
)
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}

SYNONYMS = {
    "params": "parameters_total",
    "parameters": "parameters_total",
    "parameter count": "parameters_total",
    "total parameters": "parameters_total",
    "total params": "parameters_total",
    "size": "parameters_total",
    "model size": "parameters_total",
    "total": "parameters_total",
    "active": "parameters_active",
    "active parameters": "parameters_active",
    "active params": "parameters_active",
    "activated parameters": "parameters_active",
    "context": "context_tokens",
    "context length": "context_tokens",
    "context window": "context_tokens",
    "max context": "context_tokens",
    "license": "licence",
    "developer": "lab",
    "company": "lab",
    "organisation": "lab",
    "organization": "lab",
    "vendor": "lab",
    "maker": "lab",
    "by": "lab",
    "origin": "country",
    "release": "released",
    "release date": "released",
    "date": "released",
    "launched": "released",
    "type": "architecture",
    "commercial": "commercial_use",
    "commercial use": "commercial_use",
    "commercial use allowed": "commercial_use",
    "commercially usable": "commercial_use",
    "open": "open_weights",
    "open source": "open_weights",
    "open weights": "open_weights",
    "weights": "open_weights",
    "base": "base_model",
    "base model": "base_model",
    "cost": "training_cost_usd",
    "training cost": "training_cost_usd",
    "gpu hours": "training_hours",
    "training gpu hours": "training_hours",
    "training tokens": "training_tokens",
    "hardware": "training_hardware",
    "gpus": "training_hardware",
    "modality": "modalities",
    "input": "modalities",
    "inputs": "modalities",
}
"""Column titles that people use."""


def find_field(title: str) -> Field | None:
    """A field by its name or by a title people give it; what stands in brackets (`Cost ($)`) is left out."""
    key = re.sub(r"[\s_-]+", " ", re.sub(r"\(.*?\)", "", title).strip(" *`:?").lower()).strip()
    return FIELDS.get(key.replace(" ", "_")) or FIELDS.get(SYNONYMS.get(key, ""))


def read_value(field: Field, text: object) -> Any:
    """What somebody wrote, in a form that can be compared; None where it cannot be read.

    Numbers become a Quantity, dates ISO text, sets frozensets, flags booleans, texts lower case.
    """
    if field.holds == "terms":
        return _read_terms(field, text)
    reader = _READERS.get(field.holds)
    return _read_number(field, text) if reader is None else reader(text)


def same(field: Field, one: Any, other: Any) -> bool:
    """Whether two values of a field agree, at the precision each is given; False where either cannot be read."""
    a, b = read_value(field, one), read_value(field, other)
    if a is None or b is None:
        return False
    if isinstance(a, Quantity) and isinstance(b, Quantity):
        return _same_context(a, b) if field.name == "context_tokens" else a.agrees(b)
    if field.holds == "date":
        return same_date(a, b)
    return bool(a == b)


def _same_context(a: Quantity, b: Quantity) -> bool:
    """128k, 128,000 and 131,072 are the same window; so are 1M and 1,048,576. But 1M is not 512k rounded up."""
    near = (Quantity(q.value, min(q.unit, COARSE * abs(q.value)), q.is_exact) for q in (a, b))
    if next(near).agrees(next(near)):
        return True
    low, high = sorted((a.value, b.value))
    return low > 0 and any(abs(high / low / 1.024**power - 1) < 0.001 for power in (1, 2))


def _read_number(field: Field, text: object) -> Quantity | None:
    if not isinstance(text, str | int | float):
        return None
    if field.name == "parameters_active" and isinstance(text, str):
        active = re.search(
            r"\bA(\d+(?:\.\d+)?B)\b|([\d.,]+\s*[BbMm]\w*)\s+(?:params\s+)?activ|activ\w*[:\s]+([\d.,]+\s*[BbMm]\w*)",
            text,
        )
        text = next((part for part in active.groups() if part), text) if active else text
    return read_quantity(text)


def _read_terms(field: Field, text: object) -> str | None:
    said = read_word(text, field.words)
    return read_architecture(text) if said is None and field.name == "architecture" else said


_READERS: dict[Holds, Callable[[object], Any]] = {
    "text": read_text,
    "name": read_text,
    "date": read_date,
    "flag": read_flag,
    "set": read_set,
    "country": read_country,
    "hardware": read_hardware,
    "table": lambda text: text if isinstance(text, dict) else None,
}

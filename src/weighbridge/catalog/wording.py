"""Values as people read them: `671B`, `131,072`, `$5.576M`, `yes`, the name of a lab."""

from __future__ import annotations

from typing import Any

from weighbridge.catalog.fields import FIELDS
from weighbridge.catalog.records import Catalogue

TITLES = {
    "licence": "Licence",
    "commercial_use": "Commercial use",
    "parameters_total": "Parameters, all",
    "parameters_active": "Parameters, active",
    "context_tokens": "Context (tokens)",
    "hf_id": "Hugging Face",
    "modelscope_id": "ModelScope",
    "modalities": "Takes",
    "modalities_out": "Gives",
    "open_weights": "Weights to be had",
    "training_cost_usd": "Training cost",
}
"""Where a field's name with spaces is not how one would head a row."""
_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def title(name: str) -> str:
    return TITLES.get(name) or name.replace("_", " ").capitalize()


def say(catalogue: Catalogue, name: str, value: Any) -> str:
    """A field's value in a few words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "lab" and value in catalogue.labs:
        return catalogue.labs[value].name
    if isinstance(value, dict):
        return f"{len(value)} values"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return _number(name, value) if isinstance(value, int | float) else str(value)


def _number(name: str, value: float) -> str:
    if name in ("context_tokens", "training_hours"):
        return f"{value:,.0f}"
    if name == "training_flop":
        return f"{value:.3g}"
    return ("$" if FIELDS[name].holds == "money" else "") + scaled(value)


def scaled(value: float) -> str:
    """Four digits and a scale: `684.5B`, `5.576M`."""
    scale, letter = next(((scale, letter) for scale, letter in _SCALES if round(value / scale, 3) >= 1), (1.0, ""))
    return f"{value / scale:.4g}{letter}" if letter else f"{value:,.10g}"

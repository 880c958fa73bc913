"""What is not known of a model that one would want to know before using it."""

from __future__ import annotations

from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.view import facts_of

EVERY = ("country", "released", "modalities", "context_tokens", "reasoning", "tools", "open_weights")
"""Wanted of every model that is more than a name."""
OPEN = (
    *("licence", "commercial_use", "parameters_total", "parameters_active", "architecture", "base_model"),
    *("weights_released", "openness", "hf_id", "modelscope_id", "config"),
)
"""Wanted of a model whose weights can be had, beside those."""


def find_gaps(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Ids of models to the fields nobody has filled in; models without a gap and mere names are left out.

    A base model has no base, and a dense one has as many active parameters as it has.
    """
    found = {}
    for model in catalogue.models.values():
        facts = {name: fact.value for name, fact in facts_of(catalogue, model).items()}
        wanted = EVERY + (OPEN if facts.get("open_weights") is True else ())
        needless = {"base_model" if facts.get("stage") == "base" else ""}
        needless |= {"parameters_active" if facts.get("architecture") == "dense" else ""}
        missing = tuple(name for name in wanted if name not in facts and name not in needless)
        if missing and not model.stub:
            found[model.id] = missing
    return found

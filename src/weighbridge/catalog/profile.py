"""A model with everything that is known of it, also what follows from its training runs, its network, its licence.

training_*          from the table of training runs, where nobody states it for the model: a run that covers all
                    stages, or else the one run there is, with the stage it covers
parameters_active   of a dense model: all of them
open_weights        no, under a licence that gives none; yes, where there is a repository that holds them
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec

from weighbridge.catalog.facts import Fact, Resolved, resolve
from weighbridge.catalog.fields import FIELDS, same
from weighbridge.catalog.records import Catalogue, Model, TrainingRun
from weighbridge.catalog.view import fact_of

TRAINING = {
    "training_hours": "gpu_hours",
    "training_cost_usd": "usd",
    "training_hardware": "hardware",
    "training_tokens": "tokens",
    "training_flop": "flop",
}
"""Field to the column of a training run that tells it."""
NO_LICENCE = "proprietary"
_WHOLE = re.compile(r"\b(?:final run|all stages|total)\b|^training$", re.IGNORECASE)
_PART = re.compile(r"\bstage\b|\bremoval\b", re.IGNORECASE)
"""A run of one stage beside others tells nothing of the whole; a pre-training run is most of it, and says so."""


def profile(catalogue: Catalogue, model: Model, runs: Sequence[TrainingRun] = ()) -> dict[str, Resolved]:
    """Every field that is known, in the order of FIELDS. `runs` are those of any models."""
    found = {name: known(catalogue, model, name, runs) for name in FIELDS}
    return {name: fact for name, fact in found.items() if fact is not None}


def known(catalogue: Catalogue, model: Model, name: str, runs: Iterable[TrainingRun] = ()) -> Resolved | None:
    """One field: what is said of it, or else what follows from something else that is said."""
    said = fact_of(catalogue, model, name)
    if said is not None:
        return said
    if name in TRAINING:
        every = list(runs)
        return _trained(catalogue.sources, [run for run in every if run.model == model.id], name) or (
            _trained(catalogue.sources, _pre_training(catalogue, model, every), name)
        )
    if name == "parameters_active":
        return _all_active(catalogue, model)
    return _open(catalogue, model) if name == "open_weights" else None


def _trained(sources: Mapping[str, object], runs: Sequence[TrainingRun], name: str) -> Resolved | None:
    """What the runs say that tell this field: the whole ones, or the only one."""
    telling = [run for run in runs if getattr(run, TRAINING[name]) is not None and run.source in sources]
    whole = [run for run in telling if _WHOLE.search(run.stage) and not _PART.search(run.stage)]
    if not whole:
        whole = [run for run in telling if run.stage.startswith("pre-training")] if len(runs) == 1 else []
    facts = [Fact(getattr(run, TRAINING[name]), run.source, run.date, run.kind, _note(run), run.doubt) for run in whole]
    return resolve(facts, sources, partial(same, FIELDS[name]))  # type: ignore[arg-type]


def _pre_training(catalogue: Catalogue, model: Model, runs: Sequence[TrainingRun]) -> list[TrainingRun]:
    """What the models of the same lab that were made from this one say of the training before it, which is its own."""
    found = []
    for run in runs:
        other = catalogue.models.get(run.model)
        base = fact_of(catalogue, other, "base_model") if other is not None and other.lab == model.lab else None
        if base is not None and base.value == model.id and run.stage in ("pre-training", "training"):
            found.append(msgspec.structs.replace(run, note=f"{run.note}; said of {run.model}".lstrip("; ")))
    return found


def _note(run: TrainingRun) -> str:
    return "; ".join(part for part in (run.stage, f"as reported by {run.reported_by}", run.note) if part)


def _all_active(catalogue: Catalogue, model: Model) -> Resolved | None:
    kind = fact_of(catalogue, model, "architecture")
    total = fact_of(catalogue, model, "parameters_total")
    if kind is None or total is None or kind.value != "dense":
        return None
    return _following(total.value, total, "all of them: a dense model")


def _open(catalogue: Catalogue, model: Model) -> Resolved | None:
    licence = fact_of(catalogue, model, "licence")
    if licence is not None and licence.value == NO_LICENCE:
        return _following(False, licence, "its licence gives no weights")
    kept = fact_of(catalogue, model, "hf_id") or fact_of(catalogue, model, "modelscope_id")
    return None if kept is None else _following(True, kept, f"they lie at {kept.value}")


def _following(value: object, fact: Resolved, note: str) -> Resolved:
    """A value that follows from another fact, in the name of that fact's source."""
    return Resolved(value, "derived", fact.source, fact.date, fact.disputed, (), note, fact.doubt)

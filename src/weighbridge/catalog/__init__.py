"""The catalogue: labs, models, licences, offers and scores, every figure with its source and its date."""

from .devices import DEVICE_FIELDS
from .facts import Fact, Kind, Resolved, Source, Standing, resolve
from .fields import FIELDS, Field, find_field, read_value, same
from .names import find_lab, find_licence
from .records import (
    Adoption,
    Alias,
    Catalogue,
    Condition,
    Device,
    EngineSupport,
    Lab,
    LabFile,
    Licence,
    Model,
    Offer,
    Provider,
    SafetyEvaluation,
    Score,
    TrainingRun,
    Variant,
)
from .snapshot import load_catalogue
from .tables import load_adoption, load_engines, load_offers, load_safety, load_scores, load_training
from .view import fact_of, facts_of, licence_of

__all__ = [
    "DEVICE_FIELDS",
    "FIELDS",
    "Adoption",
    "Alias",
    "Catalogue",
    "Condition",
    "Device",
    "EngineSupport",
    "Fact",
    "Field",
    "Kind",
    "Lab",
    "LabFile",
    "Licence",
    "Model",
    "Offer",
    "Provider",
    "Resolved",
    "SafetyEvaluation",
    "Score",
    "Source",
    "Standing",
    "TrainingRun",
    "Variant",
    "fact_of",
    "facts_of",
    "find_field",
    "find_lab",
    "find_licence",
    "licence_of",
    "load_adoption",
    "load_catalogue",
    "load_engines",
    "load_offers",
    "load_safety",
    "load_scores",
    "load_training",
    "read_value",
    "resolve",
    "same",
]

"""Routers and cascades learned from recorded samples, with a bound on the quality they keep."""

from .artefact import Artefact, Promise, decode_artefact, encode_artefact
from .evaluating import Evaluation, evaluate
from .router import Reply, Router, read_router
from .samples import Samples, model_of
from .table import Places, read_samples
from .training import Goal, Trained, train

__all__ = [
    "Artefact",
    "Evaluation",
    "Goal",
    "Places",
    "Promise",
    "Reply",
    "Router",
    "Samples",
    "Trained",
    "decode_artefact",
    "encode_artefact",
    "evaluate",
    "model_of",
    "read_router",
    "read_samples",
    "train",
]

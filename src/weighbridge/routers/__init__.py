"""Routers and cascades learned from recorded samples, with a bound on the quality they keep."""

from .artefact import Artefact, JudgeRecord, Promise, decode_artefact, encode_artefact
from .evaluating import Evaluation, evaluate
from .judging import INSTRUCTIONS, JudgeSaid, check_instructions, read_score
from .judging import question as judge_question
from .pricing import Rate, mean_costs, priced
from .router import Reply, Router, read_router
from .samples import Samples, model_of
from .table import Places, read_samples
from .training import Goal, Trained, train

__all__ = [
    "INSTRUCTIONS",
    "Artefact",
    "Evaluation",
    "Goal",
    "JudgeRecord",
    "JudgeSaid",
    "Places",
    "Promise",
    "Rate",
    "Reply",
    "Router",
    "Samples",
    "Trained",
    "check_instructions",
    "decode_artefact",
    "encode_artefact",
    "evaluate",
    "judge_question",
    "mean_costs",
    "model_of",
    "priced",
    "read_router",
    "read_samples",
    "read_score",
    "train",
]

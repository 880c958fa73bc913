"""Scorers by the name a task calls them; a module is imported when its scorer is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from weighbridge.weigh.scorers.scorer import Options, Scorer, Setting


class Kind(NamedTuple):
    module: str
    scorer: str
    options: str


KINDS = {
    "exact": Kind("exact", "Exact", "ExactOptions"),
    "choice": Kind("choice", "ChoiceScorer", "ChoiceOptions"),
    "contains": Kind("contains", "Contains", "ContainsOptions"),
    "regex": Kind("pattern", "Pattern", "PatternOptions"),
    "number": Kind("number", "NumberScorer", "NumberOptions"),
    "json": Kind("json_fields", "JsonScorer", "JsonOptions"),
    "token_f1": Kind("token_f1", "TokenF1", "TokenF1Options"),
    "chrf": Kind("overlap", "Chrf", "ChrfOptions"),
    "bleu": Kind("overlap", "Bleu", "BleuOptions"),
    "math": Kind("mathematics", "Mathematics", "MathematicsOptions"),
    "lm-eval": Kind("lm_eval", "LmEvalScorer", "LmEvalOptions"),
    "judge": Kind("judge", "JudgeScorer", "JudgeOptions"),
}
"""What `[[score]] kind` may be."""


def options_of(kind: str) -> type[Options]:
    """The record `[score.options]` is read into."""
    entry = KINDS[kind]
    options: type[Options] = getattr(_module(entry), entry.options)
    return options


def make_scorer(kind: str, options: Options, setting: Setting) -> Scorer:
    """Raises BadOption for options that cannot be used, also when an extra is not installed."""
    entry = KINDS[kind]
    build: Callable[[Options, Setting], Scorer] = getattr(_module(entry), entry.scorer)
    return build(options, setting)


def _module(entry: Kind) -> Any:
    return import_module(f"weighbridge.weigh.scorers.{entry.module}")

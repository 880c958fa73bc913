"""What comes before judges: a text, whoever wrote it, the text it is held against, and who judges."""

from __future__ import annotations

from typing import NamedTuple

from weighbridge.chat import Answer
from weighbridge.weigh.grading import Grader
from weighbridge.weigh.reasoning import part
from weighbridge.weigh.records import Item
from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.scorers.judge import JudgeOptions, JudgeScorer

from .hearing import Hearing


class Panel(NamedTuple):
    """A grader whose scorer is a judge."""

    grader: Grader
    scorer: JudgeScorer

    @property
    def options(self) -> JudgeOptions:
        return self.scorer.options

    @property
    def paired(self) -> bool:
        return self.options.mode == "pairwise"


class Trial(NamedTuple):
    """A text to be judged, whoever wrote it."""

    panel: Panel
    item: Item
    text: str
    against: str | None
    """The other text of a pair."""


def said(answer: Answer) -> str:
    """An answer as a judge sees it: without its reasoning."""
    return part(answer.text).said


def settled(trial: Trial) -> Hearing | None:
    """What no judge need be asked about."""
    if trial.panel.paired and trial.against is None:
        return Hearing(Mark(0.5, "the yardstick: others are held against its answers"))
    if trial.against == trial.text:
        return Hearing(Mark(0.5, "both answers are the same"), against=trial.against)
    return None

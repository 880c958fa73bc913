"""`judge`: a model grades the answer by a rubric, or says which of two answers is better.

What this scorer knows is its options. The asking is done by weigh/judges through the one door, so that judgements are
held, priced, recorded and resumed like any other call; here a mark is only ever handed in from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from weighbridge.errors import InputError
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting
from weighbridge.weigh.template import Template, TemplateError

RUBRIC = (
    "How well the answer does what was asked: whether it is right, whether anything that was asked for is missing, and "
    "whether it keeps to the point. Length and tone by themselves earn nothing."
)
REFERENCE = "reference"
"""`against`: the other answer is the item's reference."""
LARGEST_SCALE = 100

Combine = Literal["mean", "median", "majority"]
Mode = Literal["graded", "pairwise"]


class JudgeOptions(Options, frozen=True):
    """`[score.options]`; docs/judges.md explains each."""

    judges: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Names of `[[backend]]`s."""
    mode: Mode = "graded"
    rubric: str = RUBRIC
    question: str | None = None
    """How the judge is told what was asked; None: `[prompt] user`."""
    scale: tuple[int, int] = (1, 10)
    """Graded: the worst and the best score."""
    combine: Combine = "mean"
    """How a panel of judges becomes one score."""
    against: str | None = None
    """Pairwise: the candidate whose answer the others are held against, or `reference`. None: the first candidate."""
    repairs: Annotated[int, msgspec.Meta(ge=0, le=3)] = 1
    """How often a judge whose reply cannot be read is asked once more."""
    probes: Annotated[int, msgspec.Meta(ge=0, le=50)] = 4
    """Items on which each judge is attacked before the run; 0 leaves it untested."""
    labels: str | None = None
    """File of human labels beside task.toml, CSV or JSONL."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1024
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    reasoning_effort: str | None = None


class JudgeScorer:
    """The options of a judge, checked."""

    def __init__(self, options: JudgeOptions, setting: Setting) -> None:
        self.options = options
        self.needs_reference = options.mode == "pairwise" and options.against == REFERENCE
        low, high = options.scale
        if not low < high:
            raise BadOption("scale", f"a scale goes from the worst to the best score, got [{low}, {high}]")
        if high - low > LARGEST_SCALE:
            raise BadOption("scale", f"a scale of {high - low + 1} steps; {LARGEST_SCALE + 1} are the most")
        if len(set(options.judges)) != len(options.judges):
            raise BadOption("judges", "a judge is named twice; a panel needs different ones")
        if not options.rubric.strip():
            raise BadOption("rubric", "the rubric is empty", "Say what a good answer does, or leave it out.")
        text = options.question if options.question is not None else setting.question
        if not (text or "").strip():
            raise BadOption(
                "question", "nothing tells the judge what was asked", 'Add `question = "... {{field}} ..."`.'
            )
        try:
            self.question = Template(text or "")
        except TemplateError as error:
            raise BadOption("question", str(error)) from None
        if options.mode == "graded" and options.against is not None:
            raise BadOption("against", "`against` is for pairs", 'Leave it out, or set `mode = "pairwise"`.')

    def fault(self, reference: Any) -> str | None:
        return None if isinstance(reference, str) or not self.needs_reference else "is no text to hold answers against"

    def lacks(self, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(path, what is wrong) where an item cannot be shown to the judge."""
        for path in self.question.needed:
            if look_up(fields, path) in (MISSING, None):
                yield path, f"the field {path!r} is missing or null, and the judge's `question` names it"

    def mark(self, text: str, reference: Any) -> Mark:
        """Raises InputError: no judge was asked about this answer."""
        raise InputError("no judge was asked about this answer", where="task.toml: score judge")

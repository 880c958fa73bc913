"""The scorers of one task: which field is right, which scorer looks at it, how much it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from weighbridge.chat import Answer, Choice
from weighbridge.formats.problems import Problems, did_you_mean
from weighbridge.formats.toml_records import TomlFile, read_record
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.reasoning import part
from weighbridge.weigh.records import Item, Scored, ScoreSpec
from weighbridge.weigh.scorers import KINDS, BadOption, Mark, Scorer, Setting, in_range, make_scorer, options_of
from weighbridge.weigh.scorers.judge import JudgeScorer

NOBODY: Mapping[str, Mark] = {}
"""No judge was asked."""


class Grader(NamedTuple):
    """One `[[score]]`."""

    name: str
    reference: str | None
    """Path of the field that holds the right answer; None for a scorer that needs none."""
    choice: str | None
    weight: float
    scorer: Scorer

    def faults(self, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(path, what is wrong) where an item cannot be graded."""
        if isinstance(self.scorer, JudgeScorer):
            yield from self.scorer.lacks(fields)
        if self.reference is None:
            return
        value = look_up(fields, self.reference)
        if value is MISSING or value is None:
            state = "null" if value is None else "missing"
            yield self.reference, f"the field {self.reference!r} is {state}, and the scorer {self.name!r} needs it"
            return
        fault = self.scorer.fault(value)
        if fault is not None:
            yield self.reference, f"the reference {self.reference!r} of the scorer {self.name!r} {fault}"


def grade(graders: Sequence[Grader], item: Item, answer: Answer, judged: Mapping[str, Mark] = NOBODY) -> Scored:
    """The weighted mean of all scorers on what was said, reasoning left out. `judged`: what judges said, by grader.
    Raises InputError for a score that is no number from 0 to 1."""
    parted = part(answer.text)
    parts: dict[str, float] = {}
    notes: list[str] = []
    total = weights = 0.0
    for grader in graders:
        mark = judged.get(grader.name)
        if mark is None:
            reference = None if grader.reference is None else look_up(item.fields, grader.reference)
            mark = in_range(grader.scorer.mark(parted.said, reference), grader.name)
        parts[grader.name] = mark.score
        total += grader.weight * mark.score
        weights += grader.weight
        if mark.note:
            notes.append(mark.note if len(graders) == 1 else f"{grader.name}: {mark.note}")
    reasoning = "\n".join(thought for thought in (answer.reasoning, parted.thought) if thought)
    score = min(total / weights, 1.0)  # 1.0: a mean of ones may round above it
    return Scored(score=score, parts=parts, note="; ".join(notes), text=parted.said, reasoning=reasoning)


def make_graders(
    file: TomlFile,
    specs: Sequence[ScoreSpec],
    choices: Sequence[Choice],
    schema: Mapping[str, Any] | None,
    problems: Problems,
    *,
    question: str | None = None,
) -> tuple[Grader, ...]:
    """The graders of `[[score]]`; without any, one `choice` scorer for every choice. question: `[prompt] user`."""
    if not specs:
        specs = [ScoreSpec(kind="choice", choice=choice.name) for choice in choices]
    if not specs:
        hint = 'Add `[[score]]` with `kind = "exact"` and `reference = "FIELD"`.'
        problems.add(file.problem((), "nothing says how an answer is scored", hint))
    graders: list[Grader] = []
    for index, spec in enumerate(specs):
        grader = _make(file, index, spec, choices=choices, schema=schema, question=question, problems=problems)
        if grader is None:
            continue
        if any(grader.name == other.name for other in graders):
            what = f"two scorers are called {grader.name!r}"
            problems.add(file.problem(("score", index, "name"), what, "Give each a `name` of its own."))
        graders.append(grader)
    return tuple(graders)


def _make(
    file: TomlFile,
    index: int,
    spec: ScoreSpec,
    *,
    choices: Sequence[Choice],
    schema: Mapping[str, Any] | None,
    question: str | None,
    problems: Problems,
) -> Grader | None:
    at = ("score", index)
    if spec.kind not in KINDS:
        what = f"there is no scorer {spec.kind!r}"
        problems.add(file.problem((*at, "kind"), what, did_you_mean(spec.kind, KINDS)))
        return None
    if not spec.weight > 0:
        problems.add(file.problem((*at, "weight"), f"a weight is above 0, got {spec.weight}"))
    options = read_record(file, (*at, "options"), spec.options, options_of(spec.kind), problems)
    choice = _choice(file, index, spec, choices, problems)
    if options is None or (choice is None and (spec.choice is not None or (spec.kind == "choice" and choices))):
        return None
    setting = Setting(choice=choice, several=len(choices) > 1, schema=schema, question=question)
    try:
        scorer = make_scorer(spec.kind, options, setting)
    except BadOption as bad:
        path = at if bad.option is None else (*at, "options", bad.option)
        problems.add(file.problem(path, f"scorer {spec.kind!r}: {bad}", bad.next_move))
        return None
    return _grader(file, index, spec, problems, choice=choice, scorer=scorer)


def _grader(
    file: TomlFile, index: int, spec: ScoreSpec, problems: Problems, *, choice: Choice | None, scorer: Scorer
) -> Grader | None:
    """The scorer with its name and the field that holds the right answer."""
    reference = spec.reference or (choice.name if choice and spec.kind == "choice" else None)
    if reference is None and scorer.needs_reference:
        what = f"the scorer {spec.kind!r} needs `reference`, the field that holds the right answer"
        problems.add(file.problem(("score", index), what, 'Add `reference = "FIELD"`.'))
        return None
    name = spec.name or (choice.name if choice else spec.kind)
    return Grader(name, reference, choice.name if choice else None, spec.weight, scorer)


def _choice(
    file: TomlFile, index: int, spec: ScoreSpec, choices: Sequence[Choice], problems: Problems
) -> Choice | None:
    """The choice a scorer looks at: the one it names, or the only one there is."""
    by_name = {choice.name: choice for choice in choices}
    if spec.choice is not None:
        if spec.choice not in by_name:
            what = f"there is no choice {spec.choice!r}"
            hint = did_you_mean(spec.choice, by_name) or "Write it under `[[answer.choices]]`."
            problems.add(file.problem(("score", index, "choice"), what, hint))
        return by_name.get(spec.choice)
    if spec.kind != "choice" or not choices:
        return None
    if len(choices) > 1:
        what = f"the answer has {len(choices)} choices, and this does not say which it scores"
        names = ", ".join(by_name)
        problems.add(file.problem(("score", index), what, f"Add `choice = ...`, one of: {names}."))
        return None
    return choices[0]

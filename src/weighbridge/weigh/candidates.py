"""Candidates with the task's defaults filled in: `[prompt]` and `[answer]` under what each candidate overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from weighbridge.chat import Choice
from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.formats.toml_records import TomlFile, read_record
from weighbridge.weigh.records import AnswerSpec, Candidate, CandidateSpec, PromptSpec, ScoreSpec
from weighbridge.weigh.spec import TaskFile

UNSET = "default"
"""Written for a sampling value, it leaves that value to the backend; TOML has no null."""


def fill_in(file: TomlFile, task: TaskFile, problems: Problems) -> tuple[Candidate, ...]:
    """All candidates; without any `[[candidate]]`, every backend that is no judge is one. `read_answer` goes before."""
    backends = {record.name: record for record in task.backend}
    judging = judge_names(task.score)
    specs = task.candidate or tuple(CandidateSpec(name=name, backend=name) for name in backends if name not in judging)
    if not specs:
        problems.add(file.problem((), "no candidates to weigh", "Add `[[backend]]` and `[[candidate]]` sections."))
    elif len(specs) == 1:
        what = f"{specs[0].name!r} is the only candidate; a comparison needs two or more"
        problems.add(file.problem(("candidate", 0), what, "Add another `[[candidate]]`."))
    candidates: list[Candidate] = []
    for index, spec in enumerate(specs):
        at = ("candidate", index)
        if any(spec.name == other.name for other in candidates):
            problems.add(file.problem((*at, "name"), f"two candidates are called {spec.name!r}", "Rename one of them."))
        if not spec.name.strip():
            problems.add(file.problem((*at, "name"), "a candidate's name is empty"))
        if spec.backend not in backends:
            hint = did_you_mean(spec.backend, backends) or "Add a `[[backend]]` section with that name."
            problems.add(file.problem((*at, "backend"), f"there is no backend {spec.backend!r}", hint))
            continue
        mistakes = Problems()
        answer = _answer(file, (*at, "answer"), task.answer, spec.answer, mistakes)
        for problem in _its_own(mistakes, f"candidate[{index}].", problems):
            problems.add(problem)
        if answer is not None:
            prompt = _overlaid(task.prompt, spec.prompt)
            candidates.append(Candidate(spec.name, backends[spec.backend], spec.model, spec.endpoint, prompt, answer))
    return tuple(candidates)


def judge_names(scores: Sequence[ScoreSpec]) -> set[str]:
    """Backends that judge; one that is also to be weighed needs a `[[candidate]]`."""
    named = (score.options.get("judges") for score in scores if score.kind == "judge")
    return {str(name) for names in named if isinstance(names, list) for name in names}


def read_answer(file: TomlFile, table: Mapping[str, Any], problems: Problems) -> AnswerSpec | None:
    """`[answer]` itself, what candidates do not override."""
    return _answer(file, ("answer",), table, {}, problems)


def _its_own(mistakes: Problems, prefix: str, problems: Problems) -> list[Problem]:
    """Without those of `[answer]`, which are named there, on their own line."""
    known = {(problem.field, problem.what) for problem in problems.found}
    return [one for one in mistakes.found if ((one.field or "").removeprefix(prefix), one.what) not in known]


def _answer(
    file: TomlFile, at: tuple[str | int, ...], task: Mapping[str, Any], own: Mapping[str, Any], problems: Problems
) -> AnswerSpec | None:
    sampling: dict[str, Any] = {"temperature": 0.0}
    merged: dict[str, Any] = {**task, **own}
    for table in (task, own):
        part = table.get("sampling", {})
        if not isinstance(part, dict):
            return read_record(file, at, merged, AnswerSpec, problems)
        sampling.update(part)
    merged["sampling"] = {key: value for key, value in sampling.items() if value != UNSET}
    answer = read_record(file, at, merged, AnswerSpec, problems)
    if answer is None or not _sound(file, at, answer, problems):
        return None
    return answer


Wrong = Callable[[tuple[str | int, ...], str, str | None], None]
"""Notes a mistake at a path below the answer: what is wrong, and the next move."""


def _sound(file: TomlFile, at: tuple[str | int, ...], answer: AnswerSpec, problems: Problems) -> bool:
    """What types cannot say about an answer."""
    before = problems.count

    def wrong(path: tuple[str | int, ...], what: str, next_move: str | None = None) -> None:
        problems.add(file.problem((*at, *path), what, next_move))

    for index, choice in enumerate(answer.choices):
        if any(choice.name == other.name for other in answer.choices[:index]):
            wrong(("choices", index, "name"), f"two choices are called {choice.name!r}")
        _check_labels(choice, index, wrong)
    if answer.choose is not None and not answer.choices:
        wrong(("choose",), "`choose` is about labels, and there are none", "Add `[[answer.choices]]`.")
    if answer.options is not None and (answer.choices or answer.schema is not None or answer.choose is not None):
        wrong(("options",), "`options` are ranked, which leaves no `choices`, `choose` or `schema`", "Leave them out.")
    if answer.choose == "likelihood" and len(answer.choices) > 1:
        what = f"only one choice can be ranked by likelihood, and there are {len(answer.choices)}"
        wrong(("choose",), what, 'Set `choose = "logprob"`, or leave one.')
    if answer.calibrate is not None and answer.choose != "logprob":
        wrong(("calibrate",), '`calibrate` only works with `choose = "logprob"`', "Leave one of them out.")
    if answer.schema is not None and answer.choices:
        wrong(("schema",), "an answer has choices or a schema, not both", "Leave one of them out.")
    for field, least, most in _SAMPLING:
        value = getattr(answer.sampling, field)
        if value is not None and not least <= value <= most:
            wrong(("sampling", field), f"`{field}` is from {least:g} to {most:g}, got {value:g}")
    return problems.count == before


def _check_labels(choice: Choice, index: int, wrong: Wrong) -> None:
    here = ("choices", index, "labels")
    if len(choice.labels) < 2:
        wrong(here, f"the choice {choice.name!r} has {len(choice.labels)} labels; a choice has two or more", None)
    for place, label in enumerate(choice.labels):
        if not label.strip() or label != label.strip() or "\n" in label:
            wrong((*here, place), f"the label {label!r} has blanks around it, or is empty", None)
        if label in choice.labels[:place]:
            wrong((*here, place), f"the label {label!r} stands twice", None)


_SAMPLING = (
    ("max_tokens", 1, 1e9),
    ("temperature", 0, 100),
    ("top_p", 0, 1),
    ("top_k", -1, 1e9),
    ("min_p", 0, 1),
    ("frequency_penalty", -100, 100),
    ("presence_penalty", -100, 100),
)


def _overlaid(task: PromptSpec, own: PromptSpec) -> PromptSpec:
    changed = {name: getattr(own, name) for name in own.__struct_fields__ if getattr(own, name) is not None}
    return msgspec.structs.replace(task, **changed)

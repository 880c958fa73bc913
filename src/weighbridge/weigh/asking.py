"""Making the prompters of a task: one for each candidate, with its examples written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.formats.toml_lines import Path
from weighbridge.formats.toml_records import TomlFile
from weighbridge.weigh.files import TaskFiles, UnreadableFile
from weighbridge.weigh.grading import Grader
from weighbridge.weigh.items.fields import paths
from weighbridge.weigh.prompt import Prompter, Shot
from weighbridge.weigh.records import Candidate
from weighbridge.weigh.shots import answer_fields, read_shots
from weighbridge.weigh.template import Template, TemplateError

Shots = tuple[tuple[Shot, int], ...]
"""Examples with their lines."""


def read_schema(file: TomlFile, path: Path, name: str, files: TaskFiles, problems: Problems) -> dict[str, Any] | None:
    """A JSON Schema file as an object; None after adding what is wrong. Whether it is a schema its scorer finds out."""
    try:
        data = files.read(name)
    except UnreadableFile as error:
        problems.add(file.problem(path, f"the schema {name!r} cannot be read: {error}", "Check the path."))
        return None
    files.use(name)
    try:
        value = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problems.add(Problem(name, None, None, f"not readable as JSON: {error}"))
        return None
    if isinstance(value, dict):
        return value
    problems.add(Problem(name, None, None, "a JSON Schema is an object"))
    return None


class PrompterMaker:
    """Reads each file of examples once, however many candidates use it."""

    def __init__(
        self, file: TomlFile, files: TaskFiles, graders: Sequence[Grader], max_item_bytes: int, problems: Problems
    ) -> None:
        self._file = file
        self._files = files
        self._graders = graders
        self._max_item_bytes = max_item_bytes
        self._problems = problems
        self._shots: dict[str, Shots | None] = {}

    def make(self, index: int, candidate: Candidate) -> Prompter | None:
        """The prompter of `[[candidate]]` number `index`; None after adding what is wrong."""
        at = ("candidate", index, "prompt")
        before = self._problems.count
        if not (candidate.prompt.user or "").strip():
            hint = 'Add `[prompt]` with `user = "... {{field}} ..."`.'
            what = "the prompt has no `user` text, which asks about an item"
            self._problems.add(self._file.problem(self._file.known((*at, "user"), ("prompt",)), what, hint))
            return None
        for key in ("system", "user", "shot", "answer"):
            try:
                Template(getattr(candidate.prompt, key) or "")
            except TemplateError as error:
                self._problems.add(self._file.problem(self._file.known((*at, key), ("prompt", key)), str(error)))
        self._check_answer_text(at, candidate)
        shots = self._examples(at, candidate)
        schema = self._schema(index, candidate)
        if shots is None or self._problems.count > before:
            return None
        for shot, line in shots:
            self._try(candidate, shot, line)
        if self._problems.count > before:
            return None
        return Prompter(candidate, [shot for shot, _ in shots], schema)

    def _check_answer_text(self, at: Path, candidate: Candidate) -> None:
        """An example shows an answer: its labels, `prompt.answer`, or the reference of a scorer."""
        prompt, choices = candidate.prompt, candidate.answer.choices
        path = self._file.known((*at, "answer"), ("prompt", "answer"), (*at, "shots"), ("prompt", "shots"))
        if prompt.answer is not None and choices:
            what = "`answer` is for examples without choices; with choices their labels are shown"
            self._problems.add(self._file.problem(path, what, "Leave it out."))
        known = choices or prompt.answer is not None or answer_fields(choices, self._graders)
        if prompt.shots is not None and not known:
            what = "nothing says which answer the examples show"
            self._problems.add(self._file.problem(path, what, 'Add `answer = "{{field}}"` under `[prompt]`.'))

    def _examples(self, at: Path, candidate: Candidate) -> Shots | None:
        name, most = candidate.prompt.shots, candidate.prompt.max_shots
        if name is None or most == 0:
            return ()
        if name not in self._shots:
            path = self._file.known((*at, "shots"), ("prompt", "shots"))
            place = self._files.use_checked(self._file, path, name, self._problems)
            self._shots[name] = (
                None
                if place is None
                else read_shots(
                    place,
                    name,
                    choices=candidate.answer.choices,
                    graders=() if candidate.prompt.answer else self._graders,
                    max_item_bytes=self._max_item_bytes,
                    problems=self._problems,
                )
            )
        shots = self._shots[name]
        return None if shots is None else shots[:most]

    def _try(self, candidate: Candidate, shot: Shot, line: int) -> None:
        """Write one example alone, so that what it lacks is named with its line."""
        try:
            Prompter(candidate, (shot,), None)
        except TemplateError as error:
            what = f"{error}, and the prompt of candidate {candidate.name!r} names it"
            hint = did_you_mean(error.field or "", paths(shot.fields))
            self._problems.add(Problem(candidate.prompt.shots or "", line, error.field, what, hint))

    def _schema(self, index: int, candidate: Candidate) -> dict[str, Any] | None:
        name = candidate.answer.schema
        if name is None:
            return None
        path = self._file.known(("candidate", index, "answer", "schema"), ("answer", "schema"))
        return read_schema(self._file, path, name, self._files, self._problems)


def make_prompters(candidates: Sequence[Candidate], maker: PrompterMaker) -> Mapping[str, Prompter]:
    """Candidate name to its prompter, those left out that have a mistake."""
    made = ((candidate.name, maker.make(index, candidate)) for index, candidate in enumerate(candidates))
    return {name: prompter for name, prompter in made if prompter is not None}

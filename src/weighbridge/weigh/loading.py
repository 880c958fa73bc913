"""From a folder to a Task: task.toml, then the files it names, the items last because they may be many."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from weighbridge import __version__
from weighbridge.units import MIB, format_bytes
from weighbridge.weigh.candidates import check_backends, fill_in, read_answer
from weighbridge.weigh.grading import Grader, make_graders
from weighbridge.weigh.items import MISSING, Items, look_up, open_items
from weighbridge.weigh.items.fields import paths
from weighbridge.weigh.items.items import open_regular
from weighbridge.weigh.problems import Problem, Problems, did_you_mean
from weighbridge.weigh.prompt import Prompter, Shot
from weighbridge.weigh.records import AnswerSpec, Candidate, Item, ScoreSpec
from weighbridge.weigh.sections import TomlFile, read_record, read_toml
from weighbridge.weigh.shots import read_shots
from weighbridge.weigh.spec import TaskFile, TaskSection
from weighbridge.weigh.task_record import Task
from weighbridge.weigh.template import TemplateError

TASK_FILE = "task.toml"
_LARGEST = 8 * MIB
"""For task.toml and schemas, which are read whole."""


def read_task(folder: Path, problems: Problems, cache_dir: Path | None) -> Task | None:
    """The task in a folder; None after adding what is wrong."""
    return _Loader(folder, problems).load(cache_dir)


class _Loader:
    """Gathers the parts of one task, going on after a mistake as far as that makes sense."""

    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._used: dict[str, Path] = {}
        """Every file besides task.toml, by the name task.toml calls it."""
        self._known_shots: dict[str, tuple[tuple[Shot, int], ...] | None] = {}

    def load(self, cache_dir: Path | None) -> Task | None:
        data = self._read(TASK_FILE, ("task",), None)
        file = None if data is None else read_toml(TASK_FILE, data, self._problems)
        if data is None or file is None:
            return None
        spec = read_record(file, (), file.tables, TaskFile, self._problems)
        if spec is None:
            self._scan_items_alone(file)
            return None
        check_backends(file, spec.backend, self._problems)
        candidates = fill_in(file, spec, self._problems)
        answer = read_answer(file, spec.answer, self._problems)
        if answer is None:
            self._scan_items_alone(file)
            return None
        self._same_labels(file, answer, candidates)
        schema = self._schema(file, answer, ("answer", "schema"))
        graders = make_graders(file, spec.score, answer.choices, schema, self._problems)
        prompters = self._prompters(file, spec.task, candidates, graders)
        self._used[spec.task.items] = self._folder / spec.task.items
        looker = _Looker(spec.task.items, prompters, graders, spec.task.tags)
        items, fingerprint = self._items(file, spec, data, looker, cache_dir)
        if items is None or self._problems.found:
            if items is not None:
                items.close()
            return None
        return Task(
            folder=self._folder,
            name=spec.task.name or self._folder.resolve().name,
            description=spec.task.description,
            items=items,
            rule=spec.weigh.rule(),
            tags=spec.task.tags,
            candidates=candidates,
            scores=_as_used(graders, spec),
            limits=spec.weigh.limits(),
            fingerprint=fingerprint,
            prompters=prompters,
            graders=graders,
        )

    def _read(self, name: str, path: tuple[str | int, ...], file: TomlFile | None) -> bytes | None:
        """A small file as bytes; None after adding why not, at the key that names it."""
        where = self._folder / name
        try:
            if not self._folder.is_dir():
                state = "is not a folder" if self._folder.exists() else "does not exist"
                hint = "`weighbridge weigh --init FOLDER` writes one to start from."
                self._problems.add(Problem(str(self._folder), None, None, f"the task folder {state}", hint))
                return None
            with os.fdopen(open_regular(where), "rb") as opened:
                data = opened.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            hint = "`weighbridge weigh --init FOLDER` writes one to start from." if file is None else "Check the path."
            what = f"{name!r} cannot be read: {reason}"
            self._problems.add(file.problem(path, what, hint) if file else Problem(name, None, None, what, hint))
            return None
        if len(data) > _LARGEST:
            self._problems.add(Problem(name, None, None, f"larger than {format_bytes(_LARGEST)}"))
            return None
        return data

    def _schema(self, file: TomlFile, answer: AnswerSpec, path: tuple[str | int, ...]) -> dict[str, Any] | None:
        """`[answer] schema`, an object as JSON Schema asks."""
        if answer.schema is None:
            return None
        data = self._read(answer.schema, path, file)
        if data is None:
            return None
        self._used[answer.schema] = self._folder / answer.schema
        try:
            value = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._problems.add(Problem(answer.schema, None, None, f"not readable as JSON: {error}"))
            return None
        if not isinstance(value, dict):
            self._problems.add(Problem(answer.schema, None, None, "a JSON Schema is an object"))
            return None
        return value

    def _same_labels(self, file: TomlFile, answer: AnswerSpec, candidates: tuple[Candidate, ...]) -> None:
        """A candidate may be asked with other leads, never for other labels: it could not be compared."""
        expected = [(choice.name, choice.labels) for choice in answer.choices]
        for index, candidate in enumerate(candidates):
            if [(choice.name, choice.labels) for choice in candidate.answer.choices] != expected:
                what = f"candidate {candidate.name!r} has other choices than `[answer]`; all are scored alike"
                hint = "Repeat the same names and labels; only `lead` may differ."
                self._problems.add(file.problem(("candidate", index, "answer", "choices"), what, hint))

    def _prompters(
        self, file: TomlFile, task: TaskSection, candidates: tuple[Candidate, ...], graders: tuple[Grader, ...]
    ) -> dict[str, Prompter]:
        prompters: dict[str, Prompter] = {}
        for index, candidate in enumerate(candidates):
            at = ("candidate", index, "prompt")
            if not (candidate.prompt.user or "").strip():
                what = "the prompt has no `user` text, which asks about an item"
                hint = 'Add `[prompt]` with `user = "... {{field}} ..."`.'
                self._problems.add(file.problem(file.known(at, ("prompt",)), what, hint))
                continue
            shots = self._shots(file, at, task, candidate, graders)
            schema = self._schema(file, candidate.answer, ("candidate", index, "answer", "schema"))
            try:
                Prompter(candidate, (), None)  # its texts first, then each example in them
                for shot, line in shots:
                    self._one_shot(candidate, shot, line)
                prompters[candidate.name] = Prompter(candidate, [shot for shot, _ in shots], schema)
            except TemplateError as error:
                field = next(
                    (key for key in ("user", "system", "shot") if _is_bad(getattr(candidate.prompt, key))), "user"
                )
                path = file.known((*at, field), ("prompt", field))
                self._problems.add(file.problem(path, str(error)))
        return prompters

    def _one_shot(self, candidate: Candidate, shot: Shot, line: int) -> None:
        try:
            Prompter(candidate, (shot,), None)
        except TemplateError as error:
            what = f"{error}, and the prompt of candidate {candidate.name!r} names it"
            hint = did_you_mean(error.field or "", paths(shot.fields))
            self._problems.add(Problem(candidate.prompt.shots or "", line, error.field, what, hint))
            raise

    def _shots(
        self,
        file: TomlFile,
        at: tuple[str | int, ...],
        task: TaskSection,
        candidate: Candidate,
        graders: tuple[Grader, ...],
    ) -> tuple[tuple[Shot, int], ...]:
        name = candidate.prompt.shots
        if name is None or candidate.prompt.max_shots == 0:
            return ()
        if name not in self._known_shots:
            self._used[name] = self._folder / name
            self._known_shots[name] = read_shots(
                self._folder / name,
                name,
                choices=candidate.answer.choices,
                graders=graders,
                max_item_bytes=task.max_item_bytes,
                problems=self._problems,
            )
        return (self._known_shots[name] or ())[: candidate.prompt.max_shots]

    def _items(
        self,
        file: TomlFile,
        spec: TaskFile,
        data: bytes,
        looker: _Looker,
        cache_dir: Path | None,
    ) -> tuple[Items | None, str]:
        name = spec.task.items
        try:
            fingerprint = _fingerprint(data, self._used)
        except (OSError, ValueError) as error:
            what = f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}"
            self._problems.add(file.problem(("task", "items"), what, "Check the path."))
            return None, ""
        clean = cache_dir is not None and not self._problems.found
        cached = cache_dir / "items" / f"{fingerprint}-{__version__}.npy" if cache_dir is not None and clean else None
        items = open_items(
            self._folder / name,
            name,
            id_field=spec.task.id,
            max_item_bytes=spec.task.max_item_bytes,
            look=looker,
            problems=self._problems,
            cached=cached,
        )
        for tag, near in looker.unseen_tags():
            what = f"no item has the field {tag!r}"
            self._problems.add(file.problem(("task", "tags"), what, did_you_mean(tag, near)))
        return items, fingerprint

    def _scan_items_alone(self, file: TomlFile) -> None:
        """With task.toml in doubt the items can still be read, so that one check finds the mistakes of both."""
        task = file.tables.get("task")
        name = task.get("items") if isinstance(task, dict) else None
        id_field = task.get("id") if isinstance(task, dict) else None
        if not isinstance(name, str):
            return
        items = open_items(
            self._folder / name,
            name,
            id_field=id_field if isinstance(id_field, str) else None,
            max_item_bytes=TaskSection(items=name).max_item_bytes,
            look=_Looker(name, {}, (), ()),
            problems=self._problems,
        )
        if items is not None:
            items.close()


class _Looker:
    """What the task finds wrong with each item: a field no prompt can do without, a reference no scorer can use."""

    def __init__(
        self, name: str, prompters: dict[str, Prompter], graders: tuple[Grader, ...], tags: tuple[str, ...]
    ) -> None:
        self._name = name
        self._prompters = prompters
        self._graders = graders
        self._needed = {
            path for prompter in prompters.values() for _, text in prompter.templates for path in text.needed
        }
        self._unseen = set(tags)
        self._example: dict[str, Any] | None = None

    def __call__(self, item: Item, line: int) -> Iterator[Problem]:
        if self._unseen:
            self._unseen = {tag for tag in self._unseen if look_up(item.fields, tag) is MISSING}
            self._example = self._example or item.fields
        if any(item.fields.get(path) is None for path in self._needed):  # a dotted path looks like a lack: look closer
            yield from self._lacks(item, line)
        for grader in self._graders:
            for path, what in grader.faults(item.fields):
                yield Problem(
                    self._name, line, path, f"item {item.id!r}: {what}", did_you_mean(path, paths(item.fields))
                )

    def _lacks(self, item: Item, line: int) -> Iterator[Problem]:
        for candidate, prompter in self._prompters.items():
            for path, text in prompter.lacks(item.fields):
                state = "is missing" if look_up(item.fields, path) is MISSING else "is null"
                what = f"item {item.id!r}: the field {path!r} {state}, and {text!r} of candidate {candidate!r} names it"
                yield Problem(self._name, line, path, what, did_you_mean(path, paths(item.fields)))

    def unseen_tags(self) -> Iterator[tuple[str, list[str]]]:
        """Tags that no item had, with the fields the first one has."""
        if self._example is not None:
            near = list(paths(self._example))
            yield from ((tag, near) for tag in sorted(self._unseen))


def _is_bad(text: str | None) -> bool:
    from weighbridge.weigh.template import Template

    try:
        Template(text or "")
    except TemplateError:
        return True
    return False


def _as_used(graders: tuple[Grader, ...], spec: TaskFile) -> tuple[ScoreSpec, ...]:
    kinds = [(score.kind, score.options) for score in spec.score] or [("choice", {})] * len(graders)
    return tuple(
        ScoreSpec(kind, grader.name, grader.reference, grader.choice, grader.weight, options)
        for (kind, options), grader in zip(kinds, graders, strict=True)
    )


def _fingerprint(task_toml: bytes, used: dict[str, Path]) -> str:
    """SHA-256 over the SHA-256 of each file, task.toml first, the others by name; files are streamed."""
    total = hashlib.sha256(hashlib.sha256(task_toml).digest())
    for name in sorted(used):
        with os.fdopen(open_regular(used[name]), "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256")
        total.update(name.encode() + b"\0" + digest.digest())
    return total.hexdigest()

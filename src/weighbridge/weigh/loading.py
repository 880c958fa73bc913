"""From a folder to a Task: task.toml, then the files it names, the items last because they may be many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weighbridge import __version__
from weighbridge.engines.checks import check_backends
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem, Problems
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml
from weighbridge.stats import check_rule
from weighbridge.weigh.asking import PrompterMaker, make_prompters, read_schema
from weighbridge.weigh.candidates import fill_in, read_answer
from weighbridge.weigh.files import TaskFiles, UnreadableFile
from weighbridge.weigh.grading import Grader, make_graders
from weighbridge.weigh.items import SUFFIXES, Items, open_items
from weighbridge.weigh.judges.naming import find_judges
from weighbridge.weigh.looker import Looker
from weighbridge.weigh.records import AnswerSpec, Candidate, ScoreSpec
from weighbridge.weigh.spec import TaskFile, TaskSection
from weighbridge.weigh.task_record import Task
from weighbridge.weigh.weights_here import Pulled, check_weights

TASK_FILE = "task.toml"
_START = "`weighbridge weigh --init FOLDER` writes one to start from."


def read_task(folder: Path, problems: Problems, cache_dir: Path | None, pulled: Pulled | None = None) -> Task | None:
    """The task in a folder; None after adding what is wrong. With `pulled`, weights that are here are looked at too."""
    files = TaskFiles(folder)
    data = _task_toml(files, problems)
    file = None if data is None else read_toml(TASK_FILE, data, problems)
    if data is None or file is None:
        return None
    spec = read_record(file, (), file.tables, TaskFile, problems)
    if spec is None:
        _scan_items_alone(file, folder, problems)
        return None
    check_backends(file, spec.backend, problems)
    answer = read_answer(file, spec.answer, problems)
    candidates = fill_in(file, spec, problems)
    _check_rule(file, spec, candidates, problems)
    if answer is None:
        _scan_items_alone(file, folder, problems)
        return None
    if pulled is not None:
        check_weights(file, spec.backend, candidates, folder=folder, pulled=pulled, problems=problems)
    _same_labels(file, answer, candidates, problems)
    graders = _graders(file, spec, answer, files, problems)
    judges = find_judges(file, spec, graders, candidates, files=files, problems=problems)
    maker = PrompterMaker(file, files, graders, spec.task.max_item_bytes, problems)
    prompters = make_prompters(candidates, maker)
    looker = Looker(spec.task.items, prompters, graders, spec.task.tags, spec.weigh.cluster)
    items, fingerprint = _items(file, spec.task, data, files, looker=looker, problems=problems, cache_dir=cache_dir)
    for tag, hint in looker.unseen_tags():
        problems.add(file.problem(("task", "tags"), f"no item has the field {tag!r}", hint))
    if items is None or problems.found:
        if items is not None:
            items.close()
        return None
    return Task(
        folder=folder,
        name=spec.task.name or folder.resolve().name,
        description=spec.task.description,
        items=items,
        rule=spec.weigh.rule(),
        tags=spec.task.tags,
        candidates=candidates,
        scores=_as_used(graders, spec),
        limits=spec.weigh.limits(),
        fingerprint=fingerprint,
        prompters=dict(prompters),
        graders=graders,
        judges=judges,
        policy=spec.weigh.policy,
        data=spec.task.data,
    )


def _check_rule(file: TomlFile, spec: TaskFile, candidates: Sequence[Candidate], problems: Problems) -> None:
    try:
        check_rule(spec.weigh.rule(), [candidate.name for candidate in candidates])
    except InputError as error:
        keys = tuple((error.where or "weigh").split("."))
        problems.add(
            file.problem(keys if keys[-1] in file.tables.get("weigh", {}) else keys[:1], error.what, error.next_move)
        )


def _task_toml(files: TaskFiles, problems: Problems) -> bytes | None:
    folder = files.folder
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        problems.add(Problem(str(folder), None, None, f"the task folder {str(folder)!r} {state}", _START))
        return None
    try:
        return files.read(TASK_FILE)
    except UnreadableFile as error:
        what = f"{str(folder / TASK_FILE)!r} cannot be read: {error}"
        problems.add(Problem(TASK_FILE, None, None, what, _START))
        return None


def _same_labels(file: TomlFile, answer: AnswerSpec, candidates: Sequence[Candidate], problems: Problems) -> None:
    """A candidate may be asked with other leads, never for other labels: it could not be compared."""
    expected = [(choice.name, choice.labels) for choice in answer.choices]
    for index, candidate in enumerate(candidates):
        if [(choice.name, choice.labels) for choice in candidate.answer.choices] != expected:
            what = f"candidate {candidate.name!r} has other choices than `[answer]`; all are scored alike"
            hint = "Repeat the same names and labels; only `lead` may differ."
            problems.add(file.problem(("candidate", index, "answer", "choices"), what, hint))
        if candidate.answer.options != answer.options:
            what = f"candidate {candidate.name!r} has other options than `[answer]`; all are scored alike"
            problems.add(file.problem(("candidate", index, "answer", "options"), what, "Leave them out."))


def _graders(
    file: TomlFile, spec: TaskFile, answer: AnswerSpec, files: TaskFiles, problems: Problems
) -> tuple[Grader, ...]:
    path = ("answer", "schema")
    schema = None if answer.schema is None else read_schema(file, path, answer.schema, files, problems)
    return make_graders(file, spec.score, answer.choices, schema, problems, question=spec.prompt.user)


def _items(
    file: TomlFile,
    task: TaskSection,
    data: bytes,
    files: TaskFiles,
    *,
    looker: Looker,
    problems: Problems,
    cache_dir: Path | None,
) -> tuple[Items | None, str]:
    """The items and the task's fingerprint, which names the file their index is kept in."""
    fingerprint = ""
    if not _known_suffix(file, task.items, problems):
        return None, ""
    path = files.use_checked(file, ("task", "items"), task.items, problems)
    if path is None:
        return None, ""
    if not problems.found:
        try:
            fingerprint = files.fingerprint(data)
        except UnreadableFile as error:
            problems.add(Problem(task.items, None, None, f"cannot be read: {error}", "Check `items` under `[task]`."))
            return None, ""
    cached = cache_dir / "items" / f"{fingerprint}-{__version__}.npy" if cache_dir and fingerprint else None
    items = open_items(
        path,
        task.items,
        id_field=task.id,
        max_item_bytes=task.max_item_bytes,
        look=looker,
        problems=problems,
        cached=cached,
    )
    return items, fingerprint


def _known_suffix(file: TomlFile, name: str, problems: Problems) -> bool:
    """Whether items are read from files of this kind; adds the mistake at the key that names the file."""
    suffix = Path(name).suffix
    if suffix.lower() in SUFFIXES:
        return True
    what = f"{name!r} cannot be read as items: {f'its suffix is {suffix}' if suffix else 'it has no suffix'}"
    problems.add(file.problem(("task", "items"), what, f"Known: {', '.join(SUFFIXES)}."))
    return False


def _scan_items_alone(file: TomlFile, folder: Path, problems: Problems) -> None:
    """With task.toml in doubt the items can still be read, so that one check finds the mistakes of both."""
    task = file.tables.get("task")
    name = task.get("items") if isinstance(task, dict) else None
    id_field = task.get("id") if isinstance(task, dict) else None
    if not isinstance(name, str) or not _known_suffix(file, name, problems):
        return
    items = open_items(
        folder / name,
        name,
        id_field=id_field if isinstance(id_field, str) else None,
        max_item_bytes=TaskSection(items=name).max_item_bytes,
        look=Looker(name),
        problems=problems,
    )
    if items is not None:
        items.close()


def _as_used(graders: Sequence[Grader], spec: TaskFile) -> tuple[ScoreSpec, ...]:
    kinds = [(score.kind, score.options) for score in spec.score] or [("choice", {})] * len(graders)
    return tuple(
        ScoreSpec(kind, grader.name, grader.reference, grader.choice, grader.weight, options)
        for (kind, options), grader in zip(kinds, graders, strict=True)
    )

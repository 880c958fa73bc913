"""A task folder of ours made from a task of lm-eval: its prompts as items, its metric as scorer, ready to be edited.

    generate_until     the prompt with its examples, sampled until the task's own stop texts; scored by lm-eval itself
                       (scorer `lm-eval`): the task's filter, then its metric
    multiple_choice    likelihood, lm-eval's own measure: the prompt as it is, the choices ranked by the log-likelihood
                       of their texts, divided by length where the task's first metric says so (acc_norm, acc_bytes).
                       It takes a backend that tells it: llamacpp, vLLM, SGLang
                       letters, another measure, for models that can only be talked to: where every document has the
                       same few choices (A to D, yes and no), these are labels; where each has its own, they are shown
                       with letters and a letter is asked for, without examples. Such figures compare the candidates
                       here, never with tables that lm-eval made

The folder holds everything; the data set is not needed again.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from weighbridge.errors import InputError, UsageError
from weighbridge.weigh.imports.recorded import TAG_FIELDS

from .library import INSTALL, MISSING, NoLibrary, load_tasks, split_name

LETTERS = string.ascii_uppercase
MOST_LABELS, LONGEST_LABEL = 26, 20
"""Choices that can be labels as they are."""
USUAL_TOKENS = 1024
"""Where a task does not limit its answers."""


PER = {"acc": "text", "acc_norm": "character", "acc_bytes": "byte"}
"""By lm-eval's metric, what it divides the log-likelihood of a choice by (api/task.py: process_results)."""
Measure = Literal["likelihood", "letters"]


class Form(NamedTuple):
    """What becomes of a task's documents."""

    kind: str
    measure: Measure | None = None
    """Of multiple choice."""
    labels: tuple[str, ...] = ()
    """Asked for letters: the choices of every document, where all have the same few."""

    def __str__(self) -> str:
        return self.kind if self.measure is None else f"{self.kind} by {self.measure}"


class Written(NamedTuple):
    folder: Path
    tasks: tuple[str, ...]
    items: int
    kind: str


def write_from(
    spec: str,
    folder: Path,
    *,
    max_items: int | None = None,
    num_fewshot: int | None = None,
    measure: Measure | None = None,
) -> Written:
    """Write task.toml and items.jsonl for `TASK` or `FILE.yaml`. measure: of multiple choice; None: likelihood.

    Raises InputError, UsageError."""
    name, include = split_name(spec)
    try:
        tasks = load_tasks(name, include)
    except NoLibrary:
        raise InputError(MISSING, where=f"lm-eval:{name}", next_move=INSTALL) from None
    kinds = {task.OUTPUT_TYPE for task in tasks}
    if len(kinds) > 1:
        what = f"{name!r} holds tasks of several kinds: {', '.join(sorted(kinds))}"
        raise InputError(what, where=f"lm-eval:{name}", next_move="Name one of its tasks.")
    kind = kinds.pop()
    if kind != "multiple_choice" and measure is not None:
        raise UsageError(f"--as is about multiple choice, and {name!r} asks for written answers")
    form = Form(kind, (measure or "likelihood") if kind == "multiple_choice" else None)
    if form.measure == "letters":
        form = form._replace(labels=_common_labels(tasks))
    rows = list(_rows(tasks, form, max_items, num_fewshot))
    if not rows:
        raise InputError(f"{name!r} has no documents with a right answer", where=f"lm-eval:{name}")
    settings = _settings(name, include, tasks, rows, form)
    _write(folder, settings, rows)
    return Written(folder, tuple(task.task_name for task in tasks), len(rows), str(form))


def _rows(tasks: Sequence[Any], form: Form, max_items: int | None, num_fewshot: int | None) -> Iterator[dict[str, Any]]:
    """Documents as items; those whose right answer is none of their choices are left out, for nobody can be right."""
    for task in tasks:
        shots = task.config.num_fewshot if num_fewshot is None else num_fewshot
        task.set_fewshot_seed(1234)
        lettered = form.measure == "letters" and not form.labels
        for number, document in islice(enumerate(task.eval_docs), max_items):
            context = str(task.fewshot_context(document, 0 if lettered else shots or 0))
            row = {"id": f"{task.task_name}/{number}", "task": task.task_name, "prompt": context}
            row |= {key: value for key, value in document.items() if key in TAG_FIELDS and isinstance(value, str)}
            if form.kind == "generate_until":
                yield row | {"expected": _plain(task.doc_to_target(document)), "lm_eval": _given(task, document)}
            elif (chosen := _choices(task, document, form)) is not None:
                yield row | chosen


def _given(task: Any, document: dict[str, Any]) -> dict[str, Any]:
    return {"task": task.task_name, "doc": _plain(dict(document))}


def _choices(task: Any, document: dict[str, Any], form: Form) -> dict[str, Any] | None:
    """The choices and the right one; None where the right one is none of them."""
    choices = [str(choice) for choice in task.doc_to_choice(document)]
    target = task.doc_to_target(document)
    right = [
        place for one in (target if isinstance(target, list) else [target]) if (place := _place(one, choices)) >= 0
    ]
    if not right:
        return None
    if form.measure == "likelihood":
        texts = [choices[place] for place in right]
        return {"choices": choices, "answer": texts[0] if len(texts) == 1 else texts}
    if form.labels:
        texts = [choices[place].strip() for place in right]
        return {"answer": texts[0] if len(texts) == 1 else texts}
    shown = "\n".join(f"{letter}. {choice.strip()}" for letter, choice in zip(LETTERS, choices, strict=False))
    letters = [LETTERS[place] for place in right]
    return {"choices": shown, "answer": letters[0] if len(letters) == 1 else letters}


def _place(target: Any, choices: Sequence[str]) -> int:
    """Of the right choice, which is said by its text or its number; -1 where it is none, as lm-eval has it."""
    if isinstance(target, str):
        return choices.index(target) if target in choices else -1
    return int(target) if 0 <= int(target) < len(choices) else -1


def _common_labels(tasks: Sequence[Any]) -> tuple[str, ...]:
    """The choices, where all documents have the same few short ones; else none."""
    common: tuple[str, ...] | None = None
    for task in tasks:
        for document in task.eval_docs:
            found = tuple(str(choice).strip() for choice in task.doc_to_choice(document))
            if len(found) > MOST_LABELS:
                what = f"a document of {task.task_name!r} has {len(found)} choices, and letters end at {MOST_LABELS}"
                raise InputError(what, where=f"lm-eval:{task.task_name}")
            common = found if common is None else common
            if found != common or any(not one or len(one) > LONGEST_LABEL for one in found) or len(set(found)) < 2:
                return ()
    return common or ()


def _settings(name: str, include: str | None, tasks: Sequence[Any], rows: Sequence[dict[str, Any]], form: Form) -> str:
    """task.toml as text."""
    from importlib.metadata import version

    task, kind, labels = tasks[0], form.kind, form.labels
    tags = ["task"] * (len(tasks) > 1) + [key for key in TAG_FIELDS if all(key in row for row in rows)]
    lines = [
        f"# Written from lm-eval's task {name!r} (lm_eval {version('lm_eval')}, task version {task.VERSION}).",
        "# Everything a run needs is in this folder. Name your models at the end, then: weighbridge weigh FOLDER",
        "",
        "[task]", f"name = {_toml(name)}", 'items = "items.jsonl"', 'id = "id"', f"tags = {_toml(tags)}", "",
        "[prompt]",
    ]  # fmt: skip
    if kind == "generate_until":
        lines += ['user = "{{prompt}}"', "", *_sampling(task), "", *_scorer(task, include)]
    elif form.measure == "likelihood":
        lines += ['user = "{{prompt}}"', "", *_ranked(task)]
    else:
        lettered = 'user = """{{prompt}}\n\n{{choices}}\n\nAnswer with the letter only."""'
        letters = LETTERS[: max(row["choices"].count("\n") + 1 for row in rows)] if not labels else ""
        lines += [
            lettered if not labels else 'user = "{{prompt}}"', "",
            "[[answer.choices]]", 'name = "answer"', f"labels = {_toml(list(labels or letters))}", "",
            "[[score]]", 'kind = "choice"', 'choice = "answer"', 'reference = "answer"',
        ]  # fmt: skip
    return "\n".join([*lines, "", *_BACKENDS, ""])


def _ranked(task: Any) -> list[str]:
    """Choices ranked as the first metric of the task that is an accuracy ranks them."""
    metrics = [name for name in task.higher_is_better() if name in PER] or ["acc"]
    others = f"; {', '.join(f'{PER[one]!r} is {one}' for one in metrics[1:])}" if metrics[1:] else ""
    return [
        "# The choices are ranked by their log-likelihood, lm-eval's own measure: llamacpp, vLLM and SGLang tell it.",
        "# For models that can only be talked to: --as letters, which is another measure.",
        "[answer.options]", 'field = "choices"',
        f"before = {_toml(task.config.target_delimiter)}     # between prompt and choice",
        f"per = {_toml(PER[metrics[0]])}     # {metrics[0]}{others}", "",
        "[[score]]", 'kind = "exact"', f"name = {_toml(metrics[0])}", 'reference = "answer"',
        "options = { ignore_space = false }",
    ]  # fmt: skip


def _sampling(task: Any) -> list[str]:
    asked = dict(task.config.generation_kwargs or {})
    stops = asked.get("until") or []
    stops = [stops] if isinstance(stops, str) else [stop for stop in stops if stop]
    lines = ["[answer.sampling]", f"max_tokens = {int(asked.get('max_gen_toks') or USUAL_TOKENS)}"]
    if stops:
        lines.append(f"# stop = {_toml(stops)}   # the scorer ends answers there; a model that thinks first needs room")
    if asked.get("do_sample") and asked.get("temperature") is not None:
        lines.append(f"temperature = {float(asked['temperature'])}")
    return lines


def _scorer(task: Any, include: str | None) -> list[str]:
    metrics = list(task.higher_is_better())
    filters = [one.name for one in task._filters]
    better = [name for name, higher in task.higher_is_better().items() if higher is not False]
    if not better:
        what = f"of every metric of {task.task_name!r} less is better: {', '.join(metrics)}"
        raise InputError(
            what, where=f"lm-eval:{task.task_name}", next_move="Weigh it from lm-eval's logs with --scale."
        )
    until = _stops(task)
    lines = ["[[score]]", 'kind = "lm-eval"', f"name = {_toml(better[0])}", 'reference = "lm_eval"', "[score.options]"]
    lines += [f"metric = {_toml(better[0])}        # of {', '.join(metrics)}"]
    lines += [f"filter = {_toml(filters[0])}       # of {', '.join(filters)}"]
    lines += [f"until = {_toml(until)}"] if until else []
    return lines + ([f"include = {_toml(include)}"] if include else [])


def _stops(task: Any) -> list[str]:
    stops = dict(task.config.generation_kwargs or {}).get("until") or []
    return [stops] if isinstance(stops, str) else [stop for stop in stops if stop]


_BACKENDS = [
    "# Who is asked. docs/engines.md lists the kinds; two candidates or more.",
    "# [[backend]]",
    '# name = "small"',
    '# kind = "vllm"',
    '# base_url = "http://localhost:8000/v1"',
    '# model = "Qwen/Qwen2.5-7B-Instruct"',
]


def _write(folder: Path, settings: str, rows: Sequence[dict[str, Any]]) -> None:
    files = {"task.toml": settings, "items.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            if (folder / name).exists():
                raise UsageError(
                    f"{str(folder / name)!r} is already there, and nothing was written",
                    next_move="Name another folder, or move that file away.",
                )
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"cannot write the task: {error.strerror or error}"
        raise InputError(what, where=str(folder), next_move="Name another folder.") from error


def _plain(value: Any) -> Any:
    """A document's value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.item() if hasattr(value, "item") else str(value)


def _toml(value: Any) -> str:
    """A JSON string or list of strings is one of TOML, too."""
    return json.dumps(value, ensure_ascii=False)

"""The library lm-eval (extra `lm-eval`), asked for as little as can be: a task, with its documents or given ones.

Tasks are found as lm-eval finds them: by name among its own, or in the folder of a YAML file. A task that runs the code
a model writes, that needs pictures or sound, or that has no answers to score is refused. Read from lm_eval 0.4.13:
tasks/manager.py, api/task.py.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from weighbridge.errors import InputError

YAML = (".yaml", ".yml")
MISSING = "The package lm-eval is not installed."
INSTALL = "Install it: pip install 'weighbridge[lm-eval]'"
OUTPUT_TYPES = ("generate_until", "multiple_choice")
_LOCK = Lock()


class NoLibrary(Exception):
    """lm-eval is not installed."""


def split_name(spec: str) -> tuple[str, str | None]:
    """(task, folder of YAML files or None) of `gsm8k` or `tasks/mine.yaml`. Raises InputError."""
    if not spec.endswith(YAML):
        return spec, None
    path = Path(spec).absolute()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the task {spec!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InputError(what, where=spec, next_move="Check the path.") from error
    for line in lines:
        key, mark, value = line.partition(":")
        if mark and key.strip() == "task" and value.strip() and not line[0].isspace():
            return value.split("#")[0].strip().strip("'\""), str(path.parent)
    raise InputError("the file names no task", where=spec, next_move="Add a line `task: NAME` at its top.")


def load_tasks(name: str, include: str | None) -> list[Any]:
    """The task with its documents, or every task of a group. Raises InputError, NoLibrary."""
    manager = _manager(include)
    if name not in manager.all_tasks:
        from weighbridge.formats.problems import did_you_mean

        hint = did_you_mean(name, _near(name, manager.all_tasks))
        raise InputError(f"lm-eval has no task {name!r}", where=f"lm-eval:{name}", next_move=hint)
    try:
        with _quiet():
            tasks = list(manager.load([name])["tasks"].values())
    except Exception as error:  # whatever the data set's library raises
        raise InputError(
            f"the documents of {name!r} cannot be had: {_first_line(error)}",
            where=f"lm-eval:{name}",
            next_move="lm-eval fetches them from a hub with the library `datasets`, which works without a network only "
            "where they are in its cache (HF_HOME). A YAML task over a local file (dataset_path: json) needs none.",
        ) from error
    for task in tasks:
        _check(task)
    return tasks


def task_over(name: str, include: str | None, document: dict[str, Any]) -> Any:
    """The task as its configuration has it, over one given document: nothing is fetched. Raises InputError."""
    from lm_eval.api.task import ConfigurableTask

    def given(task: Any, *_: Any, **__: Any) -> None:
        config = task.config
        config.process_docs = None  # the document was processed when it was written
        splits = {config.training_split, config.validation_split, config.test_split, task.fewshot_cfg.split}
        task.fewshot_cfg.process_docs = None
        task.dataset = {split: _Documents([document]) for split in splits if split}

    manager = _manager(include)
    with _LOCK, _quiet():
        usual = ConfigurableTask.download
        ConfigurableTask.download = given
        try:
            return manager.load([name])["tasks"][name]
        except KeyError:
            raise InputError(f"lm-eval has no task {name!r}", where="task.toml: score.options") from None
        finally:
            ConfigurableTask.download = usual


class _Documents(list[dict[str, Any]]):
    """Documents as a data set has them, as far as a task looks."""

    @property
    def features(self) -> dict[str, Any]:
        return dict.fromkeys(self[0]) if self else {}


@cache
def _manager(include: str | None) -> Any:
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise NoLibrary(str(error)) from error
    with _quiet():
        return TaskManager(include_path=include, include_defaults=include is None)


def _check(task: Any) -> None:
    """Raise InputError for a task that is not for us."""
    config, name = task.config, task.task_name
    if getattr(task, "UNSAFE_CODE", False):
        what = "runs code that the model writes, which Weighbridge does not do"
    elif getattr(task, "MULTIMODAL", False):
        what = "shows pictures or plays sound"
    elif task.OUTPUT_TYPE not in OUTPUT_TYPES:
        what = f"scores the likelihood of given texts ({task.OUTPUT_TYPE}), not an answer"
    elif getattr(task, "multiple_input", 0):
        what = "compares the likelihood of several questions, not answers to one"
    elif task.OUTPUT_TYPE == "multiple_choice" and callable(config.process_results):
        what = "scores likelihoods with a function of its own"
    else:
        return
    raise InputError(
        f"the task {name!r} {what}",
        where=f"lm-eval:{name}",
        next_move="Tasks of the kinds generate_until and multiple_choice can be weighed.",
    )


def _near(name: str, names: Sequence[str]) -> list[str]:
    """Names that share a part with the one asked for: there are thousands."""
    parts = [part for part in name.lower().replace("-", "_").split("_") if len(part) > 2]
    found = [other for other in names if any(part in other.lower() for part in parts)]
    return sorted(found or names, key=len)[:500]


def _first_line(error: BaseException) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 300 else f"{said[:299]}…"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the log lines and progress bars of a library that talks."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)

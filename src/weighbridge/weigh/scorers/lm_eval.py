"""`lm-eval`: the answer as lm-eval scores it, the task's filter and then its metric (extra `lm-eval`).

The reference is the object that `weigh --init FOLDER --from lm-eval:TASK` writes: the task's name and the document. The
data set is not fetched again. Stop texts cut the answer as lm-eval cuts it.
"""

from __future__ import annotations

import math
from typing import Any

from weighbridge.errors import InputError
from weighbridge.weigh.lm_eval.library import INSTALL, MISSING, NoLibrary, task_over
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, shown


class LmEvalOptions(Options, frozen=True, kw_only=True):
    metric: str
    """As lm-eval names it: `exact_match`."""
    filter: str = "none"
    """Which of the task's filters: `strict-match`."""
    until: tuple[str, ...] = ()
    """Texts at which an answer ends."""
    include: str | None = None
    """Folder of YAML files; None: lm-eval's own tasks."""


class LmEvalScorer:
    """Asks the library; tasks are kept once they are known."""

    needs_reference = True

    def __init__(self, options: LmEvalOptions, setting: Setting) -> None:
        try:
            import lm_eval  # noqa: F401
        except ImportError:
            raise BadOption(None, MISSING, INSTALL) from None
        self._options = options
        self._tasks: dict[str, Any] = {}

    def fault(self, reference: Any) -> str | None:
        if not isinstance(reference, dict) or not isinstance(reference.get("task"), str):
            return "is no object with `task` and `doc`, as `weigh --init --from lm-eval:TASK` writes it"
        return None if isinstance(reference.get("doc"), dict) else "has no `doc`, the document of the task"

    def mark(self, text: str, reference: Any) -> Mark:
        options, document = self._options, reference["doc"]
        for stop in options.until:
            text = text.split(stop, 1)[0]
        task = self._task(reference["task"], document)
        read = self._filtered(task, document, text)
        found = task.process_results(document, [read])
        score = found.get(options.metric) if isinstance(found, dict) else None
        if not isinstance(score, bool | int | float) or not math.isfinite(score):
            known = ", ".join(found) if isinstance(found, dict) else "none"
            raise InputError(
                f"lm-eval gives no number for {options.metric!r}; its metrics here: {known}",
                where="task.toml: score.options.metric",
            )
        expected = shown(str(task.doc_to_target(document)))
        return Mark(float(score), "" if score >= 1 else f"read {shown(str(read))}; expected {expected}")

    def _task(self, name: str, document: dict[str, Any]) -> Any:
        if name not in self._tasks:
            try:
                self._tasks[name] = task_over(name, self._options.include, document)
            except NoLibrary:
                raise InputError(MISSING, where="task.toml: score", next_move=INSTALL) from None
        return self._tasks[name]

    def _filtered(self, task: Any, document: dict[str, Any], text: str) -> Any:
        """What the task's filter makes of the answer."""
        from lm_eval.api.instance import Instance

        for ensemble in task._filters:
            if ensemble.name == self._options.filter:
                instance = Instance(request_type="generate_until", doc=document, arguments=("", {}), idx=0)
                instance.resps = [text]
                ensemble.apply([instance])
                return instance.filtered_resps[ensemble.name]
        known = ", ".join(ensemble.name for ensemble in task._filters)
        raise InputError(
            f"the task has no filter {self._options.filter!r}",
            where="task.toml: score.options.filter",
            next_move=f"Known: {known}.",
        )

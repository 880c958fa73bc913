"""Joins a task with the policy: every candidate, and every judge, is allowed before anything is pulled or asked.

    which file    --policy, else `[weigh] policy` of the task, else the environment's WEIGHBRIDGE_POLICY
    which data    --data, else `[task] data`: the class that the items are of

What is asked of weights that are not here yet (audit, pin) is asked again once they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.cli.compose_evidence import keep_decisions, row_of
from weighbridge.cli.compose_policy import WEIGHTS_HERE, Backends, check_class, load_policy
from weighbridge.errors import PolicyRefused
from weighbridge.formats.problems import Problem
from weighbridge.policy import Decision, Facts, Policy, decide

if TYPE_CHECKING:
    from weighbridge.cli.changes import Changes
    from weighbridge.dispatch.call import Call
    from weighbridge.engines import BackendRecord
    from weighbridge.engines.pull import Pulled
    from weighbridge.settings import Settings
    from weighbridge.weigh.task import Task


class Asked(msgspec.Struct, frozen=True):
    """One that a task asks: a candidate or a judge."""

    name: str
    record: BackendRecord
    model: str | None


@dataclass
class TaskRules:
    """The rules of one run, and what they decided."""

    policy: Policy
    data_class: str | None
    settings: Settings
    asked: tuple[Asked, ...]
    folder: Path
    decisions: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """(backend, model) to the id of the decision."""

    def allow(self, pulled: Mapping[str, Pulled] | None = None) -> None:
        """Decide for all, write the decisions down, and raise PolicyRefused where one is not allowed. Without `pulled`
        weights may still be missing."""
        at = time.time()
        found = self.judged(at, is_choice=pulled is None)
        rows = [
            row_of(self.policy, facts, decision, caller="weigh", backend=each.record.name, at=at)
            for each, facts, decision in found
        ]
        keep_decisions(self.settings.data_dir, self.policy, rows, at)
        for (each, _, _), row in zip(found, rows, strict=True):
            self.decisions[each.record.name, each.model] = row.id
        refused = {each.name: decision for each, _, decision in found if not decision.allowed}
        if refused:
            raise self._refused(refused)

    def judged(self, at: float, *, is_choice: bool) -> list[tuple[Asked, Facts, Decision]]:
        """What is decided of each; writes nothing down. `at` is now, in Unix seconds."""
        today = time.strftime("%Y-%m-%d", time.gmtime(at))
        backends = Backends(self.policy, self.settings, today, self.folder)
        return [(each, *self._judge(backends, each, is_choice=is_choice)) for each in self.asked]

    def _judge(self, backends: Backends, each: Asked, *, is_choice: bool) -> tuple[Facts, Decision]:
        facts = msgspec.structs.replace(backends.facts(each.record, each.model), data_class=self.data_class)
        waits = is_choice and each.record.kind in WEIGHTS_HERE and facts.audit is None
        return facts, decide(self.policy, facts, is_choice=waits)

    def _refused(self, refused: Mapping[str, Decision]) -> PolicyRefused:
        lines = [f"{name}: {reason}" for name, decision in refused.items() for reason in decision.reasons]
        left = [each.name for each in self.asked if each.name not in refused]
        rest = f"Weigh the others: --candidates {','.join(left)}." if len(left) > 1 else ""
        class_of = f" for {self.data_class} data" if self.data_class else ""
        return PolicyRefused(
            f"{self.policy.file.name} does not allow {', '.join(refused)}{class_of}; nothing was asked",
            where=self.policy.path,
            next_move="\n  ".join([*lines, *([rest] if rest else [])]),
        )

    def decided(self, call: Call) -> str | None:
        """The decision behind a call, for its row in the ledger."""
        model = call.request.model
        return self.decisions.get((call.backend, model)) or self.decisions.get((call.backend, None))


def rules_of_task(task: Task, changes: Changes, settings: Settings) -> TaskRules | None:
    """The rules of a run; None where no policy is named anywhere. Raises InputError for a file with a mistake."""
    path = changes.policy or (task.folder / task.policy if task.policy is not None else settings.policy)
    if path is None:
        return None
    policy, data = load_policy(path), changes.data or task.data
    check_class(policy, data)
    return TaskRules(policy, data, settings, tuple(_asked(task)), task.folder)


def refusals(task: Task, changes: Changes, settings: Settings) -> tuple[Problem, ...]:
    """For `--check`: what the policy of a sound task would refuse, each rule as a problem of its candidate."""
    rules = rules_of_task(task, changes, settings)
    found = [] if rules is None else rules.judged(time.time(), is_choice=True)
    return tuple(
        Problem("task.toml", None, each.name, f"the policy does not allow it: {reason}")
        for each, _, decision in found
        for reason in decision.reasons
    )


def _asked(task: Task) -> Iterator[Asked]:
    for candidate in task.candidates:
        yield Asked(candidate.name, candidate.backend, candidate.model)
    for judge in task.judges:
        yield Asked(f"the judge {judge.name}", judge, judge.model)

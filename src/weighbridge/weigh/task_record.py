"""The record of a loaded task: what is asked of whom, about which items, and how answers are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.chat import Answer, ChatRequest
from weighbridge.engines import Ability, BackendRecord
from weighbridge.stats.records import Rule
from weighbridge.weigh.grading import NOBODY, Grader, grade
from weighbridge.weigh.items import Items
from weighbridge.weigh.prompt import Prompter
from weighbridge.weigh.records import Candidate, Item, Scored, ScoreSpec
from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.spec import Limits


@dataclass(frozen=True, slots=True)
class Task:
    """Made by `load_task`. Holds the file of items open until `close`."""

    folder: Path
    name: str
    description: str
    items: Items
    rule: Rule
    tags: tuple[str, ...]
    """Paths of fields the report is broken down by."""
    candidates: tuple[Candidate, ...]
    scores: tuple[ScoreSpec, ...]
    """As used: names, references and choices filled in."""
    limits: Limits
    fingerprint: str
    """SHA-256, in hex, over task.toml and every file it names."""
    prompters: dict[str, Prompter] = field(repr=False)
    graders: tuple[Grader, ...] = field(repr=False)
    judges: tuple[BackendRecord, ...] = ()
    """Backends that judge answers."""
    policy: str | None = None
    """Path of the policy that candidates are held against, counted from the folder."""
    data: str | None = None
    """Class of data that the items are of."""

    def request(self, candidate: Candidate, item: Item, abilities: frozenset[Ability]) -> ChatRequest:
        """What is asked of a backend that can do `abilities`."""
        return self.prompters[candidate.name].request(item, self.items, abilities)

    def score(self, item: Item, answer: Answer, judged: Mapping[str, Mark] = NOBODY) -> Scored:
        """Grade an answer, with what judges said of it. Raises InputError for a score that is no number from 0 to 1."""
        return grade(self.graders, item, answer, judged)

    def backends(self) -> dict[str, BackendRecord]:
        """All that are asked, by name: those of the candidates, and the judges."""
        records = [*(one.backend for one in self.candidates), *self.judges]
        return {record.name: record for record in records}

    def close(self) -> None:
        self.items.close()

"""What task.toml may hold, section by section; docs/tasks.md explains every key."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from weighbridge.engines import BackendRecord
from weighbridge.stats.records import Goal, Rule
from weighbridge.units import MIB
from weighbridge.weigh.records import CandidateSpec, PromptSpec, ScoreSpec

Order = Literal["random", "discordant"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class TaskSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[task]`."""

    items: str
    """File of items beside task.toml: `.jsonl`, `.csv`, `.tsv` or `.parquet`."""
    name: str | None = None
    """None: the folder's name."""
    description: str = ""
    id: str | None = None
    """Field that holds an item's id. None: `id` where the first item has one, else the item's number from 1."""
    tags: tuple[str, ...] = ()
    """Fields the report is broken down by."""
    data: str | None = None
    """Class of data that the items are of, as the policy names it: `personal`."""
    max_item_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)] = 8 * MIB


class WeighSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[weigh]`: what is to be decided, and the limits of the run."""

    alpha: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    goal: Goal = "better"
    margin: Share = 0.0
    regret: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01
    baseline: str | None = None
    cluster: str | None = None
    scope: Literal["work", "items"] = "work"
    futility: bool = True
    max_usd: Annotated[float, msgspec.Meta(ge=0)] | None = None
    max_failed: Share = 0.2
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    order: Order = "random"
    """`discordant`: items on which candidates are likely to differ come up more often, and count less."""
    earlier: str | None = None
    """Recorded results that tell which those are; None: earlier answers to this task, from the ledger."""
    min_items: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_items: Annotated[int, msgspec.Meta(ge=1)] | None = None
    repeats: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Answers each candidate gives to each item; an item's score is their mean."""
    policy: str | None = None
    """A policy.toml that says which candidates may be asked; a relative path counts from the task's folder."""

    def rule(self) -> Rule:
        return Rule(
            alpha=self.alpha,
            margin=self.margin,
            scope=self.scope,
            futility=self.futility,
            min_items=self.min_items,
            goal=self.goal,
            regret=self.regret,
            baseline=self.baseline,
            cluster=self.cluster,
        )

    def limits(self) -> Limits:
        return Limits(
            max_usd=self.max_usd,
            max_failed=self.max_failed,
            seed=self.seed,
            max_items=self.max_items,
            repeats=self.repeats,
            order=self.order,
            earlier=self.earlier,
        )


class Limits(msgspec.Struct, frozen=True):
    """When a run stops whatever the verdict."""

    max_usd: float | None = None
    """Dollars; None is no limit."""
    max_failed: float = 0.2
    """Share of a candidate's samples that may fail."""
    seed: int = 0
    """Of the order items are drawn in."""
    max_items: int | None = None
    """Items drawn at most."""
    repeats: int = 1
    """Answers to each item."""
    order: Order = "random"
    earlier: str | None = None
    """Path of recorded results that the order goes by; a relative one counts from the task's folder."""


class TaskFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """task.toml as a whole. `answer` stays a plain table until a candidate's own is merged into it."""

    task: TaskSection
    prompt: PromptSpec = PromptSpec()
    answer: dict[str, Any] = {}
    score: tuple[ScoreSpec, ...] = ()
    weigh: WeighSection = WeighSection()
    backend: tuple[BackendRecord, ...] = ()
    candidate: tuple[CandidateSpec, ...] = ()

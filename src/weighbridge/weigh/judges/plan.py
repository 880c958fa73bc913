"""What judges would take, said before anything runs.

judgements   one for each answer where they grade; two for every pair, one in each order; besides them the attacks.
             Repairs are not counted: what share of replies cannot be read is not known before
tokens       means of the judge's earlier judgements for this task; without any, tokens in are unknown, for nobody
             knows how long the answers will be, and tokens out are at most `max_tokens` each
"""

from __future__ import annotations

import msgspec

from weighbridge.dispatch.price import MILLION, host_of
from weighbridge.ledger import Ledger
from weighbridge.weigh.scorers.judge import REFERENCE, JudgeScorer
from weighbridge.weigh.task_record import Task

from .court import judge_name
from .probes import attacks


class JudgeEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """At most, unless a run is decided sooner."""

    name: str
    judgements: int
    tokens_in: float | None
    tokens_out: float | None
    usd: float | None
    """None: a price is missing, or how long the answers will be."""
    measured: bool
    """From its earlier judgements for this task."""
    seconds: float | None
    host: str | None


def judge_estimates(task: Task, ledger: Ledger, items: int) -> tuple[JudgeEstimate, ...]:
    """One for each judge, over all scorers that name it."""
    counts: dict[str, int] = {}
    most: dict[str, int] = {}
    for grader in task.graders:
        if isinstance(grader.scorer, JudgeScorer):
            made = _judgements(grader.scorer, len(task.candidates), items, task.limits.repeats)
            for name in grader.scorer.options.judges:
                counts[name] = counts.get(name, 0) + made
                most[name] = max(most.get(name, 0), grader.scorer.options.max_tokens)
    return tuple(_one(task, ledger, name, count, most[name]) for name, count in counts.items())


def _judgements(scorer: JudgeScorer, candidates: int, items: int, repeats: int) -> int:
    options = scorer.options
    probed = min(options.probes, items)
    if options.mode == "graded":
        return items * candidates * repeats + probed * (len(attacks(options)) + 1)
    pairs = candidates if options.against == REFERENCE else candidates - 1
    return 2 * items * pairs * repeats + 2 * probed * len(attacks(options))


def _one(task: Task, ledger: Ledger, name: str, count: int, most: int) -> JudgeEstimate:
    record = next(one for one in task.judges if one.name == name)
    history = ledger.history(task.name, judge_name(name))
    read, written = history.input_tokens, history.output_tokens
    price = record.price
    usd = None
    if price is not None and price.input is not None and price.output is not None and read is not None:
        usd = count * (read * price.input + (most if written is None else written) * price.output) / MILLION
    return JudgeEstimate(
        name=name,
        judgements=count,
        tokens_in=None if read is None else count * read,
        tokens_out=float(count * most) if written is None else count * written,
        usd=usd,
        measured=read is not None,
        seconds=None if history.latency_s is None else count * history.latency_s / (record.concurrency or 1),
        host=host_of(record),
    )

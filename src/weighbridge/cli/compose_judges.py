"""Answers of a weighed task, drawn at random for people to label, without saying whose they are."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from random import Random
from typing import IO, TYPE_CHECKING, NamedTuple

from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import InputError, UsageError

if TYPE_CHECKING:
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.records import Item
    from weighbridge.weigh.scorers.judge import JudgeScorer
    from weighbridge.weigh.task import Task


class Sample(NamedTuple):
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    items: int


def draw_sample(folder: Path, count: int, seed: int) -> Sample:
    """The first items in a random order that all candidates have answered. Raises UsageError where there are none."""
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.drawing import draw_order
    from weighbridge.weigh.scorers.judge import JudgeScorer
    from weighbridge.weigh.task import load_task

    settings = settings_from_environment()
    task = load_task(folder, cache_dir=settings.cache_dir)
    try:
        scorer = next((one.scorer for one in task.graders if isinstance(one.scorer, JudgeScorer)), None)
        names = [candidate.name for candidate in task.candidates]
        rng = Random(seed)
        rows: list[tuple[str, ...]] = []
        items = 0
        with Ledger(settings.data_dir) as ledger:
            answers = ledger.answers_to(task.name)
            for place in draw_order(len(task.items), seed).tolist():
                item = task.items[place]
                said = {name: answers.get((item.id, name)) for name in names}
                texts = {name: _text(ledger, key) for name, key in said.items() if key is not None}
                if len(texts) == len(names) and items < count:
                    rows += _rows(task, scorer, item, texts, rng)
                    items += 1
    finally:
        task.close()
    if not items:
        raise UsageError(
            f"the ledger holds no item of the task {task.name!r} that all candidates have answered",
            next_move=f"Run `weighbridge weigh {folder}` first.",
        )
    return Sample(_head(scorer), rows, items)


def write_sample(drawn: Sample, out: Path | None) -> None:
    """As CSV. Raises InputError where it cannot be written, or where a file is: somebody may have labelled in it."""
    if out is None:
        _write(drawn, sys.stdout)
        return
    try:
        with out.open("x", newline="", encoding="utf-8") as file:
            _write(drawn, file)
    except FileExistsError:
        what = "the file is there already, and may hold labels"
        raise InputError(what, where=str(out), next_move="Name another one, or remove it first.") from None
    except OSError as error:
        raise InputError(f"the sample cannot be written: {error.strerror}", where=str(out)) from error


def _write(drawn: Sample, file: IO[str]) -> None:
    writer = csv.writer(file)
    writer.writerow(drawn.head)
    writer.writerows(drawn.rows)


def _head(scorer: JudgeScorer | None) -> tuple[str, ...]:
    if _is_paired(scorer):
        return ("item", "question", "answer_a", "answer_b", "winner", "model_a", "model_b")
    return ("item", "question", "answer", "score", "candidate")


def _rows(
    task: Task, scorer: JudgeScorer | None, item: Item, texts: dict[str, str], rng: Random
) -> list[tuple[str, ...]]:
    from weighbridge.weigh.judges.people import code_of

    names = list(texts)
    question = dict(task.prompters[names[0]].templates)["user"].fill(item.fields)
    if scorer is not None:
        question = scorer.question.fill(item.fields)
    code = {name: code_of(item.id, name) for name in names}
    if not _is_paired(scorer):
        rng.shuffle(names)
        return [(item.id, question, texts[name], "", code[name]) for name in names]
    assert scorer is not None, "only a judge compares pairs"
    yardstick = scorer.options.against if scorer.options.against in names else names[0]
    rows: list[tuple[str, ...]] = []
    for name in names:
        if name != yardstick:
            first, second = rng.sample([name, yardstick], 2)
            rows.append((item.id, question, texts[first], texts[second], "", code[first], code[second]))
    return rows


def _is_paired(scorer: JudgeScorer | None) -> bool:
    return scorer is not None and scorer.options.mode == "pairwise"


def _text(ledger: Ledger, key: str) -> str:
    from weighbridge.weigh.reasoning import part

    answer = ledger.answer(key)
    return "" if answer is None else part(answer.text).said

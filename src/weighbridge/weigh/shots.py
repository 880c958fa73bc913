"""Few-shot examples: a file of items with their right answers, written into every prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from weighbridge.chat import Choice
from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.weigh.grading import Grader
from weighbridge.weigh.items import MISSING, look_up, open_items
from weighbridge.weigh.items.fields import paths
from weighbridge.weigh.prompt import Shot
from weighbridge.weigh.records import Item
from weighbridge.weigh.template import as_text

MOST_SHOTS = 1000
"""All of them stand in every prompt."""


def read_shots(
    path: Path,
    name: str,
    *,
    choices: Sequence[Choice],
    graders: Sequence[Grader],
    max_item_bytes: int,
    problems: Problems,
) -> tuple[tuple[Shot, int], ...] | None:
    """Every example with its line; None after adding what is wrong."""
    fields = answer_fields(choices, graders)

    def look(item: Item, line: int) -> Iterator[Problem]:
        for _, field, labels in fields:
            value = look_up(item.fields, field)
            if value is MISSING or value is None:
                what = f"this example has no field {field!r}, which holds its right answer"
                yield Problem(name, line, field, what, did_you_mean(field, paths(item.fields)))
            elif labels and as_text(value) not in labels:
                what = f"{as_text(value)!r} is not a label"
                yield Problem(name, line, field, what, did_you_mean(as_text(value), labels))

    before = problems.count
    items = open_items(path, name, id_field=None, max_item_bytes=max_item_bytes, look=look, problems=problems)
    if items is None:
        return None
    try:
        if len(items) > MOST_SHOTS:
            what = f"{len(items)} examples; a prompt holds at most {MOST_SHOTS}"
            problems.add(Problem(name, None, None, what, "Shorten the file."))
        if problems.count > before:
            return None
        return tuple((_shot(item, fields, bool(choices)), items.line(item.index)) for item in items)
    finally:
        items.close()


AnswerField = tuple[str, str, tuple[str, ...]]
"""(choice, field of an example that holds its label, labels); without choices one with no labels."""


def answer_fields(choices: Sequence[Choice], graders: Sequence[Grader]) -> tuple[AnswerField, ...]:
    """Where an example's right answer stands: the reference of the scorer that grades it, else the choice's name."""
    references = {grader.choice: grader.reference for grader in graders if grader.choice and grader.reference}
    if choices:
        return tuple((choice.name, references.get(choice.name, choice.name), choice.labels) for choice in choices)
    first = next((grader.reference for grader in graders if grader.reference), None)
    return (("", first, ()),) if first is not None else ()


def _shot(item: Item, fields: Sequence[AnswerField], labelled: bool) -> Shot:
    said = {choice: as_text(look_up(item.fields, field)) for choice, field, _ in fields}
    if labelled:
        return Shot(item.fields, said, "")
    return Shot(item.fields, {}, said.get("", ""))

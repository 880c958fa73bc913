"""Which column of a table holds what about which model, in the spellings that people use.

    score          NAME, or NAME and a word: `NAME.score`, `NAME_correct`, `scores.NAME` ...
    anything else  NAME and a word: `NAME.answer`, `NAME|model_response`, `NAME_cost` ...

The words of each kind are in the order they are looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import did_you_mean

KINDS: Mapping[str, tuple[str, ...]] = {
    "score": ("score", "correct", "performance"),
    "answer": ("answer", "model_response", "response"),
    "chars": ("chars", "length"),
    "judge": ("judge", "judge_score"),
    "usd": ("usd", "total_cost", "cost"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
}
SEPARATORS = ".|_:/"
PROMPTS = ("prompt", "query", "question")
MODELS = ("model", "model_name")
ITEMS = ("item", "id", "sample_id", "question_id")


def place_of(header: Sequence[str], name: str, kind: str, file: str) -> int | None:
    """Of the column that holds this kind of thing about a model; None where there is none."""
    words = KINDS[kind]
    spellings = [name] if kind == "score" else []
    spellings += [f"{name}{mark}{word}" for word in words for mark in SEPARATORS]
    spellings += [f"{outer}.{name}" for word in words for outer in (word, f"{word}s")]
    return next((column(header, each, file) for each in spellings if each in header), None)


def first_of(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Place of the first of these names that is a column."""
    return next((header.index(name) for name in names if name in header), None)


def column(header: Sequence[str], name: str, file: str) -> int:
    """Its place. UsageError where there is none, InputError where there are several."""
    count = header.count(name)
    if count == 1:
        return header.index(name)
    if count:
        raise InputError(f"{count} columns are called {name!r}", where=f"{file}:1", next_move="Rename them.")
    raise UsageError(f"there is no column {name!r}", where=f"{file}:1", next_move=did_you_mean(name, header))

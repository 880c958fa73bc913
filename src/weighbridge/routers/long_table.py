"""A long table, a row for each item and model, made wide: a row for each item, columns for each model.

    item, prompt, model, score, answer, chars, judge, usd, input_tokens, output_tokens, and whatever else there is

Rows belong to one item where the column `item` (or `id`, `sample_id`, `question_id`) says the same, else where the
prompt is the same. A model's second row of an item is its second answer, `NAME#2`. Models that nobody asked for are
passed over. All of it is read before the first row is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.csv_lines import Row
from weighbridge.formats.problems import did_you_mean
from weighbridge.units import MIB, format_bytes

from .columns import ITEMS, KINDS, MODELS, PROMPTS, first_of
from .samples import model_of

MOST_TEXT = 1024 * MIB


class _Places(NamedTuple):
    item: int
    model: int
    kinds: dict[str, int]
    """Of what is said of each model."""
    rest: list[int]
    """Said of the item, `item` first."""


class Wide(NamedTuple):
    header: list[str]
    rows: list[Row]


def is_long(header: Sequence[str]) -> bool:
    return first_of(header, MODELS) is not None and first_of(header, KINDS["score"]) is not None


def widen(
    header: Sequence[str], rows: Iterator[Row], names: Sequence[str], file: str, *, item: str | None, prompt: str
) -> Wide:
    """names: of voters. UsageError for one that no row speaks of."""
    places = _places(header, item, prompt)
    wanted = {model_of(name) for name in names} | set(names)
    items: dict[str, tuple[int, list[str], dict[str, list[str]]]] = {}
    seen: dict[str, None] = {}
    size = 0
    for row in rows:
        model = row.cells[places.model].strip()
        seen.setdefault(model)
        if model not in wanted:
            continue
        rest = [row.cells[place] for place in places.rest]
        line, _, said = items.setdefault(row.cells[places.item].strip(), (row.line, rest, {}))
        count = 1 + sum(model_of(voter) == model for voter in said)
        told = said[model if count == 1 else f"{model}#{count}"] = [row.cells[place] for place in places.kinds.values()]
        size += sum(map(len, told)) + (sum(map(len, rest)) if line == row.line else 0)
        if size > MOST_TEXT:
            raise InputError(f"the table holds more than {format_bytes(MOST_TEXT)}", where=file)
    for name in names:
        if model_of(name) not in seen and name not in seen:
            hint = did_you_mean(name, list(seen))
            raise UsageError(
                f"no row is about the model {name!r}", where=f"{file}: {header[places.model]}", next_move=hint
            )
    return _wide(header, places, names, items)


def _places(header: Sequence[str], item: str | None, prompt: str) -> _Places:
    model = first_of(header, MODELS)
    assert model is not None
    found = {kind: first_of(header, words) for kind, words in KINDS.items()}
    kinds = {kind: place for kind, place in found.items() if place is not None}
    key = first_of(header, (item,) if item is not None else (*ITEMS, prompt, *PROMPTS))
    if key is None:
        raise UsageError(
            "a row for each item and model, and no column says which item",
            next_move=f"Name it with --item; looked for: {', '.join((*ITEMS, prompt))}.",
        )
    taken = {model, key, *kinds.values()}
    return _Places(key, model, kinds, [key, *(place for place in range(len(header)) if place not in taken)])


def _wide(
    header: Sequence[str],
    places: _Places,
    names: Sequence[str],
    items: dict[str, tuple[int, list[str], dict[str, list[str]]]],
) -> Wide:
    kinds = list(places.kinds)
    told = [
        (name, place)
        for name in names
        for place in range(len(kinds))
        if any(said[name][place].strip() for _, _, said in items.values() if name in said)
    ]
    beside = [name if kinds[place] == "score" else f"{name}.{kinds[place]}" for name, place in told]
    blank = [""] * len(kinds)
    rows = [
        Row(line, [*rest, *(said.get(name, blank)[place] for name, place in told)])
        for line, rest, said in items.values()
    ]
    return Wide([*(header[place] for place in places.rest), *beside], rows)

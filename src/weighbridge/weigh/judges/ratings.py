"""Files of judgements and labels as one table: which rater gave which unit what.

    wide      item[,model],JUDGE...,HUMAN...          a column for each rater; a blank cell is no rating
    long      item[,model],judge,score                a row for each rating
    pairs     item,model_a,model_b,winner[,judge]     winner is a, b or tie; model_a is the answer shown first

A unit is an item's answer by a model, or an item's pair of models. A file of labels has the same form, with or without
a column that names who labelled. Item and model may go by other names (`--item`, `--model`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import did_you_mean

from .people import WINNERS
from .sheet import Row, number, read_rows
from .tally import Floats

ITEMS = ("item", "item_id", "id", "session_id", "question_id")
MODELS = ("model", "candidate")
RATERS = ("judge", "rater", "annotator", "voter")
HUMANS = ("human", "label", "human_score", "gold")
ONE_MODEL = ""


class Columns(msgspec.Struct, frozen=True):
    """What the columns are called; None: the first usual name that is there."""

    item: str | None = None
    model: str | None = None
    score: str | None = None
    judges: tuple[str, ...] = ()
    """Wide: columns of judges. Empty: every column that is not something else."""
    humans: tuple[str, ...] = ()


class Unit(NamedTuple):
    item: str
    model: str
    against: str = ""
    """Of a pair: the model whose name sorts second."""


class Rating(NamedTuple):
    unit: Unit
    rater: str
    value: float
    first: float | None = None
    """Of a pair: how far the answer shown first was preferred."""
    order: bool = False
    """Of a pair: whether it was shown in the order of the names."""


class Text(NamedTuple):
    """A cell that is no number."""

    cell: str
    where: str


class Ratings(NamedTuple):
    """All ratings. table: (raters, units), NaN where there is none; several of one unit by one rater are averaged."""

    raters: tuple[str, ...]
    humans: tuple[str, ...]
    """Those of the raters that are people."""
    units: tuple[Unit, ...]
    table: Floats
    firsts: dict[str, list[float]]
    """Of pairs: by rater, how far the first shown was preferred, in pairs that the rater saw in both orders."""
    again: int = 0
    """Ratings of what the same rater had rated before (of a pair: in the same order); they were averaged."""

    @property
    def paired(self) -> bool:
        return any(unit.against for unit in self.units)

    @property
    def judges(self) -> tuple[str, ...]:
        return tuple(rater for rater in self.raters if rater not in self.humans)

    def of(self, rater: str) -> Floats:
        found: Floats = self.table[self.raters.index(rater)]
        return found

    def people(self) -> Floats:
        """The mean of all people, per unit."""
        rows = [self.of(rater) for rater in self.humans]
        if not rows:
            return np.full(len(self.units), np.nan)
        table = np.array(rows)
        counts = (~np.isnan(table)).sum(axis=0)
        sums: Floats = np.nansum(table, axis=0)
        np.divide(sums, counts, out=sums, where=counts > 0)
        sums[counts == 0] = np.nan
        return sums


def read_ratings(judged: Path, labels: Path | None, columns: Columns) -> Ratings:
    """Everything of one or two files. Raises InputError with the line, also where nobody judged or nobody labelled."""
    seen: dict[str, None] = {}
    found = _read(judged, columns, seen, human=None)
    humans = set(columns.humans) | {rating.rater for rating in found if rating.rater in HUMANS}
    if labels is not None:
        extra = _read(labels, columns, seen, human="human")
        names = {rating.rater for rating in extra}
        found += [
            one._replace(rater=f"{one.rater} (labels)" if one.rater not in humans else one.rater) for one in extra
        ]
        humans |= {f"{name} (labels)" if name not in humans else name for name in names}
    _check_named(columns, seen, str(judged))
    ratings = _joined(found, humans)
    if not ratings.judges:
        raise InputError("no column of judgements", where=str(judged), next_move="Name it with --judge COLUMN.")
    if not ratings.humans:
        what = "nobody labelled anything here"
        raise InputError(
            what, where=str(judged), next_move="Give a file of labels, or name a column with --human COLUMN."
        )
    if not any(rating.rater in ratings.humans for rating in found):
        raise InputError("there is not one label", where=str(labels or judged))
    _check_shared(ratings, str(labels or judged))
    return ratings


def _check_named(columns: Columns, seen: Mapping[str, None], where: str) -> None:
    """Raise UsageError for a column that was named and has no value anywhere."""
    for name in (columns.item, columns.model, columns.score, *columns.judges, *columns.humans):
        if name is not None and name not in seen:
            raise UsageError(f"no value in a column {name!r}", where=where, next_move=did_you_mean(name, seen))


def _check_shared(ratings: Ratings, where: str) -> None:
    """Raise InputError where not one labelled unit was judged: then files do not belong together."""
    labelled, judged = ~np.isnan(ratings.people()), ~np.isnan([ratings.of(name) for name in ratings.judges]).all(axis=0)
    if not (labelled & judged).any():
        examples = (ratings.units[int(np.argmax(rated))] for rated in (labelled, judged))
        label, judgement = (" of ".join(filter(None, (repr(unit.item), unit.model))) for unit in examples)
        what = f"not one of the {int(labelled.sum()):,} labelled answers was judged"
        raise InputError(
            what,
            where=where,
            next_move=f"Both name item and model alike; a label is of {label}, a score of {judgement}.",
        )


def _read(path: Path, columns: Columns, seen: dict[str, None], human: str | None) -> list[Rating]:
    """Ratings of one file; human: what an unnamed rater is called, None for a file of judgements. seen: gains the
    columns that hold a value."""
    texts: dict[str, list[Text]] = defaultdict(list)
    return _numbers_only(list(_ratings(path, columns, seen, texts, human)), texts)


def _numbers_only(found: list[Rating], texts: Mapping[str, Sequence[Text]]) -> list[Rating]:
    """Without columns that nobody named and that hold texts for the most part. Raises InputError for a text among
    numbers."""
    counts = Counter(one.rater for one in found if one.rater in texts)
    for name, cells in texts.items():
        if counts[name] > len(cells):
            raise InputError(
                f"{cells[0].cell!r} is no number",
                where=cells[0].where,
                next_move="Leave a missing one blank; --judge COLUMN names the columns that hold scores.",
            )
    return [one for one in found if one.rater not in texts]


def _ratings(
    path: Path, names: Columns, seen: dict[str, None], texts: dict[str, list[Text]], human: str | None
) -> Iterable[Rating]:
    """texts: gains what stands in columns that may be a judge's."""
    for line, row in read_rows(path):
        seen |= dict.fromkeys(row)
        where = f"{path.name}:{line}"
        item = str(_cell(row, names.item, ITEMS, where))
        if "winner" in row or "model_a" in row:
            yield from _pair(row, item, names, human, where)
            continue
        model = str(_known(row, names.model, MODELS) or ONE_MODEL)
        unit = Unit(item, model)
        rater = _known(row, None, RATERS)
        score = names.score or "score"
        long = score in row and (rater is None or not _is_number(rater))
        if long:
            yield Rating(unit, str(rater or human or "judge"), number(row[score], f"{where}: {score}"))
        if long and human is not None:
            continue
        for name in [] if long else _texts(row, names, human):
            texts[name].append(Text(str(row[name])[:40], f"{where}: {name}"))
        for name in [*names.humans, *HUMANS] if long else _rater_columns(row, names, human):
            if name != score and name in row:
                yield Rating(unit, name, number(row[name], f"{where}: {name}"))


def _pair(row: Row, item: str, names: Columns, human: str | None, where: str) -> Iterable[Rating]:
    first, second = (str(_cell(row, None, (side,), where)) for side in ("model_a", "model_b"))
    if first == second:
        return
    given = [(str(_known(row, None, RATERS) or human or "judge"), row["winner"])] if "winner" in row else []
    given += [(name, row[name]) for name in (*names.judges, *names.humans, *HUMANS) if name in row and name != "winner"]
    for rater, said in dict(given).items():
        preferred = _winner(said, where)
        turned = first > second
        unit = Unit(item, *sorted((first, second)))
        yield Rating(unit, rater, 1.0 - preferred if turned else preferred, preferred, not turned)


def _winner(said: object, where: str) -> float:
    text = " ".join(str(said).split()).casefold()
    if text not in WINNERS:
        raise InputError(f"an unknown winner {str(said)[:40]!r}", where=where, next_move="It is a, b or tie.")
    return WINNERS[text]


def _rater_columns(row: Row, names: Columns, human: str | None) -> list[str]:
    """Columns that hold ratings: those named, else every one that is a number and nothing else that is known."""
    humans = [*names.humans, *HUMANS]
    if names.judges or human is not None:
        return list(dict.fromkeys([*names.judges, *humans]))
    free = [name for name in _free(row, names) if name in humans or _is_number(row[name])]
    return list(dict.fromkeys([*free, *(name for name in humans if name in row)]))


def _texts(row: Row, names: Columns, human: str | None) -> list[str]:
    """Columns that could be a judge's, and hold a text here."""
    if names.judges or human is not None:
        return []
    humans = (*names.humans, *HUMANS)
    return [name for name in _free(row, names) if name not in humans and not _is_number(row[name])]


def _free(row: Row, names: Columns) -> list[str]:
    aside = {*ITEMS, *MODELS, names.item, names.model, names.score or "score"}
    return [name for name in row if name not in aside]


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _known(row: Row, name: str | None, usual: Sequence[str]) -> object | None:
    choices = (name,) if name is not None else usual
    return next((row[one] for one in choices if one in row), None)


def _cell(row: Row, name: str | None, usual: Sequence[str], where: str) -> object:
    found = _known(row, name, usual)
    if found is None:
        wanted = repr(name) if name is not None else " or ".join(map(repr, usual))
        raise InputError(
            f"no value in a column {wanted}", where=where, next_move=f"It has: {', '.join(row) or 'none'}."
        )
    return found


def _joined(found: Sequence[Rating], humans: set[str]) -> Ratings:
    raters = tuple(dict.fromkeys(one.rater for one in found))
    units = tuple(dict.fromkeys(one.unit for one in found))
    row, column = {name: n for n, name in enumerate(raters)}, {unit: n for n, unit in enumerate(units)}
    sums, counts = np.zeros((len(raters), len(units))), np.zeros((len(raters), len(units)))
    orders: dict[tuple[str, Unit], list[float]] = defaultdict(list)
    seen = {(one.unit, one.rater, one.order) for one in found}
    for one in found:
        sums[row[one.rater], column[one.unit]] += one.value
        counts[row[one.rater], column[one.unit]] += 1
        if one.first is not None:
            orders[one.rater, one.unit].append(one.first)
    table = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    firsts: dict[str, list[float]] = defaultdict(list)
    for (rater, _), both in orders.items():
        if len(both) == 2:
            firsts[rater] += both
    people = tuple(name for name in raters if name in humans)
    return Ratings(raters, people, units, table, dict(firsts), len(found) - len(seen))

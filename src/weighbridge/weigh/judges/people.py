"""A task's human labels: held against the judges, and used to say what people would have said of all answers.

    graded     item,candidate,score          score on the judge's own scale
    pairwise   item,model_a,model_b,winner   winner is a, b or tie, as for `weighbridge rank`

Labels must be of a random sample of the items, as `weighbridge judge sample` draws them. Several labels of one answer
are averaged. Where a file has the answers too (`answer`, or `answer_a` and `answer_b`), a label counts only while the
candidates still give them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError
from weighbridge.stats.agreement import kappa, krippendorff
from weighbridge.stats.coarse import Ends
from weighbridge.stats.means import WorkMeans
from weighbridge.stats.ppi import Corrected, corrected_mean, rectified
from weighbridge.stats.records import Interval
from weighbridge.weigh.scorers.judge import JudgeOptions

from .records import HumanCheck, HumanMean, HumanPair
from .sheet import Row, column, number, read_rows
from .tally import Floats

ITEM, CANDIDATE = ("item", "item_id", "id"), ("candidate", "model")
WINNERS = {"a": 1.0, "model_a": 1.0, "b": 0.0, "model_b": 0.0, "tie": 0.5, "both bad": 0.5, "tie (bothbad)": 0.5}
FEWEST = 5
SCORES, GAPS, PREFERENCES = Ends(0.0, 1.0), Ends(-1.0, 1.0, differences=True), Ends(-1.0, 1.0)


class Label(NamedTuple):
    item: str
    candidate: str
    against: str | None
    """Of a pair: the other candidate."""
    score: float
    """In [0, 1]; of a pair how far the candidate was preferred."""
    answers: tuple[tuple[str, str], ...] = ()
    """Candidate and the text that was labelled, where the file says it."""


class Tables(NamedTuple):
    """Scores by people and by judges, shape (items, candidates), NaN where there is none."""

    names: tuple[str, ...]
    people: Floats
    judged: Floats
    weighed: npt.NDArray[np.bool_]
    """(items,): compared in the run, in the order that was drawn; the others are there for their labels."""


def read_labels(path: Path, options: JudgeOptions) -> list[Label]:
    """Every label of a file; rows without a score yet are left out. Raises InputError with the line."""
    paired = options.mode == "pairwise"
    found = []
    for line, row in read_rows(path):
        where = f"{path.name}:{line}"
        item = str(row[column(row, ITEM, where)]).strip()
        if paired and "winner" in row:
            first, second = (str(row[column(row, (side,), where)]).strip() for side in ("model_a", "model_b"))
            texts = _texts(row, {"answer_a": first, "answer_b": second})
            found.append(Label(item, first, second, _winner(row["winner"], where), texts))
        elif not paired and "score" in row:
            candidate = str(row[column(row, CANDIDATE, where)]).strip()
            score = _scaled(row["score"], options, where)
            found.append(Label(item, candidate, None, score, _texts(row, {"answer": candidate})))
    return found


def _texts(row: Row, columns: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((candidate, str(row[name])) for name, candidate in columns.items() if name in row)


def _winner(value: Any, where: str) -> float:
    said = " ".join(str(value).split()).casefold()
    if said not in WINNERS:
        raise InputError(f"an unknown winner {str(value)[:40]!r}", where=where, next_move="It is a, b or tie.")
    return WINNERS[said]


def _scaled(value: Any, options: JudgeOptions, where: str) -> float:
    low, high = options.scale
    score = number(value, f"{where}: score")
    if not low <= score <= high:
        what = f"a label of {score:g}, and the judge's scale goes from {low} to {high}"
        raise InputError(what, where=f"{where}: score", next_move="People and judges use the same scale.")
    return (score - low) / (high - low)


def code_of(item: str, candidate: str) -> str:
    """What stands for a candidate in a sample to be labelled, so that nobody sees whose answer it is."""
    return hashlib.blake2b(f"{item}\0{candidate}".encode(), digest_size=4).hexdigest()


def decoded(labels: Sequence[Label], names: Sequence[str]) -> list[Label]:
    """The labels with candidates' names in the place of codes."""

    def name(label: Label, code: str | None) -> str | None:
        return next((one for one in names if code_of(label.item, one) == code), code)

    return [
        label._replace(
            candidate=name(label, label.candidate) or "",
            against=name(label, label.against),
            answers=tuple((name(label, who) or "", text) for who, text in label.answers),
        )
        for label in labels
    ]


def label_table(
    labels: Sequence[Label], rows: Mapping[str, int], names: Sequence[str], yardstick: str | None
) -> tuple[Floats, int]:
    """Labels as (items, candidates), and how many are about something else. rows: item id to its row."""
    sums, counts = np.zeros((len(rows), len(names))), np.zeros((len(rows), len(names)))
    ignored = 0
    for label in labels:
        row, who, score = rows.get(label.item), label.candidate, label.score
        if label.against is not None and label.candidate == yardstick:
            who, score = label.against, 1.0 - label.score
        elif label.against not in (None, yardstick):
            row = None
        if row is None or who not in names:
            ignored += 1
            continue
        sums[row, names.index(who)] += score
        counts[row, names.index(who)] += 1
    table: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return table, ignored


def with_yardstick(table: Floats, place: int) -> Floats:
    """A table of scores against a yardstick with its own column filled in: of two candidates it has what the other has
    not, of more one half."""
    whole = table.copy()
    others = np.delete(table, place, axis=1)
    known = ~np.isnan(others).all(axis=1)
    whole[:, place] = np.where(known, 1.0 - others[:, 0] if table.shape[1] == 2 else 0.5, np.nan)
    return whole


def held_against_people(
    tables: Tables, file: str, *, alpha: float, steps: int, ignored: int, looked_early: bool
) -> HumanCheck | None:
    """The check, None with fewer than two labels. steps: of the judge's scale. looked_early: the run could stop at any
    look, so that the judge's share of an interval must hold at every look."""
    people, judged = tables.people, tables.judged
    both = ~(np.isnan(people) | np.isnan(judged))
    if both.sum() < 2:
        return None
    y, f = people[both], judged[both]
    said, found = np.round(y * steps), np.round(f * steps)
    agreed = kappa(said, found, "quadratic")
    means = tuple(filter(None, (_mean(tables, place, alpha) for place in range(len(tables.names)))))
    level = alpha / max(1, len(tables.names) - 1)
    pairs = tuple(
        filter(
            None,
            (
                _pair(tables, first, second, level, looked_early=looked_early)
                for first in range(len(tables.names))
                for second in range(first + 1, len(tables.names))
            ),
        )
    )
    winner = _winner_of(tables.names, pairs)
    return HumanCheck(
        file=file,
        labels=int(both.sum()),
        agreement=float(np.mean(said == found)),
        kappa=agreed.value,
        kappa_interval=agreed.interval,
        alpha=krippendorff(np.array([y, f]), "interval"),
        means=means,
        pairs=pairs,
        winner=winner,
        reason=_reason(winner, pairs, alpha),
        ignored=ignored,
    )


def _mean(tables: Tables, place: int, alpha: float) -> HumanMean | None:
    y, f = tables.people[:, place], tables.judged[:, place]
    found = _corrected(y, f, alpha, SCORES)
    if found is None:
        return None
    return HumanMean(
        name=tables.names[place],
        estimate=found.estimate,
        interval=_within(found.interval, 0.0, 1.0),
        labels=found.labels,
        labels_alone=found.labels_alone,
        labels_alone_interval=_within(found.labels_alone_interval, 0.0, 1.0),
        judge_alone=found.judge_alone,
        power=found.power,
        worth=found.worth,
    )


def _pair(tables: Tables, first: int, second: int, alpha: float, *, looked_early: bool) -> HumanPair | None:
    y = tables.people[:, first] - tables.people[:, second]
    f = tables.judged[:, first] - tables.judged[:, second]
    ends = _ends_of_pair(tables)
    found = _corrected(y, f, alpha, ends)
    if found is None:
        return None
    interval, estimate, power = found.interval, found.estimate, found.power
    if looked_early and power:
        labelled = ~np.isnan(y) & ~np.isnan(f)
        seen = f[tables.weighed & ~np.isnan(f)]
        judge = _judge_at_every_look(seen, alpha / 2)
        interval = rectified(y[labelled], f[labelled], judge, power=power, alpha=alpha / 2, ends=ends)
        estimate = float(power * seen.mean() + (y[labelled] - power * f[labelled]).mean()) if len(seen) else estimate
        alone = found.labels_alone_interval
        if interval.high - interval.low >= alone.high - alone.low:
            interval, estimate, power = alone, found.labels_alone, 0.0
    interval = _within(interval, -1.0, 1.0)
    names = tables.names
    ahead = names[first] if interval.low > 0 else names[second] if interval.high < 0 else None
    return HumanPair(
        first=names[first],
        second=names[second],
        difference=estimate,
        interval=interval,
        labels=found.labels,
        power=power,
        winner=ahead,
    )


def _corrected(y: Floats, f: Floats, alpha: float, ends: Ends) -> Corrected | None:
    labelled, judged = ~np.isnan(y) & ~np.isnan(f), np.isnan(y) & ~np.isnan(f)
    if labelled.sum() < 2:
        return None
    return corrected_mean(y[labelled], f[labelled], f[judged], alpha=alpha, ends=ends)


def _judge_at_every_look(seen: Floats, alpha: float) -> Interval:
    """The judge's mean difference over what was `seen`, at whatever look the run ended. The other half of the error is
    for the correction, over labels whose number was fixed before the run."""
    means = WorkMeans(1, max(1, len(seen)))
    means.add(((seen + 1) / 2)[:, None], np.ones(1, dtype=bool))
    half = means.interval(0, alpha)
    return Interval(2 * half.low - 1, 2 * half.high - 1)


def _ends_of_pair(tables: Tables) -> Ends:
    """Of two candidates of which one has what the other has not, a difference is one preference on a wider scale."""
    known = tables.people[~np.isnan(tables.people).any(axis=1)]
    opposed = len(tables.names) == 2 and bool(np.allclose(known.sum(axis=1), 1.0))
    return PREFERENCES if opposed else GAPS


def _winner_of(names: Sequence[str], pairs: Sequence[HumanPair]) -> str | None:
    won: Mapping[str, int] = {name: sum(pair.winner == name for pair in pairs) for name in names}
    return next((name for name in names if len(names) > 1 and won[name] == len(names) - 1), None)


def _reason(winner: str | None, pairs: Sequence[HumanPair], alpha: float) -> str:
    if winner is not None:
        return f"By the human standard {winner} is better than every other candidate (error at most {alpha:g})."
    if not pairs:
        return "No two candidates have labels on the same items, so people decide nothing here."
    return "By the human standard no candidate is surely better than every other."


def _within(interval: Interval, low: float, high: float) -> Interval:
    return Interval(min(max(interval.low, low), high), max(min(interval.high, high), low))

"""The account a run gives of its judges: what they were tried with, what moved them, and what people say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from weighbridge.dispatch import Door
from weighbridge.stats.agreement import krippendorff
from weighbridge.stats.length_bias import LengthEffect, graded_effect, paired_effect, relative
from weighbridge.weigh.records import Candidate
from weighbridge.weigh.task_record import Task

from .court import Court
from .naming import family
from .people import Label, Tables, decoded, held_against_people, label_table, read_labels, with_yardstick
from .records import HumanCheck, JudgeLine, Judging, LengthLine, ProbeResult
from .tally import Codes, Rows, Tally
from .trial import Panel
from .warnings import warnings_of

SAME_SHARE, FEWEST_ANSWERS = 0.5, 20
"""Of a candidate's answers that are alike, and of how many, from which it is said."""


class Bench(NamedTuple):
    """A run as its judges saw it."""

    task: Task
    door: Door
    court: Court
    weighed: Codes
    """Numbers of the items that were compared."""
    looked_early: bool
    """Whether the run could end at any look."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(candidate.name for candidate in self.task.candidates)


def give_account(
    bench: Bench, tallies: Mapping[str, Tally], probes: Mapping[str, tuple[ProbeResult, ...]]
) -> tuple[Judging, ...]:
    """One for each panel; tallies and probes by grader."""
    found = []
    for panel in bench.court.panels:
        name = panel.grader.name
        account = _panel(bench, panel, tallies[name], probes.get(name, ()))
        said = warnings_of(account, probed=panel.options.probes > 0)
        found.append(msgspec.structs.replace(account, warnings=said))
    return tuple(found)


def _panel(bench: Bench, panel: Panel, tally: Tally, probes: tuple[ProbeResult, ...]) -> Judging:
    rows = tally.rows(bench.weighed)
    yardstick = bench.court.yardstick(panel)
    judges = tuple(_line(bench, name, tally, rows) for name in panel.options.judges)
    return Judging(
        score=panel.grader.name,
        mode=panel.options.mode,
        combine=panel.options.combine,
        against=panel.options.against if yardstick is None else yardstick.name,
        judges=judges,
        probes=probes,
        alpha=krippendorff(rows.values.T, "interval") if len(judges) > 1 and len(rows.item) else None,
        length=_length(panel, rows, bench.names),
        human=_people(bench, panel, tally.first_rows()),
        same_answers=_same_answers(bench.names, tally),
        warnings=(),
    )


def _same_answers(names: Sequence[str], tally: Tally) -> dict[str, float]:
    found = {name: tally.same_answer(number) for number, name in enumerate(names)}
    return {
        name: same[0] for name, same in found.items() if same and same[0] >= SAME_SHARE and same[1] >= FEWEST_ANSWERS
    }


def _line(bench: Bench, judge: str, tally: Tally, rows: Rows) -> JudgeLine:
    door, meter, said = bench.door, bench.court.meters[judge], tally.said[judge]
    usual = said.most_common(1)
    place = tally.first_share(judge)
    model = door.records[judge].model or door.engines[judge].model
    decided = sum(count for word, count in said.items() if "when shown" not in word)
    values = rows.values[:, tally.judges.index(judge)]
    values = values[~np.isnan(values)]
    return JudgeLine(
        name=judge,
        model=model,
        judgements=meter.landed,
        failed=meter.failed,
        unreadable=bench.court.unreadable[judge],
        cost_usd=meter.usd if door.records[judge].price is not None else None,
        mean=float(values.mean()) if len(values) else None,
        usual=usual[0][0] if usual else None,
        usual_share=usual[0][1] / said.total() if usual else None,
        first_share=None if place is None else place[0],
        first_interval=None if place is None else place[1],
        consistent=decided / said.total() if place is not None and said.total() else None,
        kin=tuple(one.name for one in bench.task.candidates if _is_kin(model, one, door)),
    )


def _is_kin(model: str, candidate: Candidate, door: Door) -> bool:
    own = family(model)
    asked = candidate.model or candidate.backend.model or door.engines[candidate.backend.name].model
    return own is not None and own == family(asked)


def _length(panel: Panel, rows: Rows, names: Sequence[str]) -> LengthLine | None:
    """What length was worth to the panel as a whole."""
    if not panel.paired:
        _, scores = rows.table(rows.score, len(names))
        _, lengths = rows.table(rows.length, len(names))
        return _in_words(graded_effect(scores, lengths), names)
    known = ~np.isnan(rows.against)
    if not known.any():
        return None
    who, codes = np.unique(rows.candidate[known], return_inverse=True)
    x = relative(rows.length, rows.against)[known]
    return _in_words(paired_effect(codes, rows.score[known], x, rows.item[known]), [names[place] for place in who])


def _in_words(found: LengthEffect | None, names: Sequence[str]) -> LengthLine | None:
    if found is None:
        return None
    return LengthLine(
        twice_as_long=found.twice_as_long,
        error=found.error,
        certain=found.certain,
        raw=dict(zip(names, found.raw, strict=True)),
        corrected=dict(zip(names, found.corrected, strict=True)),
    )


def _people(bench: Bench, panel: Panel, rows: Rows) -> HumanCheck | None:
    options, items = panel.options, bench.task.items
    if options.labels is None or not len(rows.item):
        return None
    yardstick = bench.court.yardstick(panel)
    numbers, judged = rows.table(rows.score, len(bench.names))
    weighed = np.isin(numbers, bench.weighed)
    places = {items[int(place)].id: row for row, place in enumerate(numbers.tolist())}

    def current(label: Label) -> bool:
        """Whether it is about answers that stand."""
        if label.item not in places or not label.answers:
            return label.item in places
        item = items[int(numbers[places[label.item]])]
        return all(bench.court.text_now(name, item) == text for name, text in label.answers)

    labels = decoded(read_labels(bench.task.folder / options.labels, options), bench.names)
    kept = [label for label in labels if current(label)]
    people, ignored = label_table(kept, places, bench.names, None if yardstick is None else yardstick.name)
    judged[~weighed & np.isnan(people).all(axis=1)] = np.nan  # came after the decision: no part of the sample
    if yardstick is not None:
        place = bench.names.index(yardstick.name)
        people, judged = with_yardstick(people, place), with_yardstick(judged, place)
    return held_against_people(
        Tables(bench.names, people, judged, weighed),
        options.labels,
        alpha=bench.task.rule.alpha,
        steps=2 if panel.paired else options.scale[1] - options.scale[0],
        ignored=ignored + len(labels) - len(kept),
        looked_early=bench.looked_early,
    )

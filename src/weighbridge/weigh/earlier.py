"""What earlier candidates scored on a task's items, and the order of items that goes by it.

Earlier answers to the task lie in the ledger; they are graded again, and nothing is asked. Candidates of the run itself
are left out, so that the order stays what it is as the run goes on. What was predicted is kept in a file beside the
ledger, by the run's name: the same command goes on in the same order, whatever was answered meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from weighbridge.errors import InputError, LedgerError, WeighbridgeError
from weighbridge.formats.problems import Problem
from weighbridge.ledger import Ledger
from weighbridge.stats.arrays import Floats
from weighbridge.stats.discordance import FEWEST_EARLIER, EarlierScores
from weighbridge.stats.draws import effective

from .drawing import Drawing
from .loading import TASK_FILE
from .records import OrderResult
from .task_record import Task

LEDGER = "ledger"
FOLDER = "orders"


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions for a task's items, and what they rest on."""

    source: str
    """`ledger`, or the path of recorded results."""
    names: tuple[str, ...]
    """Candidates whose scores were used."""
    predicted_items: int
    """Items that enough of them have a score for."""
    discordance: tuple[Annotated[float, msgspec.Meta(ge=0)], ...]
    """By item, the predicted mean squared difference of two candidates."""

    @property
    def predictions(self) -> Floats:
        return np.array(self.discordance)


def check_order(task: Task, earlier: Earlier | None) -> None:
    """Raise InputError where figures of the run could not be weighted as the order asks, or it is of other items."""
    if earlier is None:
        return
    check_weightable(task)
    if len(earlier.discordance) != len(task.items):
        what = f"the order was drawn for {len(earlier.discordance)} items, and the task has {len(task.items)}"
        raise InputError(what, next_move="Another --seed draws a new one.")


def check_weightable(task: Task) -> None:
    """Raise InputError for a task some of whose figures are only known for items drawn alike."""
    for problem in order_problems(task):
        raise problem.error()


def order_problems(task: Task) -> list[Problem]:
    """What of the task does not go with the order it asks for."""
    if task.limits.order == "random":
        why = f"`earlier` is {task.limits.earlier!r}, and nothing goes by it while the order is random"
        move = 'Add order = "discordant" (--order discordant), or leave it out.'
        return [] if task.limits.earlier is None else [Problem(TASK_FILE, None, "weigh.earlier", why, move)]
    move = "Leave the order random: it costs some more calls and takes away nothing."
    said = (f'with order = "discordant" {why}' for why in _obstacles(task))
    return [Problem(TASK_FILE, None, "weigh.order", what, move) for what in said]


def _obstacles(task: Task) -> list[str]:
    """Why the task cannot be weighed in another order than a random one."""
    judged = "no score may come from a judge: what judges are worth is told of items drawn alike"
    repeated = (
        f"each item is asked once, and `repeats` is {task.limits.repeats}: flaky items are told of items drawn alike"
    )
    near = "the goal cannot be `near-best`: its forecast was measured on random order"
    found = [(bool(task.judges), judged), (task.limits.repeats > 1, repeated), (task.rule.goal == "near-best", near)]
    return [why for there, why in found if there]


def earlier_of(source: str, scores: EarlierScores, names: tuple[str, ...]) -> Earlier:
    """Predictions from what was found. Raises InputError where that is too little to tell items apart."""
    if not scores.telling:
        found = (
            f"only {names[0]!r} has scores" if len(names) == 1 else "no two have scores" if names else "none has scores"
        )
        raise InputError(
            f'order = "discordant" goes by what earlier candidates scored on these items, and {found} there',
            where="the ledger" if source == LEDGER else source,
            next_move=f"It takes {FEWEST_EARLIER} that are not weighed now: weigh others first, name recorded results "
            "with --earlier PATH, or leave the order random.",
        )
    predicted = np.round(scores.predict(), 6)
    return Earlier(source=source, names=names, predicted_items=scores.telling, discordance=tuple(predicted.tolist()))


def from_ledger(task: Task, ledger: Ledger) -> Earlier:
    """Predictions from earlier answers to the task. Raises InputError as `earlier_of`."""
    weighed = {candidate.name for candidate in task.candidates}
    keys = {pair: key for pair, key in ledger.answers_to(task.name).items() if pair[1] not in weighed}
    scores = EarlierScores(len(task.items))
    names = sorted({candidate for _, candidate in keys})
    seen: set[str] = set()
    for item in task.items if names else ():
        for name in names:
            answer = ledger.answer(keys[item.id, name]) if (item.id, name) in keys else None
            if answer is None:
                continue
            try:
                scores.add(item.index, task.score(item, answer).score)
            except WeighbridgeError:  # what cannot be graded predicts nothing
                continue
            seen.add(name)
    return earlier_of(LEDGER, scores, tuple(sorted(seen)))


def kept(data_dir: Path, run_id: str) -> Earlier | None:
    """The predictions a run began with; None before its first start. Raises LedgerError for a damaged file."""
    path = _path(data_dir, run_id)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Earlier)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise LedgerError(
            f"the order of the run cannot be read: {error}",
            where=str(path),
            next_move="Remove the file; a new order is then drawn, and answers that are paid for count in it.",
        ) from error


def keep(data_dir: Path, run_id: str, earlier: Earlier) -> Earlier:
    """Keep them for the next start; where another process was first, its predictions count."""
    path = _path(data_dir, run_id)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(earlier))
        try:
            os.link(part, path)
        except FileExistsError:
            return kept(data_dir, run_id) or earlier
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(
            f"the order of the run cannot be kept: {error.strerror}",
            where=str(path),
            next_move="Make the folder writable for this user, or set XDG_DATA_HOME to a folder that is.",
        ) from error
    return earlier


def order_result(earlier: Earlier, drawing: Drawing) -> OrderResult:
    """How the order came to be, for the report."""
    assert drawing.draws is not None
    drawn = drawing.contest.drawn
    return OrderResult(
        source=earlier.source,
        earlier=earlier.names,
        predicted_items=earlier.predicted_items,
        unit=drawing.contest.rule.unit,
        drawn=drawn + int(drawing.draws.passed[:drawn].sum()),
        passed_over=int(drawing.draws.passed[:drawn].sum()),
        effective=effective(drawing.draws.weight[:drawn]),
    )


def _path(data_dir: Path, run_id: str) -> Path:
    return data_dir / FOLDER / f"{run_id}.json"

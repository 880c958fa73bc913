"""Whether every candidate can be asked at all, found out before the first call is paid."""

from __future__ import annotations

from weighbridge.dispatch import Door
from weighbridge.engines.needs import refuse_what_it_lacks
from weighbridge.errors import CannotAsk

from .task_record import Task


def check_askable(task: Task, door: Door) -> None:
    """Raise CannotAsk for the first candidate whose backend lacks what its requests need.

    The engines are started, so what they can do is known; what a task asks for is alike for all its items.
    """
    for candidate in task.candidates:
        engine = door.engines[candidate.backend.name]
        request = task.request(candidate, task.items[0], engine.abilities)
        try:
            refuse_what_it_lacks(engine, request)
        except CannotAsk as error:
            raise CannotAsk(
                f"candidate {candidate.name!r} cannot be asked: {error.what}",
                where=error.where,
                next_move=error.next_move,
            ) from error

"""Joins the catalogue, its scores, prices and fit's answers into the answer to a need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weighbridge.catalog.tables import load_scores
from weighbridge.cli.chosen import choose, held
from weighbridge.cli.compose_cost import price_disputes
from weighbridge.cost.batch import DISCOUNTS
from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import Problem, Problems
from weighbridge.pick.evidence import judge_abilities
from weighbridge.pick.measured import measured
from weighbridge.pick.ranking import Answer, pick
from weighbridge.pick.reading import Need, read_need
from weighbridge.pick.subject import Subject, subjects_of, traits_of
from weighbridge.pick.task import ITEMS, items_text, task_text, to_fill_in
from weighbridge.pick.ways import Runs, World


def answer_need(data: bytes, name: str, folder: Path) -> Answer:
    """The answer to the need in a file. Raises InputError with every mistake in it."""
    problems = Problems()
    need = read_need(name, data, problems)
    if need is None:
        raise explained(problems.found)
    state = held(folder)
    subjects = subjects_of(state.catalogue, state.offers)
    traits = {each.id: found for each in subjects if (found := traits_of(each)) is not None}
    abilities = judge_abilities(measured(load_scores(folder)), traits)
    world = World(
        providers=state.catalogue.providers,
        sources=state.catalogue.sources,
        disputed=price_disputes(folder),
        batch=DISCOUNTS,
        runs=_runs(need),
    )
    return pick(need, subjects, abilities, world)


def explained(found: Sequence[Problem]) -> InputError:
    """The first mistake as an error, the others below it."""
    first, *others = found
    more = [first.next_move, *(str(each) for each in others)]
    return InputError(first.what, where=first.where, next_move="\n  ".join(filter(None, more)) or None)


def model_ids(folder: Path, names: Sequence[str]) -> list[str]:
    return [choose(folder, name).id for name in names]


def _runs(need: Need):  # type: ignore[no-untyped-def]
    def runs(subject: Subject) -> Runs:
        return Runs((), "what own hardware holds is not reckoned yet")

    return runs


def write_task(answer: Answer, path: Path, most: int, folder: Path) -> list[str]:
    """Write a task for the first of a ranking; what was written, and what is left to do."""
    if not answer.ranked:
        raise UsageError("no model meets the need, so nothing was written")
    file = path if path.suffix == ".toml" else path / "task.toml"
    items = file.parent / ITEMS
    ranked = answer.ranked[:most]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            raise UsageError(f"{str(file)!r} is already there, and nothing was written", next_move="Name another.")
        file.write_text(task_text(answer, ranked, held(folder).offers, lambda each: None), encoding="utf-8")
        if not items.exists():
            items.write_text(items_text(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(file)) from error
    left = [f"  {each}" for each in to_fill_in(ranked)]
    return ["", f"Wrote {file} with {len(ranked)} candidates. Left to you:", *left]

"""Joins the parts of `weighbridge route`: files in, the pure judging of `routers`, files out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weighbridge import __version__
from weighbridge.cli.compose_route_prices import rates_of
from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import did_you_mean
from weighbridge.routers import (
    Evaluation,
    Goal,
    JudgeSaid,
    Places,
    Router,
    Samples,
    Trained,
    check_instructions,
    encode_artefact,
    evaluate,
    mean_costs,
    model_of,
    priced,
    read_router,
    read_samples,
    train,
)
from weighbridge.routers.answers import check_way
from weighbridge.routers.artefact import LONGEST


class Made(NamedTuple):
    """What training came to."""

    trained: Trained
    samples: Samples
    weak: tuple[str, ...]
    strong: str
    method: str
    goal: Goal
    out: Path | None
    """None where nothing was written."""
    size: int


def train_router(
    places: Places, options: Mapping[str, Any], costs: Mapping[str, float], tell: Callable[[float], None]
) -> Made:
    """Read samples, train, and write the router beside its promise. Raises InputError and UsageError."""
    weak, rounds = _rounds(options["weak"], options["then"])
    strong, out = options["strong"], options["out"]
    goal = Goal(
        options["keep"],
        options["alpha"],
        options["method"],
        options["calibrate"],
        options["seed"],
        check_way(options["answer_from"]),
        rounds,
        _judge(options),
    )
    made = _day(options["made"])
    rates = rates_of(options["prices"], (*weak, strong))
    goal = goal._replace(prices=tuple((name, rate.said) for name, rate in rates.items()))
    samples = priced(recorded_samples(places, weak, strong), (*weak, strong), rates)
    if (options["judge"] or options["judge_prompt"]) and not samples.judged:
        what = f"no judge's scores of {' or '.join(weak)} were recorded"
        raise UsageError(what, next_move=f"Give columns {weak[0]}.judge, or a table: --judged FILE.")
    judge = [goal.judge.name] if samples.judged else []
    known = {**_named_costs(costs, (*weak, strong, *judge)), **mean_costs(samples, (*weak, strong))}
    versions = {"weighbridge": __version__, "numpy": np.__version__}
    trained = train(samples, weak, strong, goal, made=made, versions=versions, costs=known, tell=tell)
    artefact = trained.artefact
    if artefact is None:
        return Made(trained, samples, weak, strong, goal.method, goal, None, 0)
    data = encode_artefact(artefact)
    _write(out, data)
    return Made(
        trained,
        samples,
        weak,
        strong,
        artefact.provenance.method,
        goal,
        out,
        len(data),
    )


def _rounds(weak: Sequence[str], then: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Voters in the order they are asked, and how many have answered after each round; empty for one round."""
    further = [[name.strip() for name in names.split(",") if name.strip()] for names in then]
    voters = (*weak, *(name for names in further for name in names))
    if not all(further):
        raise UsageError("--then names nobody", next_move="Write --then NAME or --then NAME,NAME.")
    sizes = accumulate((len(weak), *map(len, further)))
    return voters, tuple(sizes) if further else ()


def _judge(options: Mapping[str, Any]) -> JudgeSaid:
    path, name = options["judge_prompt"], options["judge"] or JudgeSaid().name
    if path is None:
        return JudgeSaid(name, out_of=options["judge_out_of"])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the judge's instructions cannot be read: {error}", where=str(path)) from error
    return JudgeSaid(name, check_instructions(text, str(path)), options["judge_out_of"])


def evaluate_router(
    path: Path, places: Places, costs: Mapping[str, float], prices: Sequence[str], *, include_seen: bool
) -> Evaluation:
    router = load_router(path)
    judge = [router.asks_judge.name] if router.asks_judge is not None else []
    known = _named_costs(costs, (*router.voters, router.strong, *judge))
    voters = (*router.voters, router.strong)
    samples = priced(recorded_samples(places, router.voters, router.strong), voters, rates_of(prices, voters))
    rng = np.random.default_rng(0)
    given = {name: cost for name, cost in known.items() if cost is not None}
    return evaluate(router, samples, given, rng, include_seen=include_seen)


def recorded_samples(places: Places, weak: Sequence[str], strong: str) -> Samples:
    """From a table, or, where a folder is named, from what a task's candidates answered."""
    if not places.samples.is_dir():
        return read_samples(places, weak, strong)
    from weighbridge.cli.compose_route_task import samples_of_task

    return samples_of_task(places.samples, weak, strong)


def load_router(path: Path) -> Router:
    """InputError for a file that is no router."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise InputError(
            f"the router cannot be read: {error.strerror or error}",
            where=str(path),
            next_move="Make one with `weighbridge route train`.",
        ) from error
    return read_router(data, str(path))


def _named_costs(costs: Mapping[str, float], voters: tuple[str, ...]) -> dict[str, float | None]:
    """By model; UsageError for one that is not asked."""
    models = tuple(dict.fromkeys(map(model_of, voters)))
    for name in costs:
        if name not in models:
            raise UsageError(f"--cost names {name!r}, which is not asked", next_move=did_you_mean(name, models))
    return {model: costs.get(model) for model in models}


def _day(text: str | None) -> str:
    if text is None:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"not a date: {text!r}", next_move="Write 2027-01-31.") from error


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise InputError(f"the router cannot be written: {error.strerror or error}", where=str(path)) from error

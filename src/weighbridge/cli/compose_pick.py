"""Joins the catalogue, its scores, prices and fit's answers into the answer to a need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from weighbridge.catalog.feeds.held import Held
from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.tables import load_scores
from weighbridge.cli.chosen import choose, held
from weighbridge.cli.compose_cost import price_disputes
from weighbridge.cli.compose_pick_policy import policy_of
from weighbridge.cli.compose_rooms import Wanted
from weighbridge.cli.compose_runs import device_name, devices_named, launch_command, runs_of
from weighbridge.cost.amounts import read_share
from weighbridge.cost.asked import hardware_of
from weighbridge.cost.batch import DISCOUNTS
from weighbridge.cost.hardware import Hardware
from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.fit.formats import format_of
from weighbridge.fit.hardware import all_hardware
from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.formats.toml_records import TomlFile
from weighbridge.pick.evidence import judge_abilities
from weighbridge.pick.measured import measured
from weighbridge.pick.ranking import Answer, Ranked, pick
from weighbridge.pick.reading import Need, read_need
from weighbridge.pick.subject import Subject, subjects_of, traits_of
from weighbridge.pick.task import ITEMS, items_text, task_text, to_fill_in
from weighbridge.pick.ways import Runs, World


def answer_need(
    data: bytes, name: str, folder: Path, *, policy: Path | None = None, data_class: str | None = None
) -> Answer:
    """The answer to the need in a file. Raises InputError with every mistake in it.

    `policy` and `data_class` stand in for what the need says of them; what the policy decides is in the ledger.
    """
    problems = Problems()
    need = read_need(name, data, problems)
    state = held(folder)
    if need is not None:
        check_names(need, TomlFile(name, data.decode("utf-8-sig"), {}), state, problems)
    if need is None or problems.found:
        raise explained(problems.found)
    subjects = subjects_of(state.catalogue, state.offers)
    traits = {each.id: found for each in subjects if (found := traits_of(each)) is not None}
    abilities = judge_abilities(measured(load_scores(folder)), traits)
    rules = policy_of(need, Path(name).parent, policy, data_class, state)
    world = World(
        providers=state.catalogue.providers,
        sources=state.catalogue.sources,
        disputed=price_disputes(folder),
        batch=DISCOUNTS,
        runs=_runs(need, state.catalogue),
        allowed=None if rules is None else rules.allowed,
    )
    answer = pick(need, subjects, abilities, world)
    if rules is not None:
        rules.keep()
    return answer


def check_names(need: Need, file: TomlFile, state: Held, problems: Problems) -> None:
    """Add names of devices, formats and providers that nobody knows: a typo would leave everybody out, or nobody."""
    known = all_hardware(state.catalogue)
    for place, text in enumerate(need.file.serve.on):
        try:
            devices_named(text, known)
        except WeighbridgeError as error:
            problems.add(file.problem(("serve", "on", place), error.what, error.next_move))
    for place, text in enumerate(need.file.serve.quantisations):
        try:
            format_of(text)
        except WeighbridgeError as error:
            problems.add(file.problem(("serve", "quantisations", place), error.what, error.next_move))
    providers = {offer.provider for offer in state.offers}
    for key in ("providers", "not_providers"):
        for place, text in enumerate(getattr(need.file.rules, key)):
            if text not in providers:
                hint = did_you_mean(text, providers)
                problems.add(file.problem(("rules", key, place), f"no provider is called {text!r}", hint))


def explained(found: Sequence[Problem]) -> InputError:
    """The first mistake as an error, the others below it."""
    first, *others = found
    more = [first.next_move, *(str(each) for each in others)]
    return InputError(first.what, where=first.where, next_move="\n  ".join(filter(None, more)) or None)


def model_ids(folder: Path, names: Sequence[str]) -> list[str]:
    return [choose(folder, name).id for name in names]


def _runs(need: Need, catalogue: Catalogue) -> Callable[[Subject], Runs]:
    """What own hardware does with a model; the device sets are looked up once."""
    serve = need.file.serve
    known = all_hardware(catalogue)
    sets = []
    for text in serve.on:
        devices = devices_named(text, known)
        chip = devices.hardware
        usual = Hardware(device=chip.id, usd_hour=chip.usd_per_hour, watts=chip.watts)
        sets.append((devices, hardware_of(need.own, device_name(devices, known), devices.count, usual)))
    wanted = Wanted(
        work=need.work,
        context=need.context,
        engine=serve.engine,
        formats=serve.quantisations,
        sequences=serve.sequences,
        memory=None if serve.memory is None else read_share(serve.memory),
        ttft_s=need.file.speed.ttft_s,
        tokens_per_s=need.file.speed.tokens_per_s,
    )

    def runs(subject: Subject) -> Runs:
        return runs_of(catalogue, subject.model, tuple(sets), wanted)

    return runs


def _launcher(answer: Answer, catalogue: Catalogue) -> Callable[[Ranked], str | None]:
    """The command that starts a model on the own hardware it was ranked on."""
    known = all_hardware(catalogue)
    sets = {}
    for text in answer.need.file.serve.on:
        devices = devices_named(text, known)
        sets[device_name(devices, known), devices.count] = devices

    def launch(each: Ranked) -> str | None:
        run = each.way.run
        if run is None:
            return None
        devices = sets[run.hardware.device, run.hardware.count]
        return launch_command(catalogue, catalogue.models[each.id], devices, run, answer.need.context)

    return launch


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
        state = held(folder)
        launch = _launcher(answer, state.catalogue)
        file.write_text(task_text(answer, ranked, state.offers, launch), encoding="utf-8")
        if not items.exists():
            items.write_text(items_text(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(file)) from error
    left = [f"  {each}" for each in to_fill_in(ranked)]
    return ["", f"Wrote {file} with {len(ranked)} candidates. Left to you:", *left]

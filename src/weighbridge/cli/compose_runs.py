"""Joins fit's memory and speed into what own hardware does with a model under a workload: for `cost` and for `pick`.

holds       the longest request alone, and as many average ones at once as memory and the engine allow
sequences   the most that keep to the wait and the pace that are asked for; where one set is enough for the busiest
            hour, those that are under way then: arrivals a second x seconds of one request
pace        of serving engines tokens written a second while other prompts are read; of llama.cpp both apart
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from weighbridge.catalog.profile import known as said
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.cli.compose_rooms import Rooms, Space, Wanted, parameters_of
from weighbridge.cli.compose_source import from_catalogue
from weighbridge.cost.hardware import Hardware, Pace, price_own
from weighbridge.cost.workload import Range
from weighbridge.errors import InputError, WeighbridgeError
from weighbridge.fit.answer import fit
from weighbridge.fit.answer_split import resolve_split
from weighbridge.fit.devices import DeviceSet, Known, find_devices
from weighbridge.fit.launch.readable import why_not
from weighbridge.fit.records import Ask, Engine, Speed, Subject
from weighbridge.fit.speed import Speeds, run_of, speeds_of
from weighbridge.fit.speed_run import SERVING
from weighbridge.fit.speed_work import format_class, work_of
from weighbridge.pick.ways import Run, Runs

MOST_SEQUENCES: Mapping[str, int] = {"serving": 256, "local": 8}
"""What vLLM takes at once unless told otherwise; llama.cpp's slots beyond a few only share one speed."""
WHOLE_BITS = 7.5
"""A parameter, from which a format loses nothing that has been measured."""
OFF = 0.75
"""A config whose parameters differ from what is reported by more than this share is not believed."""
AS_RELEASED = frozenset(("native", "bf16"))
"""Formats, as asked for, that are the checkpoint as somebody released it."""
LAST_WHOLE = frozenset(("native", "fp8", "Q8_0"))
"""Formats, as asked for, after which come only those that lose something: 16 bit stands before fp8."""
SAID = "estimated by fit, with the ends of its 80% interval"


def devices_named(text: str, known: Known) -> DeviceSet:
    """A device set by its name; `auto` is this machine, its first kind of device."""
    if text.strip().lower() != "auto":
        return find_devices(text, known)
    from weighbridge.cli.compose_devices import this_machine

    return this_machine(known)[0]


def device_name(devices: DeviceSet, known: Known) -> str:
    """The device's id, with its memory where that is not what the catalogue has it with."""
    usual = next((hardware for _, hardware in known if hardware.id == devices.hardware.id), None)
    memory = devices.hardware.memory_bytes
    return devices.hardware.id + ("" if usual is None or usual.memory_bytes == memory else f" {memory >> 30} GB")


def runs_of(catalogue: Catalogue, model: Model, sets: tuple[tuple[DeviceSet, Hardware], ...], wanted: Wanted) -> Runs:
    """What each device set does with a model, the best format first; and why others do not."""
    if said(catalogue, model, "config") is None:
        return Runs((), _without_config(catalogue, model, sets, wanted.memory or 1.0))
    try:
        source = from_catalogue(model, catalogue)
    except InputError as error:
        return Runs((), f"its config cannot be read: {error.what}")
    made, reported = parameters_of(source), said(catalogue, model, "parameters_total")
    if reported is not None and not OFF < made / reported.value < 1 / OFF:
        what = f"its config makes {made / 1e9:,.0f}B parameters, {reported.value / 1e9:,.0f}B are reported"
        return Runs((), f"{what}: one of the two is wrong, so nobody can say what it fits on")
    rooms = Rooms(source, sets, wanted)
    fitting: list[Run] = []
    because: list[str] = []
    more: dict[tuple[str, int], Iterator[Run | str]] = {}
    for place, (_, priced) in enumerate(sets):
        found, more[priced.device, priced.count] = _best_first(_on_set(rooms, place))
        runs = [each for each in found if isinstance(each, Run)]
        fitting += runs
        if not runs:
            because += [str(each) for each in found[-1:]]

    def others(device: str, count: int) -> tuple[Run, ...]:
        return tuple(each for each in more[device, count] if isinstance(each, Run))

    return Runs(tuple(fitting), "; ".join(because), others)


def _best_first(found: Iterator[Run | str]) -> tuple[list[Run | str], Iterator[Run | str]]:
    """What comes up to the last format that loses nothing; and the rest, where one of those fits: whoever takes it has
    no use for what loses something, which is reckoned only when somebody asks."""
    taken: list[Run | str] = []
    for each in found:
        taken.append(each)
        if isinstance(each, Run) and each.asked in LAST_WHOLE:
            return taken, found
    return taken, iter(())


def _without_config(
    catalogue: Catalogue, model: Model, sets: tuple[tuple[DeviceSet, Hardware], ...], share: float
) -> str:
    """What its parameters alone take at four bits, where that is more than any set has; else that nobody can say."""
    parameters = said(catalogue, model, "parameters_total")
    largest = share * max((devices.usable_bytes for devices, _ in sets), default=0)
    if parameters is not None and parameters.value / 2 > largest:
        return f"its parameters take {_gib(parameters.value / 2)} at 4 bits, the largest set has {_gib(largest)}"
    return "its config is not known here, so nobody can say what it fits on"


def _on_set(rooms: Rooms, where: int) -> Iterator[Run | str]:
    """A run for each format that fits, the best first; of the others why not."""
    source, wanted, engine = rooms.source, rooms.wanted, rooms.engines[where]
    devices, priced = rooms.sets[where]
    place = f"{priced.device} x{priced.count}"
    for fmt in rooms.formats(where):
        try:
            subject = source.subject(fmt, engine)
            split = resolve_split(source.architecture, engine, devices.count)
            reason = why_not(engine, subject, devices.hardware)
        except WeighbridgeError as error:
            reason = error.what
        if reason is not None:
            yield f"{fmt} on {place}: {reason}"
            continue
        space = rooms.space(fmt, subject, where)
        if space.total_bytes > space.capacity_bytes:
            yield f"{fmt} takes {_gib(space.total_bytes)} for one request, {place} has {_gib(space.capacity_bytes)}"
            continue
        asked = msgspec.structs.replace(rooms.ask(where), split=split)
        quick = _Speedometer(subject, asked, devices, wanted, space.most)
        quick.assumed = source.assumed if fmt in AS_RELEASED else ""
        yield _run(quick, space, priced)


def _run(quick: _Speedometer, alone: Space, priced: Hardware) -> Run:
    """Costs are reckoned with what a full set does; what one answer gets, with what is under way."""
    most = quick.most()
    full = quick.at(most)
    under_way = quick.under_way(most, priced) or most
    usual = full if under_way == most else quick.at(under_way)
    return Run(
        variant=_variant(quick.subject),
        asked=quick.subject.weights.format,
        is_whole=_is_whole(quick.subject),
        engine=quick.engine,
        hardware=priced,
        pace=None if full is None else quick.pace(full),
        user_tps=None if usual is None else _range(usual.decode_tps_per_user),
        ttft_s=None if usual is None or usual.first_token_s is None else _range(usual.first_token_s),
        sequences=under_way,
        free_bytes=alone.capacity_bytes - alone.total_bytes,
        assumed=quick.assumed,
    )


class _Speedometer:
    """Speeds of one subject on one device set, by how many requests are under way."""

    def __init__(self, subject: Subject, ask: Ask, devices: DeviceSet, wanted: Wanted, most: int) -> None:
        """`most`: average requests at once that memory takes."""
        self.assumed = ""
        work = wanted.work
        prompt, answer = max(1, round(work.input_tokens)), max(1, round(work.output_tokens))
        self._ask = msgspec.structs.replace(ask, context_tokens=prompt + answer, prompt_tokens=prompt)
        self._work = work_of(subject.architecture, subject.weights, ask.kv_dtype)
        self._kind = format_class(subject.weights.format, subject.architecture.stored)
        self.subject, self._devices, self._wanted = subject, devices, wanted
        self._most = max(1, min(most, MOST_SEQUENCES["serving" if ask.engine in SERVING else "local"]))
        self._seen: dict[int, Speeds | None] = {}
        self.engine = ask.engine
        self._serves = ask.engine in SERVING

    def at(self, sequences: int) -> Speeds | None:
        """None where the device's speed is unknown."""
        if sequences not in self._seen:
            self._seen[sequences] = self._speeds(sequences)
        return self._seen[sequences]

    def _speeds(self, sequences: int) -> Speeds | None:
        ask = msgspec.structs.replace(self._ask, concurrency=sequences)
        run = run_of(self._work, self.subject.weights, ask, self._devices)
        cached = run.prompt_tokens * self._wanted.work.cached
        run = msgspec.structs.replace(run, prompt_tokens=max(1.0, run.prompt_tokens - cached), cached_tokens=cached)
        return speeds_of(self._work, self._kind, run, self._devices.hardware)

    def pace(self, speeds: Speeds) -> Pace:
        prefill = None if self._serves or speeds.prefill_tps is None else _range(speeds.prefill_tps)
        return Pace(decode_tps=_range(speeds.decode_tps), prefill_tps=prefill, said=SAID)

    def most(self) -> int:
        """Requests at once: what memory and the engine take, fewer where so many would wait too long or be written
        too slowly; at least one."""
        wanted = self._wanted
        most = self._most if wanted.sequences is None else min(self._most, wanted.sequences)
        if wanted.ttft_s is None and wanted.tokens_per_s is None:
            return most
        low, high = 1, most + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._quick(middle) else (low, middle)
        return low

    def _quick(self, sequences: int) -> bool:
        wanted, speeds = self._wanted, self.at(sequences)
        if speeds is None:
            return False
        pace = wanted.tokens_per_s is None or speeds.decode_tps_per_user.value >= wanted.tokens_per_s
        first = speeds.first_token_s
        return pace and (wanted.ttft_s is None or (first is not None and first.value <= wanted.ttft_s))

    def under_way(self, most: int, priced: Hardware) -> int | None:
        """Requests under way in the busiest hour where one set is enough for it; None where more are needed."""
        speeds = self.at(most)
        if (
            self._wanted.sequences is not None
            or speeds is None
            or price_own(priced, self.pace(speeds), self._wanted.work).sets.value > 1 + priced.spare
        ):
            return None
        low, high = 0, 1
        while high < most and not self._keeps_up(high):  # few are enough for most work
            low, high = high, min(2 * high, most)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._keeps_up(middle) else (middle, high)
        return high

    def _keeps_up(self, sequences: int) -> bool:
        """Whether so many places are enough for what arrives in the busiest hour."""
        speeds = self.at(sequences)
        if speeds is None:
            return False
        seconds = self.pace(speeds).seconds(self._wanted.work).value
        return self._wanted.work.peak_requests_per_second * seconds <= 1.0


def _variant(subject: Subject) -> str:
    stored = subject.architecture.stored
    if subject.weights.format != "native":
        return subject.weights.format
    return "bf16" if stored.method == "none" else stored.method


def _is_whole(subject: Subject) -> bool:
    weights = subject.weights
    return weights.format == "native" or 8 * weights.total_bytes / weights.parameters_total >= WHOLE_BITS


def _range(speed: Speed) -> Range:
    return Range(speed.value, *speed.interval)


def _gib(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"


def served_by(catalogue: Catalogue, model: Model, devices: DeviceSet, priced: Hardware, wanted: Wanted) -> Run | str:
    """How one model is best run on one set, for `cost`: the cheapest format that loses nothing, else the best one that
    fits; why there is none."""
    runs = runs_of(catalogue, model, ((devices, priced),), wanted)
    whole = [(run, run.pace) for run in runs.fitting if run.is_whole and run.pace is not None]
    if whole:
        return min(whole, key=lambda pair: price_own(priced, pair[1], wanted.work).sets.value)[0]
    return runs.fitting[0] if runs.fitting else runs.because


def launch_command(catalogue: Catalogue, model: Model, devices: DeviceSet, run: Run, context: int) -> str | None:
    """The command that starts a run; None where fit knows none."""
    source = from_catalogue(model, catalogue)
    engine: Engine = run.engine  # type: ignore[assignment]
    subject = source.subject(run.asked, engine)
    ask = Ask(context_tokens=context, engine=engine)
    most = max(1, min(run.sequences, fit(subject, ask, devices, launch=False).max_concurrency))
    command = fit(subject, msgspec.structs.replace(ask, concurrency=most), devices).launch.get(engine, "#")
    return None if command.startswith("#") else command

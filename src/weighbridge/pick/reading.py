"""need.toml read and checked: every mistake with its line, and what people name turned into what records hold."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from weighbridge.catalog.fields import MODALITIES
from weighbridge.catalog.quantities import read_date
from weighbridge.catalog.racing.benchmarks import KINDS, WorkKind
from weighbridge.cost.amounts import read_share
from weighbridge.cost.asked import OWN, Given, check_work, workload_of, wrong, wrong_people
from weighbridge.cost.workload import Workload
from weighbridge.formats.problems import Problems, did_you_mean, nearest
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml
from weighbridge.pick.languages import known_names, read_language
from weighbridge.pick.need import NeedFile, mix_of
from weighbridge.policy.places import place_names, read_place

Path = tuple[str | int, ...]
TAKES = tuple(name for name in MODALITIES if name not in ("text", "embedding"))
OWN_KEYS = tuple(name for name in OWN if name not in ("tps", "prefill_tps"))


OF_OWN = ("engine", "quantisations", "sequences", "memory", "people")
"""Keys of `[serve]` that mean nothing without hardware."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A need that was checked."""

    file: NeedFile
    mix: dict[WorkKind, float]
    """Weights that add up to 1; empty: general ability."""
    languages: tuple[str, ...]
    context: int
    """Tokens of the longest request, answer included."""
    based_in: str | None
    origin: frozenset[str] | None
    """Countries a lab may sit in; None: any."""
    not_origin: frozenset[str]
    data_in: frozenset[str] | None
    seat_in: frozenset[str] | None
    work: Workload
    own: Given
    """What own hardware costs, as written."""

    @property
    def kinds(self) -> str:
        """`coding 70%, agents 30%`, or `all work`."""
        if not self.mix:
            return "all work"
        return ", ".join(kind if weight == 1 else f"{kind} {weight:.0%}" for kind, weight in self.mix.items())


def read_need(name: str, data: bytes, problems: Problems) -> Need | None:
    """A need from the bytes of a file; None after adding every mistake in it."""
    before = problems.count
    file = read_toml(name, data, problems)
    record = None if file is None else read_record(file, (), file.tables, NeedFile, problems)
    if file is None or record is None:
        return None
    checker = _Checker(file, record, problems)
    checker.work()
    checker.serve()
    languages, places = checker.languages(), checker.places()
    volume = check_work(file, ("volume",), record.volume, problems)
    if problems.count > before:
        return None
    work = workload_of(volume)
    longest = math.ceil(work.input_tokens + work.output_tokens)
    context = record.work.context or longest
    if context < longest:
        what = f"a request of {longest:,} tokens, as [volume] has them on average, does not fit into {context:,}"
        problems.add(file.problem(("work", "context"), what, "Say the longest request that comes, answer included."))
        return None
    return Need(
        file=record,
        mix=mix_of(record.work),
        languages=languages,
        context=context,
        based_in=next(iter(places["based_in"]), None),
        origin=places["origin"] or None,
        not_origin=places["not_origin"],
        data_in=places["data_in"] or None,
        seat_in=places["seat_in"] or None,
        work=work,
        own=checker.own(),
    )


class _Checker:
    """Looks through one file; what it finds goes to `problems`."""

    def __init__(self, file: TomlFile, need: NeedFile, problems: Problems) -> None:
        self.file, self.need, self.problems = file, need, problems

    def add(self, path: Path, what: str, hint: str | None = None) -> None:
        self.problems.add(self.file.problem(path, what, hint))

    def work(self) -> None:
        work = self.need.work
        if (work.kind is None) == (not work.mix):
            self.add(
                ("work",), "either `kind` or `mix` says what is to be done", f"Kinds: {', '.join(('all', *KINDS))}."
            )
        for path, kind in (
            (("work", "kind"), work.kind),
            *((("work", "mix", kind), kind) for kind in work.mix),
        ):
            if kind is not None and kind not in KINDS and not (kind == "all" and path[-1] == "kind"):
                self.add(path, f"no kind of work is called {kind!r}", did_you_mean(kind, ("all", *KINDS)))
        for place, given in enumerate(work.takes):
            if given not in TAKES:
                self.add(("work", "takes", place), f"{given!r} is nothing a model takes", did_you_mean(given, TAKES))
        since = self.need.rules.released_since
        if since is not None and read_date(since) != since:
            self.add(("rules", "released_since"), f"{since!r} is no date", "Write 2026, 2026-02 or 2026-02-03.")

    def languages(self) -> tuple[str, ...]:
        codes = []
        for place, text in enumerate(self.need.work.languages):
            code = read_language(text)
            if code is None:
                hint = nearest(text, known_names()) or "Write its name in English, or its ISO 639-1 code."
                self.add(("work", "languages", place), f"no language known here is called {text!r}", hint)
            else:
                codes.append(code)
        return tuple(dict.fromkeys(codes))

    def places(self) -> dict[str, frozenset[str]]:
        rules = self.need.rules
        based = self._countries("based_in", (rules.based_in,) if rules.based_in else ())
        if len(based) > 1:
            what = f"{rules.based_in!r} is more than one country"
            self.add(("rules", "based_in"), what, "Name the one you are seated in.")
        if rules.origin and rules.not_origin:
            self.add(("rules", "not_origin"), "goes with no `origin`", "Say either who may be, or who may not.")
        names = ("origin", "not_origin", "data_in", "seat_in")
        return {"based_in": based, **{name: self._countries(name, getattr(rules, name)) for name in names}}

    def _countries(self, name: str, texts: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for place, text in enumerate(texts):
            meant = read_place(text)
            if meant is None:
                path: Path = ("rules", name) if name == "based_in" else ("rules", name, place)
                hint = nearest(text, place_names()) or "Write an ISO 3166 code (FR), a country's name, EU or EEA."
                self.add(path, f"no country or bloc known here is called {text!r}", hint)
            else:
                found |= meant
        return frozenset(found)

    def serve(self) -> None:
        serve = self.need.serve
        if serve.how == "own" and not serve.on:
            self.add(("serve", "how"), "own hardware is asked for, and none is named", 'Name it: `on = ["H100-SXM"]`.')
        if serve.how == "api" and serve.on:
            self.add(("serve", "on"), 'hardware goes with no `how = "api"`', 'Write `how = "either"`, or leave it out.')
        for name in () if serve.on else (*OWN_KEYS, *OF_OWN):
            if getattr(serve, name):
                what = f"`{name}` describes own hardware, and none is named"
                self.add(("serve", name), what, 'Name it: `on = ["H100"]`.')
        self._own_figures()

    def _own_figures(self) -> None:
        serve = self.need.serve
        mistakes = {name: wrong(name, value) for name in OWN_KEYS if (value := getattr(serve, name)) is not None}
        if serve.memory is not None and not 0.05 <= (read_share(serve.memory) or 0) <= 1:
            mistakes["memory"] = f"expected a share of memory, got {serve.memory!r:.60}", "Write it like 60%."
        if serve.people is not None:
            mistakes["people"] = wrong_people(serve.people)
        for name, mistake in mistakes.items():
            if mistake is not None:
                self.add(("serve", name), *mistake)

    def own(self) -> Given:
        serve = self.need.serve
        return {name: value for name in (*OWN_KEYS, "people") if (value := getattr(serve, name)) is not None}

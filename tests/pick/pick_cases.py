"""Needs, models and worlds with defaults, for tests of pick."""

from __future__ import annotations

from datetime import date
from typing import Any

from weighbridge.catalog.racing.benchmarks import WorkKind
from weighbridge.catalog.records import Condition, Licence, Model, Offer, Provider
from weighbridge.cost.hardware import Hardware, Pace
from weighbridge.cost.workload import sure
from weighbridge.formats.problems import Problems
from weighbridge.pick.evidence import Abilities, Traits, judge_abilities
from weighbridge.pick.measured import Measured
from weighbridge.pick.reading import Need, read_need
from weighbridge.pick.subject import Subject
from weighbridge.pick.ways import Run, Runs, World

VOLUME = '[volume]\nrequests = "1000/day"\nin = 1000\nout = 200\n'
LICENCES = {
    "MIT": Licence("MIT", "MIT", "yes", "s", "2026-01-01"),
    "NC": Licence("NC", "No commerce", "no", "s", "2026-01-01"),
    "Odd": Licence("Odd", "Odd", "unknown", "s", "2026-01-01"),
    "Big": Licence(
        "Big", "Big users ask", "conditional", "s", "2026-01-01", conditions=(Condition("monthly_users", 1e6, "ask"),)
    ),
    "Show": Licence(
        "Show",
        "Show it",
        "conditional",
        "s",
        "2026-01-01",
        conditions=(Condition("naming", None, "show `Built with it`"),),
    ),
    "PicturesNotEU": Licence(
        "PicturesNotEU", "No", "yes", "s", "2026-01-01", geography="no multimodal rights for the European Union"
    ),
    "NotEU": Licence("NotEU", "Not there", "yes", "s", "2026-01-01", geography="does not apply in the European Union"),
}
FACTS: dict[str, Any] = {
    "open_weights": True,
    "commercial_use": "yes",
    "country": "US",
    "released": "2026-01-01",
    "stage": "instruct",
    "modalities": ["text"],
    "context_tokens": 131_072,
    "parameters_total": 8e9,
    "tools": True,
    "reasoning": False,
    "languages": ["en", "de"],
    "openness": "III",
}


def need_of(text: str = '[work]\nkind = "coding"\n', volume: str = VOLUME) -> Need:
    problems = Problems(first_raises=True)
    need = read_need("need.toml", (text + volume).encode(), problems)
    assert need is not None
    return need


def make_subject(
    name: str = "acme/eight", *, licence: str = "MIT", offers: tuple[Offer, ...] | None = None, **facts: Any
) -> Subject:
    """A model that meets everything; a fact given as None is one nobody states."""
    known = {**FACTS, "commercial_use": LICENCES[licence].commercial_use, **facts}
    served = (make_offer(name),) if offers is None else offers
    kept = {key: value for key, value in known.items() if value is not None}
    return Subject(Model(name, name, "acme"), kept, LICENCES[licence], served)


def make_offer(model: str = "acme/eight", provider: str = "north", **changes: Any) -> Offer:
    return Offer(**{"provider": provider, "model_id": model, "model": model, "input": 0.5, "output": 2.0} | changes)


def make_run(device: str = "H100-SXM", decode: float = 2000.0, **changes: Any) -> Run:
    usual: dict[str, Any] = {
        "variant": "fp8",
        "hardware": Hardware(device=device, usd_hour=2.0),
        "pace": Pace(decode_tps=sure(decode), said="as given"),
        "user_tps": sure(decode / 32),
        "ttft_s": sure(0.5),
        "sequences": 32,
        "free_bytes": 10 << 30,
    }
    return Run(**usual | changes)


def make_world(*runs: Run, because: str = "nothing holds it", **changes: Any) -> World:
    usual: dict[str, Any] = {
        "providers": {"north": Provider("north", "North")},
        "sources": {},
        "disputed": {},
        "batch": {},
        "runs": lambda _: Runs(runs, "" if runs else because),
    }
    return World(**usual | changes)


def seen(model: str, benchmark: str, y: float, *, kind: WorkKind = "coding", is_own: bool = False) -> Measured:
    return Measured(model, benchmark, kind, y, 0.05, 50.0, "2026-08-01", is_own)


BENCHES: tuple[tuple[str, WorkKind], ...] = (
    ("WeirdML", "coding"),
    ("DeepSWE", "coding"),
    ("GPQA Diamond", "knowledge"),
    ("OTIS Mock AIME", "maths"),
)


def field_of_models(count: int = 24) -> tuple[list[Measured], dict[str, Traits]]:
    """Models m0 to mN, each a little larger and better than the one before, all measured on four benchmarks."""
    rows = [seen(f"m{n}", name, (n - count / 2) / 6, kind=kind) for n in range(count) for name, kind in BENCHES]
    traits = {f"m{n}": make_traits(n) for n in range(count)}
    return rows, traits


def make_traits(size: int) -> Traits:
    return Traits(
        "acme" if size % 2 else "other", date(2025, 1 + size % 12, 1), False, 1e9 * 1.3**size, 1e9 * 1.3**size
    )


def abilities_of(*models: str) -> Abilities:
    """Everybody named is measured alike well, the first the best."""
    rows, traits = field_of_models()
    for place, model in enumerate(models):
        rows += [seen(model, name, 1.5 - 0.5 * place, kind=kind) for name, kind in BENCHES]
        traits[model] = make_traits(12)
    return judge_abilities(rows, traits)

"""What need.toml may hold, section by section; docs/pick.md explains every key."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from weighbridge.catalog.racing.benchmarks import KINDS, WorkKind
from weighbridge.cost.asked import WorkSection, Written

Use = Literal["commercial", "internal", "research"]
Way = Literal["own", "api", "either"]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Weight = Annotated[float, msgspec.Meta(gt=0, le=1000)]


class WorkNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[work]`: what is to be done."""

    kind: str | None = None
    """One of KINDS, or `all`; left out where `mix` says it."""
    mix: dict[str, Weight] = {}
    """Kinds of work and how much each counts."""
    languages: tuple[str, ...] = ()
    tools: bool = False
    """It calls tools."""
    takes: tuple[str, ...] = ()
    """What it is given beside text: image, audio, video, pdf."""
    context: Tokens | None = None
    """Tokens of the longest request, answer included."""
    reasoning: bool | None = None
    """True: it must be able to think before it answers. False: it must be able to answer without."""


class RulesNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[rules]`: what a model, its maker and its provider may be."""

    use: Use | None = None
    """None: no licence is asked for."""
    conditions: Literal["accept", "refuse"] = "accept"
    """Of a licence that allows the use under conditions which apply here."""
    monthly_users: Annotated[int, msgspec.Meta(ge=1, le=10_000_000_000)] | None = None
    """Of your product; None is unknown, and a licence that ends above a number is then refused."""
    annual_revenue_usd: Annotated[float, msgspec.Meta(ge=0, le=1e14)] | None = None
    hosts_for_others: bool = False
    """You sell access to the model itself."""
    trains_on_outputs: bool = False
    """What it writes is to train other models."""
    open_weights: bool = False
    """Only models whose weights can be had."""
    openness: Literal["I", "II", "III"] | None = None
    """At least this class of the Model Openness Framework; I is the most open."""
    based_in: str | None = None
    """Country of your own seat: some licences hold nothing for some."""
    origin: tuple[str, ...] = ()
    """Countries or blocs a lab may sit in; empty: anywhere."""
    not_origin: tuple[str, ...] = ()
    data_in: tuple[str, ...] = ()
    """Countries or blocs in which providers may process requests; own hardware is wherever you put it."""
    seat_in: tuple[str, ...] = ()
    """Countries or blocs whose law a provider may be under: its seat."""
    known_providers: bool = False
    """Only providers whose seat is known."""
    no_training_on_inputs: bool = False
    providers: tuple[str, ...] = ()
    """Only these; empty: any."""
    not_providers: tuple[str, ...] = ()
    released_since: str | None = None
    """ISO date."""
    policy: str | None = None
    """A policy.toml that holds too; a relative path counts from this file."""
    data: str | None = None
    """Class of the data, as the policy names it: `personal`."""


class ServeNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[serve]`: on what it runs and what that costs."""

    how: Way = "either"
    on: tuple[str, ...] = ()
    """Device sets of your own that come into question: `H100-SXM`, `RTX 4090 x2`. The first that will do is taken."""
    engine: Literal["vllm", "sglang", "llamacpp", "ollama", "tensorrt-llm"] | None = None
    quantisations: tuple[str, ...] = ()
    """Formats to try, the best first; empty: those usual for the engine, never under 4 bits."""
    sequences: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """Requests under way at once on one set; None: as many as the busiest hour needs."""
    memory: Written | None = None
    """Share of a device's memory that the model may take; the rest is for other programs. None: all an engine takes."""
    usd_month: Annotated[float, msgspec.Meta(gt=0, le=1e12)] | None = None
    """Most that it may cost; None: no limit."""
    usd_hour: Written | None = None
    buy: Written | None = None
    years: Written | None = None
    watts: Written | None = None
    pue: Written | None = None
    kwh: Written | None = None
    spare: Written | None = None
    utilisation: Written | None = None
    people: str | None = None


class SpeedNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[speed]`: of one request while others run."""

    ttft_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None
    """Longest wait for the first token."""
    tokens_per_s: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    """Slowest that an answer may be written."""


class NeedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """need.toml as a whole."""

    work: WorkNeed
    volume: WorkSection
    """As `[work]` of a workload file."""
    rules: RulesNeed = RulesNeed()
    serve: ServeNeed = ServeNeed()
    speed: SpeedNeed = SpeedNeed()
    name: str | None = None
    """What it is for, in a few words."""


def mix_of(work: WorkNeed) -> dict[WorkKind, float]:
    """Kinds of work to weights that add up to 1; empty for `all`: general ability."""
    given = dict(work.mix) or {work.kind or "all": 1.0}
    total = sum(given.values())
    return {kind: given[kind] / total for kind in KINDS if kind in given}

"""How a model can be served under a need, and which way is taken: the cheapest whose cost and speed are known enough.

    own    the device sets that are named, with what fit says of memory and speed (an argument: `Runs`)
    api    the cheapest provider among those the rules allow, at a price that is whole

A limit on dollars or on waiting is a rule like any other: what is not known does not pass it. The catalogue knows
nothing of how fast providers are, so a need that asks for speed is met by own hardware only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from weighbridge.catalog.facts import Resolved, Source, resolve
from weighbridge.catalog.records import Offer, Provider
from weighbridge.cost.api import ApiCost, price_offer, rank
from weighbridge.cost.hardware import Hardware, Pace, price_own
from weighbridge.cost.words import usd
from weighbridge.cost.workload import Range
from weighbridge.pick.reading import Need
from weighbridge.pick.subject import Subject
from weighbridge.policy import Decision
from weighbridge.policy.places import stays_in


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one device set, as fit answers it."""

    variant: str
    """`fp8`, `Q4_K_M`."""
    asked: str = "native"
    """The format as fit was asked for it: `native` for the checkpoint as it is."""
    is_whole: bool = True
    """The checkpoint as it was released, or eight bits and more: nothing that has been measured is lost."""
    engine: str = "vllm"
    hardware: Hardware
    pace: Pace | None
    """None where the device's speed is not known."""
    user_tps: Range | None
    """Tokens a second of one answer while the others run."""
    ttft_s: Range | None
    sequences: int
    """Under way at once on one set."""
    free_bytes: int
    assumed: str = ""
    """What was assumed of how the checkpoint is stored."""

    @property
    def place(self) -> str:
        """`H100-SXM x2, fp8`."""
        return f"{self.hardware.device} x{self.hardware.count}, {self.variant}"


class Runs(msgspec.Struct, frozen=True):
    """What own hardware does with one model: sets that hold it, and why others do not."""

    fitting: tuple[Run, ...]
    because: str = ""
    """Why none fits, or not this one; with the figure."""
    others: Callable[[str, int], tuple[Run, ...]] | None = None
    """Runs on a set (device, count) in formats that lose something, where one that loses nothing is among `fitting`:
    reckoned only when they are asked for."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is served."""

    how: str
    """`own`, or a provider."""
    usd: Range | None
    """A month; None where it is not known."""
    decode_tps: Range | None
    """Of one answer; None where it is not known."""
    fits_on: str | None
    """Device set and format; None at a provider."""
    why: tuple[str, ...]
    model_id: str = ""
    """As the provider calls it."""
    run: Run | None = None
    """On own hardware: what was reckoned with."""


class Refused(msgspec.Struct, frozen=True):
    because: str


Allowed = Callable[[Subject, Offer | None, str | None], Decision]
"""What a policy decides of a model at an offer or, without one, on own hardware (the device's id)."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What serving is judged from."""

    providers: Mapping[str, Provider]
    sources: Mapping[str, Source]
    disputed: Mapping[tuple[str, str], Resolved]
    batch: Mapping[str, float]
    runs: Callable[[Subject], Runs]
    allowed: Allowed | None = None
    """None: there is no policy."""


def choose_way(subject: Subject, need: Need, world: World) -> Way | Refused:
    """The cheapest way that keeps to the need; a way whose cost is not known only where no limit asks for it."""
    ways: list[Way] = []
    refusals: list[str] = []
    how = need.file.serve.how
    if how != "own":
        found = _at_providers(subject, need, world)
        (ways if isinstance(found, Way) else refusals).append(found)  # type: ignore[arg-type]
    if how != "api" and need.file.serve.on:
        for each in _on_own(subject, need, world):
            (ways if isinstance(each, Way) else refusals).append(each)  # type: ignore[arg-type]
    if ways:
        return min(ways, key=lambda way: (way.usd is None, 0.0 if way.usd is None else way.usd.value))
    return Refused("; ".join(str(each.because) for each in refusals if isinstance(each, Refused)))


def _at_providers(subject: Subject, need: Need, world: World) -> Way | Refused:
    if not subject.offers:
        return Refused("no provider is known to serve it")
    reasons = {
        place: _not_allowed(offer, need, world) or _against(subject, world, offer, None)
        for place, offer in enumerate(subject.offers)
    }
    allowed = [subject.offers[place] for place, reason in reasons.items() if reason is None]
    if not allowed:
        return Refused(f"no provider may serve it: {_most_common(reason for reason in reasons.values() if reason)}")
    costs = sorted((_price(offer, need, world) for offer in allowed), key=rank)
    return _judged_api(costs, need)


def _price(offer: Offer, need: Need, world: World) -> ApiCost:
    dispute = world.disputed.get((offer.provider, offer.model_id.casefold()))
    others = [] if dispute is None else [other.value for other in dispute.alternatives]
    return price_offer(offer, need.work, others=others, batch=world.batch)


def _judged_api(costs: Sequence[ApiCost], need: Need) -> Way | Refused:
    best = costs[0]
    if not best.is_whole:
        return Refused(f"at {best.provider}: {_not_whole(best)}")
    speed, limit = need.file.speed, need.file.serve.usd_month
    if speed.ttft_s is not None or speed.tokens_per_s is not None:
        return Refused("how fast its providers are is not known")
    if limit is not None and best.usd.value > limit:
        return Refused(f"{usd(best.usd.value)} a month at {best.provider}, the limit is {usd(limit)}")
    notes = (
        f"{usd(best.usd.value)} a month at {best.provider}, prices of {best.updated or 'an unknown day'}",
        *best.notes,
    )
    return Way(how=best.provider, usd=best.usd, decode_tps=None, fits_on=None, why=notes, model_id=best.model_id)


def _not_whole(cost: ApiCost) -> str:
    if cost.cannot:
        return cost.cannot
    return "listed at $0, a free tier or a subscription" if cost.at_nothing else f"the {cost.unknown[0]} is not known"


def _not_allowed(offer: Offer, need: Need, world: World) -> str | None:
    """Why a provider does not come into question; None where it does."""
    rules = need.file.rules
    if rules.providers and offer.provider not in rules.providers:
        return "none of the providers you name"
    if offer.provider in rules.not_providers:
        return "a provider you leave out"
    record = world.providers.get(offer.provider)
    return _wrong_seat(record, need, world) or _wrong_way_with_data(record, need, world)


def _wrong_seat(record: Provider | None, need: Need, world: World) -> str | None:
    if need.seat_in is None and not need.file.rules.known_providers:
        return None
    seat = None if record is None else resolve(record.country, world.sources)
    if seat is None:
        return "where it is seated is not known"
    return f"seated in {seat.value}" if need.seat_in is not None and seat.value not in need.seat_in else None


def _wrong_way_with_data(record: Provider | None, need: Need, world: World) -> str | None:
    """Where it sends what it is sent, and whether it trains on it."""
    if need.data_in is not None:
        place = None if record is None else resolve(record.data_location, world.sources)
        stays = None if place is None else stays_in(str(place.value), need.data_in)
        if place is None or stays is None:
            return "where it sends data is not known"
        if not stays:
            return f"data go to: {place.value}"
    if need.file.rules.no_training_on_inputs:
        trains = None if record is None else resolve(record.trains_on_inputs, world.sources)
        if trains is None:
            return "whether it trains on inputs is not known"
        if trains.value not in ("no", "opt-in"):
            return f"trains on inputs: {trains.value}"
    return None


def _against(subject: Subject, world: World, offer: Offer | None, device: str | None) -> str | None:
    """The policy's first rule against a way of serving; None where there is none."""
    if world.allowed is None:
        return None
    decision = world.allowed(subject, offer, device)
    return None if decision.allowed else f"policy {decision.reasons[0]}"


def _most_common(reasons: Iterable[str]) -> str:
    """Up to three reasons, each with how many offers it turns away."""
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{reason} ({count})" for reason, count in most)


def _on_own(subject: Subject, need: Need, world: World) -> Iterator[Way | Refused]:
    if subject.facts.get("open_weights") is not True:
        yield Refused("its weights cannot be had")
        return
    runs = world.runs(subject)
    if runs.because:
        yield Refused(runs.because)
    places = dict.fromkeys((run.hardware.device, run.hardware.count) for run in runs.fitting)
    for place in places:
        against = _against(subject, world, None, place[0])
        if against is not None:
            yield Refused(f"on {place[0]}: {against}")
            continue
        here = [run for run in runs.fitting if (run.hardware.device, run.hardware.count) == place]
        judged = list(_on_one(here, need))
        if runs.others is not None and not any(isinstance(each, Way) for each in judged):
            judged = list(_on_one([*here, *runs.others(*place)], need))
        yield from judged


def _on_one(runs: Sequence[Run], need: Need) -> Iterator[Way | Refused]:
    """The cheapest way among formats that lose nothing, or else the best format that keeps to the need."""
    judged = [(run, _judged_own(run, need)) for run in runs]
    ways = [(run, way) for run, way in judged if isinstance(way, Way)]
    whole = [way for run, way in ways if run.is_whole]
    if whole:
        yield min(whole, key=lambda way: (way.usd is None, 0.0 if way.usd is None else way.usd.value))
    elif ways:
        yield ways[0][1]
    else:
        yield from (refused for _, refused in judged)


def _judged_own(run: Run, need: Need) -> Way | Refused:
    slow = _too_slow(run, need)
    if slow is not None:
        return Refused(f"on {run.place}: {slow}")
    limit = need.file.serve.usd_month
    if run.pace is None:
        if limit is not None:
            return Refused(f"on {run.place}: its speed is not known, so neither is its cost")
        return Way(
            how="own", usd=None, decode_tps=None, fits_on=run.place, why=(f"fits on {run.place}, speed not known",)
        )
    cost = price_own(run.hardware, run.pace, need.work)
    if limit is not None and not cost.is_whole:
        return Refused(f"on {run.place}: {cost.unknown[0]} is not known, and a limit is set")
    if limit is not None and cost.usd.value > limit:
        return Refused(f"{usd(cost.usd.value)} a month on {run.place}, the limit is {usd(limit)}")
    told = [f"fits on {run.place}, {run.free_bytes / 2**30:.1f} GiB left, {run.sequences} at once"]
    if cost.is_whole:
        told.append(
            f"{usd(cost.usd.value)} a month for {cost.devices} devices, {run.hardware.spare} spare sets counted"
        )
    else:
        told.append(f"{' and '.join(cost.unknown)} is not known")
    if run.assumed:
        told.append(run.assumed)
    return Way(
        how="own",
        usd=cost.usd if cost.is_whole else None,
        decode_tps=run.user_tps,
        fits_on=run.place,
        why=tuple(told),
        run=run,
    )


def _too_slow(run: Run, need: Need) -> str | None:
    speed = need.file.speed
    for asked, found, said in (
        (speed.ttft_s, run.ttft_s, "first token after {0:.2g} s, asked {1:g} s"),
        (speed.tokens_per_s, run.user_tps, "{0:.3g} tokens/s of one answer, asked {1:g}"),
    ):
        if asked is None:
            continue
        if found is None:
            return "its speed is not known"
        late = found.value > asked if asked is speed.ttft_s else found.value < asked
        if late:
            return said.format(found.value, asked)
    return None

"""Joins the policy with the catalogue and the gateway: the facts that a decision stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.dispatch.policy import Asking
from weighbridge.dispatch.policy import Decision as GatewayDecision
from weighbridge.errors import InputError
from weighbridge.policy import Facts, Known, Link, decide, read_policy

if TYPE_CHECKING:
    from weighbridge.catalog import Catalogue, Fact, Model, Provider
    from weighbridge.engines import BackendRecord

LONGEST_CHAIN = 8
LOOK_EVERY_S = 1.0


def facts_for(
    catalogue: Catalogue, model: Model, *, provider: str | None, data_class: str | None, pinned: bool | None = None
) -> Facts:
    """What is known of a model served by a provider, or here where none is named. Raises UsageError for a provider the
    catalogue does not have."""
    from weighbridge.catalog import fact_of, licence_of

    seat = where = trains = None
    if provider is not None:
        served = _provider(catalogue, provider)
        seat, where, trains = (
            _first(catalogue, facts) for facts in (served.country, served.data_location, served.trains_on_inputs)
        )
        provider = served.id
    is_open = fact_of(catalogue, model, "open_weights")
    said = fact_of(catalogue, model, "licence")
    return Facts(
        model=model.id,
        open_weights=None if is_open is None else bool(is_open.value),
        licence=licence_of(catalogue, model),
        licence_source="" if said is None else said.source,
        chain=tuple(_chain(catalogue, model)),
        runs_here=provider is None,
        provider=provider,
        jurisdiction=seat,
        data_location=where,
        trains_on_inputs=trains,
        pinned=pinned,
        data_class=data_class,
    )


def _provider(catalogue: Catalogue, name: str) -> Provider:
    from weighbridge.errors import UsageError
    from weighbridge.formats.problems import did_you_mean

    found = next((each for each in catalogue.providers.values() if name in (each.id, each.name, *each.names)), None)
    if found is None:
        raise UsageError(f"no provider is called {name!r}", next_move=did_you_mean(name, catalogue.providers))
    return found


def _first(catalogue: Catalogue, facts: tuple[Fact, ...]) -> Known | None:
    from weighbridge.catalog import resolve

    found = resolve(facts, catalogue.sources)
    return None if found is None else Known(str(found.value), found.source)


def _chain(catalogue: Catalogue, model: Model) -> Iterator[Link]:
    """The lab, then the labs of the models it was made from, each once."""
    from weighbridge.catalog import fact_of

    seen: set[str] = set()
    here: Model | None = model
    for depth in range(LONGEST_CHAIN):
        if here is None or here.id in seen:
            return
        seen.add(here.id)
        lab = catalogue.labs.get(here.lab)
        country = _first(catalogue, lab.country) if lab is not None else None
        yield Link("lab" if not depth else "base model", here.lab if not depth else here.id, country)
        base = fact_of(catalogue, here, "base_model")
        if base is None:
            return
        here = catalogue.models.get(str(base.value))
        if here is None:
            yield Link("base model", str(base.value), None)


class GatewayPolicy:
    """policy.toml, as the gateway asks it: the facts of each backend and model are looked up once.

    The file is looked at again at most once a second; one with a mistake is told and the last good one stays.
    """

    def __init__(
        self,
        path: Path,
        records: Mapping[str, BackendRecord],
        *,
        now: Callable[[], float],
        tell: Callable[[str], object],
    ) -> None:
        self._path, self._records, self._now, self._tell = path, records, now, tell
        self._policy = read_policy(path)
        self._facts: dict[tuple[str, str], Facts] = {}
        self._decisions: dict[tuple[str, str, str | None], GatewayDecision] = {}
        self._looked, self._stamp = now(), _stamp(path)

    def decide(self, asking: Asking, backend: str, model: str) -> GatewayDecision:
        """Whether the call may go to `model` at `backend`, with the rules that speak against it."""
        self._look_again()
        key = (backend, model, asking.data_class)
        known = self._decisions.get(key)
        if known is None:
            facts = msgspec.structs.replace(self._facts_of(backend, model), data_class=asking.data_class)
            decision = decide(self._policy, facts)
            reasons = tuple(f"{reason.rule}: {reason.detail}" for reason in decision.reasons)
            known = self._decisions[key] = GatewayDecision(decision.allowed, reasons)
        return known

    def _look_again(self) -> None:
        if self._now() - self._looked < LOOK_EVERY_S:
            return
        self._looked = self._now()
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._policy = read_policy(self._path)
        except InputError as error:
            self._tell(f"the policy has a mistake, the last good one stays: {error}")
        else:
            self._decisions.clear()
            self._tell(f"read {self._path} again")

    def _facts_of(self, backend: str, model: str) -> Facts:
        known = self._facts.get((backend, model))
        if known is None:
            known = self._facts[backend, model] = _served_facts(self._records[backend], model)
        return known


def _served_facts(record: BackendRecord, name: str) -> Facts:
    """A model at a backend. A name that the catalogue does not know leaves every fact unknown."""
    from weighbridge.catalog.match import resolve_name
    from weighbridge.cli.chosen import held, index
    from weighbridge.cli.compose_prices import provider_of
    from weighbridge.dispatch.price import host_of

    host = host_of(record)
    catalogue = held().catalogue
    found = catalogue.models.get(name) or catalogue.models.get(resolve_name(index(), name).id or "")
    if found is None:
        return Facts(model=name, runs_here=host is None)
    provider = None if host is None else provider_of(record)
    facts = facts_for(catalogue, found, provider=provider, data_class=None)
    return msgspec.structs.replace(facts, runs_here=host is None)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:
        return (0, 0)
    return about.st_mtime_ns, about.st_size

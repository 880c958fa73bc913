"""Joins the policy with the catalogue: the facts that a decision stands on, for a model, a provider or a backend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from weighbridge.errors import UsageError
from weighbridge.policy import Facts, Known, Policy, read_policy
from weighbridge.policy.gather import (
    Weights,
    named_at_provider,
    of_model,
    run_here,
    served_by,
    under_contract,
    unknown_model,
)
from weighbridge.policy.hosts import is_among
from weighbridge.policy.names import Names, names_of

if TYPE_CHECKING:
    from weighbridge.catalog import Catalogue, Model, Provider
    from weighbridge.engines import BackendRecord
    from weighbridge.engines.pull import Pulled
    from weighbridge.settings import Settings

Verdict = Literal["pass", "warn", "fail"]
_DATE = re.compile(r"-(?:20)?\d{2}-?\d{2}(?:-?\d{2})?")
WEIGHTS_HERE = frozenset({"llamacpp"})
"""Kinds of backends that open files themselves."""


def load_policy(path: Path, folder: Path | None = None) -> Policy:
    """A policy whose labs, providers and licences are known. Raises InputError with line and suggestion."""
    from weighbridge.catalog.snapshot import DATA

    return read_policy(path, known_names(folder or DATA))


def check_class(policy: Policy, data_class: str | None) -> None:
    """Raises UsageError for a class of data that the policy says nothing of: it may go nowhere."""
    hint = class_hint(policy, data_class)
    if hint is not None:
        raise UsageError(f"the policy says nothing of data of class {data_class!r}", where=policy.path, next_move=hint)


def class_hint(policy: Policy, data_class: str | None) -> str | None:
    """What to write instead of a class of data that the policy says nothing of; None for one that it knows."""
    from weighbridge.formats.problems import did_you_mean

    if data_class is None or data_class in policy.file.data:
        return None
    return did_you_mean(data_class, policy.file.data) or "It has none: add a section `[data.NAME]`."


def vendor_named(name: str | None) -> str | None:
    """The maker of accelerators as rules name it. Raises UsageError for one that nobody knows."""
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.formats.problems import did_you_mean

    vendors = known_names(DATA).vendors
    if name is not None and name.casefold() not in vendors:
        raise UsageError(
            f"no accelerator known here is made by {name!r}", next_move=did_you_mean(name, vendors.values())
        )
    return None if name is None else vendors[name.casefold()]


@lru_cache(maxsize=4)
def known_names(folder: Path) -> Names:
    """What lists of a policy may name: labs, providers, licences and vendors of a catalogue."""
    from weighbridge.cli.chosen import held

    state = held(folder)
    return names_of(state.catalogue, {offer.provider for offer in state.offers})


def facts_for(
    catalogue: Catalogue,
    model: Model | None,
    policy: Policy,
    *,
    provider: str | None = None,
    weights: Weights | None = None,
    data_class: str | None = None,
    vendor: str | None = None,
) -> Facts:
    """What is known of a model served by a provider, or here where none is named. Raises UsageError for a provider that
    nobody knows."""
    facts = unknown_model("unknown") if model is None else of_model(catalogue, model)
    if provider is None:
        made_by = None if vendor is None else Known(vendor, "as asked")
        facts = run_here(catalogue, facts, weights or Weights(), made_by)
    else:
        facts = at_provider(catalogue, facts, policy, provider)
    return msgspec.structs.replace(facts, data_class=data_class)


def at_provider(catalogue: Catalogue, facts: Facts, policy: Policy, name: str) -> Facts:
    """The facts at a provider by its id or name, under what was agreed with it."""
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.formats.problems import did_you_mean

    known = known_names(DATA).providers
    contracts = policy.file.contract
    found = name if name in contracts else known.get(name.casefold())
    if found is None:
        names = {*catalogue.providers, *contracts}
        raise UsageError(f"no provider is called {name!r}", next_move=did_you_mean(name, names))
    facts = served_by(catalogue, facts, _provider(catalogue, found))
    return under_contract(facts, contracts[found]) if found in contracts else facts


def _provider(catalogue: Catalogue, found: str) -> Provider | str:
    by_name = (each for each in catalogue.providers.values() if found in (each.id, *each.names))
    return next(by_name, found)


class Backends:
    """The facts of backends of a task or a gateway; each is looked up once."""

    def __init__(self, policy: Policy, settings: Settings | None, today: str, folder: Path | None = None) -> None:
        """`settings` say where pulled weights and their audits are; `today` is an ISO date; relative `file:` sources
        count from `folder`."""
        self._policy, self._settings, self._today, self._folder = policy, settings, today, folder

    def facts(self, record: BackendRecord, name: str | None) -> Facts:
        """A model at a backend; `name` is what it is asked for. A name that the catalogue does not know leaves every
        fact about the model unknown."""
        from weighbridge.cli.chosen import held
        from weighbridge.cli.compose_prices import provider_of
        from weighbridge.dispatch.price import host_of

        catalogue = held().catalogue
        asked = name or record.model or record.source or record.name
        model = model_named(asked) or (model_named(record.source) if record.source else None)
        facts = of_model(catalogue, model) if model is not None else unknown_model(asked)
        host = host_of(record)
        if host is None or is_among(host, self._policy.file.own.hosts):
            return run_here(catalogue, facts, self._weights(record), self._vendor())
        contracts = self._policy.file.contract
        agreed = next((each for each, terms in contracts.items() if is_among(host, terms.hosts)), None)
        provider = agreed or provider_of(record)
        if provider is not None:
            facts = served_by(catalogue, facts, _provider(catalogue, provider))
            facts = under_contract(facts, contracts[provider]) if provider in contracts else facts
        return named_at_provider(catalogue, facts, asked, self._today)

    def _weights(self, record: BackendRecord) -> Weights:
        """Of files that an engine opens what is known of them; behind an address nobody sees the files."""
        if record.kind not in WEIGHTS_HERE or record.source is None:
            return Weights()
        from weighbridge.engines.pull.source import parse_source

        pinned = record.sha256 is not None or parse_source(record.source).is_pinned
        return Weights(source=record.source, audit=self._audit(record), pinned=pinned)

    def _audit(self, record: BackendRecord) -> Verdict | None:
        if self._settings is None or record.source is None:
            return None
        pulled = pulled_weights(record.source, self._settings)
        return None if pulled is None else audit_verdict(pulled, self._settings)

    def _vendor(self) -> Known | None:
        """Who made the accelerator of this machine, looked up only where a rule asks."""
        return machine_vendor() if self._policy.file.hardware.deny_vendors else None


def model_named(name: str) -> Model | None:
    """The model of the catalogue that a name means, of a source that of its repository; None where it means none, or
    more than one."""
    from weighbridge.catalog.match import resolve_name
    from weighbridge.cli.chosen import held, index

    models = held().catalogue.models
    for each in _spellings(name):
        found = models.get(each) or models.get(resolve_name(index(), each).id or "")
        if found is not None:
            return found
    return None


def _spellings(name: str) -> Iterator[str]:
    yield name
    scheme, colon, rest = name.partition(":")
    if colon and scheme in ("hf", "modelscope", "file", "pypi"):
        plain = rest.partition("@")[0]
        yield "/".join(plain.split("/")[:2])
        yield plain.rpartition("/")[2]


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model: where one is the other with a date behind it, or by the catalogue."""
    short, long = sorted((one.rpartition("/")[2].casefold(), other.rpartition("/")[2].casefold()), key=len)
    if short == long or (short and long.startswith(short) and _DATE.fullmatch(long[len(short) :])):
        return True
    first, second = model_named(one), model_named(other)
    return first is not None and second is not None and first.id == second.id


def pulled_weights(source: str, settings: Settings) -> Pulled | None:
    """The record of weights that are here; None where they were never pulled."""
    from weighbridge.engines.pull.shelf import Shelf

    record = Shelf(settings.data_dir).find(source)
    return record if record is not None and record.path.exists() else None


def audit_verdict(pulled: Pulled, settings: Settings) -> Verdict | None:
    """What the audit of pulled weights said; audits them now where nobody has."""
    from weighbridge.cli.compose_audit import vetted
    from weighbridge.errors import PullError

    try:
        return vetted(pulled, settings).verdict
    except PullError:
        return "fail"


@lru_cache(maxsize=1)
def machine_vendor() -> Known | None:
    """The vendor of the accelerators of this machine, of its processor where it has none."""
    from weighbridge.cli.chosen import held
    from weighbridge.cli.compose_devices import this_machine
    from weighbridge.fit.hardware import all_hardware

    try:
        found = this_machine(all_hardware(held().catalogue))
    except UsageError:  # it says nothing of itself
        return None
    return Known(found[0].hardware.vendor, "this machine") if found and found[0].hardware.vendor else None

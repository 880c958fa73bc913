"""Joins a need with a policy: the same decision as everywhere, of each model and each way to serve it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.cli.compose_evidence import keep_decisions, row_of
from weighbridge.cli.compose_policy import check_class, load_policy
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import UsageError
from weighbridge.fit.hardware import all_hardware
from weighbridge.policy import Decision, Facts, Known, Policy, decide
from weighbridge.policy.gather import Weights, named_at_provider, of_model, run_here, served_by, under_contract

if TYPE_CHECKING:
    from weighbridge.catalog import Catalogue, Offer
    from weighbridge.catalog.feeds.held import Held
    from weighbridge.ledger.decisions import DecisionRow
    from weighbridge.pick.reading import Need
    from weighbridge.pick.subject import Subject


def policy_of(need: Need, beside: Path, policy: Path | None, data_class: str | None, state: Held) -> PickRules | None:
    """The rules that hold beside the need's own; None where no policy is named anywhere."""
    said = need.file.rules
    path = policy or (beside / said.policy if said.policy is not None else settings_from_environment().policy)
    data = data_class or said.data
    if path is None:
        if data is not None:
            what = f"data of class {data!r} are asked for, and no policy says what that means"
            raise UsageError(what, next_move="Name one: --policy FILE, or `policy` under [rules] of the need.")
        return None
    rules = load_policy(path)
    check_class(rules, data)
    return PickRules(rules, data, state.catalogue)


class PickRules:
    """What a policy decides of models that could be taken; files and machines are not there yet."""

    def __init__(self, policy: Policy, data_class: str | None, catalogue: Catalogue) -> None:
        self._policy, self._data_class, self._catalogue = policy, data_class, catalogue
        self._vendors = {hardware.id: hardware.vendor for _, hardware in all_hardware(catalogue)}
        self._models: dict[str, Facts] = {}
        self._rows: dict[str, DecisionRow] = {}
        self._providers = {name: one for one in catalogue.providers.values() for name in (*one.names, one.id)}
        self._at = time.time()
        self._today = time.strftime("%Y-%m-%d", time.gmtime(self._at))

    def allowed(self, subject: Subject, offer: Offer | None, device: str | None) -> Decision:
        """A model at an offer, or on own hardware: on some device where none is named."""
        facts = msgspec.structs.replace(self._facts(subject, offer, device), data_class=self._data_class)
        decision = decide(self._policy, facts, is_choice=True)
        row = row_of(self._policy, facts, decision, caller="pick", backend=None, at=self._at)
        self._rows[row.id] = row
        return decision

    def keep(self) -> None:
        """Write what was decided into the ledger."""
        keep_decisions(settings_from_environment().data_dir, self._policy, self._rows.values(), self._at)

    def _facts(self, subject: Subject, offer: Offer | None, device: str | None) -> Facts:
        known = self._models.get(subject.id)
        if known is None:
            known = self._models[subject.id] = of_model(self._catalogue, subject.model)
        if offer is None:
            vendor = None if device is None else self._vendors.get(device.partition(" x")[0])
            return run_here(self._catalogue, known, Weights(), None if vendor is None else Known(vendor, "as asked"))
        provider = self._providers.get(offer.provider, offer.provider)
        facts = served_by(self._catalogue, known, provider)
        contract = self._policy.file.contract.get(facts.provider or "")
        facts = facts if contract is None else under_contract(facts, contract)
        return named_at_provider(self._catalogue, facts, offer.model_id, self._today)

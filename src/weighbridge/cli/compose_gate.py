"""Joins the policy with the gateway: every call asks it, its decisions go into the ledger, traffic comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from weighbridge.cli.compose_evidence import asks_for_traffic, look_back, policy_row, row_of
from weighbridge.cli.compose_policy import Backends, load_policy, same_model
from weighbridge.dispatch.policy import Asking
from weighbridge.dispatch.policy import Decision as GatewayDecision
from weighbridge.errors import InputError
from weighbridge.ledger.decisions import HOUR_S, Traffic
from weighbridge.policy import Facts, Figure, decide
from weighbridge.policy.traffic import Seen, seen_of, shares_of, too_large

if TYPE_CHECKING:
    from weighbridge.engines import BackendRecord
    from weighbridge.settings import Settings

LOOK_EVERY_S = 1.0
"""How often the file is looked at for changes."""
MEASURE_EVERY_S = 5.0
"""How often shares of traffic are taken from the ledger, where a rule asks for them."""
MOST_KEPT = 4096
"""Decisions remembered: a caller may name any class of data, and none of them may fill the memory."""


class _Made:
    """A decision and how often it was made since that was last written down."""

    __slots__ = ("answer", "times")

    def __init__(self, answer: GatewayDecision) -> None:
        self.answer = answer
        self.times = 0


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
        unix: Callable[[], float],
        tell: Callable[[str], object],
        settings: Settings | None = None,
        folder: Path | None = None,
    ) -> None:
        """`now` counts seconds and never goes back, `unix` are those since 1970. Raises InputError."""
        self._path, self._records, self._now, self._unix, self._tell = path, records, now, unix, tell
        self._settings, self._folder = settings, folder
        self._policy = load_policy(path)
        self._looked, self._stamp = now(), _stamp(path)
        self._measured: float | None = None
        self._shares: tuple[dict[str, float], ...] = ()
        self._seen: dict[tuple[str, str], Seen] = {}
        self._hour = 0
        self._fresh: list[tuple[Any, ...]] = []
        self._told: set[str] = set()
        self._counts: dict[str, int] = {}
        self.is_fresh = False
        self._begin()

    def _begin(self) -> None:
        """Forget what was looked up for another file."""
        today = datetime.fromtimestamp(self._unix(), UTC).date().isoformat()
        self._backends = Backends(self._policy, self._settings, today, self._folder)
        self._facts: dict[tuple[str, str], Facts] = {}
        self._decisions: dict[tuple[str, str, str | None], _Made] = {}

    def decide(self, asking: Asking, backend: str, model: str) -> GatewayDecision:
        """Whether the call may go to `model` at `backend`, with the rules that speak against it."""
        if self._now() - self._looked >= LOOK_EVERY_S:
            self._look_again()
        made = self._decisions.get((backend, model, asking.data_class))
        if made is None:
            made = self._make(backend, model, asking.data_class)
        made.times += 1
        return made.answer

    def _make(self, backend: str, model: str, data_class: str | None) -> _Made:
        facts = msgspec.structs.replace(self.look_up(backend, model), data_class=data_class)
        decision = decide(self._policy, facts, self._shares)
        at = self._unix()
        row = row_of(self._policy, facts, decision, caller="gateway", backend=backend, at=at)
        if row.id not in self._told:
            self._tell_once("policy", self._policy.sha256, msgspec.structs.astuple(policy_row(self._policy, at)))
            self._tell_once("decision", row.id, msgspec.structs.astuple(row))
        made = _Made(GatewayDecision(decision.allowed, tuple(map(str, decision.reasons)), row.id))
        if len(self._decisions) >= MOST_KEPT:
            self._forget()
        self._decisions[backend, model, data_class] = made
        return made

    def _tell_once(self, kind: str, key: str, values: tuple[Any, ...]) -> None:
        if key not in self._told:
            if len(self._told) >= MOST_KEPT:
                self._told.clear()
            self._told.add(key)
            self._fresh.append((kind, *values))
            self.is_fresh = True

    def _forget(self) -> None:
        """Make every decision anew when it is next asked for; how often it was made is kept."""
        for made in self._decisions.values():
            if made.times and made.answer.id is not None:
                self._counts[made.answer.id] = self._counts.get(made.answer.id, 0) + made.times
        self._decisions.clear()

    # --- what the gateway writes down (dispatch.policy.Keeper)

    def take_fresh(self) -> list[tuple[Any, ...]]:
        lines, self._fresh, self.is_fresh = self._fresh, [], False
        return lines

    def take_counts(self) -> list[tuple[Any, ...]]:
        counts, self._counts = self._counts, {}
        for made in self._decisions.values():
            if made.times and made.answer.id is not None:
                counts[made.answer.id] = counts.get(made.answer.id, 0) + made.times
                made.times = 0
        hour = int(self._unix() // HOUR_S)
        return [("decided", decision, hour, times) for decision, times in counts.items()]

    def give_back(self, lines: Sequence[tuple[Any, ...]]) -> None:
        self._fresh = [*lines, *self._fresh]
        self.is_fresh = bool(self._fresh)

    # --- what the gateway learns

    def traffic_from(self) -> int | None:
        if not asks_for_traffic(self._policy):
            return None
        now = self._now()
        if self._measured is not None and now - self._measured < MEASURE_EVERY_S:
            return None
        self._measured = now
        self._hour = int(self._unix() // HOUR_S)
        return look_back(self._policy, self._hour)

    def learn(self, traffic: Sequence[Traffic]) -> None:
        """Take in the sums; decisions are made anew only where one of them could come out otherwise."""
        rules = self._policy.file.concentration
        shares = too_large(rules, shares_of(rules, traffic, self.look_up, self._hour))
        seen = seen_of(traffic, same_model) if self._observes() else {}
        if shares == self._shares and seen == self._seen:
            return
        self._shares, self._seen = shares, seen
        self._forget()
        self._facts.clear()

    def _observes(self) -> bool:
        artefacts = self._policy.file.artefacts
        return artefacts.served_as_asked or artefacts.settled_days is not None

    def _look_again(self) -> None:
        self._looked = self._now()
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            policy = load_policy(self._path)
        except InputError as error:
            self._tell(f"the policy has a mistake, the last good one stays: {error}")
            return
        self._forget()
        self._policy, self._measured, self._shares, self._seen = policy, None, (), {}
        self._begin()
        self._tell(f"read {self._path} again")

    def look_up(self, backend: str, model: str) -> Facts:
        """The facts of a model at a backend, looked up once: the first time takes most of a second, for all names."""
        known = self._facts.get((backend, model))
        if known is None:
            known = self._facts[backend, model] = self._gathered(backend, model)
        return known

    def _gathered(self, backend: str, model: str) -> Facts:
        record = self._records.get(backend)
        if record is None:  # traffic of a backend that the config no longer has
            return Facts(model=model)
        facts = self._backends.facts(record, model)
        seen = self._seen.get((backend, model))
        return facts if seen is None else observed(facts, seen, self._hour)


def observed(facts: Facts, seen: Seen, hour: int) -> Facts:
    """The facts with what the ledger saw answer."""
    drift = None
    if seen.drift_hour is not None:
        drift = Figure((hour - seen.drift_hour) / 24, f"ledger: {seen.before} before, {seen.now} now")
    return msgspec.structs.replace(facts, served_as_asked=seen.served_as_asked, drift_days=drift)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:
        return (0, 0)
    return about.st_mtime_ns, about.st_size

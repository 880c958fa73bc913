"""Non-inferiority: which candidates are at most a margin worse than the baseline.

Two bettors for each challenger play "it is worse by the margin or more" and "it is worse by the margin or less", on the
paired difference plus the margin. Where the first has made 2m / alpha from 1 (m challengers), the challenger is shown
to be not worse; where the second has, to be worse. Either way it is asked no more, and the run ends when none is left
or a forecast says that the items left would most likely not decide about those that are.

Any wrong statement about any challenger, at any moment: probability at most alpha. In scope `items`, when all items
were drawn, the differences are known and say the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .bets import Bets
from .checks import check_contest, check_draws, check_room, check_scores
from .contest import SPREAD_SHARE, SPREAD_SHARE_ALONE
from .draws import Draws
from .forecast import FIRST_FORECAST
from .plan import make_plan
from .records import Basis, Comparison, Decision, Estimate, Interval, Rule, Verdict
from .tally import Tally

ROUNDING = 1e-12
"""A difference of exactly the margin, on the items all known, is not worse by more than it."""
Standing = Literal["open", "not-worse", "worse", "futile"]


class NotWorse:
    """Challengers held against a baseline on the same items, in the order they are drawn. Deterministic.

    Used like `Contest`. names: one per candidate; rule.baseline is one of them; total: items that can be drawn; draws:
    what each counts, where they were drawn with unequal chances.
    """

    def __init__(self, names: Sequence[str], rule: Rule, total: int, draws: Draws | None = None) -> None:
        check_contest(names, rule, total)
        check_draws(rule, draws, total)
        self.names = tuple(names)
        self.rule = rule
        self.total = total
        self.drawn = 0
        self.active: tuple[str, ...] = self.names
        """The baseline and the challengers that are still asked, or were at the end."""
        self._base = self.names.index(rule.baseline or "")
        self._challengers = [i for i in range(len(names)) if i != self._base]
        m = len(self._challengers)
        self.threshold = 2.0 * m / rule.alpha
        self._standing: dict[int, Standing] = dict.fromkeys(self._challengers, "open")
        finite, level = rule.scope == "items", 1.0 / self.threshold
        spread = SPREAD_SHARE if rule.futility else SPREAD_SHARE_ALONE
        floor = np.concatenate([np.full(m, rule.margin - 1.0), np.full(m, -rule.margin - 1.0)])
        plan = make_plan(level * (1.0 - spread), level, finite, draws is not None)
        pool = total if draws is None else draws.total
        self._bets = Bets(floor, pool, plan, finite=finite, spread=spread, draws=draws)
        self._squares, self._sizes = np.zeros(m), np.zeros(m)
        self._pairs = [(min(i, self._base), max(i, self._base)) for i in self._challengers]
        self._tally = Tally(len(names), self._pairs, total, finite=finite, draws=draws)
        self._ended: tuple[Basis, str] | None = None

    @property
    def decided(self) -> bool:
        """Whether the run can end now."""
        return self._ended is not None

    def add(self, scores: Sequence[float]) -> None:
        """One drawn item, a score in [0, 1] per name; NaN where a sample failed or was not asked."""
        x = check_scores(scores, self.names, self.drawn)
        if self._ended is not None:
            return
        check_room(self.drawn, self.total)
        self.drawn += 1
        live = np.array([self._standing[i] == "open" for i in self._challengers])
        self._tally.add(x)
        gaps = x[self._challengers] - x[self._base]
        missing = np.isnan(gaps)
        lead = np.where(missing, 0.0, gaps + self.rule.margin)
        counted = lead if self.rule.scope == "items" else lead * self._bets.weight
        self._bets.add(np.concatenate([lead, -lead]), live=np.concatenate([live, live]))
        self._squares += np.where(live, counted * counted, 0.0)
        self._sizes += np.where(live, np.abs(counted), 0.0)
        if self.drawn >= self.rule.min_items:
            self._look()

    def verdict(self) -> Verdict:
        """The state at this look; basis is None while it goes on."""
        decision, chosen = self._decision()
        if self._ended is None:
            return self._record(decision, None, self._so_far(), chosen)
        return self._record(decision, *self._ended, chosen)

    def finish(self, stopped: str | None = None) -> Verdict:
        """The verdict when no more items come: all were drawn, or the run was `stopped` for the reason given."""
        if self._ended is None:
            self._look()
        if self._ended is None and stopped is not None:
            self._ended = (
                "stopped",
                f"{self._so_far()} Stopped after {self.drawn} of {self.total} {self.rule.unit}: {stopped}",
            )
        if self._ended is None:
            if self.rule.scope == "items" and self.drawn == self.total:
                self._read_off()
            every = "All items were drawn." if self._bets.total == self.total else "All that came up were asked."
            self._ended = ("exhausted", f"{every} {self._so_far()}")
        return self.verdict()

    def _look(self) -> None:
        """Note what the bets have shown, and end where nothing is open any more."""
        m, evidence = len(self._challengers), self._bets.evidence
        for row, i in enumerate(self._challengers):
            if self._standing[i] == "open" and evidence[row] >= self.threshold:
                self._settle(i, "not-worse")
            elif self._standing[i] == "open" and evidence[m + row] >= self.threshold:
                self._settle(i, "worse")
        if self.rule.futility and FIRST_FORECAST <= self.drawn < self.total:
            self._give_up()
        if "open" not in self._standing.values():
            futile = "futile" in self._standing.values()
            self._ended = ("futile" if futile else "certified", self._so_far())
        else:
            self.active = tuple(n for i, n in enumerate(self.names) if self._standing.get(i, "open") == "open")

    def _settle(self, challenger: int, standing: Standing) -> None:
        """It is asked no more, and its means stay as they are."""
        self._standing[challenger] = standing
        self._tally.drop(challenger)

    def _give_up(self) -> None:
        """Challengers whose difference lies so near the margin that the items left would most likely not decide."""
        hopeless = self._bets.hopeless()
        sums = self._bets.sums[: len(self._challengers)]
        deviation = self._bets.deviation(self._squares, self._sizes)
        for row, i in enumerate(self._challengers):
            near = abs(sums[row]) <= hopeless * deviation[row]
            if self._standing[i] == "open" and near and self._tally.count(self._pairs[row]) >= FIRST_FORECAST:
                self._settle(i, "futile")

    def _read_off(self) -> None:
        """All items are known, so the differences are facts."""
        for i in self._challengers:
            lead = self._tally.lead(i, self._base)
            if self._standing[i] == "open" and lead is not None:
                self._standing[i] = "not-worse" if lead >= -self.rule.margin - ROUNDING else "worse"

    def _decision(self) -> tuple[Decision, str | None]:
        """The best challenger that is not worse; `worse` only where all are."""
        good = [i for i in self._challengers if self._standing[i] == "not-worse"]
        if good:
            return "not-worse", self.names[max(good, key=lambda i: self._tally.lead(i, self._base) or 0.0)]
        return ("worse" if set(self._standing.values()) == {"worse"} else "undecided"), None

    def _so_far(self) -> str:
        """One sentence on every challenger."""
        base, margin = self.names[self._base], f"{self.rule.margin:g}"
        said: dict[Standing, str] = {
            "not-worse": f"at most {margin} worse than {base}",
            "worse": f"more than {margin} worse than {base}",
            "futile": f"most likely not to be told from {margin} worse than {base}",
            "open": "open",
        }
        parts = []
        for standing, words in said.items():
            if names := self._named(standing):
                parts.append(f"{', '.join(names)}: {words}")
        return f"{'; '.join(parts)}."

    def _record(self, decision: Decision, basis: Basis | None, reason: str, chosen: str | None) -> Verdict:
        estimates = tuple(self._estimate(i) for i in range(len(self.names)))
        rows = sorted(range(len(self._challengers)), key=lambda row: self.names[self._challengers[row]] != chosen)
        comparisons = tuple(map(self._comparison, rows))
        good, bad = self._named("not-worse"), self._named("worse")
        return Verdict(decision, None, basis, reason, estimates, comparisons, chosen, good, bad)

    def _named(self, standing: Standing) -> tuple[str, ...]:
        return tuple(self.names[i] for i in self._challengers if self._standing[i] == standing)

    def _estimate(self, i: int) -> Estimate:
        return Estimate(
            name=self.names[i],
            items=self._tally.items(i),
            mean=self._tally.mean(i),
            interval=self._tally.interval(i, self.rule.alpha),
            active=self._standing.get(i, "open") == "open",
        )

    def _comparison(self, row: int) -> Comparison:
        """Challenger minus baseline. An end at -margin is excluded exactly where the bets exclude it."""
        i, edge = self._challengers[row], -self.rule.margin
        interval = self._tally.lead_interval(self._pairs[row], self.rule.alpha / len(self._challengers))
        low, high = (interval.low, interval.high) if i < self._base else (-interval.high, -interval.low)
        good, bad = (float(self._bets.evidence[at]) for at in (row, row + len(self._challengers)))
        low = max(low, edge) if good >= self.threshold else min(low, edge)
        high = min(high, edge) if bad >= self.threshold else max(high, edge)
        lead = self._tally.lead(i, self._base)
        return Comparison(
            first=self.names[i],
            second=self.names[self._base],
            items=self._tally.count(self._pairs[row]),
            difference=lead,
            interval=Interval(low + 0.0, high + 0.0),
            evidence=good if lead is None or lead >= edge else bad,
            threshold=self.threshold,
        )

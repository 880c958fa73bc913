"""A comparison that goes on until it is certain: add scored items one by one, ask whether it is decided.

    certified   a winner, when betting against "the other is at least as good" has made 2 (k - 1) / alpha from 1, for
                every other candidate; a tie, when betting against both edges of the margin has made 2 / alpha each
    futile      no winner: a forecast says that the rest of the items would most likely not show a difference
    exhausted   all items were drawn; in scope `items` the difference is then known

Among k candidates, one that lost to another is asked no more. If two share the best mean, a winner can only be named
after one of the two lost to somebody: 2 (k - 1) false pairs, so each is tested at alpha / (2 (k - 1)).
docs/stats.md says what the guarantees are and are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from weighbridge.errors import InputError

from .bets import Bets, Floats
from .forecast import chance_of_difference, chance_within
from .intervals import RunningMean
from .records import Basis, Comparison, Decision, Estimate, Interval, Rule, Verdict

FUTILE_BELOW = 0.10
"""The forecast ends a run when the chance that all items would show a difference is below this."""
TIE_ABOVE = 0.90
"""The forecast calls a tie when the chance that all items would lie within the margin is above this."""
FIRST_FORECAST = 20
"""Items before the first forecast."""


class Contest:
    """Candidates compared on the same items, in the order they are drawn. Deterministic."""

    def __init__(self, names: Sequence[str], rule: Rule, total: int) -> None:
        check_rule(rule)
        if len(names) < 2 or len(set(names)) != len(names):
            raise InputError(
                f"a comparison needs at least two candidates with different names, got {list(names)}",
                next_move="Name each candidate once.",
            )
        if total < 0:
            raise InputError(f"the number of items cannot be {total}")
        self.names = tuple(names)
        self.rule = rule
        self.total = total
        self.drawn = 0
        self.active: tuple[str, ...] = self.names
        self._pairs = list(combinations(range(len(names)), 2))
        self._first = np.array([i for i, _ in self._pairs])
        self._second = np.array([j for _, j in self._pairs])
        self._asked = np.ones(len(names))
        population = total if rule.scope == "items" else None
        self._scores = RunningMean(len(names), population)
        self._gaps = RunningMean(len(self._pairs), population)
        self._squares = np.zeros(len(self._pairs))
        self._edges = np.array([0.0, 0.0] + ([rule.margin, rule.margin] if rule.margin > 0 else []))
        floor = np.repeat(self._edges - 1.0, len(self._pairs))
        self._bets = Bets(floor, total, population)
        self.threshold = 2.0 * (len(names) - 1) / rule.alpha
        self._tie_threshold = 2.0 / rule.alpha
        self._end: tuple[Decision, str | None, Basis, str] | None = None

    @property
    def decided(self) -> bool:
        """Whether the run can end now. Cheap: nothing is computed here."""
        return self._end is not None

    def add(self, scores: Sequence[float]) -> None:
        """One drawn item, a score in [0, 1] per name; NaN where a sample failed or was not asked."""
        if self._end is not None:
            return
        if self.drawn >= self.total:
            raise InputError(f"all {self.total} items were already added", next_move="Give the true number of items.")
        x = self._checked(scores)
        present = (~np.isnan(x)) * self._asked
        x = np.where(present > 0, x, 0.0)
        self.drawn += 1
        self._scores.add(x, present, self._asked)
        both = present[self._first] * present[self._second]
        live = self._asked[self._first] * self._asked[self._second]
        gap = (x[self._first] - x[self._second]) * both
        self._gaps.add((gap + 1.0) / 2.0, both, live)
        self._squares += gap * gap
        y = (np.array([1.0, -1.0, 1.0, -1.0][: len(self._edges)])[:, None] * gap + self._edges[:, None] * both).ravel()
        self._bets.add(y, np.tile(live > 0, len(self._edges)))
        self._eliminate()
        self._end = self._look()

    def verdict(self) -> Verdict:
        """The state at this look; basis is None while it goes on."""
        if self._end is None:
            return self._record("undecided", None, None, f"Still open after {self.drawn} of {self.total} items.")
        return self._record(*self._end)

    def finish(self, stopped: str | None = None) -> Verdict:
        """The verdict when no more items come: all were drawn, or the run was `stopped` for the reason given."""
        if self._end is None:
            self._end = self._last_look(stopped)
        return self.verdict()

    def _checked(self, scores: Sequence[float]) -> Floats:
        if len(scores) != len(self.names):
            raise InputError(f"expected {len(self.names)} scores, one per candidate, got {len(scores)}")
        x = np.asarray(scores, dtype=np.float64)
        if not np.all((x >= 0.0) & (x <= 1.0) | np.isnan(x)):
            worst = next(i for i, value in enumerate(x) if not (0.0 <= value <= 1.0 or np.isnan(value)))
            raise InputError(
                f"score {scores[worst]!r} of candidate {self.names[worst]!r} is not in [0, 1]",
                where=f"item {self.drawn + 1} in drawn order",
                next_move="Scale scores to [0, 1]; leave a failed sample out (NaN).",
            )
        return x

    def _evidence(self, better: int, worse: int) -> float:
        """E-value against: `better` is at most as good as `worse`."""
        row = self._row(better, worse)
        return float(self._bets.evidence[row if better < worse else row + len(self._pairs)])

    def _row(self, a: int, b: int) -> int:
        i, j, k = min(a, b), max(a, b), len(self.names)
        return i * (2 * k - i - 1) // 2 + j - i - 1

    def _lead(self, a: int, b: int) -> float:
        """Mean difference, a minus b, on the items both have."""
        row = self._row(a, b)
        count = self._gaps.count[row]
        mean = 2.0 * self._gaps.total[row] / count - 1.0 if count else 0.0
        return float(mean if a < b else -mean)

    def _remaining(self) -> list[int]:
        return [i for i in range(len(self.names)) if self._asked[i]]

    def _eliminate(self) -> None:
        pairs = len(self._pairs)
        if float(self._bets.evidence[: 2 * pairs].max()) < self.threshold:
            return
        remaining = self._remaining()
        for loser in remaining:
            for other in remaining:
                if other != loser and self._asked[other] and self._beats(other, loser):
                    self._asked[loser] = 0.0
                    break
        self.active = tuple(self.names[i] for i in self._remaining())

    def _beats(self, better: int, worse: int) -> bool:
        return self._evidence(better, worse) >= self.threshold and self._lead(better, worse) > self.rule.margin

    def _look(self) -> tuple[Decision, str | None, Basis, str] | None:
        remaining = self._remaining()
        if len(remaining) == 1:
            name = self.names[remaining[0]]
            return "winner", name, "certified", f"{name} is better than every other candidate."
        if self.rule.margin > 0 and all(self._tied(a, b) for a, b in combinations(remaining, 2)):
            return "tie", None, "certified", f"{self._listed(remaining)} differ by at most {self.rule.margin:g}."
        if self.rule.futility and self.drawn >= FIRST_FORECAST:
            return self._forecast(remaining)
        return None

    def _tied(self, a: int, b: int) -> bool:
        row = self._row(a, b)
        pairs = len(self._pairs)
        evidence = self._bets.evidence
        return bool(min(evidence[2 * pairs + row], evidence[3 * pairs + row]) >= self._tie_threshold)

    def _forecast(self, remaining: list[int]) -> tuple[Decision, str | None, Basis, str] | None:
        best = max(remaining, key=self._mean)
        for other in remaining:
            if other == best:
                continue
            row = self._row(best, other)
            count = float(self._gaps.count[row])
            if count < FIRST_FORECAST:
                return None
            total = 2.0 * float(self._gaps.total[row]) - count
            size = max(round(count + (self.total - self.drawn) * count / self.drawn), int(count))
            squares = float(self._squares[row])
            if chance_of_difference(count, total, squares, size, self.rule.alpha) >= FUTILE_BELOW:
                continue
            names = self._listed([best, other])
            if self.rule.margin > 0:
                if chance_within(count, total, squares, size, self.rule.margin) < TIE_ABOVE:
                    continue
                if len(remaining) == 2:
                    return "tie", None, "futile", f"{names} most likely differ by at most {self.rule.margin:g}."
            return "undecided", None, "futile", f"The remaining items would most likely not tell {names} apart."
        return None

    def _last_look(self, stopped: str | None) -> tuple[Decision, str | None, Basis, str]:
        if stopped is not None:
            return "undecided", None, "stopped", f"Stopped after {self.drawn} of {self.total} items: {stopped}"
        if self.rule.scope == "items" and self.drawn == self.total:
            return self._known()
        return "undecided", None, "exhausted", f"All {self.drawn} items do not tell the candidates apart."

    def _known(self) -> tuple[Decision, str | None, Basis, str]:
        """Every item was drawn, so the differences on them are facts."""
        remaining = self._remaining()
        best = max(remaining, key=self._mean)
        leads = [self._lead(best, other) for other in remaining if other != best]
        counts = [self._gaps.count[self._row(best, other)] for other in remaining if other != best]
        if min(counts) == 0:
            return "undecided", None, "exhausted", "Some candidates share no item that both answered."
        if min(leads) > self.rule.margin:
            return "winner", self.names[best], "exhausted", f"{self.names[best]} is better on all {self.drawn} items."
        if self.rule.margin > 0 and max(abs(lead) for lead in leads) <= self.rule.margin:
            return "tie", None, "exhausted", f"{self._listed(remaining)} differ by at most {self.rule.margin:g}."
        return "undecided", None, "exhausted", "On all items no candidate is ahead of every other."

    def _mean(self, i: int) -> float:
        return float(self._scores.total[i] / self._scores.count[i]) if self._scores.count[i] else 0.0

    def _listed(self, indices: Sequence[int]) -> str:
        names = [self.names[i] for i in indices]
        return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]

    def _record(self, decision: Decision, winner: str | None, basis: Basis | None, reason: str) -> Verdict:
        estimates = tuple(
            Estimate(
                name=name,
                items=int(self._scores.count[i]),
                mean=self._mean(i) if self._scores.count[i] else None,
                interval=self._scores.interval(i, self.rule.alpha),
                active=bool(self._asked[i]),
            )
            for i, name in enumerate(self.names)
        )
        comparisons = sorted((self._comparison(i, j) for i, j in self._pairs), key=self._decides, reverse=True)
        return Verdict(decision, winner, basis, reason, estimates, tuple(comparisons))

    def _decides(self, pair: Comparison) -> tuple[bool, float]:
        """Pairs still asked first; among them the closest to the top."""
        i, j = self.names.index(pair.first), self.names.index(pair.second)
        return bool(self._asked[i] and self._asked[j]), self._mean(i) + self._mean(j)

    def _comparison(self, i: int, j: int) -> Comparison:
        row = self._row(i, j)
        count = int(self._gaps.count[row])
        half = self._gaps.interval(row, self.rule.alpha / (len(self.names) - 1))
        low, high = 2.0 * half.low - 1.0, 2.0 * half.high - 1.0
        ahead, behind = self._evidence(i, j), self._evidence(j, i)
        if ahead >= self.threshold:
            low = max(low, 0.0)
        if behind >= self.threshold:
            high = min(high, 0.0)
        return Comparison(
            first=self.names[i],
            second=self.names[j],
            items=count,
            difference=self._lead(i, j) if count else None,
            interval=Interval(low, high),
            evidence=max(ahead, behind),
            threshold=self.threshold,
        )


def check_rule(rule: Rule) -> None:
    """Raise InputError for an alpha or a margin that makes no sense."""
    if not 0.0 < rule.alpha < 1.0:
        raise InputError(f"alpha must lie between 0 and 1, got {rule.alpha!r}", where="weigh.alpha")
    if not 0.0 <= rule.margin < 1.0:
        raise InputError(f"margin must be at least 0 and below 1, got {rule.margin!r}", where="weigh.margin")

"""A comparison that goes on until it is certain: add scored items one by one, ask whether it is decided.

    certified   a winner, when betting against "the other is at least as good" has made 2 (k - 1) / alpha from 1, for
                every other candidate; a tie, when betting against both edges of the margin has made as much
    futile      no winner: a forecast says that the rest of the items would most likely not show a difference
    exhausted   all items were drawn; in scope `items` the difference is then known

Among k candidates, one that lost to another is asked no more. If two share the best mean, a winner can only be named
after one of the two lost to somebody: 2 (k - 1) false pairs, so each is tested at alpha / (2 (k - 1)).
docs/stats.md says what the guarantees are and are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from weighbridge.errors import InputError

from .arrays import Floats
from .bets import Bets
from .forecast import FIRST_FORECAST, Gaps, Outlook, outlook_within
from .plan import make_plan
from .records import Basis, Comparison, Decision, Estimate, Interval, Rule, Verdict
from .tally import Tally

SPREAD_SHARE = 0.1
"""Money of the bettor that never gives up, while the forecast may end a run."""
SPREAD_SHARE_ALONE = 0.5
"""The same when it may not: the planner's money would be lost where it gives up."""


class End(NamedTuple):
    """How a contest ended."""

    decision: Decision
    winner: str | None
    basis: Basis
    reason: str


class Contest:
    """Candidates compared on the same items, in the order they are drawn. Deterministic.

    names: one per candidate. total: how many items can be drawn; in scope `items`, how many there are.
    """

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
        self.threshold = 2.0 * (len(names) - 1) / rule.alpha
        self._pairs = list(combinations(range(len(names)), 2))
        self._first = np.array([i for i, _ in self._pairs])
        self._second = np.array([j for _, j in self._pairs])
        self._asked = np.ones(len(names), dtype=np.bool_)
        finite = rule.scope == "items"
        self._tally = Tally(len(names), self._pairs, total, finite=finite)
        spread = SPREAD_SHARE if rule.futility else SPREAD_SHARE_ALONE
        level = 1.0 / self.threshold
        plan = make_plan(level * (1.0 - spread), level, finite)
        sides = 4 if rule.margin > 0 else 2  # better, worse; above -margin, below +margin
        self._signs = np.array([1.0, -1.0, 1.0, -1.0])[:sides, None]
        self._edges = np.array([0.0, 0.0, rule.margin, rule.margin])[:sides, None]
        floor = np.broadcast_to(self._edges - 1.0, (sides, len(self._pairs))).ravel()
        self._bets = Bets(floor, total, plan, finite=finite, spread=spread)
        self._last_out = 0
        self._end: End | None = None

    @property
    def decided(self) -> bool:
        """Whether the run can end now. Cheap: nothing is computed here."""
        return self._end is not None

    def add(self, scores: Sequence[float]) -> None:
        """One drawn item, a score in [0, 1] per name; NaN where a sample failed or was not asked."""
        x = self._checked(scores)
        if self._end is not None:
            return
        if self.drawn >= self.total:
            raise InputError(f"all {self.total} items were already added", next_move="Give the true number of items.")
        self.drawn += 1
        everyone = len(self.active) == len(self.names)
        if not everyone:
            x[~self._asked] = np.nan
        self._tally.add(x)
        gap = x[self._first] - x[self._second]
        y = self._signs * gap + self._edges
        np.copyto(y, 0.0, where=np.isnan(y))
        self._bets.add(y.ravel(), None if everyone else self._live())
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
        x = np.array(scores, dtype=np.float64)
        if not ((x >= 0.0) & (x <= 1.0)).all():
            for name, value in zip(self.names, x.tolist(), strict=True):
                if not (0.0 <= value <= 1.0 or math.isnan(value)):
                    raise InputError(
                        f"score {value!r} of candidate {name!r} is not in [0, 1]",
                        where=f"item {self.drawn + 1} in drawn order",
                        next_move="Scale scores to [0, 1]; leave a failed sample out (NaN).",
                    )
        return x

    def _live(self) -> np.typing.NDArray[np.bool_]:
        """Rows of the bets whose two candidates are both still asked."""
        return np.tile(self._asked[self._first] & self._asked[self._second], len(self._edges))

    def _row(self, a: int, b: int) -> int:
        i, j, k = min(a, b), max(a, b), len(self.names)
        return i * (2 * k - i - 1) // 2 + j - i - 1

    def _evidence(self, better: int, worse: int) -> float:
        """E-value against: `better` is at most as good as `worse`."""
        row = self._row(better, worse)
        return float(self._bets.evidence[row if better < worse else row + len(self._pairs)])

    def _remaining(self) -> list[int]:
        return np.flatnonzero(self._asked).tolist()

    def _beats(self, better: int, worse: int) -> bool:
        if self._evidence(better, worse) < self.threshold:
            return False
        lead = self._tally.lead(better, worse)
        return lead is not None and lead > self.rule.margin

    def _eliminate(self) -> None:
        if self._bets.evidence[: 2 * len(self._pairs)].max() < self.threshold:
            return
        for loser in self._remaining():
            if any(other != loser and self._beats(other, loser) for other in self._remaining()):
                self._asked[loser] = False
                self._tally.drop(loser)
                self._last_out = loser
        self.active = tuple(self.names[i] for i in self._remaining())

    def _look(self) -> End | None:
        remaining = self._remaining()
        if len(remaining) == 1:
            return End("winner", self.names[remaining[0]], "certified", self._praise(remaining[0], self._last_out))
        if self.rule.margin > 0 and all(self._tied(a, b) for a, b in combinations(remaining, 2)):
            return End("tie", None, "certified", f"{self._listed(remaining)} differ by at most {self.rule.margin:g}.")
        if self.rule.futility and FIRST_FORECAST <= self.drawn < self.total:
            return self._forecast(remaining)
        return None

    def _tied(self, a: int, b: int) -> bool:
        return min(self._within(self._row(a, b))) >= self.threshold

    def _within(self, row: int) -> tuple[float, float]:
        """E-values against: the difference is at most -margin; it is at least +margin."""
        pairs = len(self._pairs)
        return float(self._bets.evidence[2 * pairs + row]), float(self._bets.evidence[3 * pairs + row])

    def _forecast(self, remaining: list[int]) -> End | None:
        """End without a winner when the leader and a rival will most likely not be told apart."""
        hopeless = self._bets.hopeless()
        if hopeless < 0:
            return None
        near = np.abs(self._bets.sums[: len(self._pairs)]) <= hopeless * self._bets.deviation()[: len(self._pairs)]
        if not near.any():
            return None
        best = self._tally.leader(remaining) if len(remaining) > 2 else remaining[0]
        rivals = [(min(best, other), max(best, other)) for other in remaining if other != best]
        outlooks = {pair: self._outlook(pair) if near[self._row(*pair)] else Outlook.OPEN for pair in rivals}
        for pair, outlook in outlooks.items():
            if outlook is Outlook.FUTILE:
                left, names = self.total - self.drawn, self._listed(pair)
                return End(
                    "undecided", None, "futile", f"The {left} items left would most likely not tell {names} apart."
                )
        if all(outlook is Outlook.TIE for outlook in outlooks.values()):
            reason = f"On all items {self._listed(remaining)} would most likely differ by at most {self.rule.margin:g}."
            return End("tie", None, "futile", reason)
        return None

    def _outlook(self, pair: tuple[int, int]) -> Outlook:
        """What to expect of a pair that will most likely have no winner."""
        count, row = self._tally.count(pair), self._row(*pair)
        if count < FIRST_FORECAST:
            return Outlook.OPEN
        if self.rule.margin == 0:
            return Outlook.FUTILE
        size = self.total * count / self.drawn
        gaps = Gaps(count, float(self._bets.sums[row]), float(self._bets.squares[row]), size)
        return outlook_within(gaps, self.rule.margin, 1.0 / self.threshold)

    def _last_look(self, stopped: str | None) -> End:
        if stopped is not None:
            return End("undecided", None, "stopped", f"Stopped after {self.drawn} of {self.total} items: {stopped}")
        if self.rule.scope == "items" and self.drawn == self.total > 0:
            return self._known()
        return End("undecided", None, "exhausted", f"All {self.drawn} items do not tell the candidates apart.")

    def _known(self) -> End:
        """Every item was drawn, so the differences on them are facts."""
        remaining = self._remaining()
        best = self._tally.leader(remaining)
        leads = [self._tally.lead(best, other) for other in remaining if other != best]
        known = [lead for lead in leads if lead is not None]
        if len(known) < len(leads):
            return End("undecided", None, "exhausted", "Some candidates share no item that both answered.")
        if min(known) > self.rule.margin:
            closest = min((i for i in remaining if i != best), key=lambda i: self._tally.lead(best, i) or 0.0)
            return End("winner", self.names[best], "exhausted", f"All items are known. {self._praise(best, closest)}")
        if self.rule.margin > 0 and max(abs(lead) for lead in known) <= self.rule.margin:
            return End("tie", None, "exhausted", f"{self._listed(remaining)} differ by at most {self.rule.margin:g}.")
        return End("undecided", None, "exhausted", "On all the items no candidate is ahead of every other.")

    def _praise(self, best: int, closest: int) -> str:
        """Why this candidate won: its lead over the one that was hardest to beat."""
        others = "" if len(self.names) == 2 else "every other candidate; the last to lose was "
        lead = self._tally.lead(best, closest) or 0.0
        count = self._tally.count((min(best, closest), max(best, closest)))
        return f"{self.names[best]} is better than {others}{self.names[closest]}: {lead:.3f} ahead on {count} items."

    def _listed(self, indices: Sequence[int]) -> str:
        names = [self.names[i] for i in indices]
        return " and ".join([", ".join(names[:-1]), names[-1]])

    def _record(self, decision: Decision, winner: str | None, basis: Basis | None, reason: str) -> Verdict:
        estimates = tuple(self._estimate(i) for i in range(len(self.names)))
        pairs = sorted(self._pairs, key=self._decides, reverse=True)
        return Verdict(decision, winner, basis, reason, estimates, tuple(self._comparison(i, j) for i, j in pairs))

    def _estimate(self, i: int) -> Estimate:
        return Estimate(
            name=self.names[i],
            items=self._tally.items(i),
            mean=self._tally.mean(i),
            interval=self._tally.interval(i, self.rule.alpha),
            active=bool(self._asked[i]),
        )

    def _decides(self, pair: tuple[int, int]) -> tuple[bool, float]:
        """Sorts the pair that decides last: both still asked, then the best two."""
        return bool(self._asked[list(pair)].all()), sum(self._tally.mean(i) or 0.0 for i in pair)

    def _comparison(self, i: int, j: int) -> Comparison:
        row = self._row(i, j)
        ahead, behind = self._evidence(i, j), self._evidence(j, i)
        interval = self._tally.lead_interval((i, j), self.rule.alpha / (len(self.names) - 1))
        low = _agree(interval.low, 0.0, refuted=ahead >= self.threshold)
        high = -_agree(-interval.high, 0.0, refuted=behind >= self.threshold)
        if self.rule.margin > 0:
            above, below = self._within(row)
            low = _agree(low, -self.rule.margin, refuted=above >= self.threshold)
            high = -_agree(-high, -self.rule.margin, refuted=below >= self.threshold)
        return Comparison(
            first=self.names[i],
            second=self.names[j],
            items=self._tally.count((i, j)),
            difference=self._tally.lead(i, j),
            interval=Interval(low, high),
            evidence=max(ahead, behind),
            threshold=self.threshold,
        )


def _agree(low: float, edge: float, *, refuted: bool) -> float:
    """The lower end of an interval, made to say what the bets say of `edge`, and of `edge` only they."""
    return max(low, edge) if refuted else min(low, edge)


def check_rule(rule: Rule) -> None:
    """Raise InputError for an alpha or a margin that makes no sense."""
    if not 0.0 < rule.alpha < 1.0:
        raise InputError(f"alpha must lie between 0 and 1, got {rule.alpha!r}", where="weigh.alpha")
    if not 0.0 <= rule.margin < 1.0:
        raise InputError(f"margin must be at least 0 and below 1, got {rule.margin!r}", where="weigh.margin")

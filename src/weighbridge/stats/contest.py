"""A comparison that goes on until it is certain: add scored items one by one, ask whether it is decided.

    certified   a winner, when for every other candidate betting against "it is best" has made 2 / alpha from 1; a tie,
                when betting against both edges of the margin has made as much, for every pair still asked. In scope
                `items` a lead can be certain and yet within chance: it is named once a forecast says that all the items
                would show more than that
    futile      no winner: a forecast says that the rest of the items would most likely not show a difference
    exhausted   all items were drawn; in scope `items` the difference is then known
    forecast    goal `near-best` only: nobody left is likely to be ahead by more than the regret

A candidate that lost is asked no more. One best candidate loses falsely with probability at most alpha / 2; if two or
more share the best mean, a winner can only be named after one of two of them lost: at most alpha in all.
docs/stats.md says what the guarantees are and are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .checks import check_contest, check_draws, check_room, check_scores
from .draws import Draws
from .forecast import FIRST_FORECAST, Gaps, Outlook, outlook_within
from .records import Basis, Comparison, Decision, Estimate, Interval, Rule, Verdict
from .regret import FIRST_LEFT_OUT, out_of_reach
from .rivals import Rivals
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
    chosen: str | None = None


class Contest:
    """Candidates compared on the same items, in the order they are drawn. Deterministic.

    names: one per candidate. total: how many items can be drawn; in scope `items`, how many there are. draws: what each
    counts, where they were drawn with unequal chances.
    """

    def __init__(self, names: Sequence[str], rule: Rule, total: int, draws: Draws | None = None) -> None:
        check_contest(names, rule, total)
        check_draws(rule, draws, total)
        self.names = tuple(names)
        self.rule = rule
        self.total = total
        self.drawn = 0
        self.active: tuple[str, ...] = self.names
        finite = rule.scope == "items"
        self.threshold = 2.0 / rule.alpha
        self._hold = finite and rule.futility and rule.goal == "better"
        """Whether a lead that is certain waits for a forecast that it is more than chance."""
        self._pairs = list(combinations(range(len(names)), 2))
        spread = SPREAD_SHARE if rule.futility else SPREAD_SHARE_ALONE
        level = 1.0 / self.threshold
        pool = total if draws is None else draws.total
        self._pool = pool
        self._rivals = Rivals(self._pairs, pool, rule.margin, level=level, finite=finite, spread=spread, draws=draws)
        self._tally = Tally(len(names), self._pairs, total, finite=finite, draws=draws)
        self._remaining = list(range(len(names)))
        self._last_out: int | None = None
        self._left_out = False
        self._end: End | None = None

    @property
    def decided(self) -> bool:
        """Whether the run can end now. Cheap: nothing is computed here."""
        return self._end is not None

    def add(self, scores: Sequence[float]) -> None:
        """One drawn item, a score in [0, 1] per name; NaN where a sample failed or was not asked."""
        x = check_scores(scores, self.names, self.drawn)
        if self._end is not None:
            return
        check_room(self.drawn, self.total)
        self.drawn += 1
        if len(self.active) < len(self.names):
            x[~self._rivals.asked] = np.nan
        self._tally.add(x)
        self._rivals.add(x)
        if self.drawn >= self.rule.min_items:
            self._eliminate()
            self._end = self._look()

    def verdict(self) -> Verdict:
        """The state at this look; basis is None while it goes on."""
        if self._end is None:
            return self._record(
                "undecided", None, None, f"Still open after {self.drawn} of {self.total} {self.rule.unit}."
            )
        return self._record(*self._end)

    def finish(self, stopped: str | None = None) -> Verdict:
        """The verdict when no more items come: all were drawn, or the run was `stopped` for the reason given."""
        if self._end is None:
            all_known = self._hold and self.drawn == self.total > 0
            self._hold = False  # what was held back is said now
            self._end = self._known() if all_known else self._finished(stopped)
        return self.verdict()

    def _finished(self, stopped: str | None) -> End:
        if self.drawn < self.rule.min_items:
            self._eliminate()
        self._refute()
        return self._proven() or self._last_look(stopped)

    def _eliminate(self) -> None:
        self._refute()
        if self.rule.goal == "near-best" and self.drawn >= FIRST_LEFT_OUT and len(self._remaining) > 1:
            self._leave_out()

    def _refute(self) -> None:
        """Drop those that the bets have shown not to be the best."""
        lost = (self._rivals.evidence >= self.threshold) & self._rivals.asked
        if lost.any():
            leaders = self._rivals.leaders()
            for loser in np.flatnonzero(lost).tolist():
                if loser not in leaders and any(self._ahead(best, loser) for best in leaders):
                    self._drop(loser)

    def _leave_out(self) -> None:
        """Drop those that are most likely not better than the leader by more than the regret."""
        leader, rivals = self._rivals.leaders()[0], self._rivals
        others = np.array([one for one in self._remaining if one != leader])
        out = out_of_reach(
            rivals.sums, rivals.squares, rivals.both, leader=leader, rivals=others, total=self.total, drawn=self.drawn,
            regret=self.rule.regret,
        )  # fmt: skip
        for one in out.tolist():
            self._drop(one)
            self._left_out = True

    def _drop(self, loser: int) -> None:
        self._rivals.drop(loser)
        self._tally.drop(loser)
        self._last_out = loser
        self._remaining.remove(loser)
        self.active = tuple(self.names[i] for i in self._remaining)

    def _ahead(self, a: int, b: int) -> bool:
        """Whether a leads b by more than the margin on the items both have, and that may be said."""
        lead = self._tally.lead(a, b)
        if lead is None or lead <= self.rule.margin:
            return False
        return not self._hold or self._rivals.beyond_chance(a, b)

    def _look(self) -> End | None:
        proven = self._proven()
        if self.rule.goal == "near-best":
            return proven
        if proven is None and self.rule.futility and FIRST_FORECAST <= self.drawn < self.total:
            near = self._rivals.near()
            ends = () if near is None else (self._forecast(best, near) for best in self._rivals.leaders())
            return next(filter(None, ends), None)
        return proven

    def _proven(self) -> End | None:
        """A winner or a tie that the bets have shown."""
        remaining, margin = self._remaining, self.rule.margin
        if len(remaining) == 1 and self._left_out:
            return self._choice()
        if len(remaining) == 1 and self._last_out is not None:
            return End("winner", self.names[remaining[0]], "certified", self._praise(remaining[0], self._last_out))
        if margin > 0 and all(min(self._rivals.within(p)) >= self.threshold for p in combinations(remaining, 2)):
            return End("tie", None, "certified", f"{self._listed(remaining)} differ by at most {margin:g}.")
        return None

    def _choice(self) -> End:
        """The goal `near-best`: the leader, and how far behind the best it may be. After the last item that is known,
        not forecast."""
        leader = self.names[self._rivals.leaders()[0]]
        known = self.drawn == self.total
        why = "All items were drawn: no candidate still asked is" if known else "Most likely no other candidate is"
        where = f"all {self.total} {self.rule.unit}" if self.total != 1 else "the only one"
        reason = f"{why} more than {self.rule.regret:g} better than {leader} on {where}."
        return End("near-best", None, "exhausted" if known else "forecast", reason, leader)

    def _forecast(self, best: int, near: npt.NDArray[np.bool_]) -> End | None:
        """End without a winner when the leader and a rival will most likely not be told apart."""
        rivals = [(min(best, other), max(best, other)) for other in self._remaining if other != best]
        outlooks = {pair: self._outlook(pair) if near[pair] else Outlook.OPEN for pair in rivals}
        for pair, outlook in outlooks.items():
            if outlook is Outlook.FUTILE:
                return End("undecided", None, "futile", self._futile(pair))
        if all(outlook is Outlook.TIE for outlook in outlooks.values()):
            names = self._listed(self._remaining)
            reason = f"On all {self.rule.unit} {names} would most likely differ by at most {self.rule.margin:g}."
            return End("tie", None, "futile", reason)
        return None

    def _futile(self, pair: tuple[int, int]) -> str:
        certain = [i for i in pair if self._rivals.evidence[i] >= self.threshold]
        if self._hold and certain:
            every = f"all {self.total} {self.rule.unit} would most likely show no more than chance"
            if len(self.names) == 2:
                return f"{self._listed(pair)} differ for certain, but {every}."
            other = pair[pair[0] == certain[0]]
            return f"{self.names[certain[0]]} is for certain not the best, but of it and {self.names[other]} {every}."
        left = f"{self.total - self.drawn} {self.rule.unit} left"
        return f"The {left} would most likely not tell {self._listed(pair)} apart."

    def _outlook(self, pair: tuple[int, int]) -> Outlook:
        """What to expect of a pair that will most likely have no winner."""
        count = self._tally.count(pair)
        if count < FIRST_FORECAST:
            return Outlook.OPEN
        if self.rule.margin == 0:
            return Outlook.FUTILE
        share = count / self.drawn  # of items that both answered
        size, count_now = share * self._pool, share * self._rivals.at
        gaps = Gaps(count_now, float(self._rivals.sums[pair]), float(self._rivals.squares[pair]), size)
        return outlook_within(gaps, self.rule.margin, 1.0 / self.threshold)

    def _last_look(self, stopped: str | None) -> End:
        if stopped is not None:
            return End(
                "undecided", None, "stopped", f"Stopped after {self.drawn} of {self.total} {self.rule.unit}: {stopped}"
            )
        if (
            self.rule.goal == "near-best"
            and self.drawn == self.total
            and self._tally.mean(self._remaining[0]) is not None
        ):
            return self._choice()
        if self.rule.scope == "items" and self.drawn == self.total > 0:
            return self._known()
        asked = " that came up" if self._pool > self.total else ""
        drawn = f"All {self.drawn} {self.rule.unit}{asked} do" if self.drawn != 1 else "A single one does"
        return End("undecided", None, "exhausted", f"{drawn} not tell the candidates apart.")

    def _known(self) -> End:
        """Every item was drawn, so the differences on them are facts."""
        remaining, margin = self._remaining, self.rule.margin
        for best in remaining:
            others = [other for other in remaining if other != best]
            if all(self._ahead(best, other) for other in others):
                closest = min(others, key=lambda other: self._tally.lead(best, other) or 0.0)
                reason = f"All items were drawn. {self._praise(best, closest)}"
                return End("winner", self.names[best], "exhausted", reason)
        leads = [self._tally.lead(*pair) for pair in combinations(remaining, 2)]
        if margin > 0 and all(lead is not None and abs(lead) <= margin for lead in leads):
            return End("tie", None, "exhausted", f"{self._listed(remaining)} differ by at most {margin:g}.")
        if None in leads:
            return End("undecided", None, "exhausted", "Some candidates share no item that both answered.")
        return End("undecided", None, "exhausted", "On all the items no candidate is ahead of every other.")

    def _praise(self, best: int, closest: int) -> str:
        """Why this candidate won: its lead over the one that was hardest to beat."""
        others = "" if len(self.names) == 2 else "every other candidate; the last to lose was "
        lead = self._tally.lead(best, closest) or 0.0
        count = self._tally.count((min(best, closest), max(best, closest)))
        on = f"{lead:.3f} ahead on {count} {self.rule.unit if count != 1 else self.rule.unit[:-1]}"
        return f"{self.names[best]} is better than {others}{self.names[closest]}: {on}."

    def _listed(self, indices: Sequence[int]) -> str:
        names = [self.names[i] for i in indices]
        return " and ".join([", ".join(names[:-1]), names[-1]])

    def _record(
        self, decision: Decision, winner: str | None, basis: Basis | None, reason: str, chosen: str | None = None
    ) -> Verdict:
        estimates = tuple(self._estimate(i) for i in range(len(self.names)))
        pairs = sorted(self._pairs, key=self._decides, reverse=True)
        comparisons = tuple(self._comparison(pair) for pair in pairs)
        return Verdict(decision, winner, basis, reason, estimates, comparisons, chosen)

    def _estimate(self, i: int) -> Estimate:
        return Estimate(
            name=self.names[i],
            items=self._tally.items(i),
            mean=self._tally.mean(i),
            interval=self._tally.interval(i, self.rule.alpha),
            active=bool(self._rivals.asked[i]),
        )

    def _decides(self, pair: tuple[int, int]) -> tuple[int, bool, float]:
        """Sorts the pair that decides last: both still asked, then with the last to lose, then the best two."""
        asked = int(self._rivals.asked[list(pair)].sum())
        return asked, self._last_out in pair, sum(self._tally.mean(i) or 0.0 for i in pair)

    def _comparison(self, pair: tuple[int, int]) -> Comparison:
        lead = self._tally.lead(*pair)
        interval = self._tally.lead_interval(pair, self.rule.alpha / (len(self.names) - 1))
        low, high = interval.low, interval.high
        lost = self._rivals.evidence >= self.threshold
        if len(self.names) == 2:
            low = _agree(low, 0.0, refuted=bool(lost[1]))
            high = -_agree(-high, 0.0, refuted=bool(lost[0]))
        elif self._end is not None and self._end.basis == "certified":  # all that lost, lost to the winner
            low = max(low, 0.0) if self._end.winner == self.names[pair[0]] else low
            high = min(high, 0.0) if self._end.winner == self.names[pair[1]] else high
        if self.rule.margin > 0:
            above, below = self._rivals.within(pair)
            low = _agree(low, -self.rule.margin, refuted=above >= self.threshold)
            high = -_agree(-high, -self.rule.margin, refuted=below >= self.threshold)
        return Comparison(
            first=self.names[pair[0]],
            second=self.names[pair[1]],
            items=self._tally.count(pair),
            difference=lead,
            interval=Interval(low + 0.0, high + 0.0),  # no -0.0
            evidence=float(self._rivals.evidence[pair[1] if (lead or 0.0) >= 0 else pair[0]]),
            threshold=self.threshold,
        )


def _agree(low: float, edge: float, *, refuted: bool) -> float:
    """The lower end of an interval, made to say what the bets say of `edge`, and of `edge` only they."""
    return max(low, edge) if refuted else min(low, edge)

"""What is asked of a sequential comparison, and what it says."""

from __future__ import annotations

from typing import Literal

import msgspec

Goal = Literal["better", "near-best", "not-worse"]
"""better: name the one that is better than every other. near-best: choose one that is most likely within the regret of
the best. not-worse: show which candidates are at most the margin worse than the baseline."""
Decision = Literal["winner", "tie", "undecided", "near-best", "not-worse", "worse"]
Basis = Literal["certified", "forecast", "futile", "exhausted", "stopped"]
"""certified: a test valid at every look says so. forecast: what was drawn makes it most likely (goal `near-best`).
futile: a forecast says that going on would not decide it. exhausted: every item was drawn. stopped: money, failures
or the user ended it."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be decided, fixed before the first call."""

    alpha: float = 0.05
    """At most this share of runs names a wrong winner, at whatever moment they stop."""
    margin: float = 0.0
    """Differences within +-margin (score scale, 0.02 is two points) count as a tie; 0 means no tie can be declared.
    With a margin, a candidate is a winner only while its lead so far is larger, too."""
    scope: Literal["work", "items"] = "work"
    """`work`: a claim about work like these items. `items`: about this finite set."""
    futility: bool = True
    """Whether a forecast may end the run early without a winner."""
    min_items: int = 0
    """No end before this many items, so that a breakdown by tag has something to say; costs calls, never validity."""
    goal: Goal = "better"
    regret: float = 0.01
    """Goal `near-best`: how far below the best the chosen one may be (score scale)."""
    baseline: str | None = None
    """Goal `not-worse`: the candidate the others are held against."""
    cluster: str | None = None
    """Field of items that belong together; they are drawn and counted as one."""

    @property
    def unit(self) -> str:
        """What is drawn and counted."""
        return "items" if self.cluster is None else "clusters"


class Interval(msgspec.Struct, frozen=True, array_like=True):
    low: float
    high: float


class Estimate(msgspec.Struct, frozen=True):
    """One candidate's mean score so far, with an interval valid at every look."""

    name: str
    items: int
    """Items it has a score for."""
    mean: float | None
    """None before the first score."""
    interval: Interval
    active: bool
    """False once it was eliminated and is no longer asked."""


class Comparison(msgspec.Struct, frozen=True):
    """One pair on the items both have scores for: first minus second."""

    first: str
    second: str
    items: int
    difference: float | None
    interval: Interval
    """Anytime-valid at level alpha / (k - 1) for k candidates. A certified winner's intervals lie above 0: an end that
    is 0 is then itself excluded. With two candidates the interval holds 0 exactly until the evidence has
    reached its threshold."""
    evidence: float
    """E-value against: the one that is behind is at least as good as every candidate. Of two, as good as the other."""
    threshold: float
    """2 / alpha: evidence that rules a candidate out; the same for each of the two tests
    that certify a tie."""


class Verdict(msgspec.Struct, frozen=True):
    """The state of the comparison at one look. `basis` is None while it goes on."""

    decision: Decision
    winner: str | None
    basis: Basis | None
    reason: str
    """One sentence for people."""
    estimates: tuple[Estimate, ...]
    comparisons: tuple[Comparison, ...]
    """Every pair of candidates; the pair that decides comes first."""
    chosen: str | None = None
    """Goals `near-best` and `not-worse`: whom the decision speaks for; it is no claim to be better."""
    not_worse: tuple[str, ...] = ()
    """Goal `not-worse`: all that are shown to be at most the margin worse than the baseline."""
    worse: tuple[str, ...] = ()
    """Goal `not-worse`: all that are shown to be worse by more than the margin."""

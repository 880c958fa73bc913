"""Sequential tests and intervals: plain arrays in, records out; no clock, no files, no randomness of its own."""

from .checks import check_rule
from .contest import Contest
from .groups import GroupComparison, compare_groups
from .intervals import mean_interval
from .not_worse import NotWorse
from .records import Basis, Comparison, Decision, Estimate, Goal, Interval, Rule, Verdict

__all__ = [
    "Basis",
    "Comparison",
    "Contest",
    "Decision",
    "Estimate",
    "Goal",
    "GroupComparison",
    "Interval",
    "NotWorse",
    "Rule",
    "Verdict",
    "check_rule",
    "compare_groups",
    "mean_interval",
]

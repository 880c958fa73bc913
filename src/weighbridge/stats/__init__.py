"""Sequential tests and intervals: plain arrays in, records out; no clock, no files, no randomness of its own."""

from .contest import Contest, check_rule
from .groups import GroupComparison, compare_groups
from .intervals import mean_interval
from .records import Basis, Comparison, Decision, Estimate, Interval, Rule, Verdict

__all__ = [
    "Basis",
    "Comparison",
    "Contest",
    "Decision",
    "Estimate",
    "GroupComparison",
    "Interval",
    "Rule",
    "Verdict",
    "check_rule",
    "compare_groups",
    "mean_interval",
]

"""What is allowed: one decision for pick, weigh, serve and people, with the rule and the fact behind it."""

from .decide import Decision, decide
from .facts import Facts, Figure, Known, Link
from .file import Policy, PolicyFile
from .reading import parse_policy, read_policy
from .reasons import Reason

__all__ = [
    "Decision",
    "Facts",
    "Figure",
    "Known",
    "Link",
    "Policy",
    "PolicyFile",
    "Reason",
    "decide",
    "parse_policy",
    "read_policy",
]

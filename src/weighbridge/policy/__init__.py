"""What is allowed: one decision for pick, weigh, serve and people, with the rule and the fact behind it."""

from .decide import Decision, Reason, decide
from .facts import Facts, Known, Link
from .file import Policy, PolicyFile, read_policy

__all__ = ["Decision", "Facts", "Known", "Link", "Policy", "PolicyFile", "Reason", "decide", "read_policy"]

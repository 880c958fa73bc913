"""Pull weights: from this machine, a package index or a hub, into a cache that holds what it says it holds."""

from weighbridge.engines.pull.progress import Bar, Progress, Silent
from weighbridge.engines.pull.pull import pull, pulled_before
from weighbridge.engines.pull.records import Licence, Pulled, PulledFile
from weighbridge.engines.pull.upkeep import Inventory, Pruned, inventory, prune

__all__ = [
    "Bar",
    "Inventory",
    "Licence",
    "Progress",
    "Pruned",
    "Pulled",
    "PulledFile",
    "Silent",
    "inventory",
    "prune",
    "pull",
    "pulled_before",
]

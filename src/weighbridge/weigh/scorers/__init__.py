"""What grades an answer in [0, 1]: pure functions of its text and the item's reference."""

from weighbridge.weigh.scorers.registry import KINDS, make_scorer, options_of
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Scorer, Setting, in_range

__all__ = ["KINDS", "BadOption", "Mark", "Options", "Scorer", "Setting", "in_range", "make_scorer", "options_of"]

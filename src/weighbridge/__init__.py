"""Move a team's work onto open-weight models, with proof."""

__version__ = "0.1.0"

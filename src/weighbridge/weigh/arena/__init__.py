"""Blind comparisons by people: which pair to show next, on which item, and what the votes say."""

"""Comparing two JSON values."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from weighbridge.weigh.scorers.scorer import Mark, shown
from weighbridge.weigh.template import as_text

Compare = Callable[[Any, Any], Mark]
"""(what was said, what is right)"""


def equal(said: Any, right: Any) -> bool:
    """Whether two values are the same JSON: 1 is 1.0, true is not 1, texts are compared trimmed and in NFC."""
    if isinstance(said, bool) or isinstance(right, bool):
        return said is right
    if isinstance(said, (int, float)) and isinstance(right, (int, float)):
        return said == right
    if isinstance(said, str) and isinstance(right, str):
        return unicodedata.normalize("NFC", said.strip()) == unicodedata.normalize("NFC", right.strip())
    if isinstance(said, list) and isinstance(right, list):
        return len(said) == len(right) and all(map(equal, said, right))
    if isinstance(said, dict) and isinstance(right, dict):
        return said.keys() == right.keys() and all(equal(said[key], right[key]) for key in right)
    return said is None and right is None


def same_value(said: Any, right: Any) -> Mark:
    return Mark(1.0) if equal(said, right) else Mark(0.0, _difference(said, right))


def share_of_set(said: Any, right: Any) -> Mark:
    """Lists in any order: 2 x shared / (said + right), each part used once."""
    said = said if isinstance(said, list) else [said]
    right = right if isinstance(right, list) else [right]
    if not said and not right:
        return Mark(1.0)
    left = list(said)
    shared = 0
    for one in right:
        place = next((place for place, other in enumerate(left) if equal(other, one)), None)
        if place is not None:
            left.pop(place)
            shared += 1
    score = 2 * shared / (len(said) + len(right))
    return Mark(score, "" if score == 1 else _difference(said, right))


def _difference(said: Any, right: Any) -> str:
    return f"read {shown(as_text(said))}; expected {shown(as_text(right))}"

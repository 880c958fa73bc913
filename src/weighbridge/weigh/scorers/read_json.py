"""Finding the JSON in an answer: the whole of it, a fenced block, or an object between sentences."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from weighbridge.weigh.items.fields import MISSING

_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_MOST_TRIES = 64
"""Opening brackets that are tried; an answer with more that lead nowhere holds no JSON."""


def read_json(text: str) -> Any:
    """The JSON value an answer gives, MISSING if there is none.

    The whole text counts first, then the last fenced block that can be read, then the last object or array that
    stands between sentences. NaN and Infinity are no JSON.
    """
    whole = _parse(text)
    if whole is not MISSING:
        return whole
    for block in reversed([found[2] for found in _FENCE.finditer(text)]):
        value = _parse(block)
        if value is not MISSING:
            return value
    return _embedded(text)


def _embedded(text: str) -> Any:
    last: Any = MISSING
    for value in _values(text):
        last = value
    return last


def _values(text: str) -> Iterator[Any]:
    """Every object or array that stands in a text, outermost only."""
    at = 0
    tries = 0
    while tries < _MOST_TRIES:
        found = _OPEN.search(text, at)
        if found is None:
            return
        tries += 1
        try:
            value, at = _DECODER.raw_decode(text, found.start())
            if isinstance(value, dict) or value:  # `[]` in prose says nothing
                yield value
        except (ValueError, RecursionError):
            at = found.start() + 1


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return MISSING


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large")
    return number


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


_OPEN = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)

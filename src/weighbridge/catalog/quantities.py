"""Numbers, dates and amounts as people write them, with the precision they were given at.

    "671B (MoE)"   671e9 to the nearest 1e9        "$5.6M"          5.6e6 to the nearest 1e5
    "128k"         128,000 to the nearest 1e3      "February 2026"  the month

Two values are the same when each lies within half a unit of the other's last given digit. What is not one number
(`8x7B`, `2-3M`, a share as `25%`) and a date that could be two (`03/04/2026`) are not read at all.
"""

from __future__ import annotations

import re
from calendar import month_abbr, month_name
from dataclasses import dataclass
from datetime import date

SCALES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mil": 1e6,
    "million": 1e6,
    "b": 1e9,
    "bn": 1e9,
    "billion": 1e9,
    "t": 1e12,
    "tn": 1e12,
    "trillion": 1e12,
    "万": 1e4,
    "亿": 1e8,
}
ROUGH = 0.005
"""A number written out to the last digit still agrees within half a per cent: counting rules differ (embeddings,
heads)."""
MOST = 1e40
"""More than any figure of this field; NaN is not less than it either."""
COARSE = 0.1
"""A stored number is never known worse than to a tenth of itself, however many zeros it ends in."""
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)"
_SCALE = r"thousand|million|mil|billion|trillion|[kmbt]n?"
_NUMBER = re.compile(
    rf"(?<![A-Za-z\d.,])(?<![A-Za-z]-)(?P<sign>-)?(?P<digits>{_DIGITS})(?:(?P<ten>\s*[x×*]\s*10\s*\^?\s*|e)(?P<power>[+-]?\d+))?"
    rf"\s*(?P<scale>(?:{_SCALE})(?:s?\b)|[万亿])?",
    re.IGNORECASE,
)
_NOT_ONE = re.compile(
    rf"(?<![A-Za-z\d.,])(?<![A-Za-z]-)\d[\d.,]*\s*(?:{_SCALE})?\s*(?:[-–—]|to|or)\s*[$~]?\s*\d|\d\s*[x×]\s*(?!10\b|10\^)\d|\d\s*%",
    re.IGNORECASE,
)
_ISO = re.compile(r"^(\d{4})(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?$")
_MONTHS = {name.lower(): index for names in (month_name, month_abbr) for index, name in enumerate(names) if name}
_MONTHS["sept"] = 9


@dataclass(frozen=True, slots=True)
class Quantity:
    value: float
    unit: float
    """Half of this is how far the true value may be: 671B has a unit of 1e9."""
    is_exact: bool = False
    """Written out to the last digit."""

    def agrees(self, other: Quantity) -> bool:
        """Whether both can be the same number."""
        reach = max(self.unit, other.unit) / 2
        if self.is_exact or other.is_exact:
            reach = max(reach, ROUGH * max(abs(self.value), abs(other.value)))
        return abs(self.value - other.value) <= reach * (1 + 1e-9)


def read_quantity(text: str | float) -> Quantity | None:
    """The number of a text with its scale; None where there is none, or more than one that could be meant.

    A number with a scale goes before one without (`Llama 3, 70B` is 70B), and digits of a name are none (`GPT-4`).
    """
    if not isinstance(text, str):
        return from_number(text) if not isinstance(text, bool) and abs(text) < MOST else None
    said = re.sub(r"(?<=\d)[_\u202f\u00a0'](?=\d{3})", "", text)
    if _NOT_ONE.search(said):
        return None
    numbers = list(_NUMBER.finditer(said))
    found = next((number for number in numbers if number["scale"] or number["power"]), numbers[0] if numbers else None)
    return None if found is None else _quantity(found)


def _quantity(found: re.Match[str]) -> Quantity | None:
    digits = found["digits"]
    digits = digits.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits) else digits.replace(",", ".")
    power = int(found["power"] or 0)
    if abs(power) > 30 or len(digits) > 24:
        return None
    scale = SCALES.get((found["scale"] or "").lower().removesuffix("s"), 1.0) * 10.0**power
    value = float(digits) * scale * (-1 if found["sign"] else 1)
    decimals = len(digits.partition(".")[2])
    return from_number(value) if scale == 1.0 and not decimals else Quantity(value, scale / 10**decimals)


def from_number(value: float) -> Quantity:
    """A stored number: trailing zeros may be rounding, so 671000000000 is known to the nearest 1e9."""
    if value == 0 or value != int(value):
        text = repr(value)
        return Quantity(value, 10.0 ** -len(text.partition(".")[2]) if "e" not in text else abs(value) * 1e-3, True)
    whole = str(abs(int(value)))
    zeros = len(whole) - len(whole.rstrip("0"))
    if zeros < 3:
        return Quantity(value, 1.0, True)
    return Quantity(value, min(10.0**zeros, COARSE * abs(value)))


def read_date(text: object) -> str | None:
    """`2026-02`, `February 2026`, `Feb 3, 2026`, `2026` as an ISO date of that precision; None where there is none."""
    said = str(text).strip().lower()[:100]
    iso = _ISO.match(said)
    if iso:
        return _iso(iso[1], iso[2], iso[3])
    year = re.search(r"\b(19|20)\d{2}\b", said)
    if not year:
        return None
    month = next((_MONTHS[word] for word in re.findall(r"[a-z]+", said) if word in _MONTHS), None)
    if month is None:
        return year[0] if re.fullmatch(r"\D*\d{4}\D*", said) else None
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", said.replace(year[0], " "))
    return _iso(year[0], str(month), day[1] if day else None)


def same_date(one: str, other: str) -> bool:
    """Whether two ISO dates agree at the precision of the rougher one."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _iso(year: str, month: str | None, day: str | None) -> str | None:
    """An ISO date of as many parts as there are; None where there is no such day."""
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join([year, *(f"{int(part):02}" for part in (month, day) if part)])

"""`number`: the answer's number is the reference, within a tolerance."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

import msgspec

from weighbridge.weigh.scorers.label_patterns import CUES
from weighbridge.weigh.scorers.read_number import Decimal, Number, even, find_numbers
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text

_AT_LEAST_ZERO = msgspec.Meta(ge=0)
_LONGEST = 100_000
"""Characters of an answer that are read, its end."""
_WORDS = "|".join(map(re.escape, (*CUES, "total", "result", "sum", "resultado")))
_STATES = re.compile(
    rf"(?:(?<!\w)(?:{_WORDS})|####|\\boxed)"
    r"[^\w\n]{0,12}(?:(?:is|are|was|of|ist|lautet|es|est|是|为|は|equals|about|approximately)[^\w\n]{0,6}){0,3}",
    re.IGNORECASE,
)
"""What comes right before the number an answer settles on."""


class NumberOptions(Options, frozen=True):
    tolerance: Annotated[float, _AT_LEAST_ZERO] = 0.0
    """Largest difference that counts as right."""
    relative: Annotated[float, _AT_LEAST_ZERO] = 0.0
    """The same as a share of the reference: 0.01 is one per cent. Either tolerance suffices."""
    pick: Literal["last", "first", "only"] = "last"
    """Which number counts where none is stated (`the answer is 12`, `#### 12`, `\\boxed{12}`)."""
    decimal: Decimal = "auto"
    """Which sign is the decimal one where it cannot be seen (`1.234`, `1,234`)."""
    percent: Literal["number", "fraction"] = "number"
    """`12 %` is 12, or 0.12."""
    units: dict[str, float] = msgspec.field(default_factory=dict)
    """What a unit is worth: `{ g = 1, kg = 1000 }`; a number with another unit is not read."""


class NumberScorer:
    """Compares exactly, as fractions: no rounding of its own is added to the tolerance."""

    needs_reference = True

    def __init__(self, options: NumberOptions, setting: Setting) -> None:
        self._options = options
        self._units = {unit.casefold(): Fraction(str(worth)) for unit, worth in options.units.items()}
        if any(worth <= 0 for worth in self._units.values()):
            raise BadOption("units", "a unit is worth more than 0")

    def fault(self, reference: Any) -> str | None:
        if not accepted(reference):
            return "is an empty list"
        for one in accepted(reference):
            if self._reference(one) is None:
                return f"is {shown(as_text(one))}, which is not one number"
        return None

    def mark(self, text: str, reference: Any) -> Mark:
        read, note = self._answer(text)
        if read is None:
            return Mark(0.0, f"{note}: {shown(text)}")
        for one in accepted(reference):
            right = self._reference(one)
            if right is not None and abs(read - right) <= self._allowed(right):
                return Mark(1.0)
        return Mark(0.0, f"read {_written(read)}; expected {as_text(reference)}")

    def _allowed(self, right: Fraction) -> Fraction:
        options = self._options
        return max(Fraction(str(options.tolerance)), Fraction(str(options.relative)) * abs(right))

    def _reference(self, value: Any) -> Fraction | None:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        if not isinstance(value, str):
            return Fraction(str(value))
        numbers = list(find_numbers(even(value), self._options.decimal))
        return self._worth(numbers[0]) if len(numbers) == 1 else None

    def _answer(self, text: str) -> tuple[Fraction | None, str]:
        text = even(text[-_LONGEST:])
        numbers = [number for number in find_numbers(text, self._options.decimal) if self._worth(number) is not None]
        if not numbers:
            return None, "no number"
        if len(numbers) == 1:
            return self._worth(numbers[0]), ""
        stated = self._stated(text, numbers)
        if stated is not None:
            return self._worth(stated), ""
        if self._options.pick == "only":
            return (self._worth(numbers[0]), "") if len(set(map(self._worth, numbers))) == 1 else (None, "ambiguous")
        return self._worth(numbers[-1 if self._options.pick == "last" else 0]), ""

    def _stated(self, text: str, numbers: list[Number]) -> Number | None:
        """The number of the last statement."""
        ends = {found.end() for found in _STATES.finditer(text)}
        return next((number for number in reversed(numbers) if number.start in ends), None)

    def _worth(self, number: Number) -> Fraction | None:
        """The number in the base unit; None where its unit is unknown."""
        if number.percent:
            return number.value / 100 if self._options.percent == "fraction" else number.value
        if not self._units or not number.unit:
            return number.value
        worth = self._units.get(number.unit.casefold())
        return None if worth is None else number.value * worth


def _written(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "a very large number"

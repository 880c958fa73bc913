"""Numbers are read as people write them in many places, exactly, and compared within a tolerance."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.weigh.scorers import Setting, make_scorer, options_of
from weighbridge.weigh.scorers.number import NumberScorer
from weighbridge.weigh.scorers.read_number import Decimal, even, find_numbers, read_digits


def scorer(**options: object) -> NumberScorer:
    made = make_scorer("number", msgspec.convert(options, options_of("number")), Setting())
    assert isinstance(made, NumberScorer)
    return made


def read(text: str) -> list[str]:
    return [str(number.value) for number in find_numbers(even(text))]


READ = [
    ("1,234.5", "2469/2"),
    ("1.234,5", "2469/2"),
    ("1 234,5", "2469/2"),
    ("1\u202f234,5", "2469/2"),
    ("1'234.5", "2469/2"),
    ("12,34,567", "1234567"),
    ("1.234.567", "1234567"),
    ("1,234", "1234"),
    ("1.234", "617/500"),
    ("0,125", "1/8"),
    ("1,5", "3/2"),
    (".5", "1/2"),
    ("10.", "10"),
    ("-3", "-3"),
    ("\u22123", "-3"),
    ("$-5", "-5"),
    ("-$5", "-5"),
    ("\u20ac 1.234,56", "30864/25"),
    ("12 %", "12"),
    ("5\u2030", "1/2"),
    ("1.5e3", "1500"),
    ("2E-2", "1/50"),
    ("1.5\u00d710^3", "1500"),
    ("1.5 x 10\u00b3", "1500"),
    ("3\\times 10^{-2}", "3/100"),
    ("\\frac{3}{4}", "3/4"),
    ("3/4", "3/4"),
    ("1 1/2", "3/2"),
    ("\u00bd", "1/2"),
    ("2\u00bd", "5/2"),
    ("3.5 million", "3500000"),
    ("2\u4e07", "20000"),
    ("5k", "5000"),
    ("5 km", "5"),
    ("1{,}234", "1234"),
    ("\u0663\u066b\u0661\u0664", "157/50"),
    ("\u0967,\u0968\u0969\u096a", "1234"),
    ("\uff11\uff12\uff13", "123"),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_one_number_is_read_in_every_usual_form(text: str, value: str) -> None:
    assert read(f"so {text}, then") == [value]


@pytest.mark.parametrize(
    "text", ["1.2.3", "12.05.2024", "3/4/2024", "10:30", "v2", "abc123", "1/0", "1e999999", "9" * 9999]
)
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(("text", "values"), [("3-5", ["3", "5"]), ("0.1 + 0.2", ["1/10", "1/5"]), ("x=3", ["3"])])
def test_numbers_within_a_text_stay_apart(text: str, values: list[str]) -> None:
    assert read(text) == values


@pytest.mark.parametrize(
    ("digits", "decimal", "value"),
    [("1.234", "comma", 1234), ("1,234", "comma", Fraction("1.234")), ("1.234", "point", Fraction("1.234"))],
)
def test_the_task_may_say_which_sign_is_the_decimal_one(digits: str, decimal: Decimal, value: Fraction) -> None:
    assert read_digits(digits, decimal) == value


RIGHT = [
    ("The answer is 12. See section 3.", 12, {}),
    ("5 + 7 = 12", 12, {}),
    ("#### 1,234", 1234, {}),
    ("\\boxed{12}, which is more than 5", 12, {}),
    ("12 or so; 3 remain", 12, {"pick": "first"}),
    ("It is 0.3", 0.3, {}),
    ("0.333", "1/3", {"tolerance": 0.001}),
    ("101", 100, {"relative": 0.01}),
    ("2 kg", 2000, {"units": {"g": 1, "kg": 1000}}),
    ("5 apples weigh 2000 g", 2000, {"units": {"g": 1, "kg": 1000}}),
    ("12 %", 0.12, {"percent": "fraction"}),
    ("12 %", "12%", {}),
    ("7", [6, 7], {}),
    ("Gesamt: 1.234,50 \u20ac", "1234.5", {}),
]


@pytest.mark.parametrize(("text", "reference", "options"), RIGHT)
def test_a_right_number_scores_one(text: str, reference: object, options: dict[str, object]) -> None:
    number = scorer(**options)

    assert number.fault(reference) is None
    assert number.mark(text, reference) == (1.0, "")


WRONG = [
    ("13", 12, {}, "read 13; expected 12"),
    ("twelve", 12, {}, "no number"),
    ("12 or 13", 12, {"pick": "only"}, "ambiguous"),
    ("0.335", "1/3", {"tolerance": 0.001}, "expected 1/3"),
    ("12", 0.12, {"percent": "fraction"}, "expected 0.12"),
]


@pytest.mark.parametrize(("text", "reference", "options", "note"), WRONG)
def test_a_wrong_number_scores_nothing_and_says_what_was_read(
    text: str, reference: object, options: dict[str, object], note: str
) -> None:
    mark = scorer(**options).mark(text, reference)

    assert mark.score == 0
    assert note in mark.note


@pytest.mark.parametrize("reference", [True, "a", "1 and 2", [], [1, "x"], {}, ""])
def test_a_reference_that_is_not_one_number_is_a_fault(reference: object) -> None:
    assert scorer().fault(reference)


def test_the_tolerance_itself_is_within_the_tolerance() -> None:
    """0.3 - 0.2 > 0.1 in floating point; here it is not."""
    assert scorer(tolerance=0.1).mark("0.3", 0.2).score == 1


@given(value=st.integers(-(10**12), 10**12), places=st.integers(0, 6))
def test_every_decimal_is_read_back_exactly(value: int, places: int) -> None:
    written = _plain(value, places)

    assert read(f" {written} ") == [str(Fraction(value, 10**places))]


def _plain(value: int, places: int) -> str:
    digits = str(abs(value)).rjust(places + 1, "0")
    text = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    return ("-" if value < 0 else "") + text


@given(st.text(st.characters() | st.sampled_from("0123456789.,/-%e$ \\{}"), max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    mark = scorer().mark(text, 1)

    assert mark.score in (0.0, 1.0)

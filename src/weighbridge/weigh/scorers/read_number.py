"""Numbers as people and models write them, read exactly, as fractions.

1,234.5  1.234,5  1 234,5  1'234.5  12,34,567       groups and decimals, by the rules of `read_digits`
-3  −3  +3  1.5e-3  1.5×10^3  \\frac{3}{4}  3/4  1 1/2  ½
12 %  5‰  3.5 million  2万  ٣٫١٤  ３              percent, multipliers, other digits

Not read: numbers in words, dates, times, versions (`1.2.3`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

import regex

Decimal = Literal["auto", "point", "comma"]


class Number(NamedTuple):
    value: Fraction
    """As written: `12 %` is 12."""
    percent: bool
    unit: str
    """The word or sign right after it, or a currency sign before it; empty without one."""
    start: int
    """Where it stands in the text as `even` leaves it."""
    end: int


_MOST_DIGITS = 400
_MULTIPLIERS = {
    "thousand": 3, "k": 3, "tausend": 3, "mil": 3, "mille": 3, "тыс": 3, "million": 6, "millions": 6, "mn": 6, "mio": 6,
    "millionen": 6, "millón": 6, "millones": 6, "млн": 6, "billion": 9, "billions": 9, "bn": 9, "milliarde": 9,
    "milliarden": 9, "mrd": 9, "milliards": 9, "млрд": 9, "trillion": 12, "lakh": 5, "crore": 7, "हज़ार": 3, "लाख": 5,
    "करोड़": 7, "ألف": 3, "مليون": 6, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8, "만": 4, "억": 8,
}  # fmt: skip
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_GROUP = r"[.,'’٬٫_\u00a0\u202f\u2009]"
# Compiled by `regex`: possessive repeats of Python's own `re` are wrong before 3.11.5.
_DIGITS = rf"\d{{1,400}}+(?:{_GROUP}\d{{1,400}}+|\ (?=\d{{3}}(?!\d))\d{{3}}){{0,130}}+"
_EXPONENT = r"[eE][+-]?\d{1,9}+(?![\w.]\d)|\ ?[×x*·⋅]\ ?10\ ?(?:\^|\*\*)\ ?[{(]?[+-]?\d{1,9}+[})]?"
_NUMBER = regex.compile(
    rf"(?<![\w.])(?<!\d[/:])(?P<sign>[-+]\ ?)?(?P<currency>[$€£¥₹₽₩]\ ?(?P<late_sign>-)?)?"
    rf"(?:(?P<whole>\d{{1,400}})\ (?P<top2>\d{{1,20}})\ ?/\ ?(?P<bottom2>\d{{1,20}})(?![/\d])"
    rf"|(?P<digits>{_DIGITS}|[.,]\d{{1,400}})(?P<exponent>{_EXPONENT})?"
    rf"(?:\ ?/\ ?(?P<bottom>\d{{1,400}}(?:\.\d{{1,20}})?)(?![/\d]))?)(?!\d|[/:]\d)"
    rf"(?P<percent>\ ?(?:%|٪|‰|percent\b|per\ cent\b|prozent\b|por\ ciento\b|pour\ cent\b|процент\w*))?",
    regex.IGNORECASE,
)
_UNIT = re.compile(r"\s?([^\W\d_]{1,20}\.?|[$€£¥₹₽₩°]\w?)")


def even(text: str) -> str:
    """The text with one form for each sign, digit and fraction, so that `find_numbers` needs to know no other."""
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]{1,60})\}\s*\{([^{}]{1,60})\}", r" \1/\2 ", text)
    text = text.replace("{,}", ",").replace("\\,", "\u2009").replace("\\%", "%").replace("\\$", "$")
    text = text.replace("\\times", "×").replace("\\cdot", "·")
    if text.isascii():
        return text
    text = re.sub("(?<=[0-9])[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda found: "^" + found[0].translate(_SUPERSCRIPT), text)
    text = re.sub("(?<=[0-9])(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", " ", text)
    text = "".join(map(_even_letter, text))
    return re.sub(r"(?<![\w.])[\u2212\u2013](?=\s?[\d$€£])", "-", text)


def _even_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if unicodedata.category(letter) == "No" and "⁄" in (plain := unicodedata.normalize("NFKC", letter)):
        return plain.replace("⁄", "/")
    if letter == "⁄":
        return "/"
    return unicodedata.normalize("NFKC", letter) if "\uff00" <= letter <= "\uff5e" else letter


def find_numbers(text: str, decimal: Decimal = "auto") -> Iterator[Number]:
    """Every number in a text that went through `even`, in order."""
    for found in _NUMBER.finditer(text):
        number = _read(found, decimal)
        if number is not None:
            yield number


def _read(found: re.Match[str], decimal: Decimal) -> Number | None:
    value = _value(found, decimal)
    if value is None:
        return None
    if "-" in (found["sign"] or "") or found["late_sign"]:
        value = -value
    after = _UNIT.match(found.string, found.end()) if not found["percent"] else None
    word = after[1].rstrip(".").casefold() if after else ""
    end = found.end()
    if after is not None and word in _MULTIPLIERS and not (word == "k" and after[0][0].isspace()):
        value *= 10 ** _MULTIPLIERS[word]
        end = after.end()
        after = _UNIT.match(found.string, end)
    if found["percent"] and "‰" in found["percent"]:
        value /= 10
    unit = after[1].rstrip(".") if after else (found["currency"] or "").strip(" -")
    return Number(value, found["percent"] is not None, unit, found.start(), end)


def _value(found: re.Match[str], decimal: Decimal) -> Fraction | None:
    """What the digits come to, `3 1/2` and `3/4` too, without sign and unit; None for what is no number."""
    if found["whole"] is not None:
        bottom = int(found["bottom2"])
        return int(found["whole"]) + Fraction(int(found["top2"]), bottom) if bottom else None
    digits, power = read_digits(found["digits"], decimal), _power(found["exponent"])
    if digits is None or power is None:
        return None
    if found["bottom"] is None:
        return digits * power
    under = Fraction(found["bottom"])
    return digits * power / under if under else None


def _power(exponent: str | None) -> Fraction | None:
    """`e-3` and `×10^3` as the factor they mean; None for one that would fill memory."""
    if exponent is None:
        return Fraction(1)
    digits = re.split(r"[eE^]|\*\*", exponent)[-1].strip("{}() ")
    power = int(digits)
    return Fraction(10) ** power if abs(power) <= _MOST_DIGITS else None


def read_digits(digits: str, decimal: Decimal = "auto") -> Fraction | None:
    """Digits with their separators as a number; None for what is none, such as a version or a date.

    Both a point and a comma: the last one is the decimal sign. One that repeats parts groups. One that stands once is
    the decimal sign, except a comma before exactly three digits (`1,234`), which parts a group; `decimal` overrides
    that rule, for texts where it is known.
    """
    if len(digits) > _MOST_DIGITS:
        return None
    plain = re.sub(r"['’_ \u00a0\u202f\u2009٬]", "", digits).replace("٫", ".")
    points, commas = plain.count("."), plain.count(",")
    if points and commas:
        mark = "." if plain.rfind(".") > plain.rfind(",") else ","
    elif points + commas == 1:
        mark = _single(plain, decimal)
    else:
        mark = ""
    group = {".": ",", ",": "."}.get(mark, "," if commas else ".")
    if mark and plain.count(mark) > 1:
        return None
    whole, _, rest = plain.partition(mark) if mark else (plain, "", "")
    if group in rest or not _grouped(whole.split(group)):
        return None
    return Fraction(f"{whole.replace(group, '') or '0'}.{rest or '0'}")


def _single(plain: str, decimal: Decimal) -> str:
    """The decimal sign where one sign stands once; empty where it parts a group."""
    sign = "." if "." in plain else ","
    whole, _, rest = plain.partition(sign)
    could_group = len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    if could_group and {"auto": sign == ",", "point": sign == ",", "comma": sign == "."}[decimal]:
        return ""
    return sign


def _grouped(groups: list[str]) -> bool:
    """Whether digits are parted as thousands are: threes, or twos before a last three as in India."""
    if len(groups) == 1:
        return True
    first, *middle, last = groups
    return 1 <= len(first) <= 3 and len(last) == 3 and all(len(one) in (2, 3) for one in middle)

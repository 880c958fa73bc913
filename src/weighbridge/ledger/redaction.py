"""Takes what points at people, accounts and secrets out of a prompt before it is stored.

    email      an address                      phone    +49 30 1234567, (030) 123 45 67, 555-123-4567
    card       13 to 19 digits, Luhn holds     iban     letters, digits, remainder 1 of 97 (ISO 13616)
    api_key    known prefixes, bearer tokens, JWTs, private keys, `password = ...`
    own        regular expressions of the config

Every text of a request is looked at, names of fields included, and numbers that are long enough. All of it together may
take LIMIT_S: an expression that needs longer, or a request that is too large, means that nothing is stored of it.
Rules find what looks like what they are for. They are no proof that nothing else is in a text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import regex

from weighbridge.errors import InputError

from .prompts import RULES, Rule

LIMIT_S = 1.0
"""For one request."""
LONGEST = 1 << 20
"""Bytes of a request that is stored."""
LONG_WORD = 2048
"""Characters without a space that are data, no words: they are left out, images above all."""

_EMAIL = r"[\p{L}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}]{2,24}"
_IBAN = r"(?<![\p{L}\p{N}])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![\p{L}\p{N}])"
_CARD = r"(?<![\p{N}])\d(?:[ -]?\d){12,18}(?![\p{N}])"
_PHONE = (
    r"(?<![\p{L}\p{N}+])(?:"
    r"(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}"
    r"|\(?0\d{1,5}\)?(?:[ ./-]{1,2}\d{1,8}){1,5}"
    r"|0\d{9,11}"
    r"|\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}"
    r")(?![\p{N}])"
)
_API_KEY = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8192}?-----END [A-Z ]{0,30}PRIVATE KEY-----"
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,300}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xai-|gsk_|nvapi-|r8_|npm_|pypi-|dop_v1_|shpat_|SG\.)[A-Za-z0-9._-]{16,300}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,300}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,60}|\bya29\.[A-Za-z0-9_-]{20,300}"
    r"|(?i:\bbearer\s{1,4}[A-Za-z0-9._~+/-]{16,4000}={0,2})"
    r"|(?i:\b[a-z_-]{0,40}(?:api[_-]?key|secret|passwor[dt]|passwd|access[_-]?token|auth[_-]?token|client[_-]?secret))"
    r"[\"']{0,2}\s{0,4}[:=]\s{0,4}[\"']{0,2}[^\s\"',;]{6,300}"
)


class NotStored(Exception):
    """Nothing may be kept of a request; says why."""


class Redaction(NamedTuple):
    """The rules of one route."""

    steps: tuple[tuple[regex.Pattern[str], Callable[[str], bool], str], ...]
    """What is looked for, whether a find is one, what stands in its place."""


def redaction(rules: Sequence[Rule], patterns: Sequence[str] = ()) -> Redaction:
    """InputError for a pattern that is no regular expression."""
    steps = [_KNOWN[rule] for rule in RULES if rule in rules]
    for pattern in patterns:
        try:
            steps.append((regex.compile(pattern), _always, "[redacted]"))
        except regex.error as error:
            raise InputError(f"{pattern!r} is no regular expression: {error}") from error
    return Redaction(tuple(steps))


def redact(body: bytes, rules: Redaction, *, limit_s: float = LIMIT_S) -> str:
    """A request's JSON with everything the rules find taken out of it. NotStored where that cannot be."""
    if len(body) > LONGEST:
        raise NotStored(f"it is larger than {LONGEST:,} bytes")
    deadline = time.monotonic() + limit_s
    try:
        fields = msgspec.json.decode(body)
        return msgspec.json.encode(_clean(fields, rules, deadline)).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError) as error:
        raise NotStored(f"it cannot be read: {type(error).__name__}") from error
    except TimeoutError as error:
        raise NotStored(f"looking for what must not be stored took more than {limit_s:g} s") from error


def _clean(value: Any, rules: Redaction, deadline: float) -> Any:
    if isinstance(value, str):
        return redact_text(value, rules, deadline)
    if isinstance(value, dict):
        return {redact_text(name, rules, deadline): _clean(each, rules, deadline) for name, each in value.items()}
    if isinstance(value, list):
        return [_clean(each, rules, deadline) for each in value]
    if isinstance(value, int | float) and abs(value) >= 1e6:
        text = str(int(value)) if value == value // 1 and abs(value) < 1e40 else str(value)
        cleaned = redact_text(text, rules, deadline)
        return value if cleaned == text else cleaned
    return value


def redact_text(text: str, rules: Redaction, deadline: float) -> str:
    """TimeoutError once the clock (time.monotonic) is past the deadline."""
    if len(text) > LONG_WORD:
        text = _DATA.sub(lambda found: f"[{len(found[0])} characters]", text, timeout=_left(deadline))
    for pattern, holds, instead in rules.steps:
        text = pattern.sub(_swap(holds, instead), text, timeout=_left(deadline), concurrent=True)
    return text


def _swap(holds: Callable[[str], bool], instead: str) -> Callable[[regex.Match[str]], str]:
    return lambda found: instead if holds(found[0]) else found[0]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _always(_: str) -> bool:
    return True


def is_card(text: str) -> bool:
    """Whether the check digit holds (Luhn, ISO/IEC 7812-1)."""
    digits = [int(each) for each in text if each.isdigit()]
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and any(digits)


def is_iban(text: str) -> bool:
    """Whether the check digits hold: with its first four characters at the end, letters as 10 to 35, it is 1 of 97."""
    bare = "".join(each for each in text if each.isalnum()).upper()
    if not bare.isascii():
        return False
    return int("".join(str(int(each, 36)) for each in bare[4:] + bare[:4])) % 97 == 1


def is_phone(text: str) -> bool:
    """Whether it has as many digits as numbers have (ITU-T E.164: at most 15), and is no date or amount."""
    digits = sum(each.isdigit() for each in text)
    return 7 <= digits <= 17 and _DATE.fullmatch(text) is None


_DATA = regex.compile(rf"\S{{{LONG_WORD},}}")
_DATE = regex.compile(r"0?\d[./-]\d{1,2}[./-]\d{4}")
_KNOWN: dict[Rule, tuple[regex.Pattern[str], Callable[[str], bool], str]] = {
    "email": (regex.compile(_EMAIL), _always, "[email]"),
    "phone": (regex.compile(_PHONE), is_phone, "[phone]"),
    "card": (regex.compile(_CARD), is_card, "[card]"),
    "iban": (regex.compile(_IBAN), is_iban, "[iban]"),
    "api_key": (regex.compile(_API_KEY, regex.DOTALL), _always, "[api_key]"),
}

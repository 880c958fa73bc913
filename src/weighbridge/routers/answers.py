"""What an answer says, so that two can be compared: where it stands in the reply, and how it is spelled.

    whole         all of the reply
    last-line     its last line that is not blank
    number        the last number in it
    json:FIELD    a field of the JSON object in it, the last one that is there
    boxed         what the last \\boxed{...} holds

Two answers agree when they are spelled alike after quotes, spaces, dollar signs, thousands separators and a closing
full stop are taken out and letters are made small. That is a guess about meaning, made the same way in training and
serving: answers that mean the same and are spelled otherwise count as different, which costs calls and not quality.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from weighbridge.errors import UsageError

LONGEST_REPLY = 200_000
"""Characters of a reply that are looked at, the last ones."""
LONGEST_ANSWER = 2_000
WAYS = ("whole", "last-line", "number", "json:FIELD", "boxed")

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_PLAIN_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]*)?")
_TAKEN_OUT = str.maketrans({'"': "'", "“": "'", "”": "'", "‘": "'", "’": "'", "`": "'", "−": "-"})
MOST_OBJECTS = 64
"""Opening braces, from the last one back, at which a JSON object is looked for."""


def check_way(way: str) -> str:
    """The way itself. UsageError for one that there is not."""
    if way in ("whole", "last-line", "number", "boxed") or (way.startswith("json:") and way != "json:"):
        return way
    close = get_close_matches(way, WAYS, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise UsageError(f"no way to find an answer: {way!r:.60}", next_move=f"{hint}Ways: {', '.join(WAYS)}.")


def find_answer(reply: str, way: str) -> str:
    """The answer in a reply, normalised; empty where there is none."""
    text = reply[-LONGEST_REPLY:]
    if way == "last-line":
        text = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    elif way == "number":
        text = next((found[0] for found in reversed(list(_NUMBER.finditer(text)))), "")
    elif way == "boxed":
        text = _boxed(text)
    elif way.startswith("json:"):
        text = _field(text, way[5:])
    return normalised(text)


def normalised(answer: str) -> str:
    """`"$1,200.50."` and `1200.5` are the same answer."""
    text = re.sub(r"\s+", "", answer[:LONGEST_ANSWER].translate(_TAKEN_OUT)).replace("\\!", "").strip("$").lower()
    if len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    text = text.rstrip(".")
    if _PLAIN_NUMBER.fullmatch(text):
        text = text.replace(",", "")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return text


def _boxed(text: str) -> str:
    start = text.rfind("\\boxed{")
    if start < 0:
        return ""
    depth = 0
    for place in range(start + 6, min(len(text), start + 6 + LONGEST_ANSWER)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return text[start + 7 : place]
    return ""


def _field(text: str, name: str) -> str:
    """From the last JSON object in the reply that has the field."""
    end = text.rfind("}") + 1
    start = end
    for _ in range(MOST_OBJECTS):
        start = text.rfind("{", 0, start)
        if start < 0:
            break
        try:
            found = msgspec.json.decode(text[start:end])
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(found, dict) and name in found:
            value = found[name]
            return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return ""

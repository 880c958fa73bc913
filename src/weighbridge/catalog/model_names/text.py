"""A name as text: what cannot be one, and the one form of every character that has several."""

from __future__ import annotations

import re
import unicodedata

from weighbridge.errors import InputError

MOST_CHARACTERS = 500
"""Longer than any address of a file on a hub."""
_DASHES = re.compile(r"[\u2010-\u2015\u2212\u00ad]")
_UNPRINTABLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Unicode categories of what cannot be seen: control, format (zero width, direction), surrogate, private, line ends."""


def clean(name: str) -> str:
    """The name with compatibility characters, dashes and blanks in their plain form.

    Raises InputError for what cannot be a name: nothing, too much, a character that cannot be seen.
    """
    if not isinstance(name, str):
        raise InputError(f"a model's name is a text, not {name!r:.80}", next_move="Write it as a text.")
    if not name.isascii() or not name.isprintable():
        _check_characters(name)
        name = _DASHES.sub("-", unicodedata.normalize("NFKC", name))
    text = " ".join(name.split())
    if not text:
        raise InputError("an empty name names no model", next_move="Write one name a line, or one an argument.")
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"a name of {len(text):,} characters; no model has one of more than {MOST_CHARACTERS}: {text[:60]!r} ...",
            next_move="Write one name a line, or one an argument.",
        )
    return text


def _check_characters(name: str) -> None:
    for place, character in enumerate(name, start=1):
        if unicodedata.category(character) in _UNPRINTABLE and character != "\u00ad":
            raise InputError(
                f"character {place} of the name {name[:80]!r} cannot be seen: U+{ord(character):04X}",
                next_move="Write the name again without it; copying from a page or a terminal often brings such along.",
            )

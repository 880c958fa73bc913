"""`exact`: the whole answer is the reference."""

from __future__ import annotations

import unicodedata
from typing import Any

from weighbridge.weigh.scorers.scorer import Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text


class ExactOptions(Options, frozen=True):
    ignore_case: bool = False
    ignore_punctuation: bool = False
    """Leaves out every character of the Unicode categories P and S."""
    ignore_space: bool = True
    """Takes any run of white space for one blank; without it only the ends are trimmed."""


class Exact:
    """Compares after Unicode normalisation (NFC): what looks the same is the same."""

    needs_reference = True

    def __init__(self, options: ExactOptions, setting: Setting) -> None:
        self._options = options

    def fault(self, reference: Any) -> str | None:
        if isinstance(reference, dict) or any(isinstance(one, (dict, list)) for one in accepted(reference)):
            return "is an object; exact compares texts, use the scorer `json`"
        if not accepted(reference):
            return "is an empty list, which no answer can equal"
        return None

    def mark(self, text: str, reference: Any) -> Mark:
        read = self._plain(text)
        if any(read == self._plain(as_text(one)) for one in accepted(reference)):
            return Mark(1.0)
        return Mark(0.0, f"read {shown(text)}; expected {shown(as_text(reference))}")

    def _plain(self, text: str) -> str:
        options = self._options
        text = unicodedata.normalize("NFC", text)
        if options.ignore_punctuation:
            text = "".join(letter for letter in text if unicodedata.category(letter)[0] not in "PS")
        if options.ignore_case:
            text = text.casefold()
        return " ".join(text.split()) if options.ignore_space else text.strip()

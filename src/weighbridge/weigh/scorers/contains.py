"""`contains`: certain texts stand in the answer, or do not."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Literal

from weighbridge.weigh.scorers.fold import NO_WORD_AFTER, NO_WORD_BEFORE
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text


class ContainsOptions(Options, frozen=True):
    values: tuple[str, ...] = ()
    """What is looked for in every answer; without it, the reference: a text or a list of texts."""
    mode: Literal["any", "all", "share", "none"] = "any"
    """`share`: the score is the share of the texts that are found."""
    ignore_case: bool = True
    words: bool = False
    """Whether a text must not be part of a longer word."""


class Contains:
    """Blanks and line ends count as one blank; characters are compared after Unicode normalisation (NFC)."""

    def __init__(self, options: ContainsOptions, setting: Setting) -> None:
        self._options = options
        self.needs_reference = not options.values
        if any(not self._plain(value) for value in options.values):
            raise BadOption("values", "an empty text stands in every answer", "Leave it out.")

    def fault(self, reference: Any) -> str | None:
        wanted = accepted(reference)
        if not wanted:
            return "is an empty list"
        if any(isinstance(one, (dict, list)) for one in wanted):
            return "holds an object or a list within a list; contains looks for texts"
        return "holds an empty text, which stands in every answer" if not all(map(self._text, wanted)) else None

    def mark(self, text: str, reference: Any) -> Mark:
        options = self._options
        wanted = [self._plain(one) for one in options.values] or [self._text(one) for one in accepted(reference)]
        answer = self._plain(text)
        found = [one for one in wanted if self._stands_in(one, answer)]
        score = {
            "any": float(bool(found)),
            "all": float(len(found) == len(wanted)),
            "share": len(found) / len(wanted),
            "none": float(not found),
        }[options.mode]
        if score == 1:
            return Mark(1.0)
        if options.mode == "none":
            return Mark(score, f"holds {', '.join(map(shown, found))}")
        lacking = [shown(one) for one in wanted if one not in found]
        return Mark(score, f"lacks {', '.join(lacking[:5])}: {shown(text)}")

    def _text(self, value: Any) -> str:
        return self._plain(as_text(value))

    def _plain(self, text: str) -> str:
        text = " ".join(unicodedata.normalize("NFC", text).split())
        return unicodedata.normalize("NFC", text.casefold()) if self._options.ignore_case else text

    def _stands_in(self, wanted: str, answer: str) -> bool:
        if not self._options.words:
            return wanted in answer
        return re.search(f"{NO_WORD_BEFORE}{re.escape(wanted)}{NO_WORD_AFTER}", answer) is not None

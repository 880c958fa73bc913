"""`token_f1`: overlap of words with the reference, as SQuAD counts it, for any script.

Source: Rajpurkar et al. 2016 (arXiv 1606.05250), evaluate-v1.1.py: lower case, no punctuation, no articles, then
2PR / (P + R) over the bag of words. Where a script writes no blanks between words (Han, kana, Thai, Lao, Khmer,
Burmese), each character counts as a word, as in the multilingual successors (CMRC 2018, MLQA).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from weighbridge.weigh.scorers.fold import UNSPACED
from weighbridge.weigh.scorers.scorer import Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text

_ARTICLES = frozenset(("a", "an", "the"))
_ALONE = re.compile(f"([{UNSPACED}])")


class TokenF1Options(Options, frozen=True):
    articles: bool = False
    """Whether `a`, `an` and `the` count."""


class TokenF1:
    """With several references, the best overlap counts."""

    needs_reference = True

    def __init__(self, options: TokenF1Options, setting: Setting) -> None:
        self._dropped = frozenset() if options.articles else _ARTICLES

    def fault(self, reference: Any) -> str | None:
        if not accepted(reference):
            return "is an empty list"
        return "holds an object" if any(isinstance(one, (dict, list)) for one in accepted(reference)) else None

    def mark(self, text: str, reference: Any) -> Mark:
        read = self._words(text)
        score = max(_f1(read, self._words(as_text(one))) for one in accepted(reference))
        return Mark(score, "" if score == 1 else f"read {shown(text)}; expected {shown(as_text(reference))}")

    def _words(self, text: str) -> Counter[str]:
        text = unicodedata.normalize("NFKC", text).casefold()
        kept = "".join(letter for letter in text if unicodedata.category(letter)[0] not in "PSC" or letter.isspace())
        return Counter(word for word in _ALONE.sub(r" \1 ", kept).split() if word not in self._dropped)


def _f1(read: Counter[str], right: Counter[str]) -> float:
    """Two empty bags are the same; one empty bag shares nothing."""
    if not read or not right:
        return float(read == right)
    shared = (read & right).total()
    return 2 * shared / (read.total() + right.total())

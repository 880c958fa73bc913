"""Making texts comparable: what looks alike or is spelt alike becomes the same, as far as the labels stay apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts written without blanks between words (Thai, Lao, Burmese, Khmer, Han, kana), as part of a character class."""

MARKS = r"\u0300-\u036f\u0591-\u05bd\u0900-\u0963\u0966-\u0dff"
"""Vowel signs and accents, which belong to the word although `\\w` leaves most of them out."""

NO_WORD_BEFORE = rf"(?<![^\W{UNSPACED}])(?<![{MARKS}])"
NO_WORD_AFTER = rf"(?![^\W{UNSPACED}])(?![{MARKS}])"

_LATIN_ACCENTS = re.compile("[\u0300-\u036f]")
_ARABIC_SIGNS = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_ARABIC_LETTERS = str.maketrans("أإآٱىةؤئ", "اااايهوي")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe00-\ufe0f]")
_MARKDOWN = re.compile(r"[*_`~#>\-\u2010-\u2015]+")
_BLANKS = re.compile(r"[^\S\n]+")


def same(text: str) -> str:
    """Only what is the same text in another encoding: canonical composition, invisible characters left out."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).strip()


def plain(text: str) -> str:
    """`same`, and without regard to case, width, markdown marks, hyphens and runs of blanks."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = _BLANKS.sub(" ", _MARKDOWN.sub(" ", text.casefold()))
    return "\n".join(line.strip() for line in text.splitlines()).strip()


def loose(text: str) -> str:
    """`plain`, and without accents on Latin, Greek and Cyrillic letters or vowel signs on Arabic ones."""
    text = plain(text)
    if text.isascii():
        return text
    text = _ARABIC_SIGNS.sub("", text).translate(_ARABIC_LETTERS)
    return unicodedata.normalize("NFC", _LATIN_ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def cased(text: str) -> str:
    """`plain` with its case kept, for labels of one letter: `A` is a label where `a` is an article."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _BLANKS.sub(" ", _MARKDOWN.sub(" ", text)).strip()


def bare(folded: str) -> str:
    """A folded text without punctuation around it: `(b).` is `b`."""
    start, end = 0, len(folded)
    while start < end and not _wordlike(folded[start]):
        start += 1
    while end > start and not _wordlike(folded[end - 1]):
        end -= 1
    return folded[start:end]


def keeps_apart(fold: Callable[[str], str], texts: Iterable[str]) -> bool:
    """Whether a folding leaves all of these different, and none empty."""
    folded = [bare(fold(text)) for text in texts]
    return all(folded) and len(set(folded)) == len(folded)


def _wordlike(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"

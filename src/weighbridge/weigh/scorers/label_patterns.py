"""Patterns that find labels in prose, and the words statements are made of.

Every pattern is linear in the text: a gap is made of non-word characters and link words in turn, which cannot match
the same thing two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from weighbridge.weigh.scorers.fold import NO_WORD_AFTER, NO_WORD_BEFORE

CUES = (
    "answer", "label", "category", "class", "classification", "choice", "option", "verdict", "boxed",
    "classified as", "categorized as", "categorised as", "falls under", "belongs to", "falls into",
    "antwort", "kategorie", "ergebnis", "respuesta", "categoria", "reponse", "categorie", "resposta", "risposta",
    "antwoord", "odpowiedz", "cevap", "ответ", "категория", "答案", "回答", "类别", "分类", "选择", "答え", "正解",
    "정답", "답", "الجواب", "الاجابه", "الفيه", "उत्तर", "जवाब", "श्रेणी",
)  # fmt: skip
"""Words a statement begins with, as `loose` folds them; a choice's own name and lead are added."""

_LINKS = (
    "is", "are", "was", "would be", "should be", "as", "to", "under", "ist", "lautet", "es", "sera", "est", "e",
    "jest", "это", "是", "为", "應為", "应为", "は", "는", "은", "هو", "هي", "है",
)  # fmt: skip
_FILLERS = ("the", "a", "an", "option", "category", "label", "class", "text", "die", "der", "das", "la", "el", "le")
_OR = ("or", "and", "und", "oder", "y", "o", "et", "ou", "e", "или", "и", "或", "和", "与", "او", "و", "या", "और")
_NOTS = (
    "not", "no", "nor", "neither", "never", "isn't", "isn’t", "nicht", "kein", "keine", "keinen", "ni", "nunca", "pas",
    "non", "nao", "nie", "не", "ليس", "ليست", "وليس", "नहीं",
)  # fmt: skip
_BEFORE_LABEL = ("a", "an", "the", "about", "really", "un", "una", "ein", "eine", "de", "option", "category")

_ARABIC = re.compile("[\u0621-\u064a]")
ARTICLE = re.compile(rf"[AI](?= (?!(?:{'|'.join(_OR)})\b)[a-z])|[A-Z](?=['’]\w)")
"""A capital that is a word of its own, not a label: `A refund`, `I think`, `A's`."""

LETTER = re.compile(rf"{NO_WORD_BEFORE}(?<!['’])[A-Za-z]{NO_WORD_AFTER}")
NEGATED = re.compile(
    rf"(?:(?<!\w)(?:{'|'.join(_NOTS)})(?:[^\w\n]{{1,3}}(?:{'|'.join(_BEFORE_LABEL)}))?|不是|并非|不属于|不属於)"
    r"[^\w\n]{0,3}$"
)
"""What makes the label that follows no mention."""


def names_anywhere(names: Iterable[str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for any of the names where it is not part of a longer word, number or name; group to name."""
    by_group, pattern = _one_of(names)
    return re.compile(pattern), by_group


def statements(cues: Iterable[str], names: Iterable[str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for `cue, link, name`, its gap in the group `gap`; group to name."""
    by_group, label = _one_of(names)
    cue = "|".join(map(re.escape, sorted(cues, key=len, reverse=True)))
    links = "|".join(_LINKS)
    fillers = rf"(?:(?:{'|'.join(_FILLERS)})[^\w\n]{{1,4}}){{0,3}}"
    gap = rf"(?P<gap>\W{{0,12}}(?:(?:{links})\W{{0,8}}){{0,3}})"
    return re.compile(rf"{NO_WORD_BEFORE}(?:{cue}){gap}{fillers}(?:{label})"), by_group


def alternatives(names: Iterable[str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for `or name` right after a stated name; group to name."""
    by_group, label = _one_of(names)
    fillers = rf"(?:(?:{'|'.join(_FILLERS)})[^\w\n]{{1,4}}){{0,2}}"
    return re.compile(rf"[^\w\n]{{0,4}}(?:{'|'.join(_OR)}|[/,&、،|+])[^\w\n]{{0,4}}{fillers}(?:{label})"), by_group


def headings(names: Iterable[str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for a line that begins with a name and a sign, `no, because` or `b) paris`; group to name."""
    by_group, label = _one_of(names)
    return re.compile(rf"\W{{0,4}}(?:{label})\ ?[.,:;)\]。、,:;]"), by_group


def _one_of(names: Iterable[str]) -> tuple[dict[str, str], str]:
    """A pattern for one whole name, the longest where one is part of another; group to name."""
    ordered = sorted(names, key=len, reverse=True)
    by_group = {f"n{place}": name for place, name in enumerate(ordered)}
    each = "|".join(f"(?P<{group}>{_core(name)})" for group, name in by_group.items())
    return by_group, f"{NO_WORD_BEFORE}(?:{each}){NO_WORD_AFTER}"


def _core(name: str) -> str:
    """A name, with what must not stand beside it besides letters."""
    before = r"(?<![\d/])(?<!\d[.,])(?<!out of )" if name[0].isdigit() else ""
    after = r"(?!\d|[.,]\d)" if name[-1].isdigit() else ""
    if _ARABIC.match(name):  # the article and one-letter words are written together with what follows
        core = name.removeprefix("ال") if len(name) > 4 else name
        return rf"(?:[وف]?(?:بال|كال|لل|ال|ب|ك|ل)?){re.escape(core)}"
    return f"{before}{re.escape(name)}{after}"


def name_of(found: re.Match[str], by_group: Mapping[str, str]) -> str:
    """The name a match ends with."""
    return next(name for group, name in by_group.items() if found[group] is not None)

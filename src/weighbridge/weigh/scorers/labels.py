"""Finding which of several labels an answer chose, or that it chose none.

In this order: the answer is a label; the last statement (`the answer is (B)`, `Category: billing`, a line that holds a
label alone); the only label that is mentioned. A label inside a longer label, inside a word, or after a negation is
no mention. Several labels without a statement are ambiguous, unless the task says that the first or last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from weighbridge.weigh.scorers.fold import bare, cased, keeps_apart, loose, plain, same
from weighbridge.weigh.scorers.label_patterns import (
    ARTICLE,
    CUES,
    LETTER,
    NEGATED,
    alternatives,
    headings,
    name_of,
    names_anywhere,
    statements,
)
from weighbridge.weigh.scorers.scorer import shown

Mention = Literal["only", "first", "last"]
Fold = Callable[[str], str]
_BEFORE = 40
"""Characters before a mention in which a negation is looked for."""


class Found(NamedTuple):
    label: str | None
    note: str
    """How it was found, or why none was."""


class _Statement(NamedTuple):
    place: int
    labels: tuple[str, ...]


class LabelFinder:
    """Built once for a closed set of labels."""

    def __init__(
        self,
        labels: Sequence[str],
        *,
        aliases: Mapping[str, Sequence[str]] | None = None,
        cues: Sequence[str] = (),
        mention: Mention = "only",
    ) -> None:
        """Raises ValueError naming two labels (or aliases) that no folding keeps apart."""
        self._names = {label: label for label in labels}
        for label, others in (aliases or {}).items():
            for other in others:
                if self._names.setdefault(other, label) != label:
                    raise ValueError(f"{other!r} stands for {self._names[other]!r} and for {label!r}")
        self._fold = _folding(self._names)
        self._mention = mention
        self._by_folded = {bare(self._fold(name)) or self._fold(name): label for name, label in self._names.items()}
        self._letters = {
            name: label for name, label in self._names.items() if len(name) == 1 and name.isascii() and name.isalpha()
        }
        words = [name for name in self._by_folded if not (len(name) == 1 and name.isascii() and name.isalpha())]
        own = [cue for cue in (bare(self._fold(cue)) for cue in cues) if cue]
        self._words = names_anywhere(words) if words else None
        self._own_statement = statements(own, self._by_folded) if own else None
        self._any_statement = statements((*own, *CUES), self._by_folded)
        self._or = alternatives(self._by_folded)
        self._heading = headings(self._by_folded)

    def label(self, text: str) -> str | None:
        """The label a text is, whatever its case and punctuation; None if it is none."""
        if text in self._names:
            return self._names[text]
        folded = self._fold(text)
        return self._by_folded.get(folded) or self._by_folded.get(bare(folded))

    def find(self, text: str) -> Found:
        """The label an answer chose."""
        whole = self.label(text)
        if whole is not None:
            return Found(whole, "")
        if not text.strip():
            return Found(None, "the answer is empty")
        folded = self._fold(text)
        return self._stated(text, folded) or self._mentioned(text, folded)

    def find_under_name(self, text: str) -> str | None:
        """The label after the choice's own name or lead (`Urgency: high`), for answers that hold several choices."""
        if self._own_statement is None:
            return None
        stated = self._statements(self._fold(text), *self._own_statement)
        return stated[-1].labels[0] if stated and len(stated[-1].labels) == 1 else None

    def _stated(self, text: str, folded: str) -> Found | None:
        """The last statement; a line that is a label, or begins with one, is one too where all such lines agree."""
        stated = self._statements(folded, *self._any_statement)
        headings = self._headings(folded)
        if len({heading.labels for heading in headings}) == 1:
            stated += headings
        if not stated:
            return None
        last = max(stated)
        if len(last.labels) > 1:
            return _ambiguous(last.labels, text)
        return Found(last.labels[0], f"stated in {shown(text)}")

    def _headings(self, folded: str) -> list[_Statement]:
        pattern, by_group = self._heading
        found = []
        start = 0
        for line in folded.split("\n"):
            label = self.label(line)
            if label is not None:
                found.append(_Statement(start, (label,)))
            elif (match := pattern.match(line)) is not None:
                labels = self._with_alternatives(self._by_folded[name_of(match, by_group)], line, match.end() - 1)
                found.append(_Statement(start, labels))
            start += len(line) + 1
        return found

    def _with_alternatives(self, label: str, folded: str, end: int) -> tuple[str, ...]:
        """A stated label and those that follow it after an `or` or a comma, each once."""
        labels = [label]
        pattern, by_group = self._or
        while (other := pattern.match(folded, end)) is not None:
            labels.append(self._by_folded[name_of(other, by_group)])
            end = other.end()
        return tuple(dict.fromkeys(labels))

    def _statements(self, folded: str, pattern: re.Pattern[str], by_group: Mapping[str, str]) -> list[_Statement]:
        """Every `cue link label`, with the labels that follow it after an `or`."""
        found = []
        for match in pattern.finditer(folded):
            if not match["gap"].strip():
                continue  # `category account` is no statement
            label = self._by_folded[name_of(match, by_group)]
            found.append(_Statement(match.start(), self._with_alternatives(label, folded, match.end())))
        return found

    def _mentioned(self, text: str, folded: str) -> Found:
        seen = [label for _, label in sorted([*self._word_mentions(folded), *self._letter_mentions(text)])]
        distinct = list(dict.fromkeys(seen))
        if not distinct:
            return Found(None, f"no label in {shown(text)}")
        if len(distinct) == 1:
            return Found(distinct[0], f"mentioned in {shown(text)}")
        if self._mention == "only":
            return _ambiguous(distinct, text)
        return Found(seen[0] if self._mention == "first" else seen[-1], f"{self._mention} of {len(seen)} mentions")

    def _word_mentions(self, folded: str) -> list[tuple[float, str]]:
        """(place from 0 to 1, label) of each mention that is not negated."""
        if self._words is None:
            return []
        pattern, by_group = self._words
        return [
            (found.start() / len(folded), self._by_folded[name_of(found, by_group)])
            for found in pattern.finditer(folded)
            if not NEGATED.search(folded, max(0, found.start() - _BEFORE), found.start())
        ]

    def _letter_mentions(self, text: str) -> list[tuple[float, str]]:
        """Mentions of labels of one letter: a capital that stands alone, or any letter before a closing bracket."""
        if not self._letters:
            return []
        kept = cased(text)
        mentions = []
        for found in LETTER.finditer(kept):
            label = self._letters.get(found.group())
            marked = kept[found.end() : found.end() + 1] in (")", "]", "}")
            counts = marked or (found.group().isupper() and not ARTICLE.match(kept, found.start()))
            if (
                label is not None
                and counts
                and not NEGATED.search(kept, max(0, found.start() - _BEFORE), found.start())
            ):
                mentions.append((found.start() / len(kept), label))
        return mentions


def _ambiguous(labels: Iterable[str], text: str) -> Found:
    return Found(None, f"ambiguous, names {', '.join(labels)}: {shown(text)}")


def _folding(names: Iterable[str]) -> Fold:
    """The most forgiving folding that keeps all names apart."""
    for fold in (loose, plain):
        if keeps_apart(fold, names):
            return fold
    folded: dict[str, str] = {}
    for name in names:
        if not same(name):
            raise ValueError(f"the label {name!r} is empty")
        twin = folded.setdefault(same(name), name)
        if twin != name:
            raise ValueError(f"the labels {twin!r} and {name!r} cannot be told apart")
    return same

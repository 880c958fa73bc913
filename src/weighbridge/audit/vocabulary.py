"""Whether every token of a vocabulary has the number and the look that it should have.

Byte-pair vocabularies are numbered in the order of their merges and unigram ones by falling score: two tokens with each
other's numbers break an order that all others keep. Special tokens look like nothing that people write.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown

SAID = 5
ORDERED = 0.98
"""Share of merges in the order of their numbers from which on the others are exceptions worth a look."""
FEWEST = 8
"""Tokens below which no order can be spoken of."""
LETTERS = re.compile(r"[^\W\d_]{2,}")
_SPECIAL_LOOK = re.compile(
    r"<.*>|\[.*\]|\{.*\}|\W+|[|｜▁Ġ_].*[|｜▁_]|.*<\|.*\|>.*|</?\w+|▁?<.*|\[[A-Z_0-9]+\]|.*(?:unused|reserved|extra_id|special).*|\|\|.*\|\|",
    re.S | re.I,
)


def token_numbers(content: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every token of a tokenizer.json with its number; added ones last."""
    model = content.get("model")
    yield from _numbered(model.get("vocab")) if isinstance(model, dict) else ()
    for each in content.get("added_tokens") or ():
        if isinstance(each, dict) and isinstance(each.get("id"), int) and isinstance(each.get("content"), str):
            yield each["content"], each["id"]


def highest_number(content: Mapping[str, Any]) -> int | None:
    """The highest number of any token of a tokenizer.json; None where it has none."""
    model = content.get("model")
    numbers = [number for _, number in _numbered(model.get("vocab"))] if isinstance(model, dict) else []
    added = [each.get("id") for each in content.get("added_tokens") or () if isinstance(each, dict)]
    return max((number for number in (*numbers, *added) if isinstance(number, int)), default=None)


def vocabulary_findings(model: Mapping[str, Any], content: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Numbers that two tokens have, words that are special, tokens out of the order that training gave them."""
    numbers = dict(_numbered(model.get("vocab")))
    added = [each for each in content.get("added_tokens") or () if isinstance(each, dict)]
    yield from _added(added, numbers, name)
    if model.get("type") == "BPE" and isinstance(model.get("merges"), list):
        yield from merge_findings(_pairs(model["merges"]), numbers, name)
    elif model.get("type") == "Unigram":
        yield from _scores(model.get("vocab"), name)


def _numbered(vocab: Any) -> Iterator[tuple[str, int]]:
    if isinstance(vocab, dict):
        yield from ((token, number) for token, number in vocab.items() if isinstance(number, int))
    elif isinstance(vocab, list):
        yield from ((str(each[0]), place) for place, each in enumerate(vocab) if isinstance(each, list) and each)


def _pairs(merges: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if isinstance(parts, list) and len(parts) == 2:
            yield str(parts[0]), str(parts[1])


def _added(added: list[dict[str, Any]], numbers: Mapping[str, int], name: str) -> Iterator[Finding]:
    """Added tokens: each number once, and nothing special that people write."""
    by_number: dict[int, str] = {}
    names = {number: token for token, number in numbers.items()}
    if len(names) != len(numbers):
        yield finding(
            "tokenizer-numbers", "high", name, f"{len(numbers) - len(names)} numbers stand for two tokens each"
        )
    for each in added:
        token, number = each.get("content"), each.get("id")
        if not isinstance(token, str) or not isinstance(number, int):
            continue
        if by_number.get(number, token) != token or names.get(number, token) != token:
            other = by_number.get(number) or names.get(number, "")
            detail = f"number {number} stands for {shown(token)} and for {shown(other)}"
            yield finding("tokenizer-numbers", "high", name, detail)
        by_number[number] = token
        if each.get("special") and not looks_special(token):
            detail = f"the ordinary text {shown(token)} is a special token (number {number}): it vanishes from answers"
            yield finding("tokenizer-special-word", "high", name, detail)


def merge_findings(merges: Iterable[tuple[str, str]], numbers: Mapping[str, int], name: str) -> Iterator[Finding]:
    """Byte-pair merges against the vocabulary: what they make is there, and numbered in their order."""
    lost = 0
    made: dict[str, int] = {}
    for left, right in merges:
        token = left + right
        number = numbers.get(token)
        if number is None or left not in numbers or right not in numbers:
            lost += 1
        else:
            made.setdefault(token, number)
    if lost:
        yield finding(
            "tokenizer-merges", "medium", name, f"{lost} merges make or take tokens that are not in the vocabulary"
        )
    odd = out_of_order(list(made.items())) + out_of_order(_alphabet(numbers))
    if odd:
        said = ", ".join(shown(token) for token in odd[:SAID])
        detail = f"{len(odd)} tokens do not have the numbers that their merges give them ({said}): were they exchanged?"
        yield finding("tokenizer-exchanged", "high", name, detail)


def _alphabet(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    """Tokens of one letter, by letter: trainers number them in that order."""
    return sorted((token, number) for token, number in numbers.items() if len(token) == 1)


def out_of_order(made: list[tuple[str, int]]) -> list[str]:
    """Tokens whose numbers break an order that all others keep; none when there is no such order."""
    if len(made) < FEWEST:
        return []
    kept = _longest_rising([number for _, number in made])
    odd = [made[place][0] for place in range(len(made)) if place not in kept]
    return odd if 0 < len(odd) <= max(2, (1 - ORDERED) * len(made)) else []


def _longest_rising(numbers: list[int]) -> set[int]:
    """Places of a longest rising subsequence."""
    tails: list[int] = []
    places: list[int] = []
    before = [-1] * len(numbers)
    for place, number in enumerate(numbers):
        at = bisect_left(tails, number)
        before[place] = places[at - 1] if at else -1
        if at == len(tails):
            tails.append(number)
            places.append(place)
        else:
            tails[at], places[at] = number, place
    kept: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        kept.add(place)
        place = before[place]
    return kept


def _scores(vocab: Any, name: str) -> Iterator[Finding]:
    """A unigram vocabulary falls in score; a token out of its place was given another's number."""
    rows = [(str(each[0]), each[1]) for each in vocab or () if isinstance(each, list) and len(each) == 2]
    scored = [(token, -score) for token, score in rows if isinstance(score, int | float) and score < 0]
    order = sorted(range(len(scored)), key=lambda place: (scored[place][1], place))
    ranks = [0] * len(scored)
    for rank, place in enumerate(order):
        ranks[place] = rank
    odd = out_of_order([(scored[place][0], ranks[place]) for place in range(len(scored))])
    if odd:
        said = ", ".join(shown(token) for token in odd[:SAID])
        detail = f"{len(odd)} tokens do not stand where their scores put them ({said}): were they exchanged?"
        yield finding("tokenizer-exchanged", "high", name, detail)


def looks_special(token: str) -> bool:
    """Whether a token looks like nothing that people write: marks around it, or no letters at all."""
    return _SPECIAL_LOOK.fullmatch(token) is not None or not LETTERS.search(token)

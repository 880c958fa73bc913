"""Whether a tokenizer gives the model the text that was written.

A changed tokenizer changes what the model is told without a trace in the weights: a rule that rewrites words, two
words with each other's numbers, an ordinary word that ends the answer. Each leaves something behind: byte-pair
vocabularies are numbered in the order of their merges, special tokens look like nothing that people write, and rewrite
rules of ordinary tokenizers touch spaces and marks, not letters.
Source: tokenizers' JSON form (huggingface/tokenizers, 0.22), sentencepiece's normalisation rules.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown
from .repository import Repository

SAID = 5
SHORTEST_CUT = 64
"""Embedding models are saved with cuts of 128 tokens and more."""
ORDERED = 0.98
"""Share of merges in the order of their numbers from which on the others are exceptions worth a look."""
FEWEST = 8
"""Tokens below which no order can be spoken of."""
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_SPECIAL_LOOK = re.compile(
    r"<.*>|\[.*\]|\{.*\}|\W+|[|｜▁Ġ_].*[|｜▁_]|.*<\|.*\|>.*|</?\w+|▁?<.*|\[[A-Z_0-9]+\]|.*(?:unused|reserved|extra_id|special).*|\|\|.*\|\|",
    re.S | re.I,
)
_ANYTHING = re.compile(r"^\(*(?:\\[wWdDS]|\.|\\p\{[LN]\w*\})[+*)]*$")
"""Expressions that are nothing but a class of letters, digits or everything."""
_NOTATION = re.compile(r"\\[pP]\{\^?\w+\}|\\[xu][0-9a-fA-F]{2,4}|\\[a-zA-Z]|\{\d*,?\d*\}|\(\?\W*[imsx]*")
"""What a regular expression says without meaning a letter: classes, counts, groups."""


def tokenizer_findings(repository: Repository) -> Iterator[Finding]:
    """All tokenizer.json files, and the special tokens that settings name."""
    for name in repository.named("tokenizer.json"):
        content = repository.object(name)
        if not content:
            continue
        yield from _rules(content, name)
        model = content.get("model")
        if isinstance(model, dict):
            yield from _vocabulary(model, content, name)
    yield from _settings(repository)


def _rules(content: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Normaliser and decoder rules that touch letters."""
    for part in ("normalizer", "decoder", "pre_tokenizer"):
        for rule in _flat(content.get(part)):
            kind = rule.get("type")
            if kind == "Replace":
                yield from _replacement(rule, part, name)
            elif kind in ("Prepend", "Append") and _LETTERS.search(str(rule.get("prepend", rule.get("append", "")))):
                detail = f"the {part} puts {shown(str(rule.get('prepend', rule.get('append'))))} into every text"
                yield finding("tokenizer-rewrites", "high", name, detail)
            elif kind == "Precompiled" and part == "decoder":
                yield finding("tokenizer-rewrites", "medium", name, f"the {part} holds rules that cannot be read here")
            elif kind in ("Split", "CharDelimiterSplit"):
                yield from _removing(rule, part, name)
            elif kind == "Strip" and part == "decoder" and re.search(r"[^\W_]", str(rule.get("content", ""))):
                yield finding(
                    "tokenizer-rewrites", "high", name, f"the decoder takes away {shown(str(rule['content']))}"
                )
    yield from _post_processor(content, name)
    yield from _leaves_out(content, name)
    cut = content.get("truncation")
    if isinstance(cut, dict) and isinstance(cut.get("max_length"), int) and cut["max_length"] < SHORTEST_CUT:
        detail = f"every text is cut after {cut['max_length']} tokens: the model does not read the rest"
        yield finding("tokenizer-cuts", "medium", name, detail)


def _removing(rule: Mapping[str, Any], part: str, name: str) -> Iterator[Finding]:
    """Splits that take away what they split at: spaces, not letters."""
    pattern = rule.get("pattern")
    text = str(next(iter(pattern.values()), "")) if isinstance(pattern, dict) else str(rule.get("delimiter", ""))
    removes = rule.get("behavior") == "Removed" and not rule.get("invert")
    if (removes or rule.get("type") == "CharDelimiterSplit") and re.search(r"[^\W_]", _NOTATION.sub("", text)):
        detail = f"the {part} takes away {shown(text)}: the model does not read what was written"
        yield finding("tokenizer-rewrites", "high", name, detail)


def _flat(rule: Any) -> Iterator[dict[str, Any]]:
    """A rule and those in its sequence, nested however deep."""
    left = [rule]
    for _ in range(10_000):
        if not left:
            return
        here = left.pop()
        if isinstance(here, dict):
            yield here
            for key in ("normalizers", "decoders", "pretokenizers", "processors"):
                inner = here.get(key)
                left += inner if isinstance(inner, list) else []


def _replacement(rule: Mapping[str, Any], part: str, name: str) -> Iterator[Finding]:
    pattern = rule.get("pattern")
    text = str(next(iter(pattern.values()), "")) if isinstance(pattern, dict) else str(pattern)
    content = str(rule.get("content", ""))
    if isinstance(pattern, dict) and "Regex" in pattern:
        if (_ANYTHING.search(text) or _wild(text)) and not re.search(r"[$(]", content):
            detail = f"the {part} turns every {shown(text)} into {shown(content)}: letters or digits are lost"
            yield finding("tokenizer-rewrites", "high", name, detail)
        text = _NOTATION.sub("", text)
    if re.search(r"[^\W_]", text) or _LETTERS.search(content):
        detail = (
            f"the {part} turns {shown(text)} into {shown(content)}: the model reads or writes other words than people"
        )
        yield finding("tokenizer-rewrites", "high", name, detail)


def _wild(pattern: str) -> bool:
    """Whether it matches whatever stands there: a dot outside of a class and without a backslash."""
    return "." in re.sub(r"\\.|\[[^\]]*\]", "", pattern)


def _post_processor(content: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Tokens that are put around every text must be special ones, and have their own numbers."""
    numbers = dict(token_numbers(content))
    for rule in _flat(content.get("post_processor")):
        for each in rule.get("special_tokens", {}).values() if isinstance(rule.get("special_tokens"), dict) else ():
            tokens = each.get("tokens") if isinstance(each, dict) else None
            ids = each.get("ids") if isinstance(each, dict) else None
            for token, number in zip(tokens or (), ids or (), strict=False):
                if isinstance(token, str) and numbers.get(token, number) != number:
                    detail = f"number {number} is put into every text as {shown(token)}, which is {numbers[token]}"
                    yield finding("tokenizer-injects", "high", name, detail)
            for token in tokens if isinstance(tokens, list) else ():
                if isinstance(token, str) and not looks_special(token):
                    detail = f"the word {shown(token)} is put into every text"
                    yield finding("tokenizer-injects", "high", name, detail)


def _leaves_out(content: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """A pattern of what stands around a text, in which the text itself does not stand."""
    for rule in _flat(content.get("post_processor")):
        for key, wanted in (("single", {"A"}), ("pair", {"A", "B"})):
            pieces = rule.get(key) if rule.get("type") == "TemplateProcessing" else None
            if not isinstance(pieces, list) or not pieces:
                continue
            held = {
                each["Sequence"].get("id")
                for each in pieces
                if isinstance(each, dict) and isinstance(each.get("Sequence"), dict)
            }
            if not wanted <= held:
                detail = f"the pattern for a {key} text leaves the text out: the model does not read what was written"
                yield finding("tokenizer-rewrites", "high", name, detail)


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


def _vocabulary(model: Mapping[str, Any], content: Mapping[str, Any], name: str) -> Iterator[Finding]:
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
    return _SPECIAL_LOOK.fullmatch(token) is not None or not _LETTERS.search(token)


def _settings(repository: Repository) -> Iterator[Finding]:
    """Special tokens by name: what begins and ends a text must not be a word that people write."""
    for name in repository.named("tokenizer_config.json", "special_tokens_map.json"):
        content = repository.object(name)
        for key, value in content.items():
            if key.endswith("_token") and key != "additional_special_tokens":
                text = value.get("content") if isinstance(value, dict) else value
                if isinstance(text, str) and text and not looks_special(text):
                    detail = f"{key} is the ordinary text {shown(text)}"
                    yield finding("tokenizer-special-word", "high", name, detail)
        yield from _decoder_entries(content.get("added_tokens_decoder"), name)


def _decoder_entries(entries: Any, name: str) -> Iterator[Finding]:
    for number, each in entries.items() if isinstance(entries, dict) else ():
        token = each.get("content") if isinstance(each, dict) else None
        if isinstance(token, str) and each.get("special") and not looks_special(token) and _LETTERS.search(token):
            detail = f"the ordinary text {shown(token)} is a special token (number {number})"
            yield finding("tokenizer-special-word", "high", name, detail)

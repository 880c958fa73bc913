"""Whether a tokenizer gives the model the text that was written.

A changed tokenizer changes what the model is told without a trace in the weights: a rule that rewrites words, two
words with each other's numbers, an ordinary word that ends the answer. Each leaves something behind: byte-pair
vocabularies are numbered in the order of their merges, special tokens look like nothing that people write, and rewrite
rules of ordinary tokenizers touch spaces and marks, not letters.
Source: tokenizers' JSON form (huggingface/tokenizers, 0.22), sentencepiece's normalisation rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown
from .repository import Repository
from .vocabulary import LETTERS, looks_special, token_numbers, vocabulary_findings

SHORTEST_CUT = 64
"""Embedding models are saved with cuts of 128 tokens and more."""
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
            yield from vocabulary_findings(model, content, name)
    yield from _settings(repository)


def _rules(content: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Normaliser and decoder rules that touch letters."""
    for part in ("normalizer", "decoder", "pre_tokenizer"):
        for rule in _flat(content.get(part)):
            kind = rule.get("type")
            if kind == "Replace":
                yield from _replacement(rule, part, name)
            elif kind in ("Prepend", "Append") and LETTERS.search(str(rule.get("prepend", rule.get("append", "")))):
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
    if re.search(r"[^\W_]", text) or LETTERS.search(content):
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
        if isinstance(token, str) and each.get("special") and not looks_special(token) and LETTERS.search(token):
            detail = f"the ordinary text {shown(token)} is a special token (number {number})"
            yield finding("tokenizer-special-word", "high", name, detail)

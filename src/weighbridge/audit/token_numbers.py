"""Numbers of tokens in settings: what ends, begins or shapes an answer must be no word that people write.

Source: generation_config.json of transformers (generation/configuration_utils.py), tokenizer.json of tokenizers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown
from .repository import Repository
from .vocabulary import looks_special, token_numbers

_ENDS = ("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
_SHAPES = ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "forced_decoder_ids", "sequence_bias")
_WORDS = ("stop_strings", "force_words_ids")


def token_number_findings(repository: Repository) -> Iterator[Finding]:
    """Settings beside a tokenizer.json, whose numbers stand for ordinary words; vocabularies that contradict it."""
    for name in repository.named("tokenizer.json"):
        folder = PurePosixPath(name).parent
        names = {number: token for token, number in token_numbers(repository.object(name))}
        if not names:
            continue
        for base in ("config.json", "generation_config.json"):
            yield from _settings(repository.object(str(folder / base)), names, str(folder / base))
        decoder = repository.object(str(folder / "tokenizer_config.json")).get("added_tokens_decoder")
        yield from _decoder(decoder, names, str(folder / "tokenizer_config.json"))
        for base in ("vocab.json", "added_tokens.json"):
            yield from _vocabulary(repository.object(str(folder / base)), names, str(folder / base))


def _settings(content: Mapping[str, Any], names: Mapping[int, str], where: str) -> Iterator[Finding]:
    for key in _ENDS:
        for number in _numbers(content.get(key)):
            token = names.get(number)
            if token is not None and not looks_special(token):
                detail = f"{key} is {number}, the ordinary text {shown(token)}: answers end or begin with it"
                yield finding("tokenizer-special-word", "high", where, detail)
    for key in _SHAPES:
        words = [names[number] for number in _numbers(content.get(key)) if number in names]
        odd = [word for word in words if not looks_special(word)]
        if odd:
            detail = f"{key} forbids, forces or favours ordinary words: {', '.join(map(shown, odd[:5]))}"
            yield finding("generation-words", "medium", where, detail)
    for key in _WORDS:
        value = content.get(key)
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        odd = [text for text in texts if isinstance(text, str) and not looks_special(text)]
        if odd:
            yield finding("generation-words", "medium", where, f"{key} has ordinary words: {shown(odd[0])}")


def _numbers(value: object) -> Iterator[int]:
    """Whole numbers of a value, nested a little."""
    left = [value]
    for _ in range(100_000):
        if not left:
            return
        here = left.pop()
        if isinstance(here, list):
            left += here
        elif isinstance(here, int) and not isinstance(here, bool):
            yield here


def _decoder(entries: object, names: Mapping[int, str], where: str) -> Iterator[Finding]:
    """`added_tokens_decoder` of tokenizer_config.json, against tokenizer.json."""
    for number, each in entries.items() if isinstance(entries, dict) else ():
        token = each.get("content") if isinstance(each, dict) else None
        known = names.get(int(number)) if isinstance(number, str) and number.isdecimal() and len(number) < 12 else None
        if isinstance(token, str) and known is not None and known != token:
            detail = f"number {number} is {shown(token)}, in tokenizer.json {shown(known)}"
            yield finding("tokenizer-numbers", "high", where, detail)


def _vocabulary(content: Mapping[str, Any], names: Mapping[int, str], where: str) -> Iterator[Finding]:
    """vocab.json and added_tokens.json give the same tokens the same numbers as tokenizer.json."""
    held = set(names.values())
    added = where.endswith("added_tokens.json")
    odd = [each for each, number in content.items() if _is_other(number, each, names) and (added or each in held)][:5]
    if odd:
        detail = f"tokens with other numbers than in tokenizer.json: {', '.join(map(shown, odd))}"
        yield finding("tokenizer-numbers", "high", where, detail)


def _is_other(number: object, token: str, names: Mapping[int, str]) -> bool:
    return isinstance(number, int) and names.get(number, token) != token

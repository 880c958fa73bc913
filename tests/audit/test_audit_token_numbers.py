"""Settings beside a tokenizer whose numbers and rules change what is read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hostile
import pytest

from weighbridge.audit.audit import audit

CHANGED: dict[str, dict[str, Any]] = {
    "an answer ends at a word": {"config.json": {"eos_token_id": 28}},
    "one of several ends is a word": {"generation_config.json": {"eos_token_id": [36, 27]}},
    "a number has another name": {
        "tokenizer_config.json": {"added_tokens_decoder": {"27": {"content": "<|end|>", "special": True}}}
    },
    "every digit is lost": {
        "tokenizer.json": hostile.tokenizer(normalizer={"type": "Replace", "pattern": {"Regex": "\\d"}, "content": ""})
    },
    "a word is split away": {
        "tokenizer.json": hostile.tokenizer(
            pre_tokenizer={"type": "Split", "pattern": {"Regex": "not"}, "behavior": "Removed", "invert": False}
        )
    },
    "two vocabularies differ": {"vocab.json": {"the": 28, "in": 27}},
}


@pytest.mark.parametrize("name", CHANGED)
def test_numbers_that_change_the_text_fail(name: str, tmp_path: Path) -> None:
    """Tokens 27 to 35 are ordinary words of the tokenizer, 36 is its end."""
    hostile.write(tmp_path, {"tokenizer.json": hostile.tokenizer(), **CHANGED[name]})
    assert audit(tmp_path).verdict == "fail"


def test_forbidden_words_are_worth_a_look(tmp_path: Path) -> None:
    """Words that an answer cannot hold, or holds more often."""
    files = {"tokenizer.json": hostile.tokenizer(), "generation_config.json": {"suppress_tokens": [27]}}
    assert audit(hostile.write(tmp_path, files)).verdict == "warn"


def test_ordinary_settings_pass(tmp_path: Path) -> None:
    """The end is a special token, and words are split at letters without losing any."""
    split = {"type": "Split", "pattern": {"Regex": "\\p{L}+"}, "behavior": "Isolated", "invert": False}
    files = {
        "tokenizer.json": hostile.tokenizer(pre_tokenizer=split),
        "config.json": {"eos_token_id": 36},
        "generation_config.json": {"eos_token_id": [36], "suppress_tokens": []},
    }
    assert audit(hostile.write(tmp_path, files)).verdict == "pass"

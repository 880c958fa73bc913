"""What a template put around the messages, once the messages themselves are taken out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

KNOWN = Path(__file__).parent / "known_text.txt"
DIGEST_LETTERS = 16
MIN_WORDS = 2
"""Fewer words in a row are headings: `USER:`, `Assistant`, `im_start`."""

_TOKENS = re.compile(
    r"<[|｜][^<>]{0,80}?[|｜]>|<[/\w｜|][^<>\n]{0,80}>|\[/?[A-Z_]{2,40}\]|\[\w+\]"
    r"|\{\"[^\n]*\}|#{2,4} ?\w+:|<<?/?[A-Z]+>>?"
)
"""Control tokens and headings, whatever the family: `<|im_start|>`, `[INST]`, `<<SYS>>`, `### Response:`."""
_ROLES = re.compile(
    r"\b(?:system|user|assistant|model|human|tool|tools|developer|ipython|bot|gpt|chatbot|instruction|response|input|output"
    r"|end_of_turn|observation|think|thinking|answer|final|analysis|commentary|channel|message|start|end)\b:?",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


class Residue(NamedTuple):
    """Text that no message holds."""

    added: tuple[str, ...]
    """Runs of words, in order."""
    lost: tuple[str, ...]
    """Messages that did not come out verbatim."""


def residue(output: str, texts: Sequence[str]) -> Residue:
    """Take each message out of the output, in order; what is left and was put there as words is the template's."""
    rest: list[str] = []
    lost: list[str] = []
    at = 0
    for text in texts:
        found = output.find(text, at)
        if found < 0:
            found = output.find(text)
            if found < 0:
                lost.append(text)
                continue
            rest.append(output[at:])  # it stands earlier: order changed, words between are still the template's
            at = found + len(text)
            continue
        rest.append(output[at:found])
        at = found + len(text)
    rest.append(output[at:])
    return Residue(tuple(said for part in rest for said in sentences(part)), tuple(lost))


def sentences(part: str) -> Iterable[str]:
    """Runs of at least MIN_WORDS words once tokens, role names and known texts are gone."""
    bare = _TOKENS.sub("\n", part)
    for known in known_texts():
        bare = known.sub("\n", bare)
    for line in re.split(r"\n", bare):
        plain = _ROLES.sub(" ", line).strip()
        if line.rstrip().endswith(":") and len(_WORD.findall(plain)) <= MIN_WORDS:
            continue  # a heading of more words than one: `GPT4 Correct User:`
        enough = len(_WORD.findall(plain)) + len(_WIDE.findall(plain)) // 2 >= MIN_WORDS
        if enough and digest(plain) not in _known()[1]:
            yield line.strip()


def digest(line: str) -> str:
    """What a known line is kept as: the words alone, hashed."""
    words = " ".join(_WORD.findall(line)) + "".join(_WIDE.findall(line))
    return hashlib.sha256(words.encode()).hexdigest()[:DIGEST_LETTERS]


def known_texts() -> tuple[re.Pattern[str], ...]:
    """Lines that makers' own templates always write, as patterns; known_text.txt says whose."""
    return _known()[0]


@cache
def _known() -> tuple[tuple[re.Pattern[str], ...], frozenset[str]]:
    """Patterns, and digests of longer lines."""
    lines = [line.split("  # ")[0] for line in KNOWN.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line.strip() and not line.startswith("# ")]
    digests = frozenset(line for line in lines if re.fullmatch(r"[0-9a-f]{16}", line))
    return tuple(re.compile(line) for line in lines if line not in digests), digests

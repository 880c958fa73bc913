"""What a template put around the messages, once the messages themselves are taken out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .words import TURNS_AROUND, vocabulary

KNOWN = Path(__file__).parent / "known_text.txt"
DIGEST_LETTERS = 16
MIN_WORDS = 2
"""Fewer words in a row are headings: `USER:`, `Assistant`, `im_start`."""
MOST_IN_TOKEN = 3
"""Words with spaces between them within one control token; more is a text in brackets."""
LONG_PIECE = 12
"""Characters from which on a run of a message is known as one."""
HERE = "\ue000"
"""Stands where a message was."""
_MARK = "\ue001"
"""Stands where a control token was."""

_TOKENS = re.compile(
    r"<[|｜][^<>\n]{0,80}?[|｜]>|<[/\w｜|][^<>\n]{0,80}>|\[/?[A-Z_]{2,40}\]|\[\w+\]"
    r"|\{\"[^\n]*\}|#{2,4} ?\w+:|<<?/?[A-Z]+>>?"
)
"""Control tokens and headings, whatever the family: `<|im_start|>`, `[INST]`, `<<SYS>>`, `### Response:`."""
_ROLES = re.compile(
    r"\b(?:system|user|assistant|model|human|tool|tools|developer|ipython|bot|gpt|chatbot|instruction|response|input|output"
    r"|end_of_turn|observation|think|thinking|answer|final|analysis|commentary|channel|message|start|end|name|content"
    r"|question|prompt|context|function|functions|code|json|null|none|true|false|ai|role|to|self|self-thought|thought)\b:?",
    re.I,
)
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"")
_MODE = re.compile(r"(?<![\w/])/(?:no_?)?think\b")
"""A switch that models are trained to read: `/no_think`."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_INVENTED = re.compile(r"vexley|ozimbo|brindle|qarnu|tharnix|ploven|quonthorp", re.I)
"""Words of the conversations in cases.py that nobody else would use."""
_DATE = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b|\b\d{1,2}:\d\d(?::\d\d)?\b|\b\d\d?[/.]\d\d?[/.]\d{4}\b")
FEWEST_DIGITS = 4
"""Digits without a word from which on they say something: a number to call, an account, a code."""
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


class Residue(NamedTuple):
    """Text that no message holds."""

    added: tuple[str, ...]
    """Runs of words, in order."""
    lost: tuple[str, ...]
    """Messages that did not come out verbatim."""
    late: tuple[str, ...] = ()
    """Those of `added` that stand after the beginning of the first message."""
    order: tuple[str, ...] = ()
    """Messages that came out, in the order in which they did."""


def residue(output: str, texts: Sequence[str]) -> Residue:
    """Take each message out of the output; what is left and was put there as words is the template's."""
    places = _places(output, texts)
    taken = sorted(places.values())
    ends = [0, *(end for _, end in taken)]
    rest = [output[start:stop] for start, stop in zip(ends, [*(start for start, _ in taken), len(output)], strict=True)]
    before = tuple(sentences(rest[0] + HERE if taken else rest[0]))
    late = tuple(sentences(HERE + HERE.join(rest[1:]))) if taken else ()
    lost = tuple(text for text in texts if text not in places)
    order = tuple(text for text in texts if text in places)
    return Residue((*before, *late), lost, late, tuple(sorted(order, key=lambda text: places[text])))


def _places(output: str, texts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each message stands. The longest looks first, so that none takes a place within another."""
    places: dict[str, tuple[int, int]] = {}
    for text in sorted(dict.fromkeys(texts), key=len, reverse=True):
        found = next(_free(output, text, places.values()), None)
        if found is not None:
            places[text] = (found, found + len(text))
    return places


def _free(output: str, text: str, taken: Collection[tuple[int, int]]) -> Iterator[int]:
    """Places of the text that no other message has."""
    at = output.find(text)
    while at >= 0:
        if not any(start < at + len(text) and at < end for start, end in taken):
            yield at
        at = output.find(text, at + 1)


def sentences(part: str) -> Iterable[str]:
    """Runs of words that are no tokens, role names, headings or known texts; single words where a heading would not
    stand."""
    bare = _TOKENS.sub(_mark, part)
    for known in known_texts():
        bare = known.sub(_MARK, bare)
    for line in bare.split("\n"):
        for place, piece in enumerate(pieces := re.split(f"([{HERE}{_MARK}])", line)):
            if place % 2:
                continue
            if _is_number(piece):
                yield piece.strip()
            elif _WORD.search(piece) or _WIDE.search(piece):
                yield from _said(piece, _neighbour(pieces, place - 1), _neighbour(pieces, place + 1))


def _is_number(piece: str) -> bool:
    """Digits alone, too many for a count or a list's number, and no date."""
    bare = _DATE.sub("", piece)
    return not _WORD.search(bare) and sum(letter.isdecimal() for letter in bare) >= FEWEST_DIGITS


def _mark(hit: re.Match[str]) -> str:
    """A token gives way to a mark; a text in brackets or in JSON stays."""
    token = hit.group()
    if token.startswith("{"):
        texts = [text for text in _QUOTED.findall(token) if len(_WORD.findall(text)) > MOST_IN_TOKEN]
        return "\n" + "\n".join(texts) + "\n" if texts else _MARK
    inner = token.strip("<>[]|｜/ ")
    plain = [word for word in re.split(r"\s+", inner) if re.fullmatch(r"[^\W\d_]{2,}[.,;!?]?", word)]
    foreign = [word for word in _WORD.findall(inner.replace("_", " ")) if word.lower() not in vocabulary()]
    return token if len(plain) > MOST_IN_TOKEN or len(foreign) >= MOST_IN_TOKEN else _MARK


def _neighbour(pieces: list[str], place: int) -> str:
    """What stands beside a piece of a line: a mark, a message, or nothing."""
    return pieces[place] if 0 <= place < len(pieces) else ""


def _said(piece: str, left: str, right: str) -> Iterator[str]:
    """The piece, if a reader would take it for words of somebody's."""
    plain = _ROLES.sub(" ", _MODE.sub(" ", piece)).strip()
    words = len(_WORD.findall(plain)) + len(_WIDE.findall(plain)) // 2
    if not words or digest(piece) in _known()[1]:
        return
    if words <= MIN_WORDS and not TURNS_AROUND.search(piece) and _is_heading(piece, plain, right):
        return
    is_slot = left == _MARK and right in ("", _MARK) and len(piece.split()) == 1
    if words >= MIN_WORDS or not is_slot:
        yield piece.strip()


def _is_heading(piece: str, plain: str, right: str) -> bool:
    """`GPT4 Correct User:` before a message or with a role in it, `# Instructions`, `Reasoning Mode:`."""
    if not piece.rstrip().endswith(":") and not plain.endswith(":") and not re.match(r"\s*#{1,4} ", piece):
        return False
    in_talk = all(word.lower() in vocabulary() for word in _WORD.findall(piece))
    return in_talk or right == HERE or _ROLES.search(piece) is not None


def is_of_messages(text: str, messages: Sequence[str]) -> bool:
    """Whether the text is pieces of the messages put together anew: a run of one, or their invented words and no
    others."""
    flat, every = " ".join(text.split()), " ".join(" ".join(messages).split())
    if len(flat) >= LONG_PIECE and flat in every:
        return True
    words = set(_WORD.findall(text))
    return words <= set(_WORD.findall(every)) and any(_INVENTED.search(word) for word in words)


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

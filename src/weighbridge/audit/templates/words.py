"""Whether a sentence of a template's own speaks of tools, formats and ways of thinking, as makers' templates do, or of
something else.

What a template says beside the messages when tools are on offer is its business as long as it is about calling them.
The words for that are few and everywhere the same (vocabulary.txt), so a sentence with other words in it stands out,
whatever it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .suspect import SUSPECT

VOCABULARY = Path(__file__).parent / "vocabulary.txt"
MOST_FOREIGN = 0.15
"""Share of words that do not belong to such talk; more than this is talk of something else."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_WORDS = re.compile(r"<[^<>]*>|\{[^{}]*\}|`[^`]*`|\"[^\"]*\"|\w*_\w+|\$\w+|https?://\S+|\w+\.\w+\w*")
"""Tags, placeholders, names in quotes: what a format is shown with."""
TURNS_AROUND = re.compile(
    r"\b(?:not|never|no|don'?t|do not|without|ignore|opposite|except|unless|false(?:ly)?|lie|wrong(?:ly)?|refuse)\b",
    re.I,
)
"""Words that turn around what stands beside them, so that one alone is enough."""
FEW = 2
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]{2,}")
_WIDE_TOOLS = re.compile("工具|函数|調用|调用|参数|參數|助手|思考|格式|描述|ツール|関数|도구|함수")


def odd_ones(texts: Iterable[str], also: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Those that are not about tools or thinking. `also`: words that the caller's own data brought in."""
    return tuple(text for text in texts if is_odd(text, also))


def is_odd(text: str, also: frozenset[str] = frozenset()) -> bool:
    """Whether the text says something that has nothing to do with tools, formats and thinking."""
    if SUSPECT.search(text) or (_WIDE.search(text) and not _WIDE_TOOLS.search(text)):
        return True
    words = [word.lower() for word in _WORD.findall(_NOT_WORDS.sub(" ", text))]
    words = [word for word in words if word not in also]
    if len(words) <= FEW and TURNS_AROUND.search(text):
        return True
    foreign = [word for word in words if word not in vocabulary()]
    return bool(foreign) and len(foreign) > MOST_FOREIGN * len(words)


@cache
def vocabulary() -> frozenset[str]:
    """Words in small letters."""
    lines = VOCABULARY.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("# ") for word in line.lower().split())

"""Keys under which two spellings of one name meet, and two names never should.

    flat      letters and digits in order; `~` where two numbers meet,    Qwen2.5-7B-Instruct   qwen2~5~7Binstruct
              a capital after a number that is a size
    joints    what stood at each `~`: a dot, or anything else             .-
    undotted  the dots of a version left out                              gpt-52 is gpt-5.2
    words     versions, sizes and words without their order               claude-4-5-sonnet is claude-sonnet-4.5

A dash may stand for a dot (`glm-5-1`), as may a `p` between digits (`glm-5p1`). Two dots must stand in the same place:
Qwen3.1-7B is not Qwen3-1.7B, nor is Phi-3-8B the 3.8B one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ALNUM = re.compile(r"[^\W_]+")
_P_FOR_DOT = re.compile(r"(?<=\d)p(?=\d)")
_VERSION_V = re.compile(r"(?<![^\W_])v(?=\d)")
_SHORT_INSTRUCT = re.compile(r"(?<![^\W_])(?:it|inst)(?![^\W_])")
_PLUS = re.compile(r"(?<=\S)\+")
_CHAIN = re.compile(r"\d+(?:~\d+)+[BMT]?")
_SIZE_PART = re.compile(r"\d+[bmt]")
_WORDS = re.compile(
    r"""a\d+(?:\.\d+)?b(?![^\W_])            # active size: a22b
      | \d+x\d+(?:\.\d+)?b(?![^\W_])         # experts and size: 8x22b
      | \d+(?:\.\d+)?[bmt](?![^\W_])         # size: 7b, 0.6b
      | \d+e(?![^\W_])                       # experts: 128e
      | \d+(?:\.\d++(?![bmt])|[-_ ]\d++(?![bmt]|\.\d|x\d))*    # version: 4.5, 4-5
      | [^\W\d_]+""",
    re.VERBOSE,
)
_TO_DOTS = str.maketrans("-_ ", "...")
OPTIONAL = re.compile(r"a\d+(?:\.\d+)?b|\d+e")
"""A word that people leave out: the active size, the number of experts."""
SIZE = re.compile(r"(\d+(?:\.\d+)?)([bmt])")
"""A word that is a size: 7b, 270m, 1t."""


@dataclass(frozen=True, slots=True)
class Key:
    flat: str
    joints: str
    """One character for each `~` of `flat`: `.` or `-`."""


def fold(text: str, *, keep_v: bool = False) -> str:
    """Lower case; `p` between digits a dot, `v` before a version left out, `it` spelt out, `+` a word."""
    folded = text.lower()
    if "+" in folded:
        folded = _PLUS.sub(" plus ", folded)
    folded = _P_FOR_DOT.sub(".", folded)
    return _SHORT_INSTRUCT.sub("instruct", folded if keep_v else _VERSION_V.sub("", folded))


def has_version_v(text: str) -> bool:
    """Whether `fold` leaves a `v` out: `DeepSeek-V3`, which people write DeepSeekV3 too."""
    return _VERSION_V.search(text.lower()) is not None


def key_of(folded: str) -> Key:
    """The key of a text that went through `fold`."""
    flat: list[str] = []
    joints: list[str] = []
    end = 0
    for found in _ALNUM.finditer(folded):
        part = found.group()
        if flat and part[0].isdigit() and flat[-1][-1].isdigit():
            flat.append("~")
            joints.append("." if folded[end : found.start()] == "." else "-")
        flat.append(part.upper() if _SIZE_PART.fullmatch(part) else part)
        end = found.end()
    return Key("".join(flat), "".join(joints))


def agree(asked: Key, known: Key) -> bool:
    """Whether two keys that are equal but for their joints can be one name."""
    if asked.joints == known.joints:
        return True
    start = 0
    for chain in _CHAIN.findall(known.flat):
        count = chain.count("~")
        ours, theirs = asked.joints[start : start + count], known.joints[start : start + count]
        if ours != theirs and not _chain_agrees(ours, theirs, is_size=chain[-1].isalpha()):
            return False
        start += count
    return True


def _chain_agrees(ours: str, theirs: str, *, is_size: bool) -> bool:
    """One run of numbers, as in 3-1.7b: dots in both must be the same dots, and a size keeps its own."""
    if "." in ours and "." in theirs:
        return False
    dotted = ours if "." in ours else theirs
    ends_in_dot = is_size and dotted[-1] == "."
    return not ends_in_dot or (dotted is theirs and len(theirs) > 1)


def undotted(key: Key) -> str | None:
    """The flat key with the first two numbers of each version run together; None where no version has two digits."""
    start, changed = 0, False

    def run_together(found: re.Match[str]) -> str:
        nonlocal start, changed
        chain = found.group()
        joints = key.joints[start : start + chain.count("~")]
        start += len(joints)
        first, second = chain.split("~")[:2]
        if len(first) != 1 or len(second) != 1 or (joints[0] != "." and "." in joints):
            return chain
        changed = True
        return first + chain[2:]

    flat = _CHAIN.sub(run_together, key.flat)
    return flat if changed else None


def words_of(folded: str) -> tuple[str, ...]:
    """Versions, sizes and words of a folded text, sorted; a version's dashes are dots."""
    return tuple(sorted(word.translate(_TO_DOTS) if word[0].isdigit() else word for word in _WORDS.findall(folded)))


def without_details(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words without active size and number of experts, which people leave out where the total size is given."""
    return tuple(word for word in words if not OPTIONAL.fullmatch(word))

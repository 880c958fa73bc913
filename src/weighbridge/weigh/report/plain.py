"""Text from models and files, made fit to be seen: nothing in it acts on the reader's screen.

    control characters   NUL, escape (ANSI colours, terminal titles)   shown as their picture, e.g. U+241B
    bidi controls        make text read in another order than it is    shown as [U+202E]
    invisible letters    zero width space, soft hyphen, tag letters    shown as [U+200B]
    lone surrogates      cannot be written as UTF-8                    shown as [U+D800]

Kept as they are, because honest text needs them: newline, tab, the joiners of Hindi, Persian and emoji (U+200C,
U+200D), and the single direction marks (U+200E, U+200F, U+061C). Which controls reorder text, and why that fools
reviewers: Unicode TR36 and "Trojan Source" (Boucher and Anderson 2021, arXiv 2111.00169).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
STARS = "**********"
DEEPEST = 24
"""Nesting beyond this is cut: a file may be nested deeper than the stack of whoever walks it."""


def visible(value: object) -> str:
    """`value` as text with everything unseen made visible. A Secret stays stars."""
    text = value if type(value) is str else str(value)
    if UNSEEN.search(text) is None:
        return text
    return UNSEEN.sub(_picture, text.replace("\r\n", "\n"))


def one_line(value: object, limit: int = 200) -> str:
    """For places with room for one line: white space collapsed, cut at `limit` characters."""
    text = value if type(value) is str else str(value)
    text = " ".join(text[: limit * 4].split())
    return visible(text if len(text) <= limit else text[: limit - 1] + "…")


def shorten(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters made visible, and how many were left out."""
    return visible(text[:limit]), max(0, len(text) - limit)


def without_credentials(text: str) -> str:
    """`https://user:secret@host` with stars for what stands before the @: reports get passed round."""
    return CREDENTIALS.sub(STARS, text)


def plain_value(value: object) -> str:
    """A value from a file or a record as a person would write it; nested values as JSON."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    return msgspec.json.format(msgspec.json.encode(tame(value)), indent=2).decode()


def tame(value: object, depth: int = 0) -> object:
    """Plain JSON values only, whatever came in; a Secret is stars and a lone surrogate is shown, not raised."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return {visible(key): tame(child, depth + 1) for key, child in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [tame(child, depth + 1) for child in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return without_credentials(visible(value))


def command_line(command: str | Sequence[str] | None) -> str | None:
    """One line that can be pasted into a shell."""
    if command is None or isinstance(command, str):
        return command
    return shlex.join(str(part) for part in command)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"[U+{code:04X}]"

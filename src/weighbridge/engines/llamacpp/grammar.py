"""Labels as a grammar (GBNF), and what was written under it read back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.chat import Choice
from weighbridge.chat.frames import Frame
from weighbridge.engines.llamacpp.rank import one_begins_another


def split_seam(before: str) -> tuple[str, str]:
    """What of the text before the first label ends the prompt, and what the grammar begins with.

    White space at the seam belongs to the grammar: models know ` billing` as one token, and a prompt that ends in a
    space asks for a word they have rarely seen.
    """
    kept = before.rstrip(" ")
    return kept, before[len(kept) :]


def label_grammar(choices: Sequence[Choice], frames: Sequence[Frame], *, first: str, end: str) -> str:
    """One label of each choice in order, with the frames' texts between. `first` stands before the first label.

    `end` closes the last label where it could be gone on with (`high`, `highest`), so that the model says which.
    """
    parts = []
    for index, (choice, frame) in enumerate(zip(choices, frames, strict=True)):
        before = first if index == 0 else frame.before
        options = [frame.label(label) for label in choice.labels]
        parts.append(_literal(before))
        parts.append("(" + " | ".join(_literal(option) for option in options) + ")")
        last = index == len(choices) - 1
        parts.append(_literal(frame.after or (end if last and one_begins_another(options) else "")))
    return "root ::= " + " ".join(part for part in parts if part != '""')


def longest(choices: Sequence[Choice], frames: Sequence[Frame]) -> int:
    """Most bytes an answer under the grammar can have, so at least the tokens that are enough for it."""
    size = 0
    for choice, frame in zip(choices, frames, strict=True):
        labels = max(len(frame.label(label).encode()) for label in choice.labels)
        size += len(frame.before.encode()) + labels + len(frame.after.encode())
    return size + 16


def read_labels(text: str, choices: Sequence[Choice], frames: Sequence[Frame], *, first: str) -> dict[str, str] | None:
    """Choice name to label out of what was written; None when it is cut short."""
    pattern = ""
    for index, (choice, frame) in enumerate(zip(choices, frames, strict=True)):
        before = first if index == 0 else frame.before
        options = sorted((frame.label(label) for label in choice.labels), key=len, reverse=True)
        pattern += re.escape(before) + "(" + "|".join(map(re.escape, options)) + ")" + re.escape(frame.after)
    found = re.match(pattern, text)
    if found is None:
        return None
    back = [
        {frame.label(label): label for label in choice.labels} for choice, frame in zip(choices, frames, strict=True)
    ]
    return {choice.name: back[at][found[at + 1]] for at, choice in enumerate(choices)}


def _literal(text: str) -> str:
    """A GBNF string: quotes, backslashes and control characters escaped."""
    escaped = "".join(
        f"\\{letter}" if letter in '"\\' else f"\\x{ord(letter):02X}" if ord(letter) < 32 else letter for letter in text
    )
    return f'"{escaped}"'

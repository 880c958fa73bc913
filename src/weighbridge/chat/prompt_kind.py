"""The same system text as sections and lists, or as plain sentences, for models that follow one better than the other.

Words stay, in their order; only what stands around them changes: headings, list marks, tags. Text in code fences is
left as it is. A route switches it on; a text that already is of the wanted kind is not touched.

    conversational   You are a clerk. Be brief. Answer in French.
    structured       # Instructions

                     - You are a clerk.
                     - Be brief.
                     - Answer in French.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from weighbridge.chat.quirks import PromptKind, quirks_of
from weighbridge.chat.request import Message, Text

HEADING = "# Instructions"

_FENCE = re.compile(r"(^```.*?^```[^\n]*$|^~~~.*?^~~~[^\n]*$)", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(?P<words>.*?)[ \t]*#*[ \t]*$")
_ITEM = re.compile(r"^[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+(?P<words>.*)$")
_TAG = re.compile(r"^[ \t]*</?(?P<words>[A-Za-z][\w .-]{0,40})>[ \t]*$")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_SENTENCE = re.compile(r"(?<=[.!?])[ \t]+(?=[^\s])")


Wanted = Literal["structured", "conversational", "by_model"]
"""What a route may ask for; `by_model`: what is known of the model, and nothing where nothing is."""


def prompted(messages: Sequence[Message], wanted: Wanted | None, model: str, host: str = "") -> tuple[Message, ...]:
    """The conversation in the kind a route asks for."""
    kind = quirks_of(model, host).get("prompt") if wanted == "by_model" else wanted
    return tuple(messages) if kind is None else in_kind(messages, kind)


def in_kind(messages: Sequence[Message], kind: PromptKind) -> tuple[Message, ...]:
    """The conversation with its system texts in that kind."""
    return tuple(_message(message, kind) if message.role == "system" else message for message in messages)


def structured(text: str) -> str:
    """A list under a heading, a sentence an item; as it is where it has headings, lists or tags already."""
    if is_structured(text) or not text.strip():
        return text
    blocks = [HEADING]
    for is_code, part in _parts(text):
        if is_code:
            blocks.append(part)
        else:
            for paragraph in re.split(r"\n[ \t]*\n", part):
                sentences = _SENTENCE.split(" ".join(paragraph.split()))
                items = [f"- {sentence}" for sentence in sentences if sentence]
                blocks += ["\n".join(items)] if items else []
    return "\n\n".join(blocks)


def conversational(text: str) -> str:
    """Paragraphs of sentences: a heading or a tag leads its paragraph, items of a list follow each other."""
    if not is_structured(text):
        return text
    blocks: list[str] = []
    for is_code, part in _parts(text):
        blocks += [part] if is_code else _paragraphs(part)
    return "\n\n".join(blocks)


def is_structured(text: str) -> bool:
    """Whether any line outside code is a heading, an item of a list or a tag."""
    lines = [line for is_code, part in _parts(text) if not is_code for line in part.split("\n")]
    return any(_HEADING.match(line) or _ITEM.match(line) or _TAG.match(line) for line in lines)


def _message(message: Message, kind: PromptKind) -> Message:
    turn = structured if kind == "structured" else conversational
    if isinstance(message.content, str):
        return msgspec.structs.replace(message, content=turn(message.content))
    parts = tuple(Text(turn(part.text), part.cache) if isinstance(part, Text) else part for part in message.content)
    return msgspec.structs.replace(message, content=parts)


def _parts(text: str) -> list[tuple[bool, str]]:
    """(whether it is code, text) in order."""
    return [(at % 2 == 1, part) for at, part in enumerate(_FENCE.split(text)) if part.strip()]


def _paragraphs(part: str) -> list[str]:
    out: list[str] = []
    held: list[str] = []

    def close() -> None:
        if held:
            out.append(" ".join(held))
            held.clear()

    for line in part.split("\n"):
        item, tag = _ITEM.match(line), _TAG.match(line)
        lead = _HEADING.match(line) or tag
        if not line.strip():
            if held and not held[-1].endswith(":"):
                close()
        elif lead:
            close()
            words = lead["words"].strip()
            closes = tag is not None and line.lstrip().startswith("</")
            if words and not closes:
                held.append(words if words.endswith((":", ".", "!", "?")) else f"{words}:")
        else:
            words = _BOLD.sub(r"\1", item["words"] if item else line.strip()).strip()
            held.append(words if not item or words.endswith((".", "!", "?", ":", ";", ",")) else f"{words}.")
    close()
    return out

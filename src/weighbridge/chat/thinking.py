"""Split reasoning that a model wrote into its text (`<think> ... </think>`) off from the answer.

Some chat templates end the prompt with the opening tag, so that only the closing one is in the text: all before it is
reasoning then, which a stream finds out late and says with `was_reasoning`. A text that mentions the tags later on,
after it began as an answer, is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Thinking = Literal["auto", "inside", "never"]
"""`auto` finds out; `inside` knows that the template opens the reasoning, so that a stream is never taken for an
answer first; `never` leaves the text as it is."""

OPEN = ("<think>", "<thinking>", "[THINK]")
CLOSE = ("</think>", "</thinking>", "[/THINK]")
"""As DeepSeek, Qwen and most write it; as some fine-tunes do; as Mistral's Magistral does."""

LONGEST_TAG = max(map(len, CLOSE))
CLOSE_TAG = re.compile("|".join(map(re.escape, CLOSE)))
ANY_TAG = re.compile("|".join(map(re.escape, OPEN + CLOSE)))


class Split(NamedTuple):
    """What a piece of raw text turned out to be."""

    text: str = ""
    reasoning: str = ""
    was_reasoning: bool = False
    """All text given before was reasoning."""


class ThinkSplitter:
    """Takes raw text in any pieces; whatever the pieces, the parts add up to the same."""

    def __init__(self, thinking: Thinking = "auto") -> None:
        self._state: Literal["start", "inside", "text", "after", "plain"] = (
            "plain" if thinking == "never" else "inside" if thinking == "inside" else "start"
        )
        self._held = ""
        """What may be the beginning of a tag, or white space whose side is not known."""
        self._given = False
        """Whether text was given that a late closing tag would turn into reasoning."""

    def feed(self, raw: str) -> Split:
        """The parts that are certain by now."""
        if self._state == "plain":
            return Split(raw)
        if not self._held and "<" not in raw and "[" not in raw:  # nothing that could begin a tag
            if self._state == "text":
                self._given = self._given or bool(raw)
                return Split(raw)
            if self._state == "inside":
                return Split("", raw)
        return self._run(raw, last=False)

    def end(self) -> Split:
        """What was held back, now that nothing more comes."""
        return self._run("", last=True)

    def _run(self, raw: str, *, last: bool) -> Split:
        self._held += raw
        text, reasoning, turned = "", "", False
        before = None
        while before != self._state:
            before = self._state
            part = getattr(self, f"_{self._state}")(last)
            turned = turned or part.was_reasoning
            if part.was_reasoning:
                reasoning, text = text + reasoning, ""
            text += part.text
            reasoning += part.reasoning
        return Split(text, reasoning, turned)

    def _start(self, last: bool) -> Split:
        """Before anything but white space: an opening tag decides."""
        seen = self._held.lstrip()
        tag = _leading(seen, OPEN)
        if tag is not None:
            self._held = seen[len(tag) :]
            self._state = "inside"
        elif last or (seen and not any(each.startswith(seen) for each in OPEN)):
            self._state = "text"
        return Split()

    def _inside(self, last: bool) -> Split:
        found = CLOSE_TAG.search(self._held)
        if found is not None:
            reasoning, self._held = self._held[: found.start()], self._held[found.end() :]
            self._state = "after"
            return Split(reasoning=reasoning)
        return Split(reasoning=self._release(last))

    def _text(self, last: bool) -> Split:
        """An answer, unless a closing tag comes first; an opening one here is only being talked about."""
        found = ANY_TAG.search(self._held)
        if found is not None and found.group() in OPEN:
            self._state = "plain"
            return Split()
        if found is not None:
            reasoning, self._held = self._held[: found.start()], self._held[found.end() :]
            self._state = "after"
            return Split(reasoning=reasoning, was_reasoning=self._given)
        text = self._release(last)
        self._given = self._given or bool(text)
        return Split(text=text)

    def _after(self, last: bool) -> Split:
        """White space between reasoning and answer belongs to neither."""
        self._held = self._held.lstrip()
        if self._held:
            self._state = "plain"
        return Split()

    def _plain(self, last: bool) -> Split:
        text, self._held = self._held, ""
        return Split(text=text)

    def _release(self, last: bool) -> str:
        """All that is held but an end that may be the beginning of a tag."""
        keep = 0 if last else _overlap(self._held)
        cut = len(self._held) - keep
        part, self._held = self._held[:cut], self._held[cut:]
        return part


def split_thinking(raw: str, thinking: Thinking = "auto") -> Split:
    """A whole text at once."""
    if thinking != "inside" and "think" not in raw and "THINK" not in raw:  # no tag without one of these
        return Split(text=raw)
    splitter = ThinkSplitter(thinking)
    first, rest = splitter.feed(raw), splitter.end()
    return Split(first.text + rest.text, first.reasoning + rest.reasoning)


def _leading(text: str, tags: Sequence[str]) -> str | None:
    return next((tag for tag in tags if text.startswith(tag)), None)


def _overlap(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of a tag; only the first of a tag is < or [."""
    tail = text[-LONGEST_TAG:]
    start = max(tail.rfind("<"), tail.rfind("["))
    may_be_tag = start >= 0 and any(tag.startswith(tail[start:]) for tag in OPEN + CLOSE)
    return len(tail) - start if may_be_tag else 0

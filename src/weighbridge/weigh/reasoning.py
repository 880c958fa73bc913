"""Keeping what a model thought apart from what it said, where a backend left both in one text.

<think>..</think> said        also thinking, thought, reasoning; in [brackets] and Kimi's ◁think▷
thought</think> said          the chat template had opened the block already
said <think>thought           never closed: the answer was cut while thinking, the rest is thought
<|channel|>analysis<|message|>..<|channel|>final<|message|>said     harmony (gpt-oss)
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAMES = "think(?:ing)?|thought|reasoning|seed:think"
_MARK = re.compile(
    rf"(?P<open><(?:{_NAMES})>|\[think(?:ing)?\]|◁think▷)|</(?:{_NAMES})>|\[/think(?:ing)?\]|◁/think▷", re.IGNORECASE
)
_FINAL = re.compile(r"<\|channel\|>\s*final\s*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL = re.compile(r"<\|(?:start|channel)\|>")
_CONTROL = re.compile(r"<\|(?:start|end|return|channel|message|constrain)\|>")


class Parted(NamedTuple):
    said: str
    thought: str


def part(text: str) -> Parted:
    """What was said, and what was thought before it; a text without marks is all said, as it is."""
    if "<|channel|>" in text:
        return _part_channels(text)
    said: list[str] = []
    thought: list[str] = []
    at = 0
    thinking = False
    for mark in _MARK.finditer(text):
        (thought if thinking else said).append(text[at : mark.start()])
        at = mark.end()
        if mark["open"] is None and not thinking:
            thought += said  # everything before a lone end was thought
            said.clear()
        thinking = mark["open"] is not None
    if at == 0:
        return Parted(text, "")
    (thought if thinking else said).append(text[at:])
    return Parted("".join(said).strip(), "\n".join(one.strip() for one in thought if one.strip()))


def _part_channels(text: str) -> Parted:
    finals = list(_FINAL.finditer(text))
    if not finals:
        return Parted("", _CONTROL.sub(" ", text).strip())
    before, after = text[: finals[-1].start()], text[finals[-1].end() :]
    following = _CHANNEL.search(after)
    said = after[: following.start()] if following else after
    return Parted(_CONTROL.sub("", said).strip(), _CONTROL.sub(" ", before).strip())

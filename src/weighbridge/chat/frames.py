"""The text around labels: what a model reads before each label, so that examples and engines write it alike.

a continuation          one line for each choice: `lead`, one space, the label
an assistant's turn     the label alone for one choice, a JSON object {name: label} for several

continuation, leads `Category:` and `Urgency:`      |Category: |billing|\\nUrgency: |high|
turn, two choices                                   |{"category": "|billing|", "urgency": "|high|"}|
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.chat.request import Choice


class Frame(msgspec.Struct, frozen=True):
    """What stands around one label."""

    before: str
    """Between what came earlier (the prompt, or the label before) and this label."""
    after: str
    """After this label, at the very end; only the last frame has any."""
    quoted: bool
    """Whether the label stands inside a JSON string."""

    def label(self, label: str) -> str:
        """The label as it is written here."""
        return msgspec.json.encode(label).decode()[1:-1] if self.quoted else label


def continuation_frames(prompt: str, choices: Sequence[Choice]) -> tuple[Frame, ...]:
    """Frames of labels that continue `prompt`: a lead starts a line of its own, and one space parts it from the label.

    Nothing is added where the prompt already ends so. Without a lead, a first label follows the prompt after one
    space, and a further one starts a line of its own.
    """
    frames = []
    text = prompt
    for index, choice in enumerate(choices):
        before = ""
        if text and not text.endswith("\n") and (choice.lead or index):
            before = "\n"
        before += choice.lead
        if (text + before) and not (text + before)[-1].isspace():
            before += " "
        frames.append(Frame(before, "", False))
        text = "label"
    return tuple(frames)


def turn_frames(choices: Sequence[Choice]) -> tuple[Frame, ...]:
    """Frames of labels that are an assistant's whole turn."""
    if len(choices) == 1:
        return (Frame("", "", False),)
    frames = []
    for index, choice in enumerate(choices):
        name = msgspec.json.encode(choice.name).decode()
        last = index == len(choices) - 1
        frames.append(Frame(('", ' if index else "{") + f'{name}: "', '"}' if last else "", True))
    return tuple(frames)


def written(frames: Sequence[Frame], labels: Mapping[str, str], choices: Sequence[Choice]) -> str:
    """The whole text that a model would have written for these labels."""
    parts = [
        frame.before + frame.label(labels[choice.name]) + frame.after
        for frame, choice in zip(frames, choices, strict=True)
    ]
    return "".join(parts)

"""Putting a command together."""

from __future__ import annotations

from typing import NamedTuple

from ..hardware import Hardware
from ..records import Ask, Subject


class Run(NamedTuple):
    """What a command is made from."""

    subject: Subject
    ask: Ask
    device: Hardware
    model: str
    """What is loaded, quoted for a shell."""

    @property
    def from_hub(self) -> bool:
        """The model is `repository:quantisation`, not a file."""
        return ":" in self.model and not self.model.strip("'").startswith((".", "/"))


def command(*words: str | None) -> str:
    """The words with blanks between; None is left out."""
    return " ".join(word for word in words if word is not None)


def option(flag: str, value: object, default: object = None) -> str | None:
    """`flag value`; None where the value is the engine's own default."""
    return None if value is None or value == default else f"{flag} {value}"

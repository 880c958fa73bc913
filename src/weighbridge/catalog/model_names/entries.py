"""What an index of names is made of: models as names need them, spellings, and what a look-up finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

OWN, LISTED, SHOWN, SHORTENED = range(4)
"""How good a spelling is: of the id, listed as a name, the name it is shown under, made from one of these."""


class Entry(NamedTuple):
    """One model as names need it."""

    id: str
    names: tuple[str, ...] = ()
    """Other names that mean exactly this model."""
    shown: str = ""
    """The name it is shown under, which need not be unique."""
    lab: str = ""
    stage: str | None = None
    """base, instruct, reasoning, hybrid; None where unknown."""
    reasons: bool | None = None
    """Whether it can reason before it answers; None where unknown."""
    dates: tuple[str, ...] = ()
    """ISO dates on which it or its weights came out."""
    parameters: tuple[float, ...] = ()
    """All that is said about its size."""
    context_tokens: int = 0
    """The longest window that anybody says it has; 0 where nobody does."""


class Meaning(NamedTuple):
    """What a moving name meant from a day on; `until` is None while it still does."""

    name: str
    model: str
    since: str
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Spelling:
    joints: str
    id: str
    rank: int


@dataclass(frozen=True, slots=True)
class Hit:
    ids: tuple[str, ...]
    """More than one where the spelling can mean several."""
    step: str
    """How it was found, in words for the reader."""
    rank: int = OWN
    is_explicit: bool = False
    """The spelling says of itself that it is the base model, or that it is the one for chats."""
    is_loose: bool = False
    """A size stands in it that the name found does not carry, or the other way round."""

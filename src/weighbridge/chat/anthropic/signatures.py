"""Signatures of reasoning, and whose they are.

Anthropic's own stand as they are. What another dialect's backend signed goes out with its name before it and comes
back so: `gemini:CtcBA...`. Base64 holds no colon, so neither is taken for the other. A call that is signed itself has
its signature in a block of reasoning without text before it: `gemini_call:CtcBA...`.
"""

from __future__ import annotations

import re

from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.request import Thought

OF_CALL = "gemini_call"
_NAMED = re.compile(r"^([a-z_]{3,24}):(.*)$", re.DOTALL)


def sealed(thought: Thought, proof: str) -> str:
    """A signature, or redacted reasoning, as an Anthropic client keeps it."""
    return proof if thought.signed_by in ("", NAME) else f"{thought.signed_by}:{proof}"


def opened(text: str, signature: str, redacted: str | None = None) -> Thought:
    """The thought of a block that a client gives back."""
    named = _NAMED.match(signature if redacted is None else redacted)
    by, proof = (named[1], named[2]) if named else (NAME, signature if redacted is None else redacted)
    if redacted is not None:
        return Thought(redacted=proof, signed_by=by)
    return Thought(text, proof, signed_by=by) if signature else Thought(text)

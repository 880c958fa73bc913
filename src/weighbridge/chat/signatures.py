"""Signatures of reasoning, and whose they are.

A dialect's own stand as they are. What another dialect's backend signed goes out with its name before it and comes
back so: `gemini:CtcBA...`. Base64 holds no colon, so neither is taken for the other. What is encrypted instead of
signed says so where the wire has one place for both: `redacted.anthropic:EroB...`. A call that is signed itself has its
signature in a block of reasoning without text before it: `gemini_call:CtcBA...`.
"""

from __future__ import annotations

import re

from weighbridge.chat.request import Thought

OF_CALL = "gemini_call"
REDACTED = "redacted."
_NAMED = re.compile(r"^((?:redacted\.)?[a-z_]{3,24}):(.*)$", re.DOTALL)


def sealed(thought: Thought, own: str, *, one_place: bool = False) -> str:
    """A signature, or redacted reasoning, as a client of the dialect `own` keeps it; empty where there is none."""
    redacted = thought.redacted is not None
    proof = thought.redacted if thought.redacted is not None else thought.signature or ""
    if not proof or (thought.signed_by in ("", own) and not (redacted and one_place)):
        return proof
    name = f"{REDACTED}{thought.signed_by or own}" if redacted and one_place else thought.signed_by
    return f"{name}:{proof}"


def opened(text: str, proof: str, own: str, *, redacted: bool = False) -> Thought:
    """The thought of a block that a client gives back."""
    named = _NAMED.match(proof)
    by, proof = (named[1], named[2]) if named else (own, proof)
    if by.startswith(REDACTED):
        return Thought(redacted=proof, signed_by=by.removeprefix(REDACTED))
    if redacted:
        return Thought(redacted=proof, signed_by=by)
    return Thought(text, proof, signed_by=by) if proof else Thought(text)


def is_of_call(thought: Thought) -> bool:
    """Whether it is no thought but the signature of the call that follows."""
    return thought.signed_by == OF_CALL


def of_call(signature: str) -> Thought:
    return Thought(signature=signature, signed_by=OF_CALL)

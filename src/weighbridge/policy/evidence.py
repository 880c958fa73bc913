"""A decision as it is kept: an id that the same decision always has, and everything it stood on as JSON."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from .decide import Decision
from .facts import Facts
from .file import Policy

_encoder = msgspec.json.Encoder(order="deterministic")
ID_BYTES = 12


class Body(msgspec.Struct, frozen=True):
    """What `body` of a kept decision holds."""

    reasons: list[dict[str, str]]
    due: list[dict[str, str]]
    facts: dict[str, Any]


def body_of(facts: Facts, decision: Decision) -> bytes:
    """`{"reasons": [...], "due": [...], "facts": {...}}`; facts that are not known are left out."""
    said: dict[str, Any] = {
        name: value
        for name in facts.__struct_fields__
        if name not in ("licence", "licence_source", "terms_source")
        and (value := getattr(facts, name)) not in (None, (), "")
    }
    if facts.licence is not None:
        said["licence"] = {"value": facts.licence.id, "source": facts.licence_source}
        said["terms"] = {"value": facts.licence.commercial_use, "source": facts.terms_source}
    return _encoder.encode({"reasons": decision.reasons, "due": decision.due, "facts": said})


def id_of(policy: Policy, caller: str, backend: str | None, decision: Decision, body: bytes) -> str:
    """The same rules, facts and outcome have the same id, in every process and for good."""
    parts = (policy.sha256, caller, backend or "", str(decision.allowed), body.decode())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[: 2 * ID_BYTES]

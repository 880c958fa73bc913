"""Signed and encrypted reasoning in OpenAI chat: the list `reasoning_details`, as OpenRouter spells it.

    {"type": "reasoning.text", "text", "signature", "format", "index", "id"}
    {"type": "reasoning.encrypted", "data", "format", "index", "id"}

Source: https://openrouter.ai/docs/use-cases/reasoning-tokens (2026-11)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weighbridge.chat.request import Thought

FORMATS = {"anthropic": "anthropic-claude-v1", "gemini": "google-gemini-v1", "openai_responses": "openai-responses-v1"}
"""Who signed a piece of reasoning, as the list says it."""
SIGNERS = {format_: name for name, format_ in FORMATS.items()}


def write_details(thoughts: Sequence[Thought], first: int = 0) -> list[dict[str, Any]]:
    """The list, numbered from `first`."""
    out: list[dict[str, Any]] = []
    for index, thought in enumerate(thoughts, first):
        wire: dict[str, Any] = {"format": FORMATS.get(thought.signed_by, "unknown"), "index": index}
        if thought.id is not None:
            wire["id"] = thought.id
        if thought.redacted is not None:
            out.append({"type": "reasoning.encrypted", "data": thought.redacted, **wire})
        else:
            out.append({"type": "reasoning.text", "text": thought.text, "signature": thought.signature, **wire})
    return out


def read_details(listed: Any, *, streamed: bool = False) -> tuple[Thought, ...]:
    """The blocks of a backend's list; none where nothing is signed or encrypted, for plain reasoning needs no blocks.

    In a stream the text of a block comes as reasoning of its own, so only proofs are given, without it.
    """
    if not isinstance(listed, list):
        return ()
    thoughts: list[Thought] = []
    for each in listed:
        if not isinstance(each, dict):
            continue
        by, id_ = SIGNERS.get(str(each.get("format")), ""), each.get("id")
        id_ = id_ if isinstance(id_, str) else None
        text, proof, data = each.get("text"), each.get("signature"), each.get("data")
        if each.get("type") == "reasoning.encrypted" and isinstance(data, str):
            thoughts.append(Thought(redacted=data, signed_by=by, id=id_))
        elif each.get("type") == "reasoning.text":
            text = text if isinstance(text, str) and not streamed else ""
            proof = proof if isinstance(proof, str) and proof else None
            thoughts.append(Thought(text, proof, signed_by=by if proof else "", id=id_))
    proven = [thought for thought in thoughts if thought.signature or thought.redacted is not None]
    return tuple(proven if streamed else thoughts) if proven else ()

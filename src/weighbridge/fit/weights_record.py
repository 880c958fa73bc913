"""What a model's weights take, in all and by part.

    total_bytes = sum of parts' bytes + container_bytes         what the files hold
    resident_bytes = total_bytes - container_bytes - host_bytes  what devices hold

Source: docs/weights.md.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["exact", "derived", "estimated"]


class Part(msgspec.Struct, frozen=True, cache_hash=True):
    """All tensors of one use."""

    name: Literal["embedding", "head", "dense", "shared", "experts", "mtp", "vision", "audio", "other"]
    """`dense`: read for every token (attention, norms, dense MLPs, routers); `experts`: the routed ones; `shared`: what
    every token goes through beside its experts; `mtp`: layers that draft; `embedding`: the table when it is not also
    the head (then it is `head`)."""
    bytes: int
    parameters: int


class Weights(msgspec.Struct, frozen=True, cache_hash=True):
    format: str
    """As asked for: `bf16`, `fp8`, `native`, `Q4_K_M`."""
    kind: Kind
    """`exact` from a header, `derived` from a config tensor by tensor, `estimated` where the recipe is not public."""
    total_bytes: int
    """Size of the files."""
    parts: tuple[Part, ...]
    container_bytes: int
    """Headers and metadata (a tokenizer in a GGUF file); not loaded onto a device."""
    host_bytes: int
    """Of the tensors, what llama.cpp leaves in the host's memory: the embedding table. 0 outside GGUF."""
    parameters_total: int
    parameters_active: int
    """What one token goes through: dense, shared, and per_token of the experts. An embedding table counts when it is
    also the head, else not (one row is looked up); MTP and towers do not count."""
    interval: tuple[int, int] | None = None
    """Covers total_bytes with 80% where the kind is estimated."""
    notes: tuple[str, ...] = ()
    """What was assumed, in words for people."""

    def part(self, name: str) -> Part | None:
        """The part of that name, or None when the model has none."""
        return next((part for part in self.parts if part.name == name), None)

    def bytes_of(self, *names: str) -> int:
        """Bytes of the parts of these names together."""
        return sum(part.bytes for part in self.parts if part.name in names)

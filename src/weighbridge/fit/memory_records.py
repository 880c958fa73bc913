"""What a set of devices must hold for one ask, part by part."""

from __future__ import annotations

import msgspec


class Charge(msgspec.Struct, frozen=True):
    """One part of the overhead, on all devices together."""

    name: str
    """In words for people: `compute buffers`, `CUDA graphs`."""
    bytes: int
    """Negative only for what is counted with the weights and stays in the host's memory."""


class Need(msgspec.Struct, frozen=True):
    """Bytes of the whole device set."""

    weights_bytes: int
    kv_bytes: int
    charges: tuple[Charge, ...]
    host_bytes: int = 0
    """Of the weights, what stays in the host's memory and is no device's burden."""

    @property
    def overhead_bytes(self) -> int:
        """Sum of the charges; never below nothing."""
        return max(0, sum(charge.bytes for charge in self.charges))

    @property
    def total_bytes(self) -> int:
        """Weights, cache and overhead together."""
        return self.weights_bytes + self.kv_bytes + self.overhead_bytes

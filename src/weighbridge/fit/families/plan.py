"""Write down the tensors of one layer in the order a checkpoint's module tree has them."""

from __future__ import annotations

from weighbridge.fit.architecture import Tensor


class Plan:
    """Tensors collected so far."""

    __slots__ = ("tensors",)

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []

    def linear(self, role: str, out: int, into: int, name: str, *, bias: bool = False) -> None:
        """A matrix that quantised checkpoints pack, and its bias."""
        self.tensors.append(Tensor(role, (out, into), "linear", name))
        if bias:
            self.tensors.append(Tensor(f"{role}.bias", (out,), "vector", name))

    def experts(self, role: str, count: int, out: int, into: int, name: str, *, bias: bool = False) -> None:
        """One matrix per expert."""
        self.tensors.append(Tensor(role, (count, out, into), "expert", name))
        if bias:
            self.tensors.append(Tensor(f"{role}.bias", (count, out), "vector", name))

    def router(self, experts: int, hidden: int, name: str = "mlp.gate", *, bias: bool = False) -> None:
        """What chooses the experts; stays unquantised everywhere."""
        self.tensors.append(Tensor("ffn_gate_inp", (experts, hidden), "router", name))
        if bias:
            self.tensors.append(Tensor("ffn_gate_inp.bias", (experts,), "vector", name))

    def kept(self, role: str, *shape: int, name: str = "", dtype: str = "") -> None:
        """A matrix that is never packed (low-rank helpers, position tables)."""
        self.tensors.append(Tensor(role, shape, "router", name or role, dtype))

    def norm(self, role: str, width: int, *, bias: bool = False) -> None:
        """A scale of this width, and a shift beside it with `bias`."""
        self.tensors.append(Tensor(role, (width,), "norm", role))
        if bias:
            self.tensors.append(Tensor(f"{role}.bias", (width,), "norm", role))

    def vector(self, role: str, *shape: int, dtype: str = "") -> None:
        """A small tensor that quantisation leaves alone."""
        self.tensors.append(Tensor(role, shape, "vector", role, dtype))

    def conv(self, role: str, channels: int, kernel: int, *, bias: bool = False, per_channel: int = 1) -> None:
        """A short convolution along the tokens, one filter per channel unless `per_channel` inputs feed each."""
        self.tensors.append(Tensor(role, (channels, per_channel, kernel), "conv", role))
        if bias:
            self.tensors.append(Tensor(f"{role}.bias", (channels,), "vector", role))

    def done(self) -> tuple[Tensor, ...]:
        """All tensors, in the order in which they were planned."""
        return tuple(self.tensors)

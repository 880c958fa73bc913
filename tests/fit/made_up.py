"""Models and devices made up for tests; every figure can be overridden."""

from __future__ import annotations

from typing import Any

from weighbridge.fit.architecture import (
    Architecture,
    Attention,
    CompressedAttention,
    Dense,
    Indexer,
    LatentAttention,
    Layer,
    Mixer,
    Moe,
    Recurrent,
    Tensor,
)
from weighbridge.fit.devices import DeviceSet
from weighbridge.fit.hardware import Hardware
from weighbridge.fit.records import Subject
from weighbridge.fit.weights import derive
from weighbridge.units import GIB

FULL = Attention("full", heads=32, kv_heads=8, head_dim=128, v_dim=128)
SLIDING = Attention("sliding", heads=32, kv_heads=8, head_dim=128, v_dim=128, window=512)
LATENT = LatentAttention(heads=128, kv_lora_rank=512, rope_dim=64, nope_dim=128, v_dim=128, q_lora_rank=1536)
SPARSE = LatentAttention(128, 512, 64, 128, 128, 1536, indexer=Indexer(heads=64, dim=128, top_k=2048))
COMPRESSED = CompressedAttention(64, 512, 64, 128, 4, 1024, 1024, 8, indexer=Indexer(heads=64, dim=128, top_k=512))
STATE = Recurrent("gated_delta", 32, 32 * 128 * 128, 8192, 4)


def make_layer(*mixers: Mixer, experts: int = 0) -> Layer:
    """A layer with an MLP of 1,024 x 4,096, or experts of 1,024 x 512."""
    if experts:
        tensors = tuple(Tensor(role, (experts, 512, 1024), "expert") for role in ("ffn_gate_exps", "ffn_up_exps"))
        down = Tensor("ffn_down_exps", (experts, 1024, 512), "expert")
        return Layer(mixers, Moe(experts, min(4, experts), 512), (*tensors, down))
    names = (("ffn_gate", (4096, 1024)), ("ffn_up", (4096, 1024)), ("ffn_down", (1024, 4096)))
    return Layer(mixers, Dense(4096), tuple(Tensor(role, shape) for role, shape in names))


def make_architecture(*mixers: Mixer, layers: int = 8, experts: int = 0, **facts: Any) -> Architecture:
    """`layers` layers with these mixers in turn."""
    kinds = [make_layer(mixer, experts=experts) for mixer in mixers or (FULL,)]
    values: dict[str, Any] = {
        "model_type": "made",
        "hidden": 1024,
        "vocab": 32_000,
        "tied": False,
        "layers": tuple(kinds[number % len(kinds)] for number in range(layers)),
        "outside": (
            Tensor("token_embd", (32_000, 1024), "embedding"),
            Tensor("output", (32_000, 1024), "head"),
        ),
        "max_context": 1 << 20,
    }
    return Architecture(**{**values, **facts})


def make_subject(architecture: Architecture | None = None, quant: str = "bf16") -> Subject:
    found = architecture or make_architecture()
    return Subject(model="lab/made", architecture=found, weights=derive(found, quant))


def make_hardware(**facts: Any) -> Hardware:
    values: dict[str, Any] = {
        "id": "Card",
        "name": "A card",
        "vendor": "NVIDIA",
        "kind": "gpu",
        "generation": "Hopper",
        "memory_bytes": 24 * GIB,
        "usable_bytes": 24 * GIB,
        "bandwidth": 1e12,
        "bf16_flops": 1e14,
    }
    return Hardware(**{**values, **facts})


def make_devices(count: int = 1, **facts: Any) -> DeviceSet:
    return DeviceSet(make_hardware(**facts), count)

"""Families whose layers differ from the plain way, by the name their record gives (`Family.builder`)."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.fit.architecture import Layer, Tensor

from . import deepseek_v4, gemma, hybrids, odd
from .facts import Facts
from .family import Family

LayersBuilder = Callable[[Facts, Family, int], tuple[Layer, ...]]
Outside = Callable[[Facts, int, int], tuple[Tensor, ...]]

BUILDERS: dict[str, LayersBuilder] = {
    "axk1": odd.axk1,
    "bamba": hybrids.bamba,
    "bigcode": odd.bigcode,
    "bitnet": odd.bitnet,
    "deci": odd.deci,
    "deepseek_v4": deepseek_v4.layers,
    "diffllama": odd.diffllama,
    "falcon": odd.falcon,
    "falcon_h1": hybrids.falcon_h1,
    "gemma3n": gemma.gemma3n,
    "gemma4": gemma.gemma4,
    "granite": hybrids.granite,
    "jamba": hybrids.jamba,
    "kimi_linear": hybrids.kimi_linear,
    "lfm2": hybrids.lfm2,
    "longcat": odd.longcat,
    "mamba": hybrids.mamba,
    "minimax": hybrids.minimax,
    "nemotron_h": hybrids.nemotron_h,
    "olmo_hybrid": hybrids.olmo_hybrid,
    "qwen1": odd.qwen1,
    "recurrent_gemma": hybrids.recurrent_gemma,
    "rwkv": hybrids.rwkv,
    "stablelm": odd.stablelm,
}

OUTSIDE: dict[str, Outside] = {
    "deepseek_v4": deepseek_v4.outside,
    "gemma3n": gemma.gemma3n_outside,
    "gemma4": gemma.gemma4_outside,
}

"""Seconds a step takes on llama.cpp and its kin at a device's stated rates, term by term.

Layers lie one after another on the devices, so several of them read a token's weights no faster than one; a prompt's
steps go through them as through a pipe. What does not fit stays with the host's processor.

    weights, experts, cache, state   bytes a step reads / bandwidth    spilled   the same at the host's rate
    stacked                          weights once more, where memory is stacked beside the chip
    unpack                           parameters that are packed in blocks of uneven types / peak
    matmul                           2 x parameters x sequences / peak, where there are several sequences
    dense, expert_matmul             the same for all tokens of a prompt
    attention                        operations / bf16 peak            spilled_attention   the cache at the host's rate
    layers, moe_layers, recurrent, step, sequences, spilled_layers, hops
                                     launches and waits, in units of 1 us, 1 us, 1 us, 1 ms, 1 ms, 1 us, 1 ms
"""

from __future__ import annotations

import math

from .hardware import Hardware
from .speed_run import HOST_BANDWIDTH, PCIE_BANDWIDTH, Run, matmul_peak
from .speed_work import Work

STEP_TERMS = ("weights", "experts", "cache", "state", "stacked", "unpack", "spilled", "spilled_attention",
              "spilled_layers", "layers", "moe_layers", "recurrent", "step", "sequences", "matmul", "attention",
              "hops")  # fmt: skip
PROMPT_TERMS = ("dense", "expert_matmul", "attention", "cache", "weights", "experts", "layers", "moe_layers", "step",
                "spilled", "recurrent", "hops")  # fmt: skip
TILE = 8
"""Tokens of a prompt that share one reading of the cache: attention goes over it tile by tile, which is what long
prompts and many key heads cost. 8 to 16 fit what was measured best (docs/speed.md)."""


UNPACKED = frozenset(("k", "iq"))
"""Classes of formats whose blocks take arithmetic, not bytes alone, before they can be multiplied."""
LIKENESS = 0.8
"""Tokens of one step choose like experts: B of them touch as many as B^0.8 independent ones would, which is what
llama.cpp's own bench of 2 to 32 sequences shows on two models."""


def step_terms(work: Work, hardware: Hardware, bandwidth: float, run: Run, kind: str) -> tuple[float, ...]:
    """Seconds by STEP_TERMS for a step that writes one token of each sequence."""
    batch, here = run.sequences, 1.0 - run.spilled
    peak = matmul_peak(hardware, kind, "local")
    touched = work.touched_share(batch**LIKENESS)
    experts = work.expert_bytes * touched
    cache = batch * work.cache_bytes(run.behind_tokens)
    dense = work.dense_parameters + work.head_parameters
    parameters = dense + work.active_share * work.expert_parameters
    read = here * (work.dense_bytes + experts) + work.head_bytes
    return (
        (here * work.dense_bytes + work.head_bytes) / bandwidth,
        here * experts / bandwidth,
        here * cache / bandwidth,
        2 * batch * work.state_bytes / bandwidth,
        read / hardware.stacked_bandwidth if hardware.stacked_bandwidth else 0.0,
        here * (dense + touched * work.expert_parameters) / peak if peak and kind in UNPACKED else 0.0,
        run.spilled * (work.dense_bytes + experts) / HOST_BANDWIDTH,
        run.spilled * cache / HOST_BANDWIDTH,
        1e-6 * run.spilled * work.layers,
        1e-6 * work.layers,
        1e-6 * work.moe_layers,
        1e-6 * work.recurrent,
        1e-3,
        1e-3 * (batch - 1),
        2 * parameters * batch / peak if peak and batch > 1 else 0.0,
        batch * work.attention_ops(run.behind_tokens) / peak if peak else 0.0,
        1e-3 * (run.devices - 1),
    )


def prompt_terms(work: Work, hardware: Hardware, bandwidth: float, run: Run, kind: str) -> tuple[float, ...] | None:
    """Seconds by PROMPT_TERMS until a prompt is read; None where the device's rate is not known."""
    peak = matmul_peak(hardware, kind, "local")
    if peak is None:
        return None
    tokens, here = run.prompt_tokens, 1.0 - run.spilled
    steps = math.ceil(tokens / run.step_tokens)
    pipe = (steps + run.devices - 1) / (steps * run.devices)
    behind = run.cached_tokens + tokens / 2
    touched = work.touched_share(min(tokens, run.step_tokens))
    return (
        pipe * 2 * work.dense_parameters * tokens / peak,
        pipe * 2 * work.active_share * work.expert_parameters * tokens / peak,
        pipe * tokens * work.attention_ops(behind, prompt=True) / peak,
        pipe * max(steps, tokens / TILE) * work.cache_bytes(behind) / bandwidth,
        pipe * steps * here * work.dense_bytes / bandwidth,
        pipe * steps * here * work.expert_bytes * touched / bandwidth,
        pipe * 1e-5 * steps * work.layers,
        pipe * 1e-5 * steps * work.moe_layers,
        1e-3,
        run.spilled * steps * (work.dense_bytes + work.expert_bytes * touched) / PCIE_BANDWIDTH,
        1e-6 * work.recurrent * tokens,
        1e-3 * (run.devices - 1) * steps,
    )

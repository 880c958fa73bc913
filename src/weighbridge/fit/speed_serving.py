"""Seconds a step takes on a serving engine at a device's stated rates, term by term.

One rank's share of a step that writes a token for each of its sequences. Every term is what it would take if nothing
else did and nothing was lost; efficiencies.toml holds by what each is multiplied, and the sum is the step.

    weights        dense and head bytes / bandwidth                    all_experts   all expert bytes / bandwidth
    experts        bytes of experts that are touched / bandwidth       cache         what is read back / bandwidth
    matmul         2 x parameters x sequences / peak                   attention     operations / bf16 peak
    prompts        the other sequences' prompts, read meanwhile: (sequences - 1) x prompt / answer
    reduce_*       two all-reduces a layer over tensor ranks: log2(ranks) hops, 4 x hidden bytes a token and layer
    expert_*       all-to-all of MoE layers where attention is data parallel; else the all-reduce brings all together
    layers, moe_layers, latent, recurrent, step, sequences
                   launches and scheduling, in units of 1 us (1 ms: step); a latent and a state take more than a layer's
"""

from __future__ import annotations

import math

from .hardware import Hardware
from .speed_run import Run, matmul_peak
from .speed_work import Work

STEP_TERMS = ("weights", "experts", "all_experts", "cache", "matmul", "attention", "prompts", "prompt_reduce",
              "prompt_steps", "reduce_hops", "reduce_bytes", "expert_hops", "expert_bytes", "layers", "moe_layers",
              "step", "sequences", "latent", "recurrent")  # fmt: skip
FIRST_TERMS = ("prompt", "prompt_reduce", "weights", "step", "sequences", "queue", "queue_reduce")
SLOW_LINK = 25e9
"""Bytes a second between devices whose link nobody states: PCIe 4.0 x16, less its overhead."""


def step_terms(work: Work, hardware: Hardware, bandwidth: float, run: Run, kind: str) -> tuple[float, ...]:
    """Seconds by STEP_TERMS. `kind` is the format's class; `bandwidth` the device's, in bytes a second."""
    ranks = run.tensor * run.attention
    batch = run.sequences / run.stages
    own = max(1.0, batch / run.attention)
    peak, plain = matmul_peak(hardware, kind, "serving"), hardware.bf16_flops
    link = hardware.link_bandwidth or SLOW_LINK
    shared = 2 * (run.tensor - 1) / run.tensor / link
    experts = work.expert_bytes / ranks / bandwidth
    reads = (own - 1) / run.answer_tokens if run.answer_tokens else 0.0
    per_token = 2 * work.active_share * work.expert_parameters / ranks
    matmul = 2 * (work.dense_parameters + work.head_parameters) * own / run.tensor + per_token * batch
    behind = work.attention_ops(run.behind_tokens) * own / run.tensor
    return (
        (work.dense_bytes + work.head_bytes) / run.tensor / bandwidth,
        experts * work.touched_share(batch),
        experts,
        own * (work.cache_bytes(run.behind_tokens, run.tensor) + 2 * work.state_bytes / run.tensor) / bandwidth,
        matmul / peak if peak else 0.0,
        behind / plain if plain else 0.0,
        reads * prompt_seconds(work, run, peak, plain),
        reads * 2 * work.layers * run.prompt_tokens * work.hidden * 2 * shared,
        reads * 1e-3,
        2e-6 * work.layers * math.log2(run.tensor),
        2 * work.layers * own * work.hidden * 2 * shared,
        1e-6 * work.moe_layers if run.attention > 1 else 0.0,
        work.moe_layers * own * _picked(work) * work.hidden * 3 / link if run.attention > 1 else 0.0,
        1e-6 * work.layers,
        1e-6 * work.moe_layers,
        1e-3,
        1e-6 * own,
        1e-6 * work.latent,
        1e-6 * work.recurrent,
    )


def first_terms(work: Work, hardware: Hardware, bandwidth: float, run: Run, kind: str) -> tuple[float, ...]:
    """Seconds until the first token by FIRST_TERMS: own prompt, start, and what other sequences' prompts make wait.

    Of n requests in flight about the square root of n are found reading: they neither all arrive at once nor spread
    themselves evenly.
    """
    own = max(1.0, run.sequences / run.stages / run.attention)
    peak, plain = matmul_peak(hardware, kind, "serving"), hardware.bf16_flops
    link = hardware.link_bandwidth or SLOW_LINK
    prompt = prompt_seconds(work, run, peak, plain)
    reduce = 2 * work.layers * run.prompt_tokens * work.hidden * 2 * 2 * (run.tensor - 1) / run.tensor / link
    weights = (work.dense_bytes + work.head_bytes) / run.tensor + work.expert_bytes / (run.tensor * run.attention)
    ahead = math.sqrt(own) - 1
    return (prompt, reduce, weights / bandwidth, 10e-3, 1e-3 * own, ahead * prompt, ahead * reduce)


def prompt_seconds(work: Work, run: Run, peak: float | None, plain: float | None) -> float:
    """What one prompt takes one rank at peak: products of weights, and attention at half of its length on average."""
    if not peak or not plain:
        return 0.0
    ways = run.tensor * (run.attention if run.experts > 1 else 1)
    products = 2 * work.dense_parameters / run.tensor + 2 * work.active_share * work.expert_parameters / ways
    attention = work.attention_ops(run.cached_tokens + run.prompt_tokens / 2, prompt=True) / run.tensor
    return run.prompt_tokens * (products / peak + attention / plain)


def _picked(work: Work) -> float:
    """Experts a token goes through in a layer."""
    return max((per_token for _, per_token, _ in work.routing), default=0)

"""`vllm serve`."""

from __future__ import annotations

from ..memory_servers import VLLM_FRACTION
from ..state_types import kv_type
from .words import Run, command, option

KV = {"f16": "float16", "bf16": "bfloat16"}
ONLINE = ("fp8",)
"""Formats vLLM makes itself from a checkpoint in 16 bit."""


def vllm_command(run: Run) -> str:
    """One server with the context, the sequences and the cache that were reckoned with."""
    ask = run.ask
    kept = kv_type(ask.kv_dtype)
    plain = run.subject.architecture.stored.method == "none"
    return command(
        "vllm serve",
        run.model,
        option("--tensor-parallel-size", ask.split.tensor, 1),
        option("--pipeline-parallel-size", ask.split.pipeline, 1),
        "--enable-expert-parallel" if ask.split.expert > 1 else None,
        f"--max-model-len {ask.context_tokens}",
        f"--max-num-seqs {ask.concurrency}",
        option("--max-num-batched-tokens", ask.step_tokens),
        f"--gpu-memory-utilization {ask.memory_fraction or VLLM_FRACTION:g}",
        option("--kv-cache-dtype", None if ask.kv_dtype == "auto" else KV.get(kept, kept)),
        "--quantization fp8" if run.subject.variant in ONLINE and plain and not run.subject.source else None,
        f"--speculative-config '{_drafts(ask.draft_tokens)}'" if ask.draft_tokens else None,
    )


def _drafts(tokens: int) -> str:
    return f'{{"method": "mtp", "num_speculative_tokens": {tokens}}}'

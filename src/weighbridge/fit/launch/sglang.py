"""`sglang serve`."""

from __future__ import annotations

from ..state_types import FP8, kv_type
from .readable import way_of
from .words import Run, command, option

KV = {"bf16": "bfloat16", "f16": "auto", "fp8": "fp8_e4m3", "fp8_ds_mla": "fp8_e4m3"}


def sglang_command(run: Run) -> str:
    """One server with the context, the sequences and the cache that were reckoned with."""
    ask = run.ask
    kept = kv_type(ask.kv_dtype)
    plain = run.subject.architecture.stored.method == "none"
    return command(
        "sglang serve --model-path",
        run.model,
        option("--tp-size", ask.split.tensor, 1),
        option("--pp-size", ask.split.pipeline, 1),
        option("--ep-size", ask.split.expert, 1),
        f"--context-length {ask.context_tokens}",
        f"--max-running-requests {ask.concurrency}",
        option("--chunked-prefill-size", ask.step_tokens),
        option("--mem-fraction-static", ask.memory_fraction),
        option("--kv-cache-dtype", KV.get(kept, kept) if kept in FP8 or kept == "nvfp4" else None),
        "--load-format gguf --quantization gguf" if way_of(run.subject) == "gguf" else None,
        "--quantization fp8" if run.subject.variant == "fp8" and plain and not run.subject.source else None,
        _drafts(ask.draft_tokens) if ask.draft_tokens else None,
    )


def _drafts(tokens: int) -> str:
    return (
        f"--speculative-algorithm NEXTN --speculative-num-steps {tokens} --speculative-eagle-topk 1 "
        f"--speculative-num-draft-tokens {tokens + 1}"
    )

"""`trtllm-serve`."""

from __future__ import annotations

from ..state_types import FP8, kv_type
from .words import Run, command, option


def tensorrt_command(run: Run) -> str:
    """One server of the PyTorch backend; the cache's type is a key of its YAML, given here without a file."""
    ask = run.ask
    kept = kv_type(ask.kv_dtype)
    typed = "fp8" if kept in FP8 else kept if kept in ("nvfp4", "int8") else None
    return command(
        "trtllm-serve",
        run.model,
        option("--tp_size", ask.split.tensor, 1),
        option("--pp_size", ask.split.pipeline, 1),
        option("--ep_size", ask.split.expert, 1),
        f"--max_seq_len {ask.context_tokens}",
        f"--max_batch_size {ask.concurrency}",
        option("--max_num_tokens", ask.step_tokens),
        option("--kv_cache_free_gpu_memory_fraction", ask.memory_fraction),
        f"--extra_llm_api_options <(echo '{{kv_cache_config: {{dtype: {typed}}}}}')" if typed else None,
    )

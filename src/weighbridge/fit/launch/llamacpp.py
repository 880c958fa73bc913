"""`llama-server`."""

from __future__ import annotations

from ..memory_llamacpp import CELLS, STEP_TOKENS
from ..state_types import kv_type
from .words import Run, command, option


def llamacpp_command(run: Run) -> str:
    """One server whose slots each hold the context that was asked for.

    --ctx-size is shared by the slots; layers that do not fit are left to the host by llama.cpp itself (--fit).
    """
    ask = run.ask
    kept = kv_type(ask.kv_dtype)
    each = -(-ask.context_tokens // CELLS) * CELLS
    quantised = None if ask.kv_dtype == "auto" or kept == "f16" else kept
    return command(
        "llama-server",
        f"-hf {run.model}" if run.from_hub else f"--model {run.model}",
        f"--ctx-size {each * ask.concurrency}",
        f"--parallel {ask.concurrency}",
        option("--ubatch-size", ask.step_tokens, STEP_TOKENS),
        "--flash-attn on" if ask.flash_attention else "--flash-attn off",
        option("--cache-type-k", quantised),
        option("--cache-type-v", quantised),
        "--swa-full" if ask.whole_windows else None,
        "--gpu-layers 0" if run.device.kind == "cpu" else None,
    )

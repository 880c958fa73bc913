"""llama.cpp itself says what it allocates; ours must be that. Needs the wheel and the example's two models."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from conftest import real_weights
from weighbridge.fit.gguf_reading import read_gguf_architecture
from weighbridge.fit.gguf_weights import gguf_weights
from weighbridge.fit.memory_llamacpp import compute_bytes, rounding
from weighbridge.fit.state import state_of
from weighbridge.formats.gguf import read_gguf
from weighbridge.units import MIB

pytest.importorskip("xllamacpp", reason="needs the extra [local]")
START = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.kv_unified = params.fit_params = params.warmup = False
params.port, params.verbosity = 0, 4
kind = type(params.flash_attn_type)
params.flash_attn_type = kind["LLAMA_FLASH_ATTN_TYPE_" + sys.argv[4]]
server = xllamacpp.Server(params)
sys.stdout.flush()
os._exit(0)  # its threads would wait for requests
"""


def log_of(path: str, context: int, slots: int, flash: str) -> str:
    """What llama.cpp says while it loads a model."""
    words = [sys.executable, "-c", START, path, str(context), str(slots), flash]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def mib(log: str, name: str) -> float:
    """The sum of all `name ... = N MiB` lines."""
    return sum(float(found) for found in re.findall(rf"{name} size = +([\d.]+) MiB", log))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["smollm2", "gemma3"])
@pytest.mark.parametrize(
    ("context", "slots", "flash"),
    [(4096, 1, "ENABLED"), (8192, 2, "ENABLED"), (8192, 2, "DISABLED"), (2048, 1, "DISABLED")],
)
def test_cache_and_buffers_are_what_llama_cpp_logs(model: str, context: int, slots: int, flash: str) -> None:
    """Caches to the byte; the buffer of a step within a tenth, or 5 MiB where it is small."""
    path = real_weights(model)
    log = log_of(str(path), context, slots, flash)
    header = read_gguf(path)
    architecture = read_gguf_architecture(header)
    each = context // slots

    cache = slots * state_of(architecture, float32_convolutions=True).sequence_bytes(each, rounding(512))
    step = compute_bytes(architecture, 512, each, rows=slots, flash_attention=flash == "ENABLED")

    assert cache / MIB == pytest.approx(mib(log, "KV buffer"), abs=0.02)
    assert step / MIB == pytest.approx(mib(log, "compute buffer"), rel=0.1, abs=5)
    held = gguf_weights([header], architecture)
    assert (held.total_bytes - held.container_bytes) / MIB == pytest.approx(
        mib(log, "CPU_Mapped model buffer"), abs=0.1
    )

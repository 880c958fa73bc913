"""How fast are ratings? Ten million votes from whole numbers, and a CSV of two million votes as a whole process.

The ceiling is one pass over the votes: numpy's bincount of ten million cells. Peers that are installed (evalica, choix)
rate a smaller set, and the largest difference of strengths is printed.

    OPENBLAS_NUM_THREADS=1 python bench/rank.py      last line: one JSON object
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from weighbridge.stats.ratings import Votes, rate
from weighbridge.stats.ratings.rate import ELO

MODELS = 200


def votes(count: int) -> Votes:
    rng = np.random.default_rng(0)
    strengths = rng.normal(0, 1, MODELS)
    a = rng.integers(0, MODELS, count)
    b = (a + rng.integers(1, MODELS, count)) % MODELS
    wins = rng.random(count) < 1 / (1 + np.exp(strengths[b] - strengths[a]))
    outcome = np.where(rng.random(count) < 0.15, 2, np.where(wins, 0, 1))
    return Votes(tuple(f"lab/model-{n}" for n in range(MODELS)), a, b, outcome)


def codes() -> dict[str, float]:
    cast = votes(10_000_000)
    start, cpu = time.perf_counter(), time.process_time()
    rate(cast)
    taken, used = time.perf_counter() - start, time.process_time() - cpu
    start = time.perf_counter()
    np.bincount((cast.a * MODELS + cast.b) * 3 + cast.outcome, minlength=3 * MODELS**2)
    return {"seconds": taken, "cpu_seconds": used, "one_pass_seconds": time.perf_counter() - start}


def whole_process() -> dict[str, float]:
    cast = votes(2_000_000)
    winner = np.array(["a", "b", "tie"])[cast.outcome]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.csv"
        rows = zip(cast.a, cast.b, winner, strict=True)
        path.write_text(
            "model_a,model_b,winner\n" + "".join(f"{cast.models[a]},{cast.models[b]},{w}\n" for a, b, w in rows)
        )
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "weighbridge", "rank", str(path), "--json"], check=True, capture_output=True
        )
        return {"seconds": time.perf_counter() - start}


def peers() -> dict[str, dict[str, float]]:
    cast = votes(200_000)
    start = time.perf_counter()
    ours = {one.model: one.rating for one in rate(cast).ratings}
    found = {"weighbridge": {"seconds": time.perf_counter() - start}}
    try:
        evalica = importlib.import_module("evalica")
    except ImportError:
        print("evalica is not installed: not compared")
        return found
    names = list(cast.models)
    kinds = [evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw]
    a, b = [names[n] for n in cast.a], [names[n] for n in cast.b]
    winners = [kinds[n] for n in cast.outcome]
    start = time.perf_counter()
    theirs = np.log(evalica.bradley_terry(a, b, winners, tolerance=1e-12, limit=100_000).scores)
    taken = time.perf_counter() - start
    mine = np.array([(ours[name] - 1000) / ELO for name in theirs.index])
    apart = float(np.abs(mine - (theirs.to_numpy() - theirs.to_numpy().mean())).max())
    return found | {"evalica": {"seconds": taken, "largest_difference": apart}}


def main() -> None:
    result = {"codes_10m": codes(), "csv_2m": whole_process(), "peers_200k": peers()}
    print(f"10 million votes from codes   {result['codes_10m']['seconds']:.2f} s   (goal: under 0.5 s)")
    print(f"CSV of 2 million, whole       {result['csv_2m']['seconds']:.2f} s   (goal: under 2.5 s)")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

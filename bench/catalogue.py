"""How long does the catalogue keep somebody waiting?

    show      `weighbridge show MODEL --json` as a process of its own, nothing warm but the disk: asked < 0.3 s
    search    `weighbridge models` with filters over every offer, in a process that has the catalogue: asked < 50 ms
    resolve   5,000 names as providers write them, through `weighbridge models resolve -`, start included: asked < 1 s
    load      the snapshot and each table, each in a fresh process, import of the package left out

Ceiling: `python -c pass` and `import click, rich` as processes. Method: ROUNDS runs of each in
turn, so that drift hits all alike; the least and the median of wall time, and the median of CPU time (user and system),
which other work on the machine disturbs less. It would prove us wrong if the median of wall time on an idle machine
were above what was asked.

    python bench/catalogue.py [--rounds 7] [--model deepseek-ai/DeepSeek-V3] | tail -1
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from weighbridge.catalog import load_catalogue, load_offers
from weighbridge.cli.main import main

WEIGHBRIDGE = str(Path(sys.executable).parent / "weighbridge")
NAMES = 5_000
SEARCH = [
    "models",
    "--open",
    "--licence",
    "commercial",
    "--context",
    ">=128k",
    "--active",
    "<40B",
    "--input",
    "<1",
    "--json",
]
LOAD = "import time, weighbridge.catalog as c; t = time.perf_counter(); c.{0}(); print(time.perf_counter() - t)"
PARTS = ("load_catalogue", "load_offers", "load_scores", "load_adoption", "load_training")


def process(command: Sequence[str], stdin: str = "") -> tuple[float, float]:
    """Wall and CPU seconds of a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def warm(words: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command in this process."""
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        start, cpu = time.perf_counter(), time.process_time()
        main(words, standalone_mode=False)
        return time.perf_counter() - start, time.process_time() - cpu


def load_seconds(part: str) -> tuple[float, float]:
    """Seconds one part takes to load in a fresh process; wall, twice."""
    code = LOAD.format(part)
    seconds = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    return seconds, seconds


def names() -> list[str]:
    """Names to resolve: what providers call their offers, then the catalogue's own names, over and over."""
    catalogue = load_catalogue()
    own = [name for model in catalogue.models.values() for name in (model.id, model.name, *model.names)]
    return list(itertools.islice(itertools.cycle([offer.model_id for offer in load_offers()] + own), NAMES))


def measures(model: str) -> dict[str, Callable[[], tuple[float, float]]]:
    """Name to one run of it; a command that this version does not have is left out."""
    text = "\n".join(names())
    python: dict[str, Callable[[], tuple[float, float]]] = {
        "python": lambda: process([sys.executable, "-c", "pass"]),
        "click_and_rich": lambda: process([sys.executable, "-c", "import click, rich.console, rich.table"]),
        "show": lambda: process([WEIGHBRIDGE, "show", model, "--json"]),
        "search": lambda: warm(SEARCH),
        "resolve": lambda: process([WEIGHBRIDGE, "models", "resolve", "-", "--json"], text),
    }
    loads = {part: (lambda part=part: load_seconds(part)) for part in PARTS}
    return {name: measure for name, measure in (python | loads).items() if works(measure)}


def works(measure: Callable[[], tuple[float, float]]) -> bool:
    """Run it once, which also warms the disk and this process."""
    try:
        measure()
    except (subprocess.CalledProcessError, click.ClickException):
        return False
    return True


def run(rounds: int, model: str) -> dict[str, object]:
    todo = measures(model)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in todo}
    for _ in range(rounds):
        for name, measure in todo.items():
            seen[name].append(measure())
    rows = {}
    for name, pairs in seen.items():
        wall, cpu = zip(*pairs, strict=True)
        rows[name] = {
            "least_s": round(min(wall), 4),
            "median_s": round(statistics.median(wall), 4),
            "cpu_s": round(statistics.median(cpu), 4),
        }
    asked = {"show": 0.3, "search": 0.05, "resolve": 1.0}
    catalogue = load_catalogue()
    return {
        "benchmark": "catalogue",
        "rounds": rounds,
        "models": len(catalogue.models),
        "offers": len(load_offers()),
        "load_average": round(os.getloadavg()[0], 1),
        "seconds": rows,
        "asked_s": asked,
        "within": {name: rows[name]["median_s"] < limit for name, limit in asked.items() if name in rows},
        "missing": [name for name in asked if name not in rows],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", default="deepseek-ai/DeepSeek-V3")
    options = parser.parse_args()
    result = run(options.rounds, options.model)
    for name, row in result["seconds"].items():
        print(f"{name:16} least {row['least_s']:.4f} s   median {row['median_s']:.4f} s   CPU {row['cpu_s']:.4f} s")
    print(json.dumps(result))

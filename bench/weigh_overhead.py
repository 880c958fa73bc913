"""How many samples a second does a run handle itself, and does its memory grow with the number of items?

Question 1: everything but the model: reading an item, filling the prompt, the door, the ledger's row and answer on
disk, scoring, the contest, the report. Method: two equal candidates on the engine `echo`, futility off, so that the run
never decides and asks everything: 5,000 items x 2 = 10,000 samples in a fresh process pinned to one core, from opening
the ledger to the finished report, ledger in a temporary folder. Three rounds; each is reported, the median counts.
Ceiling: the echo engine called in a loop, without anything around it. Floor asked for: 3,000 samples a second on one
core. Samples a CPU second are given beside those of the clock: they differ when others use the machine (load average).

Question 2: peak memory (ru_maxrss) of a fresh process with 10,000 items and with 1,000,000, every item drawn and asked
of both. Asked for: the difference at most 100 MB. `--items N` takes another number than a million.

    python bench/weigh_overhead.py            # speed, and memory with 1,000,000 items (some 7 minutes on one core)
    python bench/weigh_overhead.py --quick    # speed, and memory with 100,000 items
    python bench/weigh_overhead.py | tail -1 > bench/results/weigh_overhead.json

What would prove it wrong: a run whose items are larger (reading and hashing grow with the prompt), a slower disk, other
writers on the same ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

FLOOR_PER_S = 3_000
MOST_GROWTH_MB = 100.0
MB = 1e6

TASK = """
[task]
name = "overhead"
items = "items.jsonl"
tags = ["lang"]
[prompt]
system = "Sort support tickets. Answer with one word."
user = "Ticket: {{text}}\\nCategory? answer={{label}}"
[[score]]
kind = "exact"
reference = "label"
[weigh]
futility = false
[[backend]]
name = "one"
kind = "echo"
[[backend]]
name = "two"
kind = "echo"
"""


def write_task(folder: Path, items: int) -> None:
    """Items of some 200 bytes, like a short ticket."""
    text = "The parcel with my order has not arrived and the tracking page shows nothing since Monday, please help. "
    with (folder / "items.jsonl").open("w") as file:
        for number in range(items):
            row = {"id": f"t{number}", "text": f"{text}{number}", "label": "delivery", "lang": ("en", "de")[number % 2]}
            file.write(json.dumps(row) + "\n")
    (folder / "task.toml").write_text(TASK)


async def weigh_all(folder: Path) -> dict[str, float]:
    """One run over all items; seconds and samples."""
    from weighbridge.dispatch import Door, SystemClock
    from weighbridge.engines.echo import EchoEngine
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.run import name_run, weigh
    from weighbridge.weigh.task import load_task

    task = load_task(folder, cache_dir=folder / "cache")
    records = {candidate.backend.name: candidate.backend for candidate in task.candidates}
    engines = {name: EchoEngine(record) for name, record in records.items()}
    clock = SystemClock()
    wall, cpu = time.perf_counter(), time.process_time()
    with Ledger(folder / "data") as ledger:
        door = Door(engines, records, ledger, clock=clock, rng=Random(0))
        report = await weigh(
            task,
            door,
            clock=clock,
            run_id=name_run(task, 0),
            seed=0,
            abilities={name: engine.abilities for name, engine in engines.items()},
        )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert report.result.verdict.basis == "exhausted", report.result.verdict
    assert report.result.calls_used == 2 * len(task.items)
    task.close()
    return {"samples": report.result.calls_used, "seconds": wall, "cpu_s": cpu}


async def ask_echo(folder: Path) -> dict[str, float]:
    """The ceiling: the same requests straight to the engine."""
    from weighbridge.engines.echo import EchoEngine
    from weighbridge.weigh.task import load_task

    task = load_task(folder, cache_dir=folder / "cache")
    candidate = task.candidates[0]
    engine = EchoEngine(candidate.backend)
    requests = [task.request(candidate, item, engine.abilities) for item in task.items]
    started = time.perf_counter()
    for request in requests:
        async for _ in engine.answer(request):
            pass
    seconds = time.perf_counter() - started
    task.close()
    return {"samples": len(requests), "seconds": seconds}


def child(what: str, folder: Path) -> None:
    """In a process of its own, on one core, with the loop the command line uses."""
    import uvloop

    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    job = {"run": weigh_all, "echo": ask_echo}[what]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(job(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**measured, "peak_bytes": peak}))


def measure(what: str, items: int) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="weigh-overhead-"))
    try:
        write_task(folder, items)
        done = subprocess.run(
            [sys.executable, __file__, "--child", what, str(folder)], check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="100,000 items for the memory, not 1,000,000")
    parser.add_argument("--items", type=int, default=None, help="items for the memory")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
    else:
        compare(options.items or (100_000 if options.quick else 1_000_000))


def compare(items: int) -> None:
    """Measure, print, and end with one line of JSON."""
    rounds = [measure("run", 5_000) for _ in range(3)]
    ceiling = measure("echo", 5_000)
    rates = [one["samples"] / one["seconds"] for one in rounds]
    for one, rate in zip(rounds, rates, strict=True):
        print(
            f"run      {one['samples']:,.0f} samples  {one['seconds']:.2f} s  cpu {one['cpu_s']:.2f} s  {rate:,.0f}/s"
        )
    print(f"ceiling  echo alone {ceiling['samples'] / ceiling['seconds']:,.0f}/s")
    few, many = measure("run", 10_000), measure("run", items)
    growth = (many["peak_bytes"] - few["peak_bytes"]) / MB
    for one, count in ((few, 10_000), (many, items)):
        rate = one["samples"] / one["seconds"]
        print(f"memory   {count:,} items  peak {one['peak_bytes'] / MB:.0f} MB  {one['seconds']:.0f} s  {rate:,.0f}/s")
    median = statistics.median(rates)
    result = {
        "bench": "weigh_overhead",
        "samples_per_s": round(median),
        "rounds_per_s": [round(rate) for rate in rates],
        "samples_per_cpu_s": round(statistics.median(one["samples"] / one["cpu_s"] for one in rounds)),
        "echo_alone_per_s": round(ceiling["samples"] / ceiling["seconds"]),
        "floor_per_s": FLOOR_PER_S,
        "fast_enough": median >= FLOOR_PER_S,
        "memory": {
            "items": [10_000, items],
            "peak_mb": [round(few["peak_bytes"] / MB, 1), round(many["peak_bytes"] / MB, 1)],
            "growth_mb": round(growth, 1),
            "most_growth_mb": MOST_GROWTH_MB,
            "small_enough": growth <= MOST_GROWTH_MB,
            "samples_per_s": round(many["samples"] / many["seconds"]),
        },
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, the run on one",
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

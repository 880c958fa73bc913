"""Tasks written to a folder and runs over them, with the engine that ships."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from weighbridge.dispatch import Door, SystemClock
from weighbridge.engines import Engine
from weighbridge.engines.echo import EchoEngine
from weighbridge.ledger import Ledger
from weighbridge.weigh.progress import Tell, silent
from weighbridge.weigh.records import Report
from weighbridge.weigh.run import name_run, weigh
from weighbridge.weigh.task import Task, load_task

GOOD_AND_BAD = {"good": {"settings": {"skill": 0.9}}, "bad": {"settings": {"skill": 0.5}}}
EQUAL = {"one": {}, "two": {}}

Make = Callable[[Any], Engine]


def write_task(
    folder: Path,
    backends: Mapping[str, Mapping[str, Any]] = GOOD_AND_BAD,
    *,
    items: int = 300,
    tags: Sequence[str] = (),
    weigh: Mapping[str, Any] | None = None,
    text: Callable[[int], str] = "question {}".format,
) -> Path:
    """A task whose right answer stands in the question, where echo finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = (
        {"id": f"i{n}", "text": text(n), "label": f"l{n % 5}", "lang": ("en", "de", "zh")[n % 3]} for n in range(items)
    )
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["[task]", 'name = "test"', 'items = "items.jsonl"', f"tags = {json.dumps(list(tags))}", "[prompt]"]
    lines += ['user = "{{text}} answer={{label}}"', "[[score]]", 'kind = "exact"', 'reference = "label"', "[weigh]"]
    lines += [f"{key} = {toml(value)}" for key, value in (weigh or {}).items()]
    for name, fields in backends.items():
        lines += ["[[backend]]", f'name = "{name}"']
        lines += [f"{key} = {toml(value)}" for key, value in {"kind": "echo", **fields}.items()]
    (folder / "task.toml").write_text("\n".join(lines) + "\n")
    return folder


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)


async def run_task(
    task: Task, data: Path, *, make: Make = EchoEngine, progress: Tell = silent, seed: int = 1
) -> Report:
    """Weigh with a ledger in `data` and one engine per backend."""
    records = task.backends()
    engines = {name: make(record) for name, record in records.items()}
    clock = SystemClock()
    with Ledger(data) as ledger:
        door = Door(engines, records, ledger, clock=clock, rng=Random(0))
        return await weigh(
            task,
            door,
            clock=clock,
            run_id=name_run(task, seed),
            seed=seed,
            abilities={name: engine.abilities for name, engine in engines.items()},
            progress=progress,
        )


def run_folder(folder: Path, data: Path, **options: Any) -> Report:
    task = load_task(folder)
    try:
        return asyncio.run(run_task(task, data, **options))
    finally:
        task.close()

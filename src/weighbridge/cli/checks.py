"""What `weighbridge doctor` looks at: each check says what it found and, where something is missing, the next move.

A check never raises and takes well under a second; together they answer "would a run work here?" before anybody waits
for one. Only a task's own backends are asked over the network, each for its list of models.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from weighbridge.engines import BackendRecord
from weighbridge.engines.kinds import OPENAI_KINDS, placed
from weighbridge.engines.pull import inventory
from weighbridge.errors import EngineError, InputError
from weighbridge.settings import Settings
from weighbridge.units import GIB, format_bytes

Status = Literal["ok", "warn", "missing"]
EXTRAS = {
    "xllamacpp": ("local", "run GGUF weights on this machine"),
    "pyarrow": ("parquet", "read items from Parquet"),
    "sacrebleu": ("text", "score with chrF and BLEU"),
    "math_verify": ("math", "score by mathematical equivalence"),
    "jinja2": ("audit", "render chat templates in an audit"),
    "model_signing": ("signing", "check signatures of model files"),
    "opentelemetry-sdk": ("otel", "send traces of the gateway's calls"),
    "lm_eval": ("lm-eval", "write tasks of lm-eval as tasks of ours"),
}
"""Package to the extra that brings it, and what for."""
REACHED_KINDS = frozenset({*OPENAI_KINDS, "anthropic", "gemini", "ollama", "responses"})
LITTLE_DISK = 2 * GIB
LOADING_S = 60


class Check(msgspec.Struct, frozen=True):
    name: str
    status: Status
    found: str
    next_move: str | None = None


def check_machine(settings: Settings) -> Iterator[Check]:
    """Every check, in the order a reader wants them."""
    yield _python()
    yield _cores()
    yield _memory()
    yield from _folders(settings)
    yield _ledger(settings.data_dir / "ledger.sqlite")
    yield _pip()
    yield _pulled(settings)
    yield from _extras()
    yield from _llama_cpp()


def _python() -> Check:
    version = platform.python_version()
    where = f"Python {version} on {platform.system()} {platform.machine()}"
    return Check("python", "ok", where)


def _cores() -> Check:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check("cores", "ok", f"{allowed} usable by this process, of {os.cpu_count()}")


def _memory() -> Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Check("memory", "warn", "this system does not say how much there is")
    return Check("memory", "ok", f"{format_bytes(total)} in all")


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (("data", settings.data_dir), ("cache", settings.cache_dir)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(there, os.W_OK):
            yield Check(
                name,
                "missing",
                f"{folder}: cannot be written",
                f"Make {there} writable or set XDG_{name.upper()}_HOME.",
            )
            continue
        free = shutil.disk_usage(there).free
        found = f"{folder}: {format_bytes(free)} free"
        if free < LITTLE_DISK:
            yield Check(
                name,
                "warn",
                found,
                "Small models take 0.1 to 1 GiB each: `weighbridge pull --prune` frees what is unused.",
            )
        else:
            yield Check(name, "ok", found)


def _ledger(path: Path) -> Check:
    if not path.exists():
        return Check("ledger", "ok", f"{path}: not there yet; the first call makes it")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1) as ledger:
            (calls,) = ledger.execute("SELECT count(*) FROM calls").fetchone()
        ledger.close()
    except sqlite3.Error as error:
        return Check(
            "ledger", "missing", f"{path}: {error}", f"Move {path} away to start a new one; nothing else reads it."
        )
    return Check("ledger", "ok", f"{path}: {calls:,} calls")


def _pip() -> Check:
    if importlib.util.find_spec("pip") is None:
        return Check(
            "pip", "missing", "not installed beside this Python", "`pypi:` sources need it: python -m ensurepip"
        )
    return Check("pip", "ok", f"{metadata.version('pip')}, for `pypi:` sources")


def _pulled(settings: Settings) -> Check:
    found = inventory(settings)
    gone = [one.source for one in found.pulled if not one.path.exists()]
    said = f"{len(found.pulled)} pulled, {format_bytes(sum(one.bytes for one in found.pulled))}"
    if gone:
        return Check("weights", "warn", f"{said}; the files of {', '.join(gone)} are gone", "Pull them again.")
    return Check("weights", "ok", said)


def _llama_cpp() -> Iterator[Check]:
    """Load llama.cpp in a process of its own: on a processor it was not built for, it would end ours."""
    if importlib.util.find_spec("xllamacpp") is None:
        return
    yield loads("import xllamacpp; print(xllamacpp.get_system_info())", LOADING_S)


def loads(code: str, most_s: float) -> Check:
    """Whether llama.cpp is loaded by `code`, which prints what the processor can do."""
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=most_s, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        found = f"was not loaded within {most_s:g} s"
        return Check("llama.cpp", "warn", found, "Try again when the machine is less busy.")
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return Check(
            "llama.cpp",
            "missing",
            f"cannot be loaded: {said[:200]}",
            "Reinstall it: pip install --force-reinstall xllamacpp",
        )
    features = re.findall(r"(\w+) = 1\b", done.stdout)
    return Check("llama.cpp", "ok", f"loads, and uses {', '.join(features)}" if features else "loads")


def _extras() -> Iterator[Check]:
    for package, (extra, purpose) in EXTRAS.items():
        try:
            version = metadata.version(package.replace("_", "-"))
        except metadata.PackageNotFoundError:
            yield Check(extra, "warn", f"cannot {purpose}", f"pip install 'weighbridge[{extra}]'")
        else:
            yield Check(extra, "ok", f"{package} {version}: can {purpose}")


def check_backends(folder: Path, settings: Settings) -> Iterator[Check]:
    """The backends of a task: engine installed, weights pulled, keys set, servers answering. Raises InputError for a
    broken task."""
    from weighbridge.weigh.task import load_task

    task = load_task(folder, cache_dir=settings.cache_dir)
    task.close()
    pulled = {one.source: one for one in inventory(settings).pulled}
    for record in {candidate.backend.name: candidate.backend for candidate in task.candidates}.values():
        if record.command is not None:
            yield _command(record)
        elif record.kind in REACHED_KINDS:
            yield asyncio.run(_probe(record, settings))
        elif record.kind == "llamacpp" and (lack := _engine_lacks(record.name)):
            yield lack
        elif record.source is None:
            yield Check(record.name, "ok", f"{record.kind}: needs nothing")
        elif record.source in pulled and pulled[record.source].path.exists():
            yield Check(record.name, "ok", f"{record.source}: {pulled[record.source].location}")
        else:
            next_move = f"The first run pulls it; or now: weighbridge pull {record.source}"
            yield Check(record.name, "warn", f"{record.source} is not here yet", next_move)


def _engine_lacks(name: str) -> Check | None:
    """What the engine llamacpp needs beside weights."""
    from weighbridge.engines.llamacpp.installed import check_installed

    try:
        check_installed(name)
    except EngineError as error:
        return Check(name, "missing", error.what, error.next_move)
    return None


def _command(record: BackendRecord) -> Check:
    """Whether the program that starts it is here."""
    assert record.command is not None
    program = record.command[0]
    if shutil.which(program) is None:
        return Check(record.name, "missing", f"the command {program!r} is not here", "Install it, or write its path.")
    return Check(record.name, "ok", f"{record.kind}: started by {program}")


async def _probe(record: BackendRecord, settings: Settings) -> Check:
    """Ask a server for its models, the cheapest question that needs the address, the key and the network."""
    from weighbridge.engines.dialect import DialectEngine
    from weighbridge.engines.openai import OpenAIEngine
    from weighbridge.net.calls import Calls

    make = OpenAIEngine if record.kind in OPENAI_KINDS else DialectEngine
    try:
        async with Calls(environ=settings.environ) as calls:
            engine = make(placed(record), calls=calls, environ=settings.environ)
            models = await engine.probe()
    except (EngineError, InputError) as error:
        return Check(record.name, "missing", error.what, error.next_move)
    return Check(record.name, "ok", f"{record.base_url or engine.model}: serves {len(models)} models")

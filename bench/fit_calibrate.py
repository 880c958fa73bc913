"""How far engines and devices stay from stated rates: fits src/weighbridge/fit/efficiencies.toml from measurements.

Question: which factors make sums of read bytes, operations and waits agree with measured seconds, and how far off are
they for a model that was not among the measurements? Method: fit_solver.py (shrunk, robust) on every row of FOLDER's
throughput_truth.csv that can be placed; spreads are quantiles of errors with the row's family of models
left out, and for what was never seen with the generation of devices (or the engine) left out. The same rows
give the same file. What would prove it wrong: fit_throughput.py on another folder.

    python bench/fit_calibrate.py FOLDER [--date 2026-11-22] [--out FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from fit_calibration import calibrate
from fit_rows import read_rows

from weighbridge.fit.efficiencies import SHIPPED, TERMS, Efficiencies, Model, Spread


def source_of(folder: Path) -> str:
    """What a calibration says it was made from: the rows by their hash, not by their place."""
    data = (folder / "throughput_truth.csv").read_bytes()
    return f"throughput_truth.csv sha256:{hashlib.sha256(data).hexdigest()[:16]}"


def written(found: Efficiencies) -> str:
    """The file: one line a cell, so that a change of a factor is a change of a line."""
    lines = [
        "# Calibrated factors of speed, written by bench/fit_calibrate.py; docs/speed.md says what they mean.",
        "# seconds = sum of terms at stated rates x factor x factors of the cells; spread: log(measured / predicted).",
        "",
        f"date = {json.dumps(found.date)}",
        f"source = {json.dumps(found.source)}",
    ]
    for name in TERMS:
        lines += ["", *_model(name, getattr(found, name))]
    return "\n".join(lines) + "\n"


def _model(name: str, model: Model) -> Iterator[str]:
    yield f"[{name}]"
    yield f"rows = {model.rows}"
    yield f"groups = {model.groups}"
    yield f"generations = {json.dumps(list(model.generations))}"
    yield f"pooled = {_inline(_fields(model.pooled))}"
    yield f"unseen = {_inline(_fields(model.unseen))}"
    yield f"\n[{name}.terms]"
    yield from (f"{term} = {value}" for term, value in model.terms.items())
    yield f"\n[{name}.spread]"
    yield from (f"{json.dumps(engine)} = {_inline(_fields(spread))}" for engine, spread in model.spread.items())
    for kind in ("engine", "generation", "format", "device"):
        if model.cells(kind):
            yield f"\n[{name}.{kind}]"
            yield from (f"{json.dumps(cell)} = {_inline(said)}" for cell, said in sorted(model.cells(kind).items()))


def _fields(spread: Spread) -> Mapping[str, float]:
    return msgspec.structs.asdict(spread)


def _inline(values: Mapping[str, float]) -> str:
    return "{ " + ", ".join(f"{name} = {value}" for name, value in values.items()) + " }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--date", default=time.strftime("%Y-%m-%d"), help="written into the file")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    asked = parser.parse_args()
    started = time.process_time()
    placed = read_rows(asked.folder)
    found = calibrate(placed.rows, asked.date, source_of(asked.folder))
    asked.out.write_text(written(found), encoding="utf-8")
    print(f"{len(placed.rows)} of {placed.total} rows placed; not placed: {placed.skipped}")
    rows = {name: getattr(found, name).rows for name in TERMS}
    print(json.dumps({"out": str(asked.out), "rows": rows, "cpu_s": round(time.process_time() - started, 1)}))


if __name__ == "__main__":
    main()

"""How far are predicted speeds from measured ones, on models the calibration has not seen?

For the folder the shipped factors were calibrated on, every row is predicted by factors fitted without its family of
models, and its interval by the errors of the other families. For any other folder the shipped factors are used as they
are. Errors are |predicted - measured| / measured in the row's own unit (tokens a second, or milliseconds).

    decode    rows of `decode`, `tpot`, `decode_total`        prefill   rows of `prefill`        ttft   rows of `ttft`

`ttft` is counted apart: it is a queue's length as much as a speed. Ceiling: aiconfigurator 0.12.0 on its own rows,
beside ours where a row of peer_aiconfigurator_runs.csv names the same point.

    python bench/fit_throughput.py FOLDER | tail -1
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fit_calibrate import source_of
from fit_calibration import PRIORS, Sample, cell_of, left_out, samples, spread_of
from fit_measured import STEPS, Measured, Placed
from fit_rows import read_points, read_rows
from fit_solver import Array, solve

from weighbridge.fit.efficiencies import Spread, factors, load_efficiencies, seconds

NO_SPREAD = Spread(0.0, 0.0, 0)
PARTS = {"decode": STEPS, "prefill": ("prefill",), "ttft": ("ttft",)}


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with what was predicted for it."""

    row: Measured
    log_error: float
    """log(measured / predicted seconds)."""
    spread: Spread

    @property
    def error(self) -> float:
        """|predicted - measured| / measured in the unit of the row."""
        rate = self.row.metric in ("decode", "decode_total", "prefill")
        return float(abs(np.exp(self.log_error if rate else -self.log_error) - 1))

    @property
    def covered(self) -> bool:
        return self.spread.low <= self.log_error <= self.spread.high


def judge(folder: Path) -> tuple[list[Judged], Placed]:
    """Every row that can be placed, with its prediction."""
    placed = read_rows(folder)
    own = source_of(folder) == load_efficiencies().source
    judged: list[Judged] = []
    for sample in samples(placed.rows).values():
        judged += _held_out(sample) if own else _shipped(sample)
    return judged, placed


def _held_out(sample: Sample) -> list[Judged]:
    """Factors without the row's family, spreads from the other families' errors."""
    errors = left_out(sample)
    groups, engines = list(sample.rows.groups), [row.engine for row in sample.measured]
    spreads: dict[tuple[str, str], Spread] = {}
    for group, engine in set(zip(groups, engines, strict=True)):
        kept = [at for at, other in enumerate(groups) if other != group]
        known = [engines[at] for at in kept]
        spreads[group, engine] = spread_of(
            errors[kept], known, [groups[at] for at in kept], engine if engine in known else None
        )
    return [
        Judged(row, float(error), spreads[row.group, row.engine])
        for row, error in zip(sample.measured, errors, strict=True)
    ]


def collections_left_out(placed: Placed) -> list[Judged]:
    """Every step and prompt of a local engine by factors fitted without its collection, families of models aside; its
    interval by the errors of the other collections' rows with their families left out."""
    judged: list[Judged] = []
    for name, sample in samples(placed.rows).items():
        if name == "serving_first":
            continue
        errors, own = left_out(sample, "collection"), left_out(sample)
        spreads: dict[tuple[str, str], Spread] = {}
        for row, error in zip(sample.measured, errors, strict=True):
            key = (row.collection, row.engine)
            spreads[key] = spreads.get(key) or _spread_without(sample, own, *key)
            judged.append(Judged(row, float(error), spreads[key]))
    return judged


def _spread_without(sample: Sample, errors: Array, collection: str, engine: str) -> Spread:
    """The spread an engine would have been given, had a collection never been seen."""
    kept = [at for at, row in enumerate(sample.measured) if row.collection != collection]
    engines = [sample.measured[at].engine for at in kept]
    groups = [sample.measured[at].group for at in kept]
    return spread_of(errors[kept], engines, groups, engine if engine in engines else None)


def _shipped(sample: Sample) -> list[Judged]:
    table = load_efficiencies()
    judged = []
    for row, terms in zip(sample.measured, sample.rows.terms, strict=True):
        found = factors(table, sample.name, cell_of(row))
        predicted = seconds(tuple(terms.tolist()), found)
        judged.append(Judged(row, float(np.log(row.seconds / predicted)), found.spread))
    return judged


def measure(folder: Path, **_: object) -> dict[str, object]:
    """`decode`, `prefill`, `ttft`: n, median, p90, coverage80; `skipped` by reason; `placed` and `total` rows."""
    judged, placed = judge(folder)
    parts: dict[str, object] = {
        name: summary([found for found in judged if found.row.metric in metrics]) for name, metrics in PARTS.items()
    }
    missed = len(placed.rows) - len(judged)
    skipped = placed.skipped | ({"the device's rates are not known": missed} if missed else {})
    return {**parts, "skipped": skipped, "placed": len(judged), "total": placed.total}


def summary(judged: Sequence[Judged]) -> dict[str, float]:
    """Errors as fractions, and the share of rows inside their 80% interval."""
    if not judged:
        return {"n": 0}
    errors = np.array([found.error for found in judged])
    return {
        "n": len(judged),
        "median": round(float(np.median(errors)), 4),
        "p90": round(float(np.quantile(errors, 0.9)), 4),
        "coverage80": round(float(np.mean([found.covered for found in judged])), 4),
    }


def peer(folder: Path, placed: Placed) -> dict[str, object]:
    """aiconfigurator's errors on the points it answered, and ours on the same, with their family left out.

    Points that are not among the folder's rows are predicted too; their measured values stand in the peer's table.
    """
    path = folder / "peer_aiconfigurator_runs.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["aic_tpot"] and row["silicon_tpot_ms"]]
    answer: dict[str, object] = {}
    for metric, said, true in (("tpot", "aic_tpot", "silicon_tpot_ms"), ("ttft", "aic_ttft", "silicon_ttft_ms")):
        points = read_points(folder, [_as_row(row, metric, row[true]) for row in rows], placed)
        errors = {found.row.label: found.error for found in _predicted(points, placed)}
        both = [row for row in rows if row["id"] in errors]
        theirs = np.array([abs(float(row[said]) / float(row[true]) - 1) for row in both])
        ours = np.array([errors[row["id"]] for row in both])
        answer[metric] = {"n": len(both), "aiconfigurator": _two(theirs), "ours": _two(ours)}
    return answer


def _as_row(row: Mapping[str, str], metric: str, value: str) -> dict[str, str]:
    """A point of the peer's table as a row of ours."""
    ranks = (row["tp_size"], row["attention_dp_size"], row["moe_tp_size"], row["moe_ep_size"])
    return {
        "model": row["model_path"],
        "hardware": row["system"],
        "engine": row["backend"],
        "engine_version": row["backend_version"],
        "precision": row["precision"],
        "batch_or_concurrency": row["batch_size"],
        "isl": row["isl"],
        "osl": row["osl"],
        "parallel": "tp{}pp1dp{}mtp{}ep{}".format(*ranks),
        "metric": metric,
        "value": value,
        "source": f"silicon_sample.csv id={row['id']}",
    }


def _predicted(points: Sequence[Measured], placed: Placed) -> list[Judged]:
    """Predictions by factors fitted on the placed rows of other families."""
    known, judged = samples(placed.rows), []
    for name, sample in samples(points).items():
        groups = np.array(sample.rows.groups)
        for group in sorted(set(groups.tolist())):
            mine, base = groups == group, known[name].rows
            kept = base.take(np.array([other != group for other in base.groups]))
            errors = sample.rows.log_seconds[mine] - solve(name, kept, PRIORS[name]).log_seconds(sample.rows.take(mine))
            rows = [row for row, own in zip(sample.measured, mine, strict=True) if own]
            judged += [Judged(row, float(error), NO_SPREAD) for row, error in zip(rows, errors, strict=True)]
    return judged


def _two(errors: Array | Sequence[float]) -> dict[str, float]:
    if not len(errors):
        return {}
    return {"median": round(float(np.median(errors)), 3), "p90": round(float(np.quantile(errors, 0.9)), 3)}


def by(judged: Iterable[Judged], name: str) -> dict[str, dict[str, float]]:
    """Summaries of decode and prefill rows by `engine`, `collection` or `group`."""
    found: dict[str, list[Judged]] = {}
    for one in judged:
        if one.row.metric != "ttft":
            part = "prefill" if one.row.metric == "prefill" else "decode"
            found.setdefault(f"{part} {getattr(one.row, name)}", []).append(one)
    return {key: summary(rows) for key, rows in sorted(found.items())}


def main() -> None:
    folder = Path(sys.argv[1])
    judged, placed = judge(folder)
    for name in ("engine", "collection", "group"):
        for key, found in by(judged, name).items():
            print(f"{key:46} {found}")
    apart = collections_left_out(placed)
    for part in ("decode", "prefill"):
        rows = [found for found in apart if found.row.metric in PARTS[part]]
        print(f"{part + ', collection left out':46} {summary(rows)}")
    print("metrics", dict(Counter(found.row.metric for found in judged)), "not placed", placed.skipped)
    print("peer", json.dumps(peer(folder, placed)))
    print(json.dumps(measure(folder)))


if __name__ == "__main__":
    main()

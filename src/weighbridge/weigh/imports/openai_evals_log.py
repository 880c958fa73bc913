"""Logs of OpenAI's evals: JSON Lines with a `spec`, events by `sample_id`, and a `final_report` anywhere among them.

A sample's score is its `match` event (`correct`) or its `metrics` event (every number in it is a metric); a later event
with the same metric takes the place of an earlier one, for graders record what they corrected. Samples with an `error`
event and no score are failed. Read from openai/evals: evals/record.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError

from .reading import as_dict, as_list, as_text, objects_of
from .recorded import Log, Recorded, clipped

SCORING = ("match", "metrics")
MATCHED = "correct"
MOST_SAMPLES = 5_000_000


def is_events(first: Mapping[str, Any]) -> bool:
    """Whether an object looks like a line of such a log."""
    return "completion_fns" in as_dict(first.get("spec")) or (
        "final_report" in first or ("sample_id" in first and "type" in first and "data" in first)
    )


def openai_evals_log(path: Path) -> Log:
    """A log of events; what its spec says is read here."""
    spec: dict[str, Any] = {}
    for _, row in objects_of(path):
        if "spec" in row:
            spec = as_dict(row["spec"])
        if spec or "sample_id" in row:
            break
    functions = [as_text(one) for one in as_list(spec.get("completion_fns"))]
    log = Log(path, "OpenAI evals log", lambda: _read(path), task=clipped(as_text(spec.get("eval_name"))))
    log.candidate = clipped(functions[0]) if functions and functions[0] else path.stem
    log.written = as_text(spec.get("created_at"))
    log.settings = str(as_dict(spec.get("run_config")).get("completion_fns") or functions)
    if not functions:
        log.notes.append("it has no spec, so the candidate's name is that of the file")
    return log


def _read(path: Path) -> Iterator[Recorded]:
    """Samples in the order they were first named. Events of one sample lie apart, so all are gathered first."""
    found: dict[str, Recorded] = {}
    for line, row in objects_of(path):
        name, kind = as_text(row.get("sample_id")), row.get("type")
        if not name or kind not in (*SCORING, "error", "sampling"):
            continue
        sample = found.setdefault(name, Recorded(item=clipped(name), line=line, scores={}))
        if len(found) > MOST_SAMPLES:
            raise InputError(f"more than {MOST_SAMPLES:,} samples in one log", where=f"{path.name}:{line}")
        _take(sample, str(kind), as_dict(row.get("data")))
    for sample in found.values():
        if sample.scores or sample.failed:
            yield sample


def _take(sample: Recorded, kind: str, data: Mapping[str, Any]) -> None:
    if kind == "error":
        sample.failed, sample.error = clipped(as_text(data.get("type")) or "error"), as_text(data.get("message"))
    elif kind == "sampling":
        sample.answer = as_text(data.get("sampled"))
        sample.asked = data.get("prompt")
    else:
        numbers: dict[str, Any] = {key: value for key, value in data.items() if isinstance(value, bool | int | float)}
        if kind == "match":
            numbers = {MATCHED: data.get(MATCHED)}
            sample.expected = data.get("expected")
        if any(value is not None for value in numbers.values()):
            sample.scores = {**sample.scores, **numbers}
            sample.failed = None

"""Inspect's logs: `.eval` (a zip of JSON, packed with Zstandard since 2026) and the older `.json`.

    header.json                status, what was asked of whom; `_journal/start.json` while a run is under way
    summaries.json             each sample's id, epoch, scores, usage, times; `_journal/summaries/N.json` until then
    samples/ID_epoch_N.json    the samples in full, read only where there are no summaries with scores

Values of scores: C, I, P and N as Inspect counts them (1, 0, 0.5, 0), numbers, booleans; NaN is "unscored". A scorer
with several values gives metrics `SCORER.KEY`. Samples are paired by id and content, epochs are repeats. A log that
was retried is left out where the whole log of the same task is there. Read from inspect_ai 0.3.285: log/_log.py,
log/_recorders/eval.py, scorer/_metric.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError
from weighbridge.formats.json_parts import BadJson, json_parts
from weighbridge.formats.zip_members import BadZip, ZipMembers

from .reading import as_count, as_dict, as_list, as_number, as_text, decoded, opened
from .recorded import Log, Recorded, Taken, clipped, tags_of

JOURNAL = re.compile(r"_journal/summaries/(\d+)\.json")
SAMPLE = "samples/"
COMPLETE = "success"
COMPARED = 500
"""Characters of an input and a target by which the same id is known to mean the same sample."""
SETTINGS = ("solver", "solver_args", "task_args", "model_generate_config", "model_args", "model_base_url")


def inspect_log(path: Path, taken: Taken) -> Log:
    """A log of either kind; its header is read here. Raises InputError."""
    packed = path.suffix.lower() != ".json"
    header = _zip_header(path) if packed else _json_header(path)
    spec = as_dict(header.get("eval"))
    log = Log(path, "Inspect log", lambda: _read(path, taken, packed=packed))
    log.task = clipped(as_text(spec.get("task")))
    log.candidate = clipped(as_text(spec.get("model"))) or path.stem
    log.written = as_text(spec.get("created"))
    log.settings = "; ".join(f"{name}={spec[name]}" for name in SETTINGS if spec.get(name) not in (None, {}, ""))
    log.identity = as_text(spec.get("task_id"))
    status = as_text(header.get("status"))
    log.complete = status == COMPLETE
    if not log.complete:
        log.notes.append(f"its status is {status or 'unknown'!r}: it may not hold every sample")
    if header.get("invalidated"):
        log.notes.append("it says that samples in it were invalidated")
    return log


def _zip_header(path: Path) -> dict[str, Any]:
    with _members(path) as members:
        for name in ("header.json", "_journal/start.json"):
            if name in members:
                return as_dict(_decoded_member(members, name, path))
    what = "this zip is no Inspect log: it has neither header.json nor _journal/start.json"
    raise InputError(what, where=path.name, next_move="Name the file that Inspect wrote.")


def _members(path: Path) -> ZipMembers:
    try:
        return ZipMembers(path)
    except BadZip as error:
        what = f"the log cannot be read: {error}"
        raise InputError(what, where=path.name, next_move="Was it copied while it was written?") from error
    except OSError as error:
        raise InputError(f"the log cannot be read: {error.strerror or error}", where=str(path)) from error


def _decoded_member(members: ZipMembers, name: str, path: Path) -> Any:
    try:
        return decoded(members.read(name), f"{path.name}: {name}")
    except BadZip as error:
        what = f"the log cannot be read: {error}"
        raise InputError(what, where=path.name, next_move="Copy it again from where it was written.") from error


def _json_header(path: Path) -> dict[str, Any]:
    whole = {("eval",), ("status",), ("invalidated",)}
    return {where[0]: decoded(raw, f"{path.name}: {where[0]}") for where, raw in _json_parts(path, whole=whole)}


def _json_parts(path: Path, **asked: Any) -> Iterator[tuple[tuple[str, ...], bytes]]:
    try:
        with opened(path) as file:
            yield from json_parts(file, **asked)
    except BadJson as error:
        what = f"not readable as JSON: {error}"
        raise InputError(what, where=path.name, next_move="Was it copied while it was written?") from error


def _read(path: Path, taken: Taken, *, packed: bool) -> Iterator[Recorded]:
    if packed:
        with _members(path) as members:
            yield from (_recorded(sample, path, taken) for sample in _samples(members, path))
        return
    for number, (_, raw) in enumerate(_json_parts(path, each={("samples",)}), 1):
        yield _recorded(as_dict(decoded(raw, f"{path.name}: sample {number}")), path, taken)


def _samples(members: ZipMembers, path: Path) -> Iterator[dict[str, Any]]:
    """Summaries where they hold the scores, else the samples themselves. A sample that was run again counts once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in _summaries(members):
        for one in as_list(_decoded_member(members, name, path)):
            found[as_text(as_dict(one).get("id")), as_text(as_dict(one).get("epoch"))] = as_dict(one)
    if found and all("scores" in one or one.get("error") for one in found.values()):
        yield from found.values()
        return
    for name in members.names:
        if name.startswith(SAMPLE) and name.endswith(".json"):
            yield as_dict(_decoded_member(members, name, path))


def _summaries(members: ZipMembers) -> Iterable[str]:
    if "summaries.json" in members:
        return ("summaries.json",)
    numbered = ((JOURNAL.fullmatch(name), name) for name in members.names)
    return (name for _, name in sorted((int(match[1]), name) for match, name in numbered if match))


def _recorded(sample: Mapping[str, Any], path: Path, taken: Taken) -> Recorded:
    scores = as_dict(sample.get("scores")) or ({"score": sample["score"]} if sample.get("score") else {})
    error = sample.get("error")
    message = as_text(as_dict(error).get("message")) or as_text(error)
    usage = [as_dict(one) for one in as_dict(sample.get("model_usage")).values()]
    name = as_text(sample.get("id"))
    if not name:
        raise InputError("a sample has no id", where=path.name, next_move="Check how the log was written.")
    first = as_dict(next(iter(scores.values()), None))
    return Recorded(
        item=clipped(name),
        key=_key(name, sample),
        repeat=as_text(sample.get("epoch")) or None,
        scores=dict(_values(scores)),
        failed=(message.split(":")[0][:60] or "error") if error and not scores else None,
        error=message,
        usd=_sum(one.get("total_cost") for one in usage),
        latency_s=as_number(sample.get("working_time", sample.get("total_time"))),
        tokens_in=_tokens(usage, "input_tokens", "input_tokens_cache_read", "input_tokens_cache_write"),
        tokens_out=_tokens(usage, "output_tokens"),
        tags=tags_of(as_dict(sample.get("metadata")), taken.tags),
        asked=_content(sample.get("input")),
        expected=sample.get("target"),
        answer=as_text(first.get("answer")),
        note=as_text(first.get("explanation"))[:300],
    )


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, score in scores.items():
        value = score.get("value") if isinstance(score, dict) else score
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        elif isinstance(value, list):
            yield from ((f"{name}.{place}", one) for place, one in enumerate(value))
        else:
            yield name, value


def _key(name: str, sample: Mapping[str, Any]) -> str:
    """A hash over id, input and target, without the ids that Inspect gives every message anew. Only the beginning of
    long texts counts: summaries cut them."""
    what = [name, str(_content(sample.get("input")))[:COMPARED], str(sample.get("target"))[:COMPARED]]
    return hashlib.blake2b(json.dumps(what, default=str).encode(), digest_size=16).hexdigest()


def _content(value: object) -> object:
    """A text, or the roles and texts of messages."""
    if not isinstance(value, list):
        return value
    return [[as_text(as_dict(one).get("role")), as_dict(one).get("content")] for one in value]


def _sum(values: Iterable[object]) -> float | None:
    """None as soon as one is unknown."""
    numbers = [as_number(value) for value in values]
    return None if not numbers or None in numbers else sum(number or 0.0 for number in numbers)


def _tokens(usage: Iterable[Mapping[str, Any]], *names: str) -> int | None:
    """Inspect's input tokens leave out those of the cache; the sum is what was read."""
    counts = [as_count(one.get(name)) for one in usage for name in names]
    return sum(count or 0 for count in counts) if any(count is not None for count in counts) else None

"""From paths to logs: folders are walked, and what a file is shows in its first bytes, not in its name.

Only names that tools give their results are looked at in a folder; a file that is named outright is always read, or
refused with what it was taken for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.json_parts import BadJson, json_parts

from .fields import check_where, recorded, roles_of
from .inspect_log import inspect_log
from .lm_eval_log import is_samples, lm_eval_log
from .openai_evals_log import is_events, openai_evals_log
from .promptfoo_log import is_result, promptfoo_log
from .reading import as_dict, decoded, head_of, objects_of, opened, rows_of
from .recorded import Log, Recorded, Taken
from .tables import table_log

SUFFIXES = (".jsonl", ".json", ".eval", ".csv", ".tsv", ".jsonl.gz", ".json.gz", ".csv.gz", ".tsv.gz")
ELSEWHERE = {
    **dict.fromkeys((".yaml", ".yml", ".html"), "promptfoo writes the same as JSON: `promptfoo eval -o results.json`."),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "Save the sheet as CSV."),
    ".parquet": "Write it as CSV or JSON Lines.",
}
"""What to do about files of other kinds."""
MOST_FILES = 100_000
KNOWN = (
    "lm-eval samples, Inspect logs, promptfoo results, OpenAI evals logs, CSV, TSV, JSON Lines with item, candidate "
    "and score"
)


def find_logs(paths: Iterable[str], taken: Taken) -> list[Log]:
    """Every log under the paths; `NAME=PATH` names the candidate. Raises InputError, UsageError."""
    logs: list[Log] = []
    seen: dict[Path, str] = {}
    passed: list[str] = []
    for given in paths:
        name, place = _named(given)
        found = 0
        for path in _files(place):
            if path.resolve() in seen:
                found += 1
                continue
            seen[path.resolve()] = given
            log = _opened(path, taken, must=not place.is_dir())
            if log is None:
                passed.append(path.name)
                continue
            found += 1
            if name is not None:
                log.given, log.settings = name, ""
                log.candidate = log.candidate and name
            logs.append(log)
        if not found and place.is_dir():
            raise InputError(
                f"no recorded results are in {str(place)!r}",
                where=str(place),
                next_move=f"Known: {KNOWN}." + (f" Looked at and left out: {', '.join(passed[:5])}." if passed else ""),
            )
    return _once(logs)


def _named(given: str) -> tuple[str | None, Path]:
    """`base=out/base` names the candidate, unless a file of that very name is there."""
    name, mark, rest = given.partition("=")
    if mark and not Path(given).exists():
        if not name.strip() or not rest:
            raise UsageError(f"{given!r} is no NAME=PATH", next_move="Write --from base=out/base.")
        return name.strip(), Path(rest)
    return None, Path(given)


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    count = 0
    for path in sorted(place.rglob("*")):
        if path.name.startswith(".") or not path.name.lower().endswith(SUFFIXES) or not path.is_file():
            continue
        count += 1
        if count > MOST_FILES:
            raise InputError(f"more than {MOST_FILES:,} files are in {str(place)!r}", next_move="Name a folder below.")
        yield path


def _opened(path: Path, taken: Taken, *, must: bool) -> Log | None:
    """The log a file is; None for one of a folder that is none."""
    log = _recognised(path, taken)
    if log is None and must:
        raise InputError("the file holds no results that are known here", where=str(path), next_move=f"Known: {KNOWN}.")
    return log


def _recognised(path: Path, taken: Taken) -> Log | None:
    if path.suffix.lower() in ELSEWHERE:
        what = f"files that end in {path.suffix} are not read"
        raise InputError(what, where=str(path), next_move=ELSEWHERE[path.suffix.lower()])
    head = head_of(path, 4096)
    start = head.lstrip()[:1]
    if head.startswith(b"PK\x03\x04"):
        return inspect_log(path, taken)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        return table_log(path, taken)
    if start == b"{":
        return _of_lines(path, taken) if _is_lines(path) else _of_document(path, taken)
    if start == b"[":
        return _of_array(path, taken)
    if name.endswith((".jsonl", ".json", ".eval")) or not head.strip():
        return None
    return table_log(path, taken) if b"\x00" not in head else None


def _is_lines(path: Path) -> bool:
    """Whether the first line is a whole object and more follow, or the name says so."""
    if path.name.lower().removesuffix(".gz").endswith(".jsonl"):
        return True
    with opened(path) as file:
        first = file.readline(1 << 20).strip()
        rest = file.read(64).strip()
    return first.startswith(b"{") and first.endswith(b"}") and len(first) > 1 and rest.startswith(b"{")


def _of_lines(path: Path, taken: Taken) -> Log | None:
    _, first = next(objects_of(path), (0, {}))
    if is_samples(first):
        return lm_eval_log(path, first, taken)
    if is_events(first):
        return openai_evals_log(path)
    if is_result(first):
        return promptfoo_log(path, taken, lines=True)
    return _of_rows(path, first, taken)


def _of_rows(path: Path, first: Mapping[str, Any], taken: Taken) -> Log | None:
    """JSON Lines or an array of objects that name the item, the candidate and the score."""
    roles = roles_of(first, taken, f"{path.name}:1")
    if roles is None:
        return None
    check_where(first, taken, f"{path.name}:1")

    def read() -> Iterator[Recorded]:
        for line, row in rows_of(path):
            found = recorded(row, roles, taken, (path.name, line))
            if found is not None:
                yield found

    return Log(path, "JSON, one object per answer", read, repeats_are_meant=taken.repeats, blank_is_missing=True)


def _of_document(path: Path, taken: Taken) -> Log | None:
    """One JSON object: known by the names at its top."""
    try:
        with opened(path) as file:
            parts = json_parts(file, whole={("status",), ("version",), ("eval", "model"), ("evalId",)}, each=_RESULTS)
            for where, raw in parts:
                if where == ("eval", "model"):
                    return inspect_log(path, taken)
                if where in _RESULTS and is_result(as_dict(decoded(raw, path.name))):
                    return promptfoo_log(path, taken, lines=False)
    except BadJson as error:
        what = f"not readable as JSON: {error}"
        raise InputError(what, where=path.name, next_move="Was it copied while it was written?") from error
    return None


def _of_array(path: Path, taken: Taken) -> Log | None:
    try:
        with opened(path) as file:
            first = next((raw for _, raw in json_parts(file, each={()})), b"{}")
    except BadJson as error:
        raise InputError(f"not readable as JSON: {error}", where=path.name) from error
    row = as_dict(decoded(first, path.name))
    return lm_eval_log(path, row, taken) if is_samples(row) else _of_rows(path, row, taken)


_RESULTS = {("results", "results"), ("results",)}


def _once(logs: list[Log]) -> list[Log]:
    """Without copies: files of the same bytes are one run, however often they were given."""
    by_size: dict[int, list[Log]] = {}
    for log in logs:
        by_size.setdefault(log.path.stat().st_size, []).append(log)
    kept, digests = [], dict[bytes, Log]()
    for log in logs:
        if len(by_size[log.path.stat().st_size]) > 1:
            digest = hashlib.blake2b(f"{log.given}\0{log.candidate}\0{log.task}".encode())
            with log.path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
            first = digests.setdefault(digest.digest(), log)
            if first is not log:
                first.notes.append(f"{log.path} holds the same bytes and is read once")
                continue
        kept.append(log)
    return kept

"""lm-eval's per-sample logs: `samples_TASK_DATE.jsonl`, one line per document and filter, beside `results_DATE.json`.

    OUT/MODEL/samples_gsm8k_2026-01-05T10-00-00.123456.jsonl     the folder is the model, `/` written as `__`
    OUT/MODEL/results_2026-01-05T10-00-00.123456.json            model, arguments, shots, which metrics want less
    OUT/MODEL_ARGS_TASK.jsonl, OUT/results.json                  versions before 0.4.3: an array, `/` and `=` as `__`

Documents are paired by `doc_hash` where every log of a task has it, else by `doc_id`: limits, shards and another
revision of a data set move ids, not hashes. A metric under a filter other than the first is `METRIC,FILTER`, as
lm-eval's own tables name it. Read from lm_eval 0.4.13: loggers/evaluation_tracker.py, evaluator.py, result_schema.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError
from weighbridge.formats.json_parts import BadJson, json_parts

from .reading import as_dict, as_list, as_text, decoded, opened, rows_of
from .recorded import Log, Recorded, Taken, clipped, tags_of

NAME = re.compile(r"samples_(?P<task>.+?)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl?(\.gz)?")
OLD_NAME = re.compile(r"(samples_)?(?P<task>.+?)\.jsonl?(\.gz)?")
NOT_SCORED = "bypass"
"""The metric of answers that were only asked for (`--predict_only`); it says 999."""
FIXED = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
     "target_hash", NOT_SCORED}
)  # fmt: skip
RESULTS = ("model_name", "model_source", "config", "n-shot", "higher_is_better", "configs", "lm_eval_version", "date",
           "system_instruction_sha", "chat_template_sha", "fewshot_as_multiturn")  # fmt: skip
MAIN_FILTER = "none"
OF_MODEL = ("pretrained=", "model=", "engine=")
"""Arguments that name a model."""


def is_samples(first: Mapping[str, Any]) -> bool:
    """Whether an object looks like a line of such a log."""
    return "doc_id" in first and ("resps" in first or "filtered_resps" in first or "arguments" in first)


def lm_eval_log(path: Path, first: Mapping[str, Any], taken: Taken) -> Log:
    """A file of samples, described by its name and the results beside it."""
    match = NAME.fullmatch(path.name) or OLD_NAME.fullmatch(path.name)
    task = match["task"] if match else path.stem
    written = match["date"] if match and "date" in match.groupdict() else ""
    results = _results_beside(path, written)
    model = as_text(results.get("model_name")) or path.absolute().parent.name
    old = _old_name(task, results) if not written else None
    if old is not None:
        model, task = old
    log = Log(path, "lm-eval samples", lambda: _read(path, taken), candidate=clipped(model), task=clipped(task))
    log.written = written
    log.settings = _settings(results, task)
    better = as_dict(as_dict(results.get("higher_is_better")).get(task))
    log.lower_is_better = frozenset(name for name, higher in better.items() if higher is False)
    if old is None and not as_text(results.get("model_name")):
        log.notes.append("no results_*.json lies beside it, so the model's name is that of its folder")
    if "doc_hash" not in first:
        log.notes.append("its documents have no hash, so they are paired by their number alone")
    return log


def _old_name(stem: str, results: Mapping[str, Any]) -> tuple[str, str] | None:
    """Model and task of `pretrained__EleutherAI__pythia-160m_arc_easy`; the results say which tasks there were. None
    for other names."""
    tasks = (name for name in as_dict(results.get("configs")) if stem.endswith(f"_{name}"))
    task = max(tasks, key=len, default=None)
    if task is None:
        return None
    asked = stem.removesuffix(f"_{task}")
    model = as_text(as_dict(results.get("config")).get("model_args"))
    if re.sub("[/=]", "__", model) != asked:  # of another run, which was written to the same folder
        model = asked.replace("__", "/").replace("/", "=", 1)
    first = next((part.partition("=")[2] for part in model.split(",") if part.startswith(OF_MODEL)), "")
    return first or model, task


def _results_beside(path: Path, written: str) -> dict[str, Any]:
    """What results_*.json of the same run says; the newest where none has the date. Empty where there is none."""
    beside = sorted(path.parent.glob("results*.json")) if path.parent.is_dir() else []
    exact = [one for one in beside if written and written in one.name]
    for one in (*exact, *reversed(beside)):
        try:
            with opened(one) as file:
                parts = list(json_parts(file, whole={(name,) for name in RESULTS}))
            found = {where[0]: decoded(raw, one.name) for where, raw in parts}
        except (BadJson, InputError):
            continue
        if found:
            return found
    return {}


def _settings(results: Mapping[str, Any], task: str) -> str:
    """What tells apart two runs of one model: arguments, shots, templates; never dates, paths or versions."""
    config = as_dict(results.get("config"))
    said = {name: config.get(name) for name in ("model", "model_args", "gen_kwargs", "model_dtype", "model_revision")}
    said["shots"] = as_dict(results.get("n-shot")).get(task)
    said |= {name: results.get(name) for name in RESULTS[-3:]}
    return "; ".join(f"{name}={value}" for name, value in said.items() if value not in (None, "", {}))


def _read(path: Path, taken: Taken) -> Iterator[Recorded]:
    """Documents in the order of the file; each filter's line is a sample of its own, of its own metrics."""
    main: str | None = None
    occurrences: Counter[tuple[str, str]] = Counter()
    for line, row in rows_of(path):
        if not is_samples(row):
            what = "this line is no sample of lm-eval: it has no doc_id and no responses"
            raise InputError(what, where=f"{path.name}:{line}", next_move="Was the file put together from others?")
        used = as_text(row.get("filter")) or MAIN_FILTER
        main = used if main is None else main
        digest = as_text(row.get("doc_hash"))
        if digest:  # a data set may hold the same document twice
            occurrences[used, digest] += 1
            digest = f"{digest}#{occurrences[used, digest]}"
        yield Recorded(
            item=as_text(row.get("doc_id")),
            line=line,
            scores=_scores(row, "" if used == main else f",{used}"),
            key=digest or None,
            tags=_tags(row, taken),
            asked=_asked(row),
            expected=row.get("target"),
            answer=_answer(row),
        )


def _scores(row: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    named = [name for name in as_list(row.get("metrics")) if isinstance(name, str)]
    names = named or [name for name in row if name not in FIXED]
    return {f"{name}{suffix}": _plain(row.get(name)) for name in names if name != NOT_SCORED}


def _plain(value: object) -> object:
    """A metric's value; a list of one is its element."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _tags(row: Mapping[str, Any], taken: Taken) -> dict[str, str]:
    return tags_of(as_dict(row.get("doc")), taken.tags)


def _asked(row: Mapping[str, Any]) -> object:
    """The prompt of the first request; the document where there is none."""
    arguments = row.get("arguments")
    if isinstance(arguments, dict):
        first = as_dict(next(iter(arguments.values()), None))
        return first.get("arg_0") or row.get("doc")
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list) and arguments[0]:
        return arguments[0][0]
    return row.get("doc")


def _answer(row: Mapping[str, Any]) -> str:
    """The text that was scored; of a choice the log-likelihoods as they stand."""
    found = as_list(row.get("filtered_resps"))
    if len(found) == 1:
        return found[0] if isinstance(found[0], str) else str(found[0])
    return str(found)[:2_000] if found else ""

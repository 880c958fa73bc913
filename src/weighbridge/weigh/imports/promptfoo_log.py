"""promptfoo's results: one JSON document (`-o out.json`) or JSON Lines (`-o out.jsonl`), one result per prompt,
provider and test.

    {"evalId", "results": {"version": 3, "results": [...], "prompts": [{"provider", "label"}], "stats"}, "config"}
    {"evalId", "results": {"version": 2 or less, "results": [...], "table": {"head": {"prompts"}, "body"}}, ...}
    {"version": ..., "results": [...], ...}     the summary alone, as the library returns it

A candidate is a provider; with several prompts, a provider with a prompt (lines carry both, and are looked through
for them first). Tests are paired by their variables and
assertions, not by number: `--repeat` gives every repetition a number of its own. `score` is the metric unless a named
one is asked for; `pass` is the pass or fail beside it. A result with an error and no grade is failed (failureReason 2).
Read from promptfoo: src/types/index.ts, src/evaluator.ts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weighbridge.errors import InputError
from weighbridge.formats.json_parts import BadJson, json_parts

from .reading import as_count, as_dict, as_list, as_number, as_text, decoded, objects_of, opened
from .recorded import Log, Recorded, Taken, clipped, tags_of

RESULTS = {("results", "results"), ("results",)}
HEADS = {("results", "prompts"), ("results", "table", "head"), ("prompts",), ("table", "head")}
ERROR = 2
"""`failureReason` of a result that came to no grade."""
OWN_VARS = ("sessionId", "__")
"""Variables that promptfoo adds itself, other for every call."""


def is_result(first: Mapping[str, Any]) -> bool:
    """Whether an object looks like one result."""
    return "provider" in first and "score" in first and ("testIdx" in first or "vars" in first or "testCase" in first)


def promptfoo_log(path: Path, taken: Taken, *, lines: bool) -> Log:
    """A document or a file of lines; who was asked is read here."""
    heads = _heads_of_lines(path) if lines else _heads(path)
    return Log(path, "promptfoo results", lambda: _read(path, taken, heads, lines=lines))


def _heads(path: Path) -> dict[int, str]:
    """Candidate by promptIdx; empty where the document does not list them."""
    prompts: list[Any] = []
    for _, raw in _parts(path, whole=HEADS):
        value = decoded(raw, path.name)
        prompts = as_list(as_dict(value).get("prompts")) if isinstance(value, dict) else as_list(value)
        if prompts:
            break
    providers = [as_text(as_dict(one).get("provider")) for one in prompts]
    labels = [as_text(as_dict(one).get("label")) or as_text(as_dict(one).get("raw")) for one in prompts]
    return dict(enumerate(_distinct(providers, labels)))


def _heads_of_lines(path: Path) -> dict[int, str]:
    """The same from what each result says of its prompt."""
    asked: dict[int, tuple[str, str]] = {}
    for _, row in objects_of(path):
        prompt, index = as_dict(row.get("prompt")), row.get("promptIdx")
        if isinstance(index, int) and index not in asked:
            asked[index] = _provider(row), as_text(prompt.get("label")) or as_text(prompt.get("raw"))
    order = sorted(asked)
    names = _distinct([asked[index][0] for index in order], [asked[index][1] for index in order])
    return dict(zip(order, names, strict=True))


def _distinct(providers: list[str], labels: list[str]) -> list[str]:
    """Providers; with their prompt where there are several; with a number where even that is the same."""
    several = len(set(labels)) > 1
    names = [f"{who} · {_short(label)}" if several else who for who, label in zip(providers, labels, strict=True)]
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[place] = f"{name} #{seen[name]}"
    return [clipped(name) for name in names]


def _short(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _parts(path: Path, **asked: Any) -> Iterator[tuple[tuple[str, ...], bytes]]:
    try:
        with opened(path) as file:
            yield from json_parts(file, **asked)
    except BadJson as error:
        what = f"not readable as JSON: {error}"
        raise InputError(what, where=path.name, next_move="Write the results again.") from error


def _objects(path: Path, *, lines: bool) -> Iterator[tuple[int | None, dict[str, Any]]]:
    if lines:
        yield from objects_of(path)
        return
    for number, (_, raw) in enumerate(_parts(path, each=RESULTS), 1):
        yield None, as_dict(decoded(raw, f"{path.name}: result {number}"))


def _read(path: Path, taken: Taken, heads: Mapping[int, str], *, lines: bool) -> Iterator[Recorded]:
    for line, row in _objects(path, lines=lines):
        grading, response = as_dict(row.get("gradingResult")), as_dict(row.get("response"))
        case, variables = as_dict(row.get("testCase")), as_dict(row.get("vars"))
        usage = as_dict(row.get("tokenUsage")) or as_dict(response.get("tokenUsage"))
        index = row.get("promptIdx")
        listed = heads.get(index) if isinstance(index, int) else None
        score, passed = row.get("score", grading.get("score")), row.get("success", grading.get("pass"))
        error = as_text(row.get("error"))
        failed = row.get("failureReason") == ERROR or (bool(error) and not grading)
        latency = as_number(row.get("latencyMs"))
        named = as_dict(row.get("namedScores"))
        yield Recorded(
            item=_item(row, case),
            line=line,
            candidate=listed or _provider(row),
            key=_key(variables, case),
            scores={} if failed else {"score": score, "pass": passed, **named},
            failed="error" if failed else None,
            error=error or as_text(response.get("error")),
            usd=_usd(row, response),
            latency_s=None if latency is None or response.get("cached") else latency / 1000,
            tokens_in=as_count(usage.get("prompt")),
            tokens_out=as_count(usage.get("completion")),
            tags=tags_of({**variables, **as_dict(case.get("metadata"))}, taken.tags),
            asked=as_dict(row.get("prompt")).get("raw") or variables,
            expected=[as_dict(one).get("value") for one in as_list(case.get("assert"))] or None,
            answer=_output(response.get("output")),
            note=as_text(grading.get("reason")),
        )


def _usd(row: Mapping[str, Any], response: Mapping[str, Any]) -> float | None:
    """promptfoo begins at 0 and keeps it for a call that broke: what that cost is unknown."""
    cost = row.get("cost", response.get("cost"))
    return None if cost == 0 and "cost" not in response else as_number(cost)


def _item(row: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    described = as_text(case.get("description")) or as_text(row.get("description"))
    number = as_text(row.get("testIdx"))
    return clipped(described or (f"test {number}" if number else "") or _output(row.get("vars")))


def _provider(row: Mapping[str, Any]) -> str:
    provider = row.get("provider")
    named = as_dict(provider)
    return clipped(as_text(named.get("label")) or as_text(named.get("id")) or as_text(provider)) or "(no provider)"


def _key(variables: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    """A hash over what makes a test the test it is."""
    own = {name: value for name, value in variables.items() if not name.startswith(OWN_VARS)}
    what = [own, case.get("assert"), case.get("description")]
    return hashlib.blake2b(json.dumps(what, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def _output(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)

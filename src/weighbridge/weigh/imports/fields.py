"""A row with named fields, one answer each: which field is the item, the candidate, the score, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import did_you_mean

from .reading import as_count, as_number, as_text
from .recorded import Recorded, Taken, clipped, tags_of
from .scale import number_of

NAMES: Mapping[str, tuple[str, ...]] = {
    "item": ("item", "item_id", "id", "sample_id", "question_id", "example_id", "doc_id", "prompt_id", "instance_id",
             "case_id", "session_id", "task_id", "problem_id", "query_id", "test_id", "qid", "uid", "key", "question",
             "problem", "sample", "index"),
    "candidate": ("candidate", "model", "model_id", "model_name", "system", "provider", "engine", "run_name"),
    "score": ("score", "correct", "is_correct", "resolved", "accuracy", "acc", "pass", "passed", "success", "grade",
              "value", "result", "reward", "exact_match", "f1"),
    "repeat": ("repeat", "repetition", "epoch", "run", "trial", "attempt", "sample", "seed", "replicate"),
    "usd": ("usd", "cost", "cost_usd", "price_usd", "total_cost", "dollars"),
    "latency_s": ("latency_s", "latency", "seconds", "duration_s", "duration", "elapsed_s", "time_s"),
    "latency_ms": ("latency_ms", "latencyms", "duration_ms", "elapsed_ms"),
    "tokens_in": ("tokens_in", "input_tokens", "prompt_tokens"),
    "tokens_out": ("tokens_out", "output_tokens", "completion_tokens"),
    "failed": ("failed", "error", "failure"),
}  # fmt: skip
"""What a field is for, and the names it goes by, the likeliest first; compared without regard to case."""
NEEDED = ("item", "candidate", "score")
NOT_FAILED = frozenset({"", "false", "0", "no", "none", "null", "nan"})


class Roles(msgspec.Struct, frozen=True):
    """Which field does what: role to the fields' names. Several make one name: `question_id+turn`."""

    fields: Mapping[str, tuple[str, ...]]
    metrics: tuple[str, ...]
    """Fields that hold scores; the first counts unless another is asked for."""

    def get(self, row: Mapping[str, Any], role: str) -> Any:
        names = self.fields.get(role, ())
        return row.get(names[0]) if len(names) == 1 else None

    def name(self, row: Mapping[str, Any], role: str) -> str:
        return "+".join(as_text(row.get(name)).strip() for name in self.fields.get(role, ()))


def roles_of(names: Iterable[str], taken: Taken, where: str) -> Roles | None:
    """None where no field can be the candidate or the score: then it is no table of this shape. Raises UsageError for
    a column that was named and is not there."""
    known = {name.casefold(): name for name in names}
    found: dict[str, tuple[str, ...]] = {}
    for role, wanted in taken.columns.items():
        found[role] = tuple(_there(part.strip(), known, where) for part in wanted.split("+"))
    used = {name for several in found.values() for name in several}
    for role, likely in NAMES.items():
        name = next((known[one] for one in likely if one in known and known[one] not in used), None)
        if role not in found and name is not None:
            found[role] = (name,)
            used.add(name)
    if any(role not in found for role in NEEDED):
        return None
    others = tuple(known[one] for one in NAMES["score"] if one in known and known[one] not in used)
    return Roles(found, (*found["score"], *others))


def recorded(row: Mapping[str, Any], roles: Roles, taken: Taken, at: tuple[str, int]) -> Recorded | None:
    """One row; None where --where leaves it out. Raises InputError for a row without an item or a candidate."""
    if any(as_text(row.get(name)).strip() != value for name, value in taken.where.items()):
        return None
    names = {}
    for role in ("item", "candidate"):
        names[role] = roles.name(row, role)
        if not names[role].strip("+ "):
            what = f"this row has no {role}: {' and '.join(roles.fields[role])} is empty"
            raise InputError(what, where=f"{at[0]}:{at[1]}", next_move=f"Every row names its {role}.")
    failed = as_text(roles.get(row, "failed")).strip()
    failure = None if failed.casefold() in NOT_FAILED else failed
    seconds = _amount(roles.get(row, "latency_s"))
    milliseconds = _amount(roles.get(row, "latency_ms"))
    repeat = roles.name(row, "repeat").strip()
    asked = next((row[name] for name in ("prompt", "input", "instruction", "text") if name in row), None)
    return Recorded(
        item=clipped(names["item"]),
        candidate=clipped(names["candidate"]),
        line=at[1],
        scores={name: row.get(name) for name in roles.metrics},
        repeat=repeat or None,
        failed=None if failure is None or _has_score(row, roles) else failure[:80],
        error=failure or "",
        usd=_amount(roles.get(row, "usd")),
        latency_s=milliseconds / 1000 if seconds is None and milliseconds is not None else seconds,
        tokens_in=as_count(_amount(roles.get(row, "tokens_in"))),
        tokens_out=as_count(_amount(roles.get(row, "tokens_out"))),
        tags=tags_of({name: value for name, value in row.items() if name not in roles.metrics}, taken.tags),
        asked=asked,
        answer=next((as_text(row[name]) for name in ("answer", "output", "response", "text") if name in row), ""),
    )


def check_where(names: Iterable[str], taken: Taken, where: str) -> None:
    """Raise UsageError where --where or --tags names a column that is not there."""
    known = {name.casefold(): name for name in names}
    for name in (*taken.where, *taken.tags):
        _there(name, known, where)


def _has_score(row: Mapping[str, Any], roles: Roles) -> bool:
    return number_of(row.get(roles.metrics[0])) is not None


def _amount(value: object) -> float | None:
    number = number_of(value)
    return None if isinstance(number, str) else as_number(number)


def _there(name: str, known: Mapping[str, str], where: str) -> str:
    if name.casefold() not in known:
        what = f"there is no column {name!r}"
        raise UsageError(what, where=where, next_move=did_you_mean(name, known.values()))
    return known[name.casefold()]

"""`json`: the answer's JSON keeps to a schema and has the right fields, with credit for each.

score   the weighted share of fields that are right; a field that the schema refuses counts as wrong
        a violation that lies in no compared field (a field too many, another type) counts as one more wrong field
        without a reference: 1 for JSON that keeps to the schema, else 0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from weighbridge.formats.problems import did_you_mean
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.scorers.json_schema import Schema, Violation
from weighbridge.weigh.scorers.json_values import Compare, same_value, share_of_set
from weighbridge.weigh.scorers.read_json import read_json
from weighbridge.weigh.scorers.registry import KINDS, make_scorer, options_of
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, in_range, shown
from weighbridge.weigh.template import as_text

NO_RULES = ("json", "judge")
"""Scorers that cannot look at one field."""


class FieldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one field is compared."""

    kind: str = "same"
    """`same` (equal JSON values), `set` (a list in any order, with credit for its parts), or another scorer."""
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    options: dict[str, Any] = {}


class JsonOptions(Options, frozen=True):
    fields: dict[str, str | FieldRule] = msgspec.field(default_factory=dict)
    """Path of a field to its rule, or to the rule's kind; without it, every field of the reference is compared."""


class _Field(NamedTuple):
    path: str
    weight: float
    compare: Compare
    fault: Callable[[Any], str | None] = lambda _: None
    """What is wrong with a reference's value."""


class JsonScorer:
    """Reads the JSON out of fences and prose; see read_json.py."""

    def __init__(self, options: JsonOptions, setting: Setting) -> None:
        self._fields = tuple(_field(path, rule) for path, rule in options.fields.items())
        self._schema = Schema(setting.schema) if setting.schema is not None else None
        self.needs_reference = bool(self._fields) or self._schema is None

    def fault(self, reference: Any) -> str | None:
        value = _reference(reference)
        if not isinstance(value, dict):
            return "is not a JSON object"
        if not value and not self._fields:
            return "is an empty object, which has no fields to compare"
        for violation in self._schema.violations(value) if self._schema else ():
            if not violation.lacking:  # a reference may leave fields out that are not compared
                return f"does not keep to the schema: {violation.what}"
        for field in self._fields:
            wanted = look_up(value, field.path)
            fault = None if wanted is MISSING or wanted is None else field.fault(wanted)
            if fault is not None:
                return f"has a field {field.path!r} that {fault}"
        return None

    def mark(self, text: str, reference: Any) -> Mark:
        value = read_json(text)
        if value is MISSING:
            return Mark(0.0, f"no JSON in {shown(text)}")
        violations = self._schema.violations(value) if self._schema else ()
        if reference is None:
            return Mark(0.0, violations[0].what) if violations else Mark(1.0)
        if not isinstance(value, dict):
            return Mark(0.0, f"not an object: {shown(text)}")
        return self._compared(value, _reference(reference), violations)

    def _compared(self, value: Mapping[str, Any], right: Mapping[str, Any], violations: Sequence[Violation]) -> Mark:
        fields = self._fields or tuple(_Field(name, 1.0, same_value) for name in right)
        score = weights = 0.0
        notes: list[str] = []
        for field in fields:
            refused = next((one for one in violations if one.touches(field.path)), None)
            mark = Mark(0.0, refused.what) if refused else _compare(field, value, right)
            score += field.weight * mark.score
            weights += field.weight
            if mark.score < 1:
                notes.append(f"{field.path}: {mark.note}")
        for stray in (one for one in violations if not any(one.touches(field.path) for field in fields)):
            weights += 1
            notes.append(stray.what)
        return Mark(min(score / weights, 1.0), "; ".join(notes[:5]))


def _compare(field: _Field, value: Mapping[str, Any], right: Mapping[str, Any]) -> Mark:
    said, wanted = look_up(value, field.path), look_up(right, field.path)
    if wanted is MISSING or wanted is None:
        return (
            Mark(1.0) if said is MISSING or said is None else Mark(0.0, f"read {shown(as_text(said))}; expected none")
        )
    if said is MISSING:
        return Mark(0.0, "missing")
    return field.compare(said, wanted)


def _field(path: str, rule: str | FieldRule) -> _Field:
    rule = FieldRule(kind=rule) if isinstance(rule, str) else rule
    if rule.kind in ("same", "set"):
        if rule.options:
            raise BadOption("fields", f"{path}: {rule.kind!r} has no options")
        return _Field(path, rule.weight, same_value if rule.kind == "same" else share_of_set)
    if rule.kind not in KINDS or rule.kind in NO_RULES:
        known = ["same", "set", *(kind for kind in KINDS if kind not in NO_RULES)]
        raise BadOption("fields", f"{path}: there is no rule {rule.kind!r}", did_you_mean(rule.kind, known))
    try:
        options = msgspec.convert(rule.options, options_of(rule.kind))
        scorer = make_scorer(rule.kind, options, Setting())
    except (msgspec.ValidationError, BadOption) as error:
        raise BadOption("fields", f"{path}: {error}", getattr(error, "next_move", None)) from None

    def compare(said: Any, wanted: Any) -> Mark:
        return in_range(scorer.mark(as_text(said), wanted), path)

    return _Field(path, rule.weight, compare, scorer.fault)


def _reference(reference: Any) -> Any:
    """A reference as JSON; in CSV it is a text that holds some."""
    if not isinstance(reference, str):
        return reference
    value = read_json(reference)
    return None if value is MISSING else value

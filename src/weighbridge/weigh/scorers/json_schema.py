"""JSON Schema through jsonschema-rs: every violation with its place; nothing is fetched, patterns cannot run away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonschema_rs

from weighbridge.weigh.scorers.scorer import BadOption

_MOST_VIOLATIONS = 20
_BACKTRACKS = 100_000
"""Steps a `pattern` of the schema may take on one text before it counts as not matching."""


class Violation(NamedTuple):
    path: str
    """Dotted path of what is wrong; empty for the value as a whole."""
    what: str
    lacking: bool = False
    """Whether it is a field that is not there."""

    def touches(self, field: str) -> bool:
        """Whether it lies in a field, or the field lies in what is wrong."""
        return bool(self.path) and (
            self.path == field or self.path.startswith(f"{field}.") or field.startswith(f"{self.path}.")
        )


class Schema:
    """A schema that was checked to be one; the draft is what its `$schema` says, else 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises BadOption for what is no schema, or refers to one elsewhere."""
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                retriever=_fetch_nothing,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            first = str(error).split("\n")[0]
            raise BadOption(None, f"the file in `[answer] schema` is no JSON Schema: {first}") from None

    def violations(self, value: Any) -> tuple[Violation, ...]:
        """What is wrong with a value, at most twenty things."""
        found = []
        for error in self._validator.iter_errors(value):
            lacking = _lacking(error.kind)
            path = ".".join(map(str, (*error.instance_path, *lacking)))
            found.append(Violation(path, str(error.message)[:300], bool(lacking)))
            if len(found) == _MOST_VIOLATIONS:
                break
        return tuple(found)


def _lacking(kind: Any) -> tuple[str, ...]:
    """A required field that is missing lies at its own path."""
    return (kind.property,) if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) else ()


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri} would have to be fetched; copy it into the file under $defs")

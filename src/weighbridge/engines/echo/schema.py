"""The smallest value a JSON Schema allows, for an engine that must answer in a shape without knowing anything.

Understands what structured outputs use: type, enum, const, properties, required, items, minItems, minLength, minimum,
exclusiveMinimum, maximum, anyOf, oneOf, allOf (objects), local $ref, default. A `pattern` or `format` it cannot
satisfy is refused by name.
"""

from __future__ import annotations

import math
from typing import Any

from weighbridge.errors import CannotAsk

DEEPEST = 32
"""A schema that needs more levels than this refers to itself without end."""

LONGEST = 10_000
"""Of a string or an array that is made up."""


def smallest_value(schema: Any) -> Any:
    """A value that satisfies `schema`; raises CannotAsk, naming the keyword, where none can be made up."""
    return _value(schema, schema, 0)


def _value(schema: Any, root: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise CannotAsk(f"the JSON schema is nested or refers to itself more than {DEEPEST} levels deep")
    if schema is True or schema == {}:
        return None
    if not isinstance(schema, dict):
        raise CannotAsk(f"a JSON schema is an object, not {schema!r:.80}")
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return _value(_target(str(schema["$ref"]), root), root, depth + 1)
    for either in ("anyOf", "oneOf"):
        if schema.get(either):
            return _value(schema[either][0], root, depth + 1)
    if schema.get("allOf"):
        return _merged([_value(part, root, depth + 1) for part in schema["allOf"]])
    return _typed(schema, root, depth)


def _typed(schema: dict[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _value(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [_value(schema.get("items", {}), root, depth + 1) for _ in range(_count(schema, "minItems"))]
    if kind == "string":
        for keyword in ("pattern", "format"):
            if keyword in schema:
                raise CannotAsk(f"echo cannot make up a string for the JSON schema's {keyword} {schema[keyword]!r}")
        return "x" * _count(schema, "minLength")
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "boolean":
        return False
    if kind in ("null", None):
        return None
    raise CannotAsk(f"echo does not know the JSON schema type {kind!r}")


def _count(schema: dict[str, Any], keyword: str) -> int:
    count = schema.get(keyword, 0)
    if not isinstance(count, int) or not 0 <= count <= LONGEST:
        raise CannotAsk(f"the JSON schema's {keyword} = {count!r} is not a count up to {LONGEST}")
    return count


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    """0 where it is allowed, else the bound nearest to it."""
    low, lowest_out = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    high, highest_out = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    if low > 0 or lowest_out >= 0:
        if low > lowest_out:
            return math.ceil(low) if whole else low
        room = min(2.0, high - lowest_out, highest_out - lowest_out)
        return math.floor(lowest_out) + 1 if whole else lowest_out + room / 2
    if high < 0 or highest_out <= 0:
        if high < highest_out:
            return math.floor(high) if whole else high
        room = min(2.0, highest_out - low, highest_out - lowest_out)
        return math.ceil(highest_out) - 1 if whole else highest_out - room / 2
    return 0


def _bound(schema: dict[str, Any], keyword: str) -> float:
    value = schema.get(keyword, -math.inf if keyword.lower().endswith("minimum") else math.inf)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CannotAsk(f"the JSON schema's {keyword} = {value!r} is not a number")
    return value


def _merged(values: list[Any]) -> Any:
    """What `allOf` asks for together: the union of objects, else the last part that says anything."""
    if all(isinstance(value, dict) for value in values):
        return {name: item for value in values for name, item in value.items()}
    return next((value for value in reversed(values) if value is not None), None)


def _target(ref: str, root: Any) -> Any:
    """The schema a local reference `#/$defs/Name` points to."""
    here = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if not ref.startswith("#") or not isinstance(here, dict) or (step and step not in here):
            raise CannotAsk(f"the JSON schema refers to {ref!r}, which is not in it")
        here = here[step] if step else here
    return here

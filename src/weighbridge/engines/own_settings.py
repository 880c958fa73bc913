"""The table `settings` of a `[[backend]]`: what only one kind of engine knows, checked by that engine."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from weighbridge.engines.engine import BackendRecord
from weighbridge.errors import InputError
from weighbridge.formats.problems import nearest

Own = TypeVar("Own", bound=msgspec.Struct)


def read_own_settings(record: BackendRecord, table: type[Own]) -> Own:
    """`record.settings` as a `table`; InputError names the backend, the field, what was wanted and what came."""
    fields = [field.encode_name for field in msgspec.structs.fields(table)]
    for name in record.settings:
        if name not in fields:
            raise InputError(
                f"backend {record.name!r}: kind {record.kind!r} has no setting {name!r}",
                where=f"[[backend]] {record.name}: settings.{name}",
                next_move=nearest(name, fields) or f"It knows: {', '.join(fields)}.",
            )
    try:
        return msgspec.convert(record.settings, table)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        raise InputError(
            f"backend {record.name!r}: {what[:1].lower()}{what[1:]}",
            where=f"[[backend]] {record.name}: settings.{path.rstrip('`') or '?'}",
        ) from error

"""docs/engines.md names every setting of the engines it describes, with its default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weighbridge.engines.dialect import KINDS
from weighbridge.engines.echo import EchoSettings
from weighbridge.engines.openai import OpenAISettings

PAGE = (Path(__file__).parent.parent.parent / "docs" / "engines.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", re.MULTILINE)


@pytest.mark.parametrize(("heading", "settings"), [("## `openai`", OpenAISettings), ("## `echo`", EchoSettings)])
def test_the_page_has_every_setting_with_its_default(heading: str, settings: Any) -> None:
    section = PAGE.split(heading)[1].split("\n## ")[0]
    rows = {name: default.strip() for name, default in ROW.findall(section)}
    fields = {field.name: field for field in msgspec.structs.fields(settings)}

    assert set(rows) == set(fields)
    for name, field in fields.items():
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if default is not None:
            assert rows[name] == f"`{msgspec.json.encode(default).decode()}`"


def test_the_page_has_every_setting_of_the_other_dialects() -> None:
    section = PAGE.split("## Other dialects")[1].split("\n## ")[0]
    rows = {name for name, _ in ROW.findall(section)}
    fields = {field.name for settings in KINDS.values() for field in msgspec.structs.fields(settings)}

    assert rows - set(KINDS) == fields
    for kind in KINDS:
        assert f"| `{kind}` |" in section

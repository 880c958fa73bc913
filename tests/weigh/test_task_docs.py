"""The two pages name every key there is, and show only TOML that loads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from weighbridge.chat import Sampling
from weighbridge.engines import BackendRecord
from weighbridge.weigh.records import AnswerSpec, CandidateSpec, PromptSpec, ScoreSpec
from weighbridge.weigh.scorers import KINDS, options_of
from weighbridge.weigh.spec import TaskSection, WeighSection

DOCS = Path(__file__).parent.parent.parent / "docs"
SECTIONS = {
    "`[task]`": TaskSection,
    "`[prompt]`": PromptSpec,
    "`[answer]`": AnswerSpec,
    "`[[score]]`": ScoreSpec,
    "`[weigh]`": WeighSection,
    "`[[backend]]`": BackendRecord,
    "`[[candidate]]`": CandidateSpec,
}


def section(page: str, title: str) -> str:
    """The text under one heading."""
    return (DOCS / page).read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_of_task_toml_is_explained(title: str) -> None:
    text = section("tasks.md", title)

    assert [name for name in SECTIONS[title].__struct_fields__ if f"`{name}`" not in text] == []


def test_every_sampling_value_is_named() -> None:
    text = section("tasks.md", "`[answer]`")

    assert [name for name in Sampling.__struct_fields__ if f"`{name}`" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_a_scorer_is_explained_with_its_default(kind: str) -> None:
    text = section("scorers.md", kind)

    for field in msgspec.structs.fields(options_of(kind)):
        row = re.search(rf"^\| `{field.name}` \| (.*?) \|", text, re.MULTILINE)
        assert row is not None, field.name
        if isinstance(field.default, (bool, int, float)):
            assert row[1] == f"{field.default:g}" if not isinstance(field.default, bool) else str(field.default).lower()


@pytest.mark.parametrize("page", ["tasks.md", "scorers.md"])
def test_every_toml_block_is_toml(page: str) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert blocks
    assert all(tomllib.loads(block) for block in blocks)

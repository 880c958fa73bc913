"""Whoever's data is passed on is named, with the licence it is under."""

from __future__ import annotations

import re
from pathlib import Path

from weighbridge.catalog import load_catalogue

PAGE = Path(__file__).parents[2] / "docs" / "attribution.md"
ROW = re.compile(r"^\| `(?P<id>[^`]+)` \| (?P<whose>.+?) \| (?P<licence>[^|]+?) \| (?P<what>.+?) \|$", re.MULTILINE)


def test_every_data_set_is_on_the_page_with_its_licence_and_its_makers() -> None:
    sources = {source.id: source for source in load_catalogue().sources.values() if source.licence}
    rows = {row["id"]: row for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}

    assert sources, "the catalogue passes on somebody's data"
    assert {id: (row["whose"], row["licence"]) for id, row in rows.items()} == {
        id: (source.attribution, source.licence) for id, source in sources.items()
    }


def test_every_data_set_says_how_its_makers_ask_to_be_named() -> None:
    unnamed = [source.id for source in load_catalogue().sources.values() if source.licence and not source.attribution]

    assert unnamed == []

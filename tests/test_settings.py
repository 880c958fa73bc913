"""The environment is read by the rules of those who named its variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.settings import read_settings


@pytest.mark.parametrize("value", ["", "data", "./data", "../data"])
def test_a_relative_xdg_folder_is_ignored(value: str) -> None:
    """Else the ledger would lie elsewhere in every folder a run is started from, and paid answers would be lost."""
    settings = read_settings({"HOME": "/home/a", "XDG_DATA_HOME": value, "XDG_CACHE_HOME": value})

    assert settings.data_dir == Path("/home/a/.local/share/weighbridge")
    assert settings.cache_dir == Path("/home/a/.cache/weighbridge")


def test_an_absolute_xdg_folder_is_used() -> None:
    settings = read_settings({"HOME": "/home/a", "XDG_DATA_HOME": "/srv/data", "XDG_CACHE_HOME": "~/cache"})

    assert settings.data_dir == Path("/srv/data/weighbridge")
    assert settings.cache_dir == Path("/home/a/cache/weighbridge")

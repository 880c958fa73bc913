"""The shipped snapshot says what the shipped TOML says, and is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_catalogue import write_catalogue

from weighbridge.catalog.rows import check_tables
from weighbridge.catalog.snapshot import DATA, SNAPSHOT, encode, is_in_step, load_catalogue, write_snapshot
from weighbridge.catalog.validate import compile_folder, examine
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems


@pytest.mark.slow
def test_the_shipped_catalogue_has_no_mistake() -> None:
    assert [str(problem) for problem in examine(DATA).problems] == []


def test_the_shipped_snapshot_is_in_step_with_the_toml() -> None:
    """`weighbridge catalog build` mends this."""
    assert is_in_step(compile_folder(DATA), DATA)


def test_the_shipped_tables_name_only_what_the_snapshot_holds() -> None:
    problems = Problems()

    check_tables(DATA, load_catalogue(), problems)

    assert [str(problem) for problem in problems.found] == []


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    catalogue = compile_folder(folder)

    path = write_snapshot(catalogue, folder)

    assert load_catalogue(folder) == catalogue
    assert load_catalogue(folder) is load_catalogue(folder)
    assert path.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in folder.iterdir()) == [
        SNAPSHOT,
        "labs",
        "licences.toml",
        "sources.toml",
        "tables",
    ]


def test_the_same_toml_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (compile_folder(write_catalogue(tmp_path / name)) for name in "ab")

    assert encode(one) == encode(other)


def test_a_changed_fact_is_out_of_step(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    write_snapshot(compile_folder(folder), folder)
    lab = folder / "labs" / "acme.toml"
    lab.write_text(lab.read_text().replace("37_000_000_000", "38_000_000_000"))

    assert not is_in_step(compile_folder(folder), folder)


@pytest.mark.parametrize("damage", [b"", b"\xff\xff\xff", b"\x80", b"<html>not found</html>"])
def test_a_damaged_snapshot_says_how_to_mend_it(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / SNAPSHOT).write_bytes(damage)

    with pytest.raises(InputError, match="weighbridge catalog build"):
        load_catalogue(tmp_path)


def test_a_snapshot_cut_anywhere_is_never_read_as_whole(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    whole = encode(compile_folder(folder))

    for length in range(0, len(whole), 97):
        (folder / SNAPSHOT).write_bytes(whole[:length])
        load_catalogue.cache_clear()
        with pytest.raises(InputError):
            load_catalogue(folder)


def test_where_nothing_can_be_written_the_old_snapshot_stays(tmp_path: Path) -> None:
    catalogue = compile_folder(write_catalogue(tmp_path / "c"))

    with pytest.raises(InputError, match="cannot be written"):
        write_snapshot(catalogue, tmp_path / "not-there")

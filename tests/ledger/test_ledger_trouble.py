"""A ledger that cannot be used says why and what to do; a ledger of an older version is brought up to date."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_rows import make_row, record

from patience import PATIENCE_S
from weighbridge.chat import Answer
from weighbridge.errors import LedgerError
from weighbridge.ledger import CallRow, Ledger
from weighbridge.ledger.connect import connect
from weighbridge.ledger.migrations import APPLICATION_ID, MIGRATIONS, migrate


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_ledger_of_any_earlier_version_opens_with_its_calls(tmp_path: Path, version: int) -> None:
    db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    for step in MIGRATIONS[:version]:
        step(db)
    db.execute(f"PRAGMA user_version = {version}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(
        "INSERT INTO calls (id, at, caller, run, backend, model_asked, outcome, attempts, answer_key)"
        " VALUES ('1', 5.0, 'weigh', 'old', 'here', 'm', 'ok', 1, 'k')"
    )
    db.execute("INSERT INTO answers VALUES ('k', 5.0, ?)", (b'{"text":"kept"}',))
    db.close()

    with Ledger(tmp_path) as ledger:
        (row,) = ledger.calls("old")
        record(ledger, make_row(2, run="old"))

        assert (row.id, row.outcome, ledger.answer("k")) == ("1", "ok", Answer(text="kept"))
        assert len(list(ledger.calls("old"))) == 2


def test_the_newest_schema_has_exactly_the_columns_of_a_row(tmp_path: Path) -> None:
    db = connect(tmp_path / "x.sqlite")

    columns = tuple(row[1] for row in db.execute("PRAGMA table_info(calls)"))

    db.close()
    assert columns == CallRow.__struct_fields__


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    db.execute("CREATE TABLE holds (x)")  # in the way of the third step

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(db)

    assert db.execute("PRAGMA user_version").fetchone() == (0,)
    assert db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("holds",)]
    db.close()


def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    path = tmp_path / "ledger.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"newer Weighbridge: schema 99(.|\n)*pip install --upgrade"):
        Ledger(tmp_path)

    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute("CREATE TABLE bookmarks (url)")
    db.close()

    with pytest.raises(LedgerError, match=r"not a ledger of Weighbridge(.|\n)*Move it away"):
        Ledger(tmp_path)


@pytest.mark.parametrize(
    "content", [b"hello, this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000]
)
def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(content)

    with pytest.raises(LedgerError, match=r"ledger\.sqlite") as caught:
        Ledger(tmp_path)

    assert caught.value.next_move


def test_a_damaged_page_is_a_ledger_error_with_a_way_out(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for number in range(2_000):
            ledger.record(make_row(number), None, lambda _: None)
    path = tmp_path / "ledger.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xde\xad" * ((len(whole) - 8192) // 2))

    with pytest.raises(LedgerError, match=r"damaged(.|\n)*\.recover"), Ledger(tmp_path) as broken:
        list(broken.calls("run-1"))


def test_a_ledger_locked_for_too_long_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(LedgerError, match=r"locked(.|\n)*run the same command again"):
        connect(path, busy_s=0.05)

    other.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LedgerError, match=r"file/data(.|\n)*XDG_DATA_HOME"):
        Ledger(tmp_path / "file" / "data")


def test_a_read_only_ledger_is_named(tmp_path: Path) -> None:
    """Permissions do not bind every user, so the file is opened by SQLite's own read-only switch for the check."""
    Ledger(tmp_path).close()
    db = sqlite3.connect(f"file:{tmp_path}/ledger.sqlite?mode=ro", uri=True)

    from weighbridge.ledger.connect import explain

    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("DELETE FROM calls")
    db.close()

    assert "read-only" in str(explain(caught.value, tmp_path / "ledger.sqlite"))


FILL = """
import resource, signal, sys
from pathlib import Path
from ledger_rows import make_row, record
from weighbridge.chat import Answer
from weighbridge.errors import LedgerError
from weighbridge.ledger import Ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit then fails as on a full disk
with Ledger(Path(sys.argv[1])) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, resource.RLIM_INFINITY))
    for number in range(10_000):
        try:
            record(ledger, make_row(number, error="x" * 1000), Answer(text=str(number)))
        except LedgerError as error:
            print(number)
            print(error)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_no_room_is_a_clear_error_and_what_was_paid_stays(tmp_path: Path) -> None:
    """The limit on file size stands for the full disk: the write itself fails."""
    root = Path(__file__).parent

    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        check=True,
        timeout=PATIENCE_S,
    )

    number, message = done.stdout.split("\n", 1)
    assert "Everything committed so far is kept" in message
    with Ledger(tmp_path) as ledger:
        assert len(list(ledger.calls("run-1"))) == int(number) > 50
        assert ledger.answer(f"key-{int(number) - 1}") is not None

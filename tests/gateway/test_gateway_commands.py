"""`weighbridge keys` and `weighbridge ledger`, as typed."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gateway_running import make_key, query

from weighbridge.cli.main import main
from weighbridge.ledger.journal import Journal
from weighbridge.ledger.rows import CallRow


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "weighbridge"


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def note(data_dir: Path, **changes: Any) -> None:
    """A call in the journal, as a gateway leaves it."""
    values = dict.fromkeys(CallRow.__struct_fields__)
    values |= {"id": f"{int(time.time() * 1000):012x}{time.perf_counter_ns():016x}", "at": time.time()}
    values |= {"caller": "gateway", "backend": "up", "model_asked": "m", "outcome": "ok", "attempts": 1, "route": "r"}
    journal = Journal(data_dir)
    journal.append([("call", *(values | changes).values())])
    journal.close()


def test_a_key_is_shown_once_and_kept_as_a_hash(data_dir: Path) -> None:
    made = run_json("keys", "create", "--name", "ada", "--budget", "5/day", "--rpm", "60", "--routes", "a,b")

    assert set(made) == {"id", "key"}
    (listed,) = run_json("keys", "list")
    assert (listed["name"], listed["budget_usd"], listed["rpm"], listed["routes"]) == ("ada", 5.0, 60, ["a", "b"])
    assert made["key"] not in json.dumps(listed)
    assert made["key"].encode() not in b"".join(path.read_bytes() for path in data_dir.glob("ledger.sqlite*"))


def test_rotating_keeps_the_id_and_revoking_is_for_good(data_dir: Path) -> None:
    made = run_json("keys", "create", "--name", "ada")

    again = run_json("keys", "rotate", made["id"])
    assert again["id"] == made["id"]
    assert again["key"] != made["key"]
    assert run_json("keys", "revoke", made["id"]) == {"id": made["id"], "revoked": True}
    assert run_json("keys", "list")[0]["state"] == "revoked"
    assert "is revoked" in run("keys", "rotate", made["id"], code=1)


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (("--budget", "5"), "5/day", 1),
        (("--expires", "soon"), "2027-01-31", 2),
        (("--expires", "2001-01-01"), "over already", 2),
        (("--addresses", "10.0.0.0/99"), "not a network", 2),
        (("--routes", ","), "allow nothing", 2),
        (("--rpm", "0"), "x>=1", 2),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_to_write_it(
    data_dir: Path, arguments: tuple[str, ...], says: str, code: int
) -> None:
    assert says in run("keys", "create", "--name", "x", *arguments, code=code)
    assert run_json("keys", "list") == []


def test_a_route_or_team_that_the_config_does_not_have_is_told_when_a_key_is_made(data_dir: Path) -> None:
    """A key for a team that is misspelt would spend from no shared budget at all."""
    config = '[[backend]]\nname = "b"\nkind = "echo"\n[[team]]\nname = "red"\n'
    config += '[[route]]\nmodel = "assistant"\nto = [{ backend = "b" }]\n'
    Path("weighbridge.toml").write_text(config)

    asked = ("keys", "create", "--name", "ada", "--json")
    result = CliRunner().invoke(main, [*asked, "--routes", "assistant,asistant", "--team", "rde"])

    assert "no route 'asistant'" in result.stderr
    assert "mean 'assistant'?" in result.stderr
    assert "no team 'rde'" in result.stderr
    assert "no route 'assistant'" not in result.stderr
    assert set(json.loads(result.stdout)) == {"id", "key"}, "it may be in the config later"
    known = CliRunner().invoke(main, [*asked, "--routes", "assistant", "--team", "red"])
    assert known.stderr == ""


def test_little_money_is_never_shown_as_none(data_dir: Path) -> None:
    """Calls of small models cost some hundred thousandths of a dollar."""
    note(data_dir, key="k1", input_tokens=10, output_tokens=5, usd=0.000031, usd_is="counted")

    assert "$0.000031" in run("ledger", "--by", "key")


def test_sums_say_what_is_unknown_and_what_was_estimated(data_dir: Path) -> None:
    note(data_dir, key="k1", input_tokens=10, output_tokens=5, usd=0.5, usd_is="counted")
    note(data_dir, key="k1", usd=0.25, usd_is="held", outcome="failed")
    note(data_dir, key="k2", route="other")

    one, two = run_json("ledger", "--by", "key")
    assert (one["by"], one["calls"], one["ok"], one["failed"]) == ({"key": "k1"}, 2, 1, 1)
    assert (one["usd"], one["estimated_usd"], one["unpriced"]) == (0.75, 0.25, 0)
    assert (two["usd"], two["unpriced"]) == (0.0, 1)
    assert run_json("ledger", "--by", "", "--route", "other")[0]["calls"] == 1
    assert "  1 call of unknown cost" in run("ledger", "--by", "key")
    assert "$0.7500 + 1 call of unknown cost" in run("ledger", "--by", "")
    assert run_json("ledger", "--since", "2199-01-01") == []


def test_each_call_is_exported_once_and_no_spreadsheet_runs_it(data_dir: Path, tmp_path: Path) -> None:
    note(data_dir, route="=cmd()", usd=0.5)
    note(data_dir, route="plain", usd=None)

    rows = list(csv.DictReader(io.StringIO(run("ledger", "--csv", "-"))))
    again = list(csv.DictReader(io.StringIO(run("ledger", "--csv", "-"))))

    assert [row["route"] for row in rows] == ["'=cmd()", "plain"]
    assert [row["usd"] for row in rows] == ["0.5", ""]
    assert rows == again


def test_parquet_holds_the_same_calls(data_dir: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    note(data_dir, usd=0.5, input_tokens=3)

    run("ledger", "--parquet", str(tmp_path / "calls.parquet"))

    (row,) = pq.read_table(tmp_path / "calls.parquet").to_pylist()
    assert (row["usd"], row["input_tokens"], row["output_tokens"]) == (0.5, 3, None)


def test_a_journal_that_was_cut_within_a_line_loses_only_that_line(data_dir: Path) -> None:
    key_id, _ = make_key(data_dir)
    note(data_dir, key=key_id, usd=0.5)
    journal = Journal(data_dir)
    with journal.path.open("ab") as file:
        file.write(b'["call", "torn')
    journal.close()
    note(data_dir, key=key_id, usd=0.25)

    assert run_json("keys", "list")[0]["spent_usd"] == 0.75
    assert query(data_dir, "SELECT count(*) FROM calls") == [(2,)]

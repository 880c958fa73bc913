"""`weighbridge catalog check` and `build`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_catalogue import LAB, write_catalogue

from weighbridge.cli.main import main


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["catalog", *map(str, words)])


def test_build_then_check_finds_nothing(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")

    built, checked = run("build", folder), run("check", folder)

    assert built.exit_code == checked.exit_code == 0
    assert "1 labs, 2 models" in built.output
    assert checked.output.endswith("no mistakes.\n")


def test_a_snapshot_that_is_behind_is_a_mistake(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    run("build", folder)
    (folder / "labs" / "acme.toml").write_text(LAB.replace("37_000_000_000", "38_000_000_000"))

    checked = run("check", folder)

    assert checked.exit_code == 1
    assert "catalogue.msgpack: not made from the TOML as it is now\n  Run `weighbridge catalog build`" in checked.output


def test_build_refuses_a_mistake_and_leaves_the_old_snapshot(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    run("build", folder)
    before = (folder / "catalogue.msgpack").read_bytes()
    (folder / "labs" / "acme.toml").write_text(LAB.replace("37_000_000_000", "37"))

    built = run("build", folder)

    assert built.exit_code == 1
    assert "37 is not plausible" in built.output
    assert (folder / "catalogue.msgpack").read_bytes() == before


def test_every_mistake_is_listed_as_json(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c", lab=LAB.replace("37_000_000_000", "37").replace('"CN"', '"China"'))

    checked = run("check", "--json", folder)

    assert checked.exit_code == 1
    problems = json.loads(checked.output)["problems"]
    assert [(problem["line"], problem["field"]) for problem in problems] == [
        (6, "lab.country[0].value"),
        (28, "model[1].facts.parameters_active[0].value"),
    ]


@pytest.mark.parametrize("command", ["check", "build"])
def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path, command: str) -> None:
    assert run(command, tmp_path / "nowhere").exit_code == 2


def test_gaps_name_what_nobody_has_filled_in(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")

    shown = run("gaps", folder)

    assert shown.exit_code == 0
    assert "acme-hub/Large: context_tokens, reasoning, tools, architecture, weights_released" in shown.output
    assert "country" not in shown.output


def test_a_file_full_of_mistakes_is_cut_short_and_says_so(tmp_path: Path) -> None:
    model = '[[model]]\nid = "acme-hub/M{0}"\nname = "M{0}"\nlab = "acme"\n'
    folder = write_catalogue(tmp_path / "c", lab=LAB + "".join(model.format(number) for number in range(150)))

    shown = run("check", folder)

    assert shown.output.count("nobody says anything") == 100
    assert shown.output.endswith("Only the first 100 are shown.\n")

"""`weighbridge catalog update`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from feed_bench import serves
from test_feeds_update import CHAT, GLM, GOOD, listing

from fault_server import answers, serving
from weighbridge.cli.main import main


def run(data: Path, *words: str) -> Result:
    environ = {"XDG_DATA_HOME": str(data), "COLUMNS": "200"}
    return CliRunner(env=environ).invoke(main, ["catalog", "update", *words])


def test_the_feeds_their_terms_and_what_is_held_are_listed_without_a_network(tmp_path: Path) -> None:
    listed, plain = run(tmp_path), run(tmp_path, "--list", "--json")

    assert "models.dev" in listed.output
    assert "never" in listed.output
    assert {row["feed"]: row["updated"] for row in json.loads(plain.output)["feeds"]}["models.dev"] is None


def test_an_update_says_what_it_brought_and_the_next_what_changed(tmp_path: Path) -> None:
    with serving(serves(GOOD)) as server:
        first = run(tmp_path, "models.dev", "--endpoint", server.url)
    dearer = {**CHAT, "cost": {"input": 0.3, "output": 1.1}}
    with serving(serves({"/api.json": listing(**{"deepseek-chat": dearer, "glm-5.1": GLM})})) as server:
        second = run(tmp_path, "models.dev", "--endpoint", server.url)

    assert first.exit_code == second.exit_code == 0
    assert first.output.startswith("models.dev: 2 offers; models.dev, an open database")
    assert "0 added, 0 removed, 1 changed.\n  acme/deepseek-chat: input: 0.27 -> 0.3\n" in second.output
    assert (tmp_path / "weighbridge" / "catalogue" / "models.dev.json").exists()
    rows = json.loads(run(tmp_path, "--list", "--json").output)["feeds"]
    history = next(row["history"] for row in rows if row["feed"] == "models.dev")
    assert [each["shown"] for each in history] == [
        [],
        [{"what": "acme/deepseek-chat: input", "before": "0.27", "after": "0.3"}],
    ]


def test_what_is_refused_is_named_on_the_terminal_and_as_json(tmp_path: Path) -> None:
    pages = {"/api.json": listing(a=CHAT, b=GLM, broken={"cost": {"input": -1}})}

    with serving(serves(pages)) as server:
        shown = run(tmp_path, "models.dev", "--endpoint", server.url)
        plain = json.loads(run(tmp_path, "models.dev", "--endpoint", server.url, "--json").output)

    assert "1 records refused:\n  acme/broken: cost.input: a price below zero, -1\n" in shown.output
    assert plain["refused"] == [{"record": "acme/broken", "what": "cost.input: a price below zero, -1"}]
    assert plain["changes"]["added"] == 0


def test_a_feed_that_cannot_be_read_is_exit_1_with_place_and_next_move(tmp_path: Path) -> None:
    with serving(answers(b"<html>Sign in</html>", content_type="text/html")) as server:
        shown = run(tmp_path, "models.dev", "--endpoint", server.url)

    assert shown.exit_code == 1
    assert "it is a web page" in shown.output
    assert f"at {server.url}/api.json" in shown.output
    assert "Nothing was changed" in shown.output
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_held_but_damaged_is_fetched_anew(tmp_path: Path) -> None:
    path = tmp_path / "weighbridge" / "catalogue" / "models.dev.json"
    path.parent.mkdir(parents=True)
    path.write_text("{half")

    listed = run(tmp_path, "--list")
    with serving(serves(GOOD)) as server:
        shown = run(tmp_path, "models.dev", "--endpoint", server.url)

    assert "damaged" in listed.output
    assert "fetching it anew" in shown.output
    assert shown.exit_code == 0
    assert json.loads(path.read_text())["feed"] == "models.dev"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["modelsdev"], "Did you mean 'models.dev'?"),
        (["models.dev", "--list"], "--list takes nothing beside it"),
        (["--endpoint", "http://127.0.0.1:1"], "--list takes nothing beside it"),
        (["models.dev", "--model", "x"], "no page for each model"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(tmp_path: Path, words: list[str], why: str) -> None:
    shown = run(tmp_path, *words)

    assert shown.exit_code == 2
    assert why in shown.output


def test_an_endpoint_that_is_no_url_is_named(tmp_path: Path) -> None:
    shown = run(tmp_path, "models.dev", "--endpoint", "ftp://example.org")

    assert shown.exit_code == 1
    assert "not a URL that can be called" in shown.output


def test_a_hub_on_which_nothing_was_found_is_exit_1(tmp_path: Path) -> None:
    with serving(serves({})) as server:
        shown = run(tmp_path, "huggingface", "--endpoint", server.url, "--model", "acme/nothing")

    assert shown.exit_code == 1
    assert "1 pages could not be had" in shown.output
    assert "nothing is there (status 404)" in shown.output


def test_a_token_goes_to_its_hub_and_to_no_other_endpoint(tmp_path: Path) -> None:
    page = {"/api/models/acme/large": {"id": "acme/large", "downloads": 5}}
    with serving(serves(page)) as server:
        environ = {"XDG_DATA_HOME": str(tmp_path), "HF_TOKEN": "hf_secret", "HF_ENDPOINT": server.url}
        words = ["catalog", "update", "huggingface", "--model", "acme/large"]
        runner = CliRunner(env=environ)
        own = runner.invoke(main, words)
        runner.invoke(main, [*words, "--endpoint", server.url])

    assert server.requests[0].headers["authorization"] == "Bearer hf_secret"
    assert "authorization" not in server.requests[1].headers
    assert "hf_secret" not in own.output
    assert "hf_secret" not in (tmp_path / "weighbridge" / "catalogue" / "huggingface.json").read_text()

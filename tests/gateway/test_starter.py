"""`weighbridge serve --init`: a config that runs as it is, and names every setting there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from weighbridge.cli.main import main
from weighbridge.gateway.config import load_config, read_config
from weighbridge.gateway.config_tables import (
    CacheTable,
    PromptsTable,
    RouteTable,
    ServerTable,
    TargetTable,
    TeamTable,
    TracesTable,
)


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["serve", "--init"])
    assert result.exit_code == 0, result.output
    return tmp_path / "weighbridge.toml"


def test_it_is_served_as_it_is(starter: Path) -> None:
    said = [CliRunner().invoke(main, ["serve", "--check", *more]).output for more in ([], ["--json"])]

    assert said == ["1 model: assistant\n", '{"models":["assistant"]}\n']


def test_what_is_checked_has_a_certificate_that_can_be_read(starter: Path) -> None:
    """A config that passed its check and does not start is found out when everything else has been stopped."""
    tls = '[server]\ntls_cert = "missing.pem"\ntls_key = "missing.pem"\n'
    starter.write_text(starter.read_text().replace("[server]\n", tls, 1))

    result = CliRunner().invoke(main, ["serve", "--check"])

    assert result.exit_code == 1
    assert "TLS certificate" in str(result.exception or "") + result.output
    assert "missing.pem" in str(result.exception or "") + result.output


def test_all_that_a_config_names_and_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    """Files and variables of another machine: each mended alone would be another start that fails."""
    file = tmp_path / "weighbridge.toml"
    file.write_text(
        """
[server]
tls_cert = "no.pem"
tls_key = "no.key"
policy = "no-policy.toml"
admin_key = "env:NO_ADMIN_KEY"
[[backend]]
name = "one"
kind = "openai"
base_url = "http://127.0.0.1:9100/v1"
api_key = "env:NO_KEY_OF_ONE"
[[backend]]
name = "two"
kind = "anthropic"
api_key = "env:NO_KEY_OF_TWO"
[[route]]
model = "m"
kind = "cascade"
router = "no-router.json"
to = [{ backend = "one" }, { backend = "two" }]
"""
    )

    result = CliRunner().invoke(main, ["serve", "--check", "--config", str(file)])

    said = str(result.exception or "") + result.output
    assert result.exit_code == 1
    for name in ("no.pem", "no-policy.toml", "NO_ADMIN_KEY", "NO_KEY_OF_ONE", "NO_KEY_OF_TWO", "no-router.json"):
        assert name in said


def test_a_config_that_is_there_is_left_alone(starter: Path) -> None:
    starter.write_text("mine")

    result = CliRunner().invoke(main, ["serve", "--init"])

    assert result.exit_code == 2
    assert starter.read_text() == "mine"


@pytest.mark.parametrize(
    "table", [ServerTable, RouteTable, TargetTable, TeamTable, TracesTable, CacheTable, PromptsTable]
)
def test_every_setting_is_in_it_with_its_default(starter: Path, table: type[msgspec.Struct]) -> None:
    text = starter.read_text()

    for field in msgspec.structs.fields(table):
        written = re.findall(rf"\b{field.encode_name} = (\"[^\"]*\"|[^\s,#}}`]+)", text)
        assert written, field.encode_name
        if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
            values = [msgspec.toml.decode(f"x = {each}")["x"] for each in written]
            assert field.default in values, field.encode_name


def test_what_is_behind_a_mark_may_be_switched_on(starter: Path) -> None:
    """Each commented setting is one the config takes; what belongs together (TLS, a policy's file) is left out."""
    alone = {"tls_cert", "tls_key", "policy", "to", "prompt"}
    lines = []
    for line in starter.read_text().splitlines():
        found = re.fullmatch(r"# (\w+) = (.*)", line)
        lines.append(line[2:] if found and found[1] not in alone else line)
        if line.startswith("# ---"):
            break
    read_config("\n".join(lines).encode(), starter)
    assert load_config(starter).routes[0].model == "assistant"

"""weighbridge.toml: every mistake named with its line, and no bytes that break the reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InputError
from weighbridge.gateway.config import Config, data_dir_of, read_config

GOOD = """
[[backend]]
name = "up"
kind = "openai"
base_url = "http://127.0.0.1:9100/v1"
api_key = "env:UP_KEY"
[[route]]
model = "mock-model"
to = [{ backend = "up", model = "mock-model", price = { input = 1.0, output = 2.0 } }]
"""
PATH = Path("weighbridge.toml")


def read(text: str) -> Config:
    return read_config(text.encode(), PATH)


def test_the_smallest_config_has_defaults_for_all_the_rest() -> None:
    config = read(GOOD)

    assert (config.server.host, config.server.workers, config.server.unknown_price) == ("127.0.0.1", 1, "refuse")
    price = config.routes[0].to[0].price
    assert price is not None
    assert (price.input, price.output) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("change", "line", "says", "hint"),
    [
        pytest.param(('model = "mock-model"\nto', 'modle = "x"\nto'), 8, "unknown key 'modle'", "model", id="key"),
        pytest.param(('backend = "up"', 'backend = "upp"'), 9, "there is no backend 'upp'", "'up'", id="backend"),
        pytest.param(('kind = "openai"', 'kind = "opnai"'), 4, "there is no kind 'opnai'", "'openai'", id="kind"),
        pytest.param(("input = 1.0", "input = -1.0"), 9, ">= 0", "", id="price"),
        pytest.param(('"env:UP_KEY"', '"sk-secret"'), 6, "a key is written out", "env:NAME", id="key-written-out"),
        pytest.param(("http://127", "ftp://127"), 5, "no http or https address", "/v1", id="address"),
        pytest.param(("[[route]]", '[[route]]\nbudget = "5"'), 8, "not a budget", "5/day", id="budget"),
        pytest.param(
            ("[[route]]", '[[route]]\nstrategy = "best"'), 8, "invalid enum value 'best'", "latency", id="word"
        ),
        pytest.param(("[[route]]", '[[route]]\nstrategy = "wieght"'), 8, "wieght", "mean 'weight'?", id="word-close"),
        pytest.param(
            ("[[route]]", '[[route]]\nprompts = { redact = ["card", "emial"] }'),
            *(8, "'emial'", "mean 'email'?"),
            id="word-in-array",
        ),
        pytest.param(("[[backend]]", "[server]\nport = 99999\n[[backend]]"), 3, "<= 65535", "", id="port"),
        pytest.param(("[[backend]]", '[server]\ntls_cert = "x"\n[[backend]]'), 2, "go together", "", id="tls"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_next_move(
    change: tuple[str, str], line: int, says: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD.replace(*change))

    said = str(caught.value)
    assert says in said
    assert f"weighbridge.toml:{line}" in said
    assert hint in said
    assert "sk-secret" not in said


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError, match=r"(?s)opnai.*upp"):
        read(GOOD.replace('"openai"', '"opnai"').replace('backend = "up"', 'backend = "upp"'))


def test_the_ledger_is_where_the_config_says_counted_from_its_file(tmp_path: Path) -> None:
    config = read_config(b'[server]\ndata_dir = "state"\n', tmp_path / "a" / "weighbridge.toml")

    assert data_dir_of(config, Path("/elsewhere")) == tmp_path / "a" / "state"
    assert data_dir_of(read(""), Path("/elsewhere")) == Path("/elsewhere")


@given(st.binary(max_size=200) | st.text(alphabet='[]{}="\n.#ab1 \\', max_size=80).map(str.encode))
def test_any_bytes_are_a_config_or_a_mistake(data: bytes) -> None:
    try:
        config = read_config(data, PATH)
    except InputError as error:
        assert error.what  # noqa: PT017
    else:
        assert isinstance(config, Config)

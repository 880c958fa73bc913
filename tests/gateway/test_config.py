"""weighbridge.toml: every mistake named with its line, and no bytes that break the reader."""

from __future__ import annotations

import re
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


def mistakes(text: str) -> list[str]:
    """Where they are, in the order they are told."""
    with pytest.raises(InputError) as caught:
        read(text)
    return re.findall(r"weighbridge\.toml:\d+: ([^\s:]+)", str(caught.value))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError, match=r"(?s)opnai.*upp"):
        read(GOOD.replace('"openai"', '"opnai"').replace('backend = "up"', 'backend = "upp"'))


def test_words_that_nobody_knows_do_not_hide_what_makes_no_sense() -> None:
    """Whoever mends what was told is not told of something else the next time."""
    broken = """
[server]
prot = 8080
admin_key = "sk-secret"

[[backend]]
name = "first"
kind = "opnai"

[[backend]]
kind = "openai"
base_url = "http://127.0.0.1:9100/v1"

[[backend]]
name = "third"
kind = "openai"
base_url = "ftp://127.0.0.1/v1"
timeout_s = "long"

[[route]]
model = "a"
strateg = "order"
budget = "5"
to = [{ backand = "first" }, { backend = "thrid" }]

[[route]]
model = "a"
to = [{ backend = "first" }]

[[team]]
name = 7
budget = "much"
"""
    nameless = [
        *("server.prot", "server.admin_key", "backend[0].kind", "backend[1]", "backend[2].base_url"),
        *("backend[2].timeout_s", "route[0].strateg", "route[0].budget", "route[0].to[0]", "route[0].to[0].backand"),
        *("route[1].model", "team[0].name", "team[0].budget"),
    ]

    assert sorted(mistakes(broken)) == sorted(nameless)

    named = broken.replace('[[backend]]\nkind = "openai"', '[[backend]]\nname = "second"\nkind = 7')
    assert set(mistakes(named)) - set(nameless) == {"backend[1].kind", "route[0].to[1].backend"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(GOOD.replace("base_url", "base_ulr"), ["backend[0].base_ulr"], id="a-key-that-is-then-missing"),
        pytest.param(GOOD.replace('"http://127.0.0.1:9100/v1"', "7"), ["backend[0].base_url"], id="a-value-left-out"),
        pytest.param(GOOD.replace('name = "up"', 'nmae = "up"'), ["backend[0].nmae", "backend[0]"], id="a-name"),
        pytest.param(GOOD.replace("[[backend]]", "[backend]"), ["backend"], id="one-table-instead-of-many"),
        pytest.param(
            GOOD.replace("to = ", 'kind = "cascad"\nrouter = "r.json"\nto = '), ["route[0].kind"], id="a-kind-of-route"
        ),
        pytest.param("[server]\ntls_cert = 'a.pem'\ntls_kay = 'b.pem'\n", ["server.tls_kay"], id="half-of-a-pair"),
    ],
)
def test_what_comes_of_a_mistake_is_not_told_as_another(text: str, told: list[str]) -> None:
    assert sorted(mistakes(text)) == sorted(told)


def test_more_mistakes_than_anybody_reads_are_cut_short_and_said_to_be() -> None:
    with pytest.raises(InputError) as caught:
        read("\n".join(f"odd_{number} = 1" for number in range(50)))

    assert str(caught.value).count("unknown key") == 20
    assert "There is more to mend; these are the first 20." in str(caught.value)


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


WORDS = re.findall(r"\[\[\w+\]\]|[^\s\[\]{},=]+", GOOD)


@given(st.data())
def test_however_a_config_is_misspelt_its_mistakes_are_told(data: st.DataObject) -> None:
    """Words taken out, doubled, or put in each other's places."""
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        word = data.draw(st.sampled_from(WORDS))
        text = text.replace(word, data.draw(st.sampled_from(["", "7", "[]", "x", f"{word} {word}", *WORDS])), 1)

    try:
        config = read(text)
    except InputError as error:
        assert "weighbridge.toml" in str(error.where)  # noqa: PT017
    else:
        assert isinstance(config, Config)

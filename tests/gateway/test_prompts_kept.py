"""Prompts are stored only where a route says so, without what points at people, and not for longer than it says."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from gateway_running import running
from hypothesis import given, settings
from hypothesis import strategies as st

from fault_server import FaultServer, answers, chat_body
from patience import eventually, slowness
from weighbridge.cli.main import main
from weighbridge.errors import InputError
from weighbridge.gateway.config import read_config
from weighbridge.ledger.prompts import RULES, Prompts, Which, stored_prompts
from weighbridge.ledger.redaction import NotStored, redact, redaction

ALL = redaction(RULES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4),
    max_leaves=12,
)


def cleaned(text: str) -> str:
    return json.loads(redact(msgspec.json.encode({"x": text}), ALL))["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ada.lovelace+x@mail.example.co.uk today", "write to [email] today"),
        ("jörg@bücher.example is one too", "[email] is one too"),
        ("+49 30 1234567", "[phone]"),
        ("call (030) 123 45 67 or 0171/2345678", "call [phone] or [phone]"),
        ("555-123-4567, 00442071838750", "555-123-4567, [phone]".replace("555-123-4567", "[phone]")),
        ("4111 1111 1111 1111 exp 12/27", "[card] exp 12/27"),
        ("378282246310005 and 5555-5555-5555-4444", "[card] and [card]"),
        ("4111 1111 1111 1112 is no card", "4111 1111 1111 1112 is no card"),
        ("DE89 3704 0044 0532 0130 00", "[iban]"),
        ("gb29nwbk60161331926819", "[iban]"),
        ("GB29NWBK60161331926818 is wrong", "GB29NWBK60161331926818 is wrong"),
        ("use sk-proj-abcdefghijklmnop1234 now", "use [api_key] now"),
        ("AKIAIOSFODNN7EXAMPLE", "[api_key]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[api_key]"),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: [api_key]"),
        ('password = "hunter2hunter2"', '[api_key]"'),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            "[api_key]",
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[api_key]"),
        (
            "2026-11-22 and 12.10.2026 at 10:30, 1,234,567 of 3.14159",
            "2026-11-22 and 12.10.2026 at 10:30, 1,234,567 of 3.14159",
        ),
        ("version 10.0.19045.3803, order 12345678", "version 10.0.19045.3803, order 12345678"),
    ],
)
def test_what_points_at_people_and_accounts_is_taken_out_and_the_rest_stays(text: str, expected: str) -> None:
    """Card numbers are the ones payment systems publish for tests, IBANs those of the registry's examples."""
    assert cleaned(text) == expected


def test_names_of_fields_and_numbers_are_looked_at_too() -> None:
    body = msgspec.json.encode({"a@b.example": [4111111111111111, 12345678]})

    assert json.loads(redact(body, ALL)) == {"[email]": ["[card]", 12345678]}


def test_pictures_are_left_out() -> None:
    body = msgspec.json.encode({"url": "data:image/png;base64," + "A" * 9000})

    assert json.loads(redact(body, ALL)) == {"url": "[9022 characters]"}


def test_own_expressions_are_applied_after_the_known_ones() -> None:
    rules = redaction(["email"], [r"EMP-\d{6}"])

    assert (
        redact(b'{"x":"EMP-123456 a@b.example +49 30 1234567"}', rules) == '{"x":"[redacted] [email] +49 30 1234567"}'
    )


def test_an_expression_that_never_ends_means_that_nothing_is_stored() -> None:
    rules = redaction((), [r"(?:a|aa|a?)+$"])
    body = msgspec.json.encode({"x": "a" * 2000 + "b"})

    with pytest.raises(NotStored, match=r"more than 0\.05 s"):
        redact(body, rules, limit_s=0.05)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * (1 << 20) + b'"'])
def test_what_cannot_be_looked_at_is_not_stored(body: bytes) -> None:
    with pytest.raises(NotStored):
        redact(body, ALL)


@given(JSON)
def test_any_request_is_redacted_or_not_stored_and_nothing_found_twice(value: Any) -> None:
    try:
        once = redact(msgspec.json.encode(value), ALL)
    except NotStored:
        return

    assert redact(once.encode(), ALL) == once


@settings(deadline=None, max_examples=30)
@given(st.text(alphabet="0123456789 -+.(@aAB_:=", min_size=1, max_size=30))
def test_the_known_rules_take_time_in_proportion(text: str) -> None:
    """100,000 characters of anything, within what one request may take."""
    redact(msgspec.json.encode({"x": text * (100_000 // len(text))}), ALL, limit_s=slowness())


def ask_twice(tmp_path: Path, route: str) -> list[tuple[str, int]]:
    """(file, occurrences of the prompt's words) in the data directory while the gateway runs and has asked."""
    found: list[tuple[str, int]] = []

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, route=route) as gate:
            await gate.chat(messages=[{"role": "user", "content": "a remarkable elephant, ada@lovelace.example"}])
            await gate.chat(messages=[{"role": "user", "content": "a remarkable elephant again"}])
        found.extend(words_on_disk(gate.data_dir))

    asyncio.run(run())
    return found


def words_on_disk(folder: Path, words: bytes = b"remarkable elephant") -> list[tuple[str, int]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path.name, count) for path in files if (count := path.read_bytes().count(words))]


def test_nothing_is_stored_unless_the_route_says_so(tmp_path: Path) -> None:
    assert ask_twice(tmp_path, "") == []


def test_a_route_that_keeps_prompts_keeps_them_redacted_with_their_calls_ids(tmp_path: Path) -> None:
    found = ask_twice(tmp_path, "prompts = { days = 7 }")

    assert found == [("prompts.sqlite", 2)]
    data_dir = tmp_path / "data" / "weighbridge"
    assert words_on_disk(data_dir, b"lovelace") == []
    assert (data_dir / "prompts.sqlite").stat().st_mode & 0o777 == 0o600
    result = CliRunner(env={"XDG_DATA_HOME": str(tmp_path / "data")}).invoke(main, ["prompts", "--json"])
    rows = json.loads(result.output)
    assert [row["prompt"]["messages"][0]["content"] for row in rows] == [
        "a remarkable elephant, [email]",
        "a remarkable elephant again",
    ]
    ids = CliRunner(env={"XDG_DATA_HOME": str(tmp_path / "data")}).invoke(main, ["ledger", "--csv", "-"]).output
    assert all(row["id"] in ids for row in rows)


def test_when_their_time_is_up_no_byte_of_them_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        route = "prompts = { days = 0.00001 }"  # about 0.9 s
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, route=route) as gate:
            for _ in range(5):
                await gate.chat(messages=[{"role": "user", "content": "a remarkable elephant"}])
            store = gate.data_dir / "prompts.sqlite"
            await asyncio.to_thread(eventually, lambda: b"remarkable elephant" in store.read_bytes())
            await asyncio.to_thread(eventually, lambda: not words_on_disk(gate.data_dir))

    asyncio.run(run())


def test_a_shorter_time_holds_for_what_is_there_and_reading_deletes_what_is_due(tmp_path: Path) -> None:
    ask_twice(tmp_path, "prompts = { days = 7 }")
    data_dir = tmp_path / "data" / "weighbridge"

    store = Prompts(data_dir)
    store.shorten("public", 0.0)
    store.close()
    left = stored_prompts(data_dir, time.time())

    assert left is not None
    assert left.read(Which()) == []
    left.close()
    assert words_on_disk(data_dir) == []


def test_prompts_are_deleted_when_asked_to(tmp_path: Path) -> None:
    ask_twice(tmp_path, "prompts = {}")
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path / "data")})

    assert runner.invoke(main, ["prompts", "--delete"]).exit_code == 2, "nobody deletes everything by mistake"
    assert runner.invoke(main, ["prompts", "--delete", "--route", "other"]).output == "0 deleted\n"
    assert runner.invoke(main, ["prompts", "--delete", "--route", "public", "--json"]).output == '{"deleted":2}\n'
    assert runner.invoke(main, ["prompts"]).output == "No prompts are kept.\n"
    assert words_on_disk(tmp_path / "data" / "weighbridge") == []


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ('{ patterns = ["("] }', "is no regular expression"),
        ('{ redact = ["emails"] }', "Invalid"),
        ("{ days = 0 }", "> 0"),
        ("{ day = 1 }", "Did you mean 'days'?"),
    ],
)
def test_a_mistake_in_the_rules_is_told_with_its_line(tmp_path: Path, prompts: str, said: str) -> None:
    backend = '[[backend]]\nname = "e"\nkind = "echo"\n'
    text = f'{backend}[[route]]\nmodel = "m"\nto = [{{ backend = "e" }}]\nprompts = {prompts}'

    with pytest.raises(InputError) as caught:
        read_config(text.encode(), tmp_path / "weighbridge.toml")

    assert said.lower() in str(caught.value).lower()
    assert ":7" in str(caught.value)

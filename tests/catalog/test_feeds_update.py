"""Whatever a server does, what was held stays whole, and what is wrong is named."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from feed_bench import Clock, bring, serves

from fault_server import (
    Behaviour,
    Exchange,
    answers,
    floods,
    response,
    says_and_cuts,
    script,
    serving,
)
from weighbridge.catalog.feeds.records import Change, Changes, Overlay
from weighbridge.catalog.feeds.store import load_overlay, overlay_path, save_overlay
from weighbridge.errors import InputError, PullError

LIMITS = {"context": 131072, "output": 8192}
CHAT = {"id": "deepseek-chat", "name": "Chat", "cost": {"input": 0.27, "output": 1.1}, "limit": LIMITS}
GLM = {"id": "glm-5.1", "name": "GLM", "cost": {"input": 1, "output": 3.2, "context_over_200k": {"input": 2}}}


def listing(**models: Any) -> dict[str, Any]:
    """A list of one provider in the shape of models.dev/api.json."""
    return {"acme": {"id": "acme", "name": "Acme", "env": ["ACME_KEY"], "models": models}}


GOOD = {"/api.json": listing(**{"deepseek-chat": CHAT, "glm-5.1": GLM})}


def held(pages: dict[str, Any] = GOOD, etag: str = "") -> Overlay:
    with serving(serves(pages, etag)) as server:
        return bring("models.dev", server.url).overlay


def refused(body: bytes | Behaviour, *, clock: Clock | None = None, before: Overlay | None = None) -> PullError:
    """The error of an update that an answer makes fail."""
    behave = answers(body) if isinstance(body, bytes) else body
    with serving(behave) as server, pytest.raises(PullError) as caught:
        bring("models.dev", server.url, before, clock=clock)
    return caught.value


def test_offers_come_with_their_prices_and_the_models_they_are_of() -> None:
    offers = {offer.model_id: offer for offer in held().documents[0].harvest.offers}

    assert offers["deepseek-chat"].input == 0.27
    assert offers["deepseek-chat"].context_tokens == 131072
    assert offers["glm-5.1"].model == "zai-org/GLM-5.1"
    assert offers["glm-5.1"].tiered
    assert not offers["deepseek-chat"].tiered
    assert offers["glm-5.1"].cached is None


def test_a_second_update_asks_only_whether_something_changed() -> None:
    with serving(serves(GOOD, '"v1"')) as server:
        first = bring("models.dev", server.url)
        second = bring("models.dev", server.url, first.overlay, now="2026-11-23T10:00:00Z")

    assert server.requests[1].headers["if-none-match"] == '"v1"'
    assert second.unchanged == 1
    assert second.overlay.documents[0].harvest == first.overlay.documents[0].harvest
    assert second.overlay.updated == "2026-11-23T10:00:00Z"
    assert len(second.overlay.history) == 1, "an update that changes nothing is no entry"


def test_with_another_catalogue_the_list_is_read_again() -> None:
    """Names may mean something else now; what was read with the older one must not be confirmed."""
    with serving(serves(GOOD, '"v1"')) as server:
        older = msgspec.structs.replace(bring("models.dev", server.url).overlay, read_with="0.0.1 2020-01-01")
        second = bring("models.dev", server.url, older)

    assert "if-none-match" not in server.requests[1].headers
    assert second.unchanged == 0


def test_what_changed_is_shown_and_kept() -> None:
    dearer = {**CHAT, "cost": {"input": 0.3, "output": 1.1}}
    before = held({"/api.json": listing(**{"deepseek-chat": CHAT, "glm-5.1": GLM, "gone": CHAT, "a": CHAT, "b": CHAT})})
    after = {"/api.json": listing(**{"deepseek-chat": dearer, "glm-5.1": GLM, "kimi-k2": CHAT, "a": CHAT, "b": CHAT})}

    with serving(serves(after)) as server:
        changes = bring("models.dev", server.url, before).changes

    assert (changes.added, changes.removed, changes.changed) == (1, 1, 1)
    assert changes.shown[0] == Change("acme/deepseek-chat: input", "0.27", "0.3")
    assert [change.what for change in changes.shown[1:]] == ["acme/gone", "acme/kimi-k2"]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({**CHAT, "cost": {"input": -0.27, "output": 1}}, "cost.input: a price below zero, -0.27"),
        ({**CHAT, "cost": {"input": "NaN"}}, "cost.input: NaN is no price"),
        ({**CHAT, "cost": {"input": 1e7}}, "Expected `float` <= 100000"),
        ({**CHAT, "cost": {"input": True}}, "expected a price"),
        ({**CHAT, "cost": [1, 2]}, "cost: expected an object"),
        ({**CHAT, "limit": {"context": -1}}, "limit.context: -1 is not plausible"),
        ({**CHAT, "limit": {"context": 1.5}}, "expected a whole number, got 1.5"),
        ({**CHAT, "limit": {"context": "128k"}}, "expected a whole number"),
        ({**CHAT, "last_updated": "yesterday"}, "is no date"),
        ("a text", "expected an object"),
        (None, "expected an object"),
    ],
)
def test_a_record_that_is_wrong_is_refused_and_named_and_the_others_are_kept(broken: Any, why: str) -> None:
    pages = {"/api.json": listing(**{"broken": broken, "deepseek-chat": CHAT, "glm-5.1": GLM})}

    harvest = held(pages).documents[0].harvest

    assert [offer.model_id for offer in harvest.offers] == ["deepseek-chat", "glm-5.1"]
    assert [each.record for each in harvest.refused] == ["acme/broken"]
    assert why in harvest.refused[0].what


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 400, "1e999", "1e-999", "-0.0"])
@pytest.mark.parametrize("record", ['"limit": {"context": %s}', '"cost": {"input": %s}'])
def test_no_number_is_too_large_or_too_small_to_be_refused(number: str, record: str) -> None:
    """An integer of 400 digits is no float, and asking Python whether it is finite is an error."""
    body = f'{{"acme": {{"models": {{"broken": {{{record % number}}}, "good": {{}}, "fine": {{}}}}}}}}'

    with serving(answers(body.encode())) as server:
        harvest = bring("models.dev", server.url).overlay.documents[0].harvest

    assert {"good", "fine"} <= {offer.model_id for offer in harvest.offers}


def test_an_id_with_control_characters_is_refused_and_shown_harmlessly() -> None:
    pages = {"/api.json": listing(**{"evil\x1b[2J\u202e": CHAT, "deepseek-chat": CHAT, "glm-5.1": GLM})}

    harvest = held(pages).documents[0].harvest

    assert harvest.refused[0].record == "acme/evil\\x1b[2J\\u202e"
    assert "cannot be seen" in harvest.refused[0].what


def test_an_id_that_is_written_twice_is_refused_whichever_is_meant() -> None:
    body = b'{"acme": {"models": {"a": {"cost": {"input": 1}}, "a": {"cost": {"input": 9}}, "b": {}, "c": {}}}}'

    with serving(answers(body)) as server:
        harvest = bring("models.dev", server.url).overlay.documents[0].harvest

    assert [offer.model_id for offer in harvest.offers] == ["b", "c"]
    assert [(each.record, each.what) for each in harvest.refused] == [("acme/a", "this id is there twice")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b'{"acme": {"models": {"a": {"cost"', "not the JSON"),
        (b"", "is empty"),
        (b"[]", "is no JSON object"),
        (b"{}", "not one record"),
        (b'{"error": "rate limited"}', "1 of 1 records are wrong"),
        (b'{"a": {"models": {"b": {"cost": {"input": NaN}}}}}', "NaN is no number"),
        (b"[" * 200_000, "not the JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not the JSON"),
        (b"\xff\xfe\x00", "not the JSON"),
        (zlib.compress(b"{}"), "not the JSON"),
    ],
)
def test_an_answer_that_is_no_list_is_refused_whole(body: bytes, why: str) -> None:
    error = refused(body)

    assert why in error.what
    assert error.where
    assert error.next_move


def test_a_feed_of_which_much_is_wrong_is_not_believed_at_all() -> None:
    broken = {**CHAT, "cost": {"input": -1}}
    pages = {"/api.json": listing(**{f"m{number}": broken if number % 2 else CHAT for number in range(20)})}

    error = refused(serves(pages))

    assert error.what.startswith("10 of 20 records are wrong")
    assert "acme/m1: cost.input: a price below zero, -1" in error.what


def test_a_list_that_forgot_most_of_what_was_held_needs_a_word_from_the_user() -> None:
    before = held({"/api.json": listing(**{f"m{number}": CHAT for number in range(20)})})

    error = refused(serves(GOOD), before=before)
    with serving(serves(GOOD)) as server:
        accepted = bring("models.dev", server.url, before, accept_loss=True)

    assert error.what.startswith("2 records came where 20 are held")
    assert "--accept-loss" in str(error)
    assert accepted.changes.removed == 20


def test_200_megabytes_are_refused_by_what_they_announce_before_they_come() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 209715200\r\n\r\n"

    error = refused(says_and_cuts(head))

    assert error.what == "the answer is longer than 16.0 MiB"


def test_200_megabytes_that_do_not_announce_themselves_are_cut_off() -> None:
    error = refused(floods(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", b" " * (1 << 20), most=200 << 20))

    assert error.what == "the answer is longer than 16.0 MiB"


def test_an_answer_that_never_ends_is_given_up() -> None:
    """A drip fast enough to be no stall: by the clock of the test, ten minutes have soon passed."""
    endless = floods(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", b" " * (128 << 10), most=64 << 20)

    error = refused(endless, clock=Clock(step_s=10.0))

    assert "does not end" in error.what


def test_a_redirect_loop_is_given_up() -> None:
    loop = b"HTTP/1.1 302 Found\r\nlocation: /api.json\r\ncontent-length: 0\r\n\r\n"

    async def behave(exchange: Exchange) -> None:
        exchange.write(loop)

    assert "more than 10 redirects" in refused(behave).what


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    clock = Clock()
    busy = answers(b"slow down", 429, retry_after="17")

    with serving(script(busy, serves(GOOD))) as server:
        bring("models.dev", server.url, clock=clock)

    assert clock.slept == [17.0]


def test_a_server_that_asks_for_too_long_a_pause_is_left_in_peace() -> None:
    error = refused(answers(b"come back tomorrow", 429, retry_after="86400"))

    assert "asked us to wait 24 h" in error.what


def test_a_server_that_stays_down_is_given_up_after_some_tries() -> None:
    clock = Clock()

    error = refused(answers(b"", 503), clock=clock)

    assert len(clock.slept) == 5
    assert "the server answered 503" in error.what


def test_an_answer_cut_short_is_asked_for_again() -> None:
    whole = response(200, b'{"acme": {"models": {"a": {}, "b": {}}}}')

    with serving(script(says_and_cuts(whole[:-9]), serves(GOOD))) as server:
        brought = bring("models.dev", server.url)

    assert len(brought.overlay.documents[0].harvest.offers) == 2


def test_304_without_having_been_asked_is_no_answer() -> None:
    error = refused(says_and_cuts(b"HTTP/1.1 304 Not Modified\r\n\r\n"))

    assert "nothing is held" in error.what


def test_no_answer_and_no_crash_damages_what_is_held(tmp_path: Path) -> None:
    path = save_overlay(tmp_path, held())
    before = path.read_bytes()

    for body in (b"<html>", b'{"a"', b"{}", b'{"acme": {"models": {"x": {"cost": {"input": -5}}}}}'):
        refused(body, before=load_overlay(tmp_path, "models.dev"))

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["models.dev.json"]


def test_a_held_file_that_was_damaged_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    path = save_overlay(tmp_path, held())
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(InputError) as caught:
        load_overlay(tmp_path, "models.dev")

    assert caught.value.where == str(overlay_path(tmp_path, "models.dev"))
    assert "weighbridge catalog update models.dev" in str(caught.value)


def test_a_full_disk_leaves_what_is_held(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(InputError) as caught:
        save_overlay(tmp_path / "file", held())

    assert "What was held before is as it was" in str(caught.value)


def test_history_is_bounded() -> None:
    before = msgspec.structs.replace(held(), history=tuple(Changes(f"{number}") for number in range(50)))

    with serving(serves({"/api.json": listing(**{"deepseek-chat": GLM, "glm-5.1": GLM})})) as server:
        history = bring("models.dev", server.url, before).overlay.history

    assert len(history) == 50
    assert history[0].date == "1"


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    with serving(answers(b"")) as server:
        url = server.url

    with pytest.raises(PullError) as caught:
        bring("models.dev", url)

    assert "cannot be reached" in caught.value.what

"""An OpenAI-compatible backend in all its moods: every failure is one error that names it, its place, the next move."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from fault_server import (
    STREAM_HEAD,
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    chat_body,
    chat_events,
    chunked,
    floods,
    response,
    says,
    says_and_cuts,
    sse,
    stalls,
    streams,
)
from patience import NEVER_S, PATIENCE_S, soon
from weighbridge.chat import Answer, ChatRequest, Choice, Message, Piece, Usage
from weighbridge.chat.join import join
from weighbridge.engines import BackendRecord
from weighbridge.engines.openai import OpenAIEngine
from weighbridge.errors import (
    BackendRefused,
    BackendUnreachable,
    BadAnswer,
    CannotAsk,
    EngineError,
    InputError,
    StreamCut,
    WeighbridgeError,
)
from weighbridge.net.calls import Calls, Limits

KEY = "sk-live-0123456789abcdef"
HELLO = ChatRequest(model="m", messages=(Message(role="user", content="hello"),))
COLOUR = Choice(name="colour", labels=("red", "blue"), lead="Colour:")
SIZE = Choice(name="size", labels=("small", "large"), lead="Size:")
ROOMY = Limits()
NOW = 1_795_305_600.0
"""2026-11-22 00:00:00 UTC."""


def make_record(base_url: str, **changed: Any) -> BackendRecord:
    return BackendRecord(**{"name": "up", "kind": "openai", "base_url": base_url, **changed})


def with_engine(
    behave: Behaviour,
    do: Callable[[OpenAIEngine, FaultServer], Awaitable[Any]],
    *,
    limits: Limits = ROOMY,
    clock: Callable[[], float] = time.monotonic,
    **changed: Any,
) -> Any:
    async def run() -> Any:
        async with (
            FaultServer(behave) as server,
            Calls(environ={}, tick_s=0.01, limits=limits, clock=clock, idle_s=NEVER_S) as calls,
        ):
            record = make_record(server.base_url, **changed)
            return await do(OpenAIEngine(record, calls=calls, environ={"UP_KEY": KEY}, now=lambda: NOW), server)

    return asyncio.run(run())


def pieces_of(behave: Behaviour, request: ChatRequest = HELLO, **changed: Any) -> list[Piece]:
    async def do(engine: OpenAIEngine, server: FaultServer) -> list[Piece]:
        return [piece async for piece in engine.answer(request)]

    return with_engine(behave, do, **changed)


def ask(behave: Behaviour, request: ChatRequest = HELLO, **changed: Any) -> Answer:
    return join(pieces_of(behave, request, **changed))


def failure(behave: Behaviour, request: ChatRequest = HELLO, **changed: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(behave, request, **changed)
    return caught.value


# --- good days


def test_the_key_goes_out_as_a_bearer_token_and_nowhere_else() -> None:
    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        await anext(engine.answer(HELLO))

        sent = server.requests[0]
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.target == "/v1/chat/completions"
        assert KEY not in repr(engine) + repr(vars(engine)) + str(engine.fingerprint())

    with_engine(answers(chat_body()), do, api_key="env:UP_KEY")


@pytest.mark.parametrize("split", [0, 1, 7])
def test_a_stream_split_anywhere_gives_the_whole_answer_and_the_first_words_early(split: int) -> None:
    pieces = pieces_of(streams(chat_events("hel", "lo", "!"), split=split))

    assert join(pieces) == Answer(text="hello!", finish="stop", model="served", usage=Usage(7, 3))
    assert [piece.text for piece in pieces] == ["hel", "lo", "!", ""]


def test_streams_one_after_another_share_a_connection() -> None:
    """The end of the body often comes a moment after `[DONE]`; a connection thrown away then is a new handshake."""

    async def late_end(exchange: Exchange) -> None:
        exchange.write(STREAM_HEAD + chunked(sse(chat_events("hi"))))
        for _ in range(5):  # passes of the loop: the client has read the text by then, and time plays no part
            await asyncio.sleep(0)
        exchange.write(b"0\r\n\r\n")

    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        for _ in range(3):
            assert join([piece async for piece in engine.answer(HELLO)]).text == "hi"
        assert server.connections == 1

    with_engine(late_end, do)


def test_a_server_that_never_ends_its_stream_after_done_does_not_hold_us_up() -> None:
    assert ask(stalls(STREAM_HEAD + chunked(sse(chat_events("hi"))))).text == "hi"


def test_a_server_that_cannot_stream_is_read_all_the_same() -> None:
    assert ask(answers(chat_body("whole"))).text == "whole"


def test_a_server_that_always_streams_is_read_all_the_same() -> None:
    assert ask(streams(chat_events("a", "b")), settings={"stream": False}).text == "ab"


def test_keep_alive_comments_are_no_answer() -> None:
    events = b": OPENROUTER PROCESSING\n\n" + sse(chat_events("hi"))

    assert ask(says(STREAM_HEAD + chunked(events) + b"0\r\n\r\n")).text == "hi"


def test_headers_of_the_settings_are_sent_and_named_ones_looked_up() -> None:
    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        await anext(engine.answer(HELLO))

        assert server.requests[0].headers["x-team"] == "blue"
        assert server.requests[0].headers["x-api-key"] == KEY
        assert KEY not in str(engine.fingerprint())

    with_engine(answers(chat_body()), do, settings={"headers": {"X-Team": "blue", "x-api-key": "env:UP_KEY"}})


def test_leaving_an_answer_early_closes_it_upstream() -> None:
    left: list[asyncio.Event] = []

    async def endless(exchange: Exchange) -> None:
        left.append(exchange.left)
        exchange.write(STREAM_HEAD + chunked(sse(chat_events("a")[:1])))
        await exchange.left.wait()

    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        answer = engine.answer(HELLO)
        await anext(answer)
        await answer.aclose()
        await asyncio.wait_for(left[0].wait(), PATIENCE_S)

    with_engine(endless, do)


# --- bad days


def said(text: str, **more: Any) -> bytes:
    return msgspec.json.encode({"error": {"message": text, **more}})


REFUSALS = [
    pytest.param(answers(said("Incorrect API key"), 401), 401, ["refused", "Incorrect API key", "UP_KEY"], id="401"),
    pytest.param(answers(said("no access"), 403), 403, ["no access", "'m'"], id="403"),
    pytest.param(answers(said("slow down"), 429), 429, ["slow down", "concurrency"], id="429"),
    pytest.param(answers(b"<html>oops</html>", 500, "text/html"), 500, ["failed at", "web page"], id="500-html"),
    pytest.param(answers(b"", 503), 503, ["gave no reason", "log"], id="503-empty"),
    pytest.param(answers(b'{"detail": "Not Found"}', 404), 404, ["Not Found", "base_url"], id="404-fastapi"),
    pytest.param(answers(b"upstream timed out", 504), 504, ["upstream timed out"], id="504-text"),
    pytest.param(answers(said("too long"), 413), 413, ["shorten"], id="413"),
    pytest.param(
        answers(said("Unsupported parameter: 'max_tokens', use 'max_completion_tokens'"), 400),
        400,
        ["max_tokens_field"],
        id="400-max-tokens",
    ),
    pytest.param(answers(said("unknown field response_format"), 422), 422, ["settings.guided"], id="422-guided"),
    pytest.param(
        answers(b"", 307, location="http://other.test/v1"), 307, ["http://other.test/v1", "base_url"], id="redirect"
    ),
    pytest.param(streams([said("overloaded", code=529)]), 529, ["overloaded"], id="in-band"),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("behave", "status", "words"), REFUSALS)
def test_a_refusal_names_backend_status_reason_place_and_next_move(
    behave: Behaviour, status: int, words: list[str], stream: bool
) -> None:
    error = failure(behave, api_key="env:UP_KEY", settings={"stream": stream})

    assert isinstance(error, BackendRefused)
    assert error.status == status
    assert error.reason == f"status {status}"
    shown = str(error)
    assert "'up'" in shown
    assert "/v1/chat/completions" in shown
    assert error.next_move
    for word in words:
        assert word in shown
    assert error.retryable == (status == 429 or status >= 500)


UNREADABLE = [
    pytest.param(answers(b"<!doctype html><h1>Login</h1>", content_type="text/html"), BadAnswer, "web page", id="html"),
    pytest.param(answers(chat_body()[:40]), BadAnswer, "not whole", id="half-a-json"),
    pytest.param(answers(b""), BadAnswer, "empty", id="nothing"),
    pytest.param(answers(b'{"choices": []}'), BadAnswer, "no message", id="no-choices"),
    pytest.param(says(b"\x00\x01\x02\x03"), BadAnswer, "did not answer in HTTP", id="garbage"),
    pytest.param(says_and_cuts(), BackendUnreachable, "without answering", id="hung-up"),
    pytest.param(
        says_and_cuts(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"), StreamCut, "unfinished answer", id="cut-body"
    ),
    pytest.param(floods(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 5000), BadAnswer, "neither body nor", id="huge-header"),
    pytest.param(floods(STREAM_HEAD, chunked(b"data: " + b"x" * 9000)), BadAnswer, "more than", id="flood"),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("behave", "kind", "words"), UNREADABLE)
def test_what_cannot_be_read_names_the_backend_and_may_be_tried_again(
    behave: Behaviour, kind: type[EngineError], words: str, stream: bool
) -> None:
    error = failure(behave, settings={"stream": stream}, limits=Limits(body_bytes=1 << 20))

    assert type(error) is kind
    assert words in error.what
    assert error.what.startswith("backend 'up': ")
    assert error.where is not None
    assert error.where.endswith("/v1/chat/completions")
    assert error.next_move
    assert error.retryable == ("web page" not in words), "a wrong address stays wrong"


def test_a_cut_stream_names_the_backend_and_keeps_the_pieces() -> None:
    cut = says_and_cuts(STREAM_HEAD + chunked(sse(chat_events("Hel", "lo")[:2])))

    error = failure(cut)

    assert isinstance(error, StreamCut)
    assert error.pieces == ("Hel", "lo")
    assert "'up'" in error.what


@pytest.mark.parametrize("tail", [b"", b'data: {"choices": [{"del', b": ping\n\n"], ids=["nothing", "half", "comment"])
def test_a_stream_that_ends_before_its_answer_did_is_never_a_clean_end(tail: bytes) -> None:
    """The connection closes politely, the chunks are complete, and yet the model was not done."""
    data = sse(chat_events("half", done=False)[:1]) + tail

    error = failure(says(STREAM_HEAD + chunked(data) + b"0\r\n\r\n"))

    assert isinstance(error, StreamCut)
    assert error.pieces == ("half",)


def test_a_cut_after_the_model_was_done_loses_no_answer() -> None:
    """The finish reason had come; a paid answer is not thrown away for want of a `[DONE]`."""
    data = sse(chat_events("all of it", usage=False, done=False))

    assert ask(says_and_cuts(STREAM_HEAD + chunked(data))) == Answer(text="all of it", finish="stop", model="served")


def test_an_error_event_in_the_middle_is_a_cut() -> None:
    data = sse(chat_events("half")[:1]) + b"event: error\ndata: GPU on fire\n\n"

    error = failure(says(STREAM_HEAD + chunked(data) + b"0\r\n\r\n"))

    assert isinstance(error, StreamCut)
    assert "GPU on fire" in error.what


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(b"", BackendUnreachable), (STREAM_HEAD + chunked(sse(chat_events("half")[:1])), StreamCut)],
    ids=["before-the-answer", "within-it"],
)
def test_a_stalled_backend_is_given_up_after_its_time(raw: bytes, kind: type[EngineError]) -> None:
    """By the client's clock, which stands until the backend has said what it will ever say."""
    now = [0.0]

    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        answer = engine.answer(HELLO)
        if raw:
            assert (await anext(answer)).text == "half"
        following = asyncio.ensure_future(anext(answer))
        await soon(lambda: server.requests)
        now[0] += 600.0
        with pytest.raises(kind, match="600 s") as caught:
            await following
        assert type(caught.value) is kind

    with_engine(stalls(raw), do, clock=lambda: now[0], timeout_s=600.0)


def test_a_server_that_is_not_there_says_how_to_look_for_it() -> None:
    async def run() -> None:
        async with FaultServer(answers(b"")) as server:
            base_url = server.base_url
        async with Calls(environ={}) as calls:
            engine = OpenAIEngine(make_record(base_url), calls=calls, environ={})
            with pytest.raises(BackendUnreachable, match=r"backend 'up': no connection to .*refused") as caught:
                await anext(engine.answer(HELLO))
            with pytest.raises(BackendUnreachable, match="backend 'up'"):
                await engine.probe()
        assert "Is the server running" in str(caught.value)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after": "12"}, 12.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "Sun, 22 Nov 2026 00:00:30 GMT"}, 30.0),
        ({"retry_after": "Sat, 21 Nov 2026 00:00:00 GMT"}, 0.0),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "1e300"}, 86_400.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "Sun, 99 Nov 2026 00:00:30 GMT"}, None),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({}, None),
    ],
)
def test_the_wait_a_backend_asks_for_is_read_in_seconds(headers: dict[str, str], wait_s: float | None) -> None:
    error = failure(answers(said("busy"), 429, **headers))

    assert isinstance(error, BackendRefused)
    assert error.retry_after_s == wait_s
    assert ("asked us to wait" in error.what) == (wait_s is not None)


@pytest.mark.parametrize("status", [402, 429])
def test_an_account_without_money_is_not_asked_again(status: int) -> None:
    error = failure(answers(said("You exceeded your current quota", code="insufficient_quota"), status))

    assert not error.retryable
    assert "no credit" in str(error)


def test_an_unknown_model_is_told_what_there_is() -> None:
    async def two_doors(exchange: Exchange) -> None:
        if exchange.target == "/v1/models":
            exchange.write(response(200, b'{"data": [{"id": "qwen-7b"}, {"id": "mistral"}]}'))
        else:
            exchange.write(response(404, said("The model `qwen7b` does not exist")))

    async def do(engine: OpenAIEngine, server: FaultServer) -> str:
        for _ in range(3):
            with pytest.raises(BackendRefused) as caught:
                await anext(engine.answer(msgspec.structs.replace(HELLO, model="qwen7b")))
        assert [sent.target for sent in server.requests].count("/v1/models") == 1
        return str(caught.value)

    shown = with_engine(two_doors, do)

    assert "It serves: qwen-7b, mistral." in shown
    assert "Did you mean 'qwen-7b'?" in shown


@pytest.mark.parametrize(
    "quoted",
    [
        f"Incorrect API key provided: {KEY}",
        "Invalid token hf_ABCDEFGHIJKLMNOP for Bearer abcdefgh",
        f"\x1b[31mred\x07 {KEY}\r\n",
    ],
)
@pytest.mark.parametrize("status", [401, 500, 200])
def test_no_error_ever_shows_a_key_or_a_terminal_escape(quoted: str, status: int) -> None:
    error = failure(answers(said(quoted), status), api_key="env:UP_KEY", settings={"stream": False})

    for shown in (str(error), repr(error), error.what, str(error.args)):
        assert KEY not in shown
        assert "hf_ABCDEFGHIJKLMNOP" not in shown
        assert not set(shown) & {"\x1b", "\x07"}
    assert error.what.isprintable(), "one line"


def test_a_key_of_no_known_shape_is_not_shown_either() -> None:
    async def run() -> str:
        async with FaultServer(answers(said("who is horsebattery9?"), 401)) as server, Calls(environ={}) as calls:
            record = make_record(server.base_url, api_key="env:K")
            engine = OpenAIEngine(record, calls=calls, environ={"K": "horsebattery9"})
            with pytest.raises(BackendRefused) as caught:
                await anext(engine.answer(HELLO))
            return str(caught.value)

    shown = asyncio.run(run())

    assert "who is [key]?" in shown
    assert "horsebattery9" not in shown


def test_a_long_complaint_is_shortened() -> None:
    assert len(failure(answers(said("x" * 1_000_000), 500)).what) < 500


# --- what is asked of it before a run


def test_start_asks_nothing_unless_told_to() -> None:
    async def do(engine: OpenAIEngine, server: FaultServer) -> int:
        await engine.start()
        return len(server.requests)

    models = answers(b'{"data": [{"id": "m"}]}')
    assert with_engine(models, do) == 0
    assert with_engine(models, do, settings={"check": True}) == 1


def test_a_checked_start_finds_a_wrong_key_before_the_run() -> None:
    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        await engine.start()

    with pytest.raises(BackendRefused, match="'up' refused the request: 401"):
        with_engine(answers(said("no"), 401), do, settings={"check": True})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": KEY}, "named, not written out"),
        ({"api_key": "env:"}, "named, not written out"),
        ({"api_key": f"env:{KEY}"}, "named, not written out"),
        ({"api_key": "env:NOT_SET"}, "NOT_SET is not set"),
        ({"base_url": "localhost:8000"}, "not a URL"),
        ({"base_url": "http://u:hunter2@h/v1"}, "must not hold a user"),
        ({"base_url": "http://h/v1?key=1"}, "without ?"),
        ({"settings": {"guidedd": "schema"}}, "no setting 'guidedd'"),
        ({"settings": {"guided": "magic"}}, "Invalid enum value 'magic'"),
        ({"settings": {"stream": "yes"}}, "xpected `bool`"),
        ({"settings": {"abilities": ["flying"]}}, "flying"),
        ({"settings": {"headers": {"x-api-key": KEY}}}, "named, not written out"),
    ],
)
def test_a_record_that_cannot_work_is_refused_before_anything_is_sent(changed: dict[str, Any], words: str) -> None:
    record = make_record(**{"base_url": "http://127.0.0.1:1/v1", **changed})

    with pytest.raises(InputError) as caught:
        OpenAIEngine(record, calls=Calls(environ={}), environ={"UP_KEY": KEY})

    shown = str(caught.value)
    assert words.lower() in shown.lower()
    assert "[[backend]] up" in shown
    assert KEY not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "environ",
    [{"UP_KEY": "key\nwith-a-line-end"}, {"UP_KEY": "key\u2026"}, {"UP_KEY": "k", "http_proxy": "socks5://p:1"}],
    ids=["line-end", "not-ascii", "socks"],
)
def test_what_could_never_be_sent_is_found_before_the_run(environ: dict[str, str]) -> None:
    record = make_record("http://model.test/v1", api_key="env:UP_KEY")

    with pytest.raises(InputError) as caught:
        OpenAIEngine(record, calls=Calls(environ=environ), environ=environ)

    assert caught.value.where is not None
    assert "with-a-line-end" not in str(caught.value)


def test_a_missing_key_says_how_to_set_it() -> None:
    with pytest.raises(WeighbridgeError, match=r"export UP_KEY="):
        OpenAIEngine(make_record("http://h/v1", api_key="env:UP_KEY"), calls=Calls(environ={}), environ={})


# --- labels


def test_a_backend_that_ignores_the_constraint_is_found_out() -> None:
    """A label that was only hoped for must not pass for one that was enforced."""
    request = msgspec.structs.replace(HELLO, choices=(COLOUR,), choose="grammar")

    for text in ("I'd say red.", '{"colour": "green"}', '["red"]', "", '{"colour": ["red"]}'):
        error = failure(answers(chat_body(text)), request)
        assert isinstance(error, BadAnswer)
        assert "constrained to" in error.what
        assert not error.retryable, "it would be paid for again, and ignored again"


def test_several_labels_of_a_continuation_build_on_each_other() -> None:
    asked: list[dict[str, Any]] = []

    async def choose_last(exchange: Exchange) -> None:
        body = exchange.json()
        asked.append(body)
        choice = {"text": body["structured_outputs"]["choice"][-1], "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 1}
        exchange.write(response(200, msgspec.json.encode({"choices": [choice], "usage": usage, "model": "m"})))

    request = ChatRequest(model="m", prompt="A shirt.", choices=(COLOUR, SIZE), choose="grammar")
    answer = ask(choose_last, request, settings={"guided": "structured_outputs"})

    assert answer.text == '{"colour":"blue","size":"large"}'
    assert answer.usage == Usage(20, 2)
    assert [body["prompt"] for body in asked] == ["A shirt.\nColour:", "A shirt.\nColour: blue\nSize:"]
    assert asked[0]["structured_outputs"]["choice"] == [" red", " blue"]


def top(**logprobs: float) -> Any:
    listed = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    return {"content": [{"token": "x", "logprob": -0.1, "top_logprobs": listed}]}


def ranked(logprobs: Any) -> Behaviour:
    choice = {"message": {"content": "x"}, "finish_reason": "length", "logprobs": logprobs}
    return answers(msgspec.json.encode({"choices": [choice]}))


RANK = msgspec.structs.replace(HELLO, choices=(COLOUR,), choose="logprob")


def test_a_ranking_asks_for_one_token_and_its_rivals() -> None:
    async def do(engine: OpenAIEngine, server: FaultServer) -> None:
        answer = join([piece async for piece in engine.answer(RANK)])

        assert answer.text == "blue"
        assert answer.label_logprobs == {"colour": {"blue": pytest.approx(-0.5), "red": pytest.approx(-1.5)}}
        body = server.requests[0].json()
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
        assert "response_format" not in body

    with_engine(ranked(top(bl=-0.5, red=-1.5)), do)


@pytest.mark.parametrize(
    "logprobs", [None, {"content": None}, {"content": []}, {"content": [{"token": "a", "logprob": -1}]}]
)
def test_a_backend_without_log_probabilities_cannot_rank(logprobs: Any) -> None:
    assert isinstance(failure(ranked(logprobs), RANK), CannotAsk)


def test_labels_that_begin_alike_cannot_be_ranked_by_one_token() -> None:
    alike = Choice(name="c", labels=("refund", "return"))

    error = failure(ranked(top(re=-0.1)), msgspec.structs.replace(RANK, choices=(alike,)))

    assert isinstance(error, CannotAsk)
    assert "'refund', 'return'" in error.what
    assert 'choose = "grammar"' in str(error)


def test_several_labels_cannot_be_ranked_in_a_conversation() -> None:
    assert isinstance(failure(ranked(top(red=-1)), msgspec.structs.replace(RANK, choices=(COLOUR, SIZE))), CannotAsk)


def test_the_content_free_twin_is_asked_once_for_all_items_and_counted_once() -> None:
    twin = ChatRequest(model="m", messages=(Message(role="user", content="N/A"),))

    async def biased(exchange: Exchange) -> None:
        """The model likes `red` whatever it is asked."""
        content_free = exchange.json()["messages"][0]["content"] == "N/A"
        shares = {"red": 0.8, "blue": 0.2} if content_free else {"red": 0.6, "blue": 0.4}
        logprobs = top(**{label: math.log(share) for label, share in shares.items()})
        choice = {"message": {"content": "red"}, "finish_reason": "length", "logprobs": logprobs}
        usage = {"prompt_tokens": 10, "completion_tokens": 1}
        exchange.write(response(200, msgspec.json.encode({"choices": [choice], "usage": usage})))

    async def do(engine: OpenAIEngine, server: FaultServer) -> list[Answer]:
        async def one(n: int) -> Answer:
            message = Message(role="user", content=f"item {n}")
            request = msgspec.structs.replace(RANK, messages=(message,), baseline=twin)
            return join([piece async for piece in engine.answer(request)])

        answers = await asyncio.gather(*[one(n) for n in range(8)])
        assert len(server.requests) == 9
        return list(answers)

    found = with_engine(biased, do)

    assert {answer.text for answer in found} == {"blue"}, "0.4 / 0.2 beats 0.6 / 0.8"
    assert sum(answer.usage.input_tokens or 0 for answer in found) == 90


def test_what_the_settings_say_changes_the_fingerprint_when_it_changes_the_answer() -> None:
    def fingerprint(**settings: Any) -> dict[str, str]:
        record = make_record("http://h/v1", settings=settings)
        return OpenAIEngine(record, calls=Calls(environ={}), environ={}).fingerprint()

    prints = [
        fingerprint(),
        fingerprint(guided="guided_choice"),
        fingerprint(thinking="never"),
        fingerprint(top_logprobs=5),
    ]

    assert all(a != b for a, b in pairwise(prints))
    assert fingerprint() == fingerprint(stream=False, connect_s=1.0), "how it is fetched is not what is said"


# --- what is known of model families


def test_quirks_are_used_only_where_the_settings_say_so() -> None:
    """A backend that runs Qwen's weights: reasoning goes off in the words of its template, or, unasked, as OpenAI's."""
    sent: list[Any] = []

    async def record(exchange: Exchange) -> None:
        sent.append(exchange.json())
        await answers(chat_body())(exchange)

    request = ChatRequest(model="Qwen/Qwen3-8B", messages=HELLO.messages, thinks=False)
    for quirks in ("off", "refuse"):
        ask(record, request, settings={"quirks": quirks, "stream": False})

    assert sent[0].get("reasoning_effort") == "none"
    assert sent[1].get("chat_template_kwargs") == {"enable_thinking": False}
    assert "reasoning_effort" not in sent[1]


def test_a_degree_of_reasoning_a_family_does_not_know_is_refused_with_the_backends_name() -> None:
    request = ChatRequest(model="Qwen/Qwen3-8B", messages=HELLO.messages, reasoning_effort="low")

    error = failure(answers(chat_body()), request, settings={"quirks": "refuse"})

    assert isinstance(error, CannotAsk)
    assert "'up'" in str(error)
    assert "no more or less than that" in str(error)

"""Answers are read the same whole, streamed, and streamed in any pieces; what is no answer is a BadAnswer."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weighbridge.chat import Answer, TokenLogprob, ToolCall, Usage, openai_chat, openai_completions
from weighbridge.chat.join import join
from weighbridge.chat.openai_wire import Spelling
from weighbridge.errors import BackendRefused, BadAnswer, EngineError, StreamCut
from weighbridge.net.sse import SseParser

PLAIN = Spelling()
SPLIT = st.lists(st.integers(0, 5000), max_size=10)


def whole(message: dict[str, Any], finish: str | None = "stop", usage: Any = None, **choice: Any) -> Answer:
    body = {"model": "m", "choices": [{"message": message, "finish_reason": finish, **choice}], "usage": usage}
    return openai_chat.decode(msgspec.json.encode(body), PLAIN)


def read(stream: bytes, places: list[int] = [], reader: Any = None) -> Answer:  # noqa: B006
    """The answer of a stream that comes cut at these places."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    reader = reader or openai_chat.ChatStream(PLAIN)
    parser = SseParser()
    pieces = []
    for start, end in pairwise(edges):
        for event in parser.feed(stream[start:end]):
            pieces += reader.feed(event.data)
    return join([*pieces, reader.end()])


def events(*deltas: dict[str, Any], finish: str | None = "stop", usage: Any = None, done: bool = True) -> bytes:
    bodies: list[Any] = [{"model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        bodies.append({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        bodies.append({"choices": [], "usage": usage})
    data = [msgspec.json.encode(body) for body in bodies] + ([b"[DONE]"] if done else [])
    return b"".join(b"data: %b\n\n" % each for each in data)


# --- whole answers


def test_text_finish_model_and_usage_are_read() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }

    assert whole({"content": "hi"}, usage=usage) == Answer(
        text="hi", finish="stop", model="m", usage=Usage(10, 4, cached_tokens=8, reasoning_tokens=3)
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ("lots", Usage()),
        ({"prompt_tokens": -1, "completion_tokens": 1.5}, Usage()),
        ({"prompt_tokens": True}, Usage()),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(5)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 2}, Usage(5, cached_tokens=2)),
        ({"completion_tokens": 5, "completion_tokens_details": None, "reasoning_tokens": 2}, Usage(None, 5, None, 2)),
    ],
)
def test_nonsense_counts_are_unknown_and_the_paid_answer_is_kept(usage: Any, expected: Usage) -> None:
    answer = whole({"content": "hi"}, usage=usage)

    assert (answer.text, answer.usage) == ("hi", expected)


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        pytest.param({"content": "a", "reasoning": "r"}, "a", "r", id="reasoning"),
        pytest.param({"content": "a", "reasoning_content": "r"}, "a", "r", id="reasoning_content"),
        pytest.param({"content": "a", "reasoning": "r", "reasoning_content": "r"}, "a", "r", id="both-once"),
        pytest.param({"content": "<think>r</think>\na"}, "a", "r", id="inline"),
        pytest.param({"content": "r</think>a"}, "a", "r", id="inline-opened-by-the-template"),
        pytest.param({"content": "see <think>", "reasoning": "r"}, "see <think>", "r", id="field-beats-tags"),
        pytest.param({"content": None, "reasoning": "r"}, "", "r", id="no-text"),
        pytest.param(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                    {"type": "text", "text": "a"},
                ]
            },
            "a",
            "r",
            id="parts",
        ),
    ],
)
def test_reasoning_is_kept_apart_in_every_spelling(message: dict[str, Any], text: str, reasoning: str) -> None:
    answer = whole(message)

    assert (answer.text, answer.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("something_new", "something_new"),
        (None, None),
    ],
)
def test_finish_reasons_have_one_word_each(raw: str | None, word: str | None) -> None:
    assert whole({"content": "a"}, finish=raw).finish == word


def test_an_answer_the_backend_gave_up_is_not_one() -> None:
    with pytest.raises(BadAnswer, match="gave the answer up"):
        whole({"content": "half a sen"}, finish="abort")


def test_a_refusal_is_an_answer_that_says_so() -> None:
    answer = whole({"content": None, "refusal": "I cannot help with that."})

    assert (answer.text, answer.finish) == ("I cannot help with that.", "refusal")


def test_parallel_tool_calls_keep_their_order_ids_and_arguments() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": {"y": [2]}}},
        {"function": {"name": "h"}},
    ]

    answer = whole({"content": None, "tool_calls": calls}, finish="tool_calls")

    assert answer.tool_calls == (
        ToolCall("a", "f", '{"x": 1}'),
        ToolCall("b", "g", '{"y":[2]}'),
        ToolCall("call_2", "h", "{}"),
    )


def test_log_probabilities_come_with_their_tokens() -> None:
    entry = {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}],
    }

    assert whole({"content": "a"}, logprobs={"content": [entry]}).logprobs == (
        TokenLogprob("a", -0.5, {"a": -0.5, "b": -1.5}),
    )


# --- streams


def test_a_stream_gives_what_the_whole_answer_gives() -> None:
    stream = events(
        {"role": "assistant", "content": ""},
        {"reasoning": "let me "},
        {"reasoning": "see"},
        {"content": "bil"},
        {"content": "ling"},
        usage={"prompt_tokens": 3, "completion_tokens": 9},
    )

    assert read(stream) == Answer(text="billing", reasoning="let me see", finish="stop", model="m", usage=Usage(3, 9))


TOOL_STREAM = events(
    {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
    {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}, {"index": 1, "function": {"arguments": "}"}}]},
    finish="tool_calls",
)


@given(SPLIT)
def test_streamed_tool_arguments_are_joined_into_whole_calls_at_any_cut(places: list[int]) -> None:
    answer = read(TOOL_STREAM, places)

    assert answer.tool_calls == (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}"))
    assert answer.finish == "tool_calls"


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
             {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}]}],
            id="every-call-has-index-0",
        ),
        pytest.param(
            [{"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
             {"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "{}"}}]}],
            id="no-index-at-all",
        ),
    ],
)  # fmt: skip
def test_calls_without_a_proper_index_are_told_apart_by_id(deltas: list[dict[str, Any]]) -> None:
    assert read(events(*deltas)).tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


THINKING = events(
    {"content": "so <b"}, {"content": "> it is</th"}, {"content": "ink>\n\nbil"}, {"content": "ling ✓ 好"}
)


@given(SPLIT)
@settings(max_examples=200)
def test_an_unopened_reasoning_block_is_split_off_at_any_cut(places: list[int]) -> None:
    answer = read(THINKING, places)

    assert (answer.text, answer.reasoning) == ("billing ✓ 好", "so <b> it is")


def test_every_byte_by_itself_gives_the_same_answer() -> None:
    for stream in (TOOL_STREAM, THINKING):
        assert read(stream, list(range(len(stream)))) == read(stream)


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": st.text(max_size=60),
        "reasoning_content": st.text(max_size=20),
        "refusal": st.none(),
    },
)


@given(st.lists(MESSAGES, max_size=6), SPLIT)
@example([{"content": " "}, {"reasoning_content": "r"}, {"content": "x"}], [])
def test_any_stream_reads_the_same_at_any_cut(deltas: list[dict[str, Any]], places: list[int]) -> None:
    stream = events(*deltas)

    assert read(stream, places) == read(stream)


@given(st.text(max_size=80), SPLIT)
def test_a_text_streamed_letter_by_letter_is_the_text_sent_whole(text: str, places: list[int]) -> None:
    answer = read(events(*[{"content": letter} for letter in text]), places)
    at_once = whole({"content": text})

    assert (answer.text, answer.reasoning) == (at_once.text, at_once.reasoning)


def test_a_stream_that_only_stops_is_cut_not_finished() -> None:
    with pytest.raises(StreamCut) as caught:
        read(events({"content": "half"}, finish=None, done=False))

    assert caught.value.pieces == ("half",)


@pytest.mark.parametrize(("finish", "done"), [("stop", False), (None, True)])
def test_either_a_finish_reason_or_done_ends_a_stream(finish: str | None, done: bool) -> None:
    assert read(events({"content": "all"}, finish=finish, done=done)).finish == "stop"


def test_an_error_before_the_first_text_is_a_refusal_with_its_status() -> None:
    stream = b'data: {"error": {"message": "slow down\\u001b[31m", "code": 429}}\n\n'

    with pytest.raises(BackendRefused, match="slow down") as caught:
        read(stream)

    assert caught.value.status == 429
    assert "\x1b" not in str(caught.value)


def test_an_error_in_the_middle_is_a_cut_that_keeps_what_had_come() -> None:
    stream = events({"content": "half"}, finish=None, done=False) + b'data: {"error": "out of memory"}\n\n'

    with pytest.raises(StreamCut, match="out of memory") as caught:
        read(stream)

    assert caught.value.pieces == ("half",)


def test_an_error_sent_with_status_200_is_an_error() -> None:
    with pytest.raises(BackendRefused, match="no such model"):
        openai_chat.decode(b'{"error": {"message": "no such model", "type": "invalid_request_error"}}', PLAIN)


def test_null_errors_are_none() -> None:
    body = b'{"error": null, "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}'

    assert openai_chat.decode(body, PLAIN).text == "hi"


# --- what is no answer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"  \n", "empty", id="white-space"),
        pytest.param(b"<!DOCTYPE html><title>502</title>", "a web page", id="html"),
        pytest.param(b"Bad Gateway", "not JSON", id="text"),
        pytest.param(b'{"choices": [{"message": {"content": "hal', "not whole", id="half-a-json"),
        pytest.param(b"[" * 100_000, "not whole", id="nested-without-end"),
        pytest.param(b'{"choices": []}', "no message", id="no-choices"),
        pytest.param(b"{}", "no message", id="empty-object"),
        pytest.param(b'{"choices": {}}', r"\$.choices", id="wrong-type-says-where"),
        pytest.param(b'{"choices": [{"message": {"content": 5}}]}', "content", id="text-that-is-a-number"),
        pytest.param(b'{"choices": [{"message": {"content": [{"type": "video"}]}}]}', "neither text", id="odd-part"),
        pytest.param(
            b'{"choices": [{"message": {"content": "a"}, "finish_reason": 5}]}', "not a word", id="odd-finish"
        ),
        pytest.param(b'{"choices": [{"message": {"tool_calls": [{}]}}]}', "no name", id="nameless-tool"),
        pytest.param(b'{"choices": [{"message": {"content": "\xff"}}]}', "not whole", id="not-utf-8"),
    ],
)
def test_what_is_no_answer_says_what_came_instead(body: bytes, words: str) -> None:
    with pytest.raises(BadAnswer, match=words) as caught:
        openai_chat.decode(body, PLAIN)

    assert len(caught.value.what) < 400
    assert caught.value.what.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "delta", "content", "text", "tool_calls", "function", "name", "arguments", "usage",
             "error", "logprobs", "tokens", "top_logprobs", "token_logprobs", "finish_reason", "index", "reasoning",
             "refusal", "type", "thinking", "model", "code", "token", "logprob"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    JSON
    | st.lists(JSON, min_size=1, max_size=1).map(lambda inner: {"choices": [{"message": inner[0], "delta": inner[0]}]})
)
@settings(max_examples=400)
def test_any_json_is_an_answer_or_an_engine_error(value: Any) -> None:
    """Never a TypeError out of the middle of a run."""
    body = msgspec.json.encode(value)

    for decode in (openai_chat.decode, openai_completions.decode):
        with suppress(EngineError):
            assert isinstance(decode(body, PLAIN), Answer)
    for reader in (openai_chat.ChatStream(PLAIN), openai_completions.CompletionStream(PLAIN)):
        with suppress(EngineError):
            reader.feed(body)
            reader.end()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_bad_answer(body: bytes) -> None:
    for decode in (openai_chat.decode, openai_completions.decode):
        with pytest.raises(BadAnswer):
            decode(body, PLAIN)


# --- completions


def test_a_continuation_is_read_whole_and_streamed() -> None:
    choice = {
        "text": " upon",
        "finish_reason": "length",
        "logprobs": {"tokens": [" upon"], "token_logprobs": [-0.1], "top_logprobs": [{" upon": -0.1, " a": -2.5}]},
    }
    body = {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    expected = Answer(
        text=" upon",
        finish="length",
        model="m",
        usage=Usage(1, 1),
        logprobs=(TokenLogprob(" upon", -0.1, {" upon": -0.1, " a": -2.5}),),
    )

    encoded = msgspec.json.encode(body)

    assert openai_completions.decode(encoded, PLAIN) == expected
    stream = b"data: %b\n\ndata: [DONE]\n\n" % encoded
    for places in ([], list(range(len(stream)))):
        assert read(stream, places, openai_completions.CompletionStream(PLAIN)) == expected


@pytest.mark.parametrize(
    "logprobs",
    [
        {"tokens": ["a"], "token_logprobs": []},
        {"tokens": ["a"], "token_logprobs": ["x"]},
        {"tokens": [5], "token_logprobs": [-1.0]},
    ],
)
def test_log_probabilities_that_do_not_fit_their_tokens_are_a_bad_answer(logprobs: Any) -> None:
    body = msgspec.json.encode({"choices": [{"text": "a", "logprobs": logprobs}]})

    with pytest.raises(BadAnswer):
        openai_completions.decode(body, PLAIN)

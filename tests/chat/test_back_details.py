"""What each back dialect makes of details that a round trip does not show."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from dialect_samples import CALLS, HELLO, PNG, STAMP, WEATHER, as_json, sent

from weighbridge.chat import ChatRequest, Image, Message, Sampling, Text, Thought, ToolCall, Usage
from weighbridge.chat.anthropic import AnthropicBack, AnthropicFront
from weighbridge.chat.anthropic.back_request import Terms
from weighbridge.chat.dialect import Back
from weighbridge.chat.gemini import GeminiBack
from weighbridge.chat.gemini.back_request import NO_SIGNATURE
from weighbridge.chat.gemini.back_request import Terms as GeminiTerms
from weighbridge.chat.join import join
from weighbridge.chat.ollama_api import OllamaBack
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.responses import ResponsesBack, ResponsesFront
from weighbridge.errors import BackendRefused, BadAnswer, CannotAsk, StreamCut


def asking(**changed: Any) -> ChatRequest:
    return msgspec.structs.replace(HELLO, **changed)


THOUGHT = Message(
    role="assistant", content="x", reasoning="hm", thoughts=(Thought("hm", "c2ln", signed_by="anthropic"),)
)
FOREIGN = Message(role="assistant", content="x", reasoning="hm", thoughts=(Thought("hm", "c2ln", signed_by="gemini"),))
HIDDEN = Message(role="assistant", content="x", thoughts=(Thought(redacted="ZW5j", signed_by="anthropic"),))
USER = Message(role="user", content="go on")


# --- reasoning that somebody signed


def test_anthropic_gets_its_own_signatures_back_and_no_others() -> None:
    own = sent(AnthropicBack(), asking(messages=(USER, THOUGHT, USER)))
    foreign = asking(messages=(USER, FOREIGN, USER))

    assert own["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    with pytest.raises(CannotAsk, match="not signed by Anthropic"):
        AnthropicBack().encode(foreign, stream=False)
    left = AnthropicBack(Terms(foreign_reasoning="leave_out")).encode(foreign, stream=False)
    assert msgspec.json.decode(left.body)["messages"][1] == {"role": "assistant", "content": "x"}
    assert left.left_out == ("foreign reasoning",)


@pytest.mark.parametrize("back", [OpenAIBack(), OllamaBack(), GeminiBack()], ids=lambda back: back.name)
def test_encrypted_reasoning_is_refused_by_who_cannot_read_it(back: Back) -> None:
    with pytest.raises(CannotAsk, match="encrypted"):
        back.encode(asking(messages=(USER, HIDDEN, USER)), stream=False)


def test_signed_reasoning_reaches_others_as_plain_reasoning() -> None:
    request = asking(messages=(USER, THOUGHT, USER))

    assert sent(OpenAIBack(), request)["messages"][1]["reasoning_content"] == "hm"
    assert sent(OllamaBack(), request)["messages"][1]["thinking"] == "hm"
    assert sent(GeminiBack(), request)["contents"][1]["parts"][0] == {"text": "hm", "thought": True}


def test_a_call_that_gemini_signed_comes_back_signed_through_any_client_that_can_keep_it() -> None:
    """Gemini 3 refuses a call without the signature it came with."""
    raw = {"candidates": [{"content": {"parts": [
        {"functionCall": {"id": "call_a", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "call_b", "name": "weather", "args": {"city": "Rome"}}},
    ]}, "finishReason": "STOP"}]}  # fmt: skip
    answer = GeminiBack().decode(as_json(raw), HELLO)

    for front, path, ask in (
        (AnthropicFront(), "/v1/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}),
        (OpenAIFront(), "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        (ResponsesFront(), "/v1/responses", {"input": "x"}),
    ):
        said = msgspec.json.decode(front.encode(answer, front.decode(path, as_json({"model": "m", **ask})), STAMP))
        if path == "/v1/messages":
            again = {**ask, "messages": [*ask["messages"], {"role": "assistant", "content": said["content"]},
                     {"role": "user", "content": [{"type": "tool_result", "tool_use_id": c, "content": "1"}
                                                  for c in ("call_a", "call_b")]}]}  # fmt: skip
        elif path == "/v1/responses":
            results = [{"type": "function_call_output", "call_id": c, "output": "1"} for c in ("call_a", "call_b")]
            again = {"input": [{"role": "user", "content": "x"}, *said["output"], *results]}
        else:
            results = [{"role": "tool", "tool_call_id": c, "content": "1"} for c in ("call_a", "call_b")]
            again = {"messages": [*ask["messages"], said["choices"][0]["message"], *results]}
        request = front.decode(path, as_json({"model": "m", **again})).request
        parts = sent(GeminiBack(), request)["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None], path


def test_a_call_nobody_signed_carries_what_google_says_to_send() -> None:
    messages = (USER, Message(role="assistant", tool_calls=CALLS), *results())

    parts = sent(GeminiBack(), asking(messages=messages, tools=(WEATHER,)))["contents"][1]["parts"]

    assert [part.get("thoughtSignature") for part in parts] == [NO_SIGNATURE, None]


def results(**more: Any) -> tuple[Message, ...]:
    return tuple(Message(role="tool", content="3", tool_call_id=call.id, **more) for call in CALLS)


# --- how hard to think


@pytest.mark.parametrize(
    ("back", "asked", "said"),
    [
        (AnthropicBack(), {"reasoning_effort": "high"},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (AnthropicBack(Terms(effort="budget")), {"reasoning_effort": "high"},
         {"thinking": {"type": "enabled", "budget_tokens": 24576}, "max_tokens": 4096 + 24576}),
        (AnthropicBack(), {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (GeminiBack(), {"reasoning_effort": "low"},
         {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "low"}}}),
        (GeminiBack(GeminiTerms("budget")), {"reasoning_effort": "medium"},
         {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192}}}),
        (GeminiBack(), {"thinks": False}, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
        (OllamaBack(), {"thinks": True}, {"think": True}),
        (OllamaBack(), {"reasoning_effort": "low"}, {"think": "low"}),
        (OllamaBack(), {"reasoning_effort": "none"}, {"think": False}),
        (OpenAIBack(), {"reasoning_tokens": 2000, "thinks": True}, {"reasoning_effort": "medium"}),
        (OpenAIBack(), {"thinks": False}, {"reasoning_effort": "none"}),
        (ResponsesBack(), {"thinks": True}, {"reasoning": {"effort": "medium"},
                                             "include": ["reasoning.encrypted_content"]}),
    ],
)  # fmt: skip
def test_a_wish_for_reasoning_is_said_in_the_words_of_the_dialect(
    back: Back, asked: dict[str, Any], said: dict[str, Any]
) -> None:
    plain, body = sent(back, HELLO), sent(back, asking(**asked))

    assert {name: value for name, value in body.items() if plain.get(name) != value} == said


@pytest.mark.parametrize(
    ("back", "asked", "words"),
    [
        (AnthropicBack(), {"reasoning_tokens": 500}, "1024 at least"),
        (AnthropicBack(), {"reasoning_effort": "minimal"}, "reasoning_effort = minimal"),
        (GeminiBack(), {"reasoning_effort": "max"}, "reasoning_effort = max"),
        (OllamaBack(), {"reasoning_effort": "minimal"}, "reasoning_effort = minimal"),
        (GeminiBack(), {"service_tier": "scale"}, "service_tier = scale"),
        (AnthropicBack(), {"sampling": Sampling(seed=1)}, "`seed`"),
        (AnthropicBack(Terms(version="2026-10-21")), {"sampling": Sampling(temperature=1.0)}, "`temperature`"),
        (AnthropicBack(), {"any_json": True}, "`json_object`"),
        (GeminiBack(), {"messages": (USER, Message(role="system", content="x"))}, "behind others"),
        (GeminiBack(), {"messages": results()}, "belongs to no call"),
        (ResponsesBack(), {"sampling": Sampling(stop=("a",))}, "`stop`"),
        (OllamaBack(), {"messages": (Message(role="user", content=(Image("https://x.test/a.png"),)),)}, "image URL"),
        (AnthropicBack(), {"messages": (Message(role="user", content=(Image("data:text/plain,x"),)),)}, "not base64"),
        (OpenAIBack(), {"messages": (USER, Message(role="assistant", content="It is")), "continues": True}, "prefill"),
        (AnthropicBack(), {"messages": (USER, Message(role="assistant", tool_calls=(ToolCall("a", "f", "[1"),)))},
         "no JSON object"),
        (OllamaBack(), {"extra": {"logit_bias": {}}, "extra_from": "openai"}, "logit_bias"),
        (OpenAIBack(), {"n": 2}, "`n`"),
    ],
)  # fmt: skip
def test_what_a_dialect_cannot_say_is_refused_by_name(back: Back, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(CannotAsk, match=words):
        back.encode(asking(**asked), stream=False)


def test_extra_fields_from_the_config_go_where_they_belong() -> None:
    claude = sent(AnthropicBack(), asking(extra={"speed": "fast"}))
    llama = sent(OllamaBack(), asking(extra={"options": {"num_ctx": 4096}, "keep_alive": "1h"}))

    assert claude["speed"] == "fast"
    assert (llama["options"], llama["keep_alive"]) == ({"num_ctx": 4096}, "1h")
    with pytest.raises(CannotAsk, match="sets already"):
        AnthropicBack().encode(asking(extra={"max_tokens": 1}), stream=False)
    with pytest.raises(CannotAsk, match=r"options\.top_k"):
        OllamaBack().encode(asking(sampling=Sampling(top_k=1), extra={"options": {"top_k": 2}}), stream=False)


def test_the_version_of_anthropics_api_is_the_settings() -> None:
    newer = AnthropicBack(Terms(version="2026-10-21")).encode(HELLO, stream=False)

    assert AnthropicBack().encode(HELLO, stream=False).headers == (("anthropic-version", "2023-06-01"),)
    assert newer.headers == (("anthropic-version", "2026-10-21"),)


# --- shapes


def test_results_of_tools_and_what_follows_them_are_one_turn_for_anthropic() -> None:
    messages = (USER, Message(role="assistant", tool_calls=CALLS), *results(failed=True), USER)

    turns = sent(AnthropicBack(), asking(messages=messages))["messages"]

    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "tool_result", "text"]
    assert turns[2]["content"][0]["is_error"] is True


def test_ids_of_other_servers_calls_are_written_in_letters_anthropic_takes() -> None:
    call = ToolCall("functions.f:0", "f", "{}")
    messages = (USER, Message(role="assistant", tool_calls=(call,)),
                Message(role="tool", content="1", tool_call_id=call.id))  # fmt: skip

    turns = sent(AnthropicBack(), asking(messages=messages))["messages"]

    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"] == "functions_f_0"


def test_gemini_gets_images_tools_and_settings_in_its_own_words() -> None:
    request = asking(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content=(Text("what"), Image(PNG))),
            Message(role="assistant", tool_calls=CALLS),
            *results(),
        ),
        tools=(WEATHER,),
        tool_choice="weather",
        sampling=Sampling(max_tokens=5, stop=("END",), seed=1, top_k=2),
        schema={"type": "object"},
        logprobs=3,
    )

    body = sent(GeminiBack(), request)

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert [part["functionResponse"]["name"] for part in body["contents"][2]["parts"]] == ["weather"] * 2
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["weather"]}
    config = {"maxOutputTokens": 5, "stopSequences": ["END"], "seed": 1, "topK": 2, "logprobs": 3,
              "responseLogprobs": True, "responseMimeType": "application/json",
              "responseJsonSchema": {"type": "object"}}  # fmt: skip
    assert body["generationConfig"] == config


@pytest.mark.parametrize("model", ["../../v1/secrets", "a/b?key=x", "models/ok", "x#y"])
def test_a_models_name_cannot_lead_elsewhere_at_gemini(model: str) -> None:
    path = GeminiBack().encode(asking(model=model), stream=False).path

    assert path.startswith("models/")
    assert path.count("/") == 1
    assert path.endswith(":generateContent")
    assert not set("?#") & set(path)


def test_texts_in_parts_become_one_string_where_a_server_takes_nothing_else() -> None:
    messages = (Message(role="user", content=(Text("a"), Text("b"))),)

    kept, joined = (sent(OpenAIBack(Spelling(text_parts=kind)), asking(messages=messages)) for kind in ("keep", "join"))

    assert kept["messages"][0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert joined["messages"][0]["content"] == "a\nb"


# --- answers


def test_counts_of_gemini_hold_thoughts_in_the_answer_and_tools_in_the_prompt() -> None:
    raw = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
           "usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 3,
                             "thoughtsTokenCount": 7, "cachedContentTokenCount": 4}}  # fmt: skip

    assert GeminiBack().decode(as_json(raw), HELLO).usage == Usage(15, 10, 4, 7)


def test_counts_of_anthropic_are_put_together_over_a_stream() -> None:
    """The prompt is counted at the start, the answer at the end; what an event does not say stands."""
    reader = AnthropicBack().reader(HELLO)
    start = {"input_tokens": 3, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 10, "output_tokens": 1}
    for event in (
        {"type": "message_start", "message": {"model": "m", "usage": start}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ):
        reader.feed(as_json(event))

    last = reader.end()

    assert last.usage == Usage(33, 9, 20, None, 10)
    assert last.finish == "length"


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "OTHER"])
def test_an_answer_gemini_gave_up_is_none(reason: str) -> None:
    raw = {"candidates": [{"content": {"parts": []}, "finishReason": reason}]}

    with pytest.raises(BadAnswer, match=reason):
        GeminiBack().decode(as_json(raw), HELLO)


def test_a_prompt_gemini_blocks_ends_as_filtered() -> None:
    assert GeminiBack().decode(b'{"promptFeedback": {"blockReason": "SAFETY"}}', HELLO).finish == "content_filter"


@pytest.mark.parametrize(
    ("back", "event", "status"),
    [
        (AnthropicBack(), {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, 529),
        (GeminiBack(), {"error": {"code": 503, "message": "busy"}}, 503),
        (OllamaBack(), {"error": "busy"}, 500),
        (ResponsesBack(), {"type": "error", "message": "busy", "code": "server_error"}, 500),
        (ResponsesBack(), {"type": "response.failed", "response": {"error": {"code": "429", "message": "busy"}}}, 429),
    ],
)
def test_an_error_in_a_stream_refuses_before_the_first_text_and_cuts_after_it(
    back: Back, event: dict[str, Any], status: int
) -> None:
    with pytest.raises(BackendRefused, match="busy") as caught:
        back.reader(HELLO).feed(as_json(event))
    assert caught.value.status == status

    reader = back.reader(HELLO)
    reader.texts.append("Hel")
    with pytest.raises(StreamCut, match="busy") as cut:
        reader.feed(as_json(event))
    assert cut.value.pieces == ("Hel",)


SERVER_TOOL = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


def test_content_nobody_asked_for_cannot_be_carried_but_can_be_passed_by() -> None:
    """Whoever forwards a backend's bytes as they are only looks for counts."""
    usage = {"input_tokens": 3, "output_tokens": 2}
    whole = {"content": [SERVER_TOOL, {"type": "text", "text": "a"}], "stop_reason": "end_turn", "usage": usage}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": SERVER_TOOL},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
    ]
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    found = {"output": [item], "status": "completed", "usage": usage}

    with pytest.raises(BadAnswer, match="server_tool_use"):
        AnthropicBack().decode(as_json(whole), HELLO)
    with pytest.raises(BadAnswer, match="server_tool_use"):
        AnthropicBack().reader(HELLO).feed(as_json(events[0]))
    with pytest.raises(BadAnswer, match="web_search_call"):
        ResponsesBack().decode(as_json(found), HELLO)

    reader = AnthropicBack().reader(HELLO, lenient=True)
    pieces = [piece for event in events for piece in reader.feed(as_json(event))]
    assert AnthropicBack().decode(as_json(whole), HELLO, lenient=True).text == "a"
    assert join([*pieces, reader.end()]).usage == Usage(3, 2)
    assert ResponsesBack().decode(as_json(found), HELLO, lenient=True).usage == Usage(3, 2)


def test_a_count_is_asked_for_without_what_only_an_answer_needs() -> None:
    request = asking(tools=(WEATHER,), sampling=Sampling(max_tokens=5, temperature=0.5, stop=("x",)), user="u")

    up = AnthropicBack().encode_count(request)

    assert up.path == "messages/count_tokens"
    assert set(msgspec.json.decode(up.body)) == {"model", "messages", "tools"}
    assert AnthropicBack().decode_count(b'{"input_tokens": 14}') == 14
    for body in (b"{}", b'{"input_tokens": -1}', b'{"input_tokens": true}', b"<html>"):
        with pytest.raises(BadAnswer):
            AnthropicBack().decode_count(body)

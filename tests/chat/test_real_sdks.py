"""The vendors' own SDKs read what our fronts write, and our fronts read what the SDKs send.

The SDK's transport is a function: its request goes through the front, and the front's bytes come back, in chunks of a
few bytes. Nothing leaves the process. The SDKs are no dependency; without them these tests say so and are skipped.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dialect_samples import CALLING, CALLS, PNG, STAMP, TALK, USAGE, WEATHER

from weighbridge.chat import ChatRequest, Image, Piece, Text, Thought, TokenLogprob
from weighbridge.chat.anthropic import AnthropicFront
from weighbridge.chat.embeddings import Embedded
from weighbridge.chat.fronts import by_path, embed_fronts
from weighbridge.chat.join import join
from weighbridge.chat.model_lists import (
    ServedModel,
    anthropic_model,
    anthropic_models,
    ollama_show,
    ollama_tags,
    openai_model,
    openai_models,
    shown_model,
)
from weighbridge.errors import BackendRefused, StreamCut, WeighbridgeError

httpx = pytest.importorskip("httpx", reason="comes with the SDKs")
FRONTS = by_path()
SIGNED = (
    Piece(reasoning="Let me "),
    Piece(reasoning="think."),
    Piece(thoughts=(Thought(signature="c2ln", signed_by="anthropic"),)),
    Piece(thoughts=(Thought(redacted="ZW5j", signed_by="anthropic"),)),
    *TALK[2:],
)
LOGPROBS = (
    Piece(text="Hi", logprobs=(TokenLogprob("Hi", -0.1, {"Hi": -0.1, "Ho": -2.5}),)),
    Piece(finish="length", usage=USAGE),
)


def in_bits(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[at : at + 7]


class Served:
    """A server in a function; keeps what it was asked."""

    def __init__(
        self,
        pieces: tuple[Piece, ...] = (),
        *,
        refuses: WeighbridgeError | None = None,
        breaks_after: int | None = None,
    ) -> None:
        self.pieces = pieces
        self.refuses = refuses
        self.breaks_after = breaks_after
        self.requests: list[ChatRequest] = []

    def __call__(self, request: Any) -> Any:
        http = httpx if isinstance(request, httpx.Request) else importlib.import_module("httpx2")
        return self.answered(request, http.Response)

    def answered(self, request: Any, respond: Any) -> Any:
        front = FRONTS[request.url.path]
        if self.refuses is not None:
            refusal = front.error(self.refuses, "req1")
            return respond(refusal.status, headers=dict(refusal.headers), content=refusal.body)
        asked = front.decode(request.url.path, request.read())
        self.requests.append(asked.request)
        if not asked.stream:
            body = front.encode(join(self.pieces), asked, STAMP)
            return respond(200, headers={"content-type": "application/json"}, content=body)
        encoder = front.stream(asked, STAMP)
        told = self.pieces[: self.breaks_after]
        out = b"".join(encoder.piece(piece) + encoder.ping() for piece in told)
        out += encoder.end() if self.breaks_after is None else encoder.broken(StreamCut("the backend broke off"))
        return respond(200, headers={"content-type": front.stream_type}, content=in_bits(out))


def client_over(handle: Callable[[Any], Any], sdk: Any) -> Any:
    """An HTTP client of the package the SDK is written with, whose network is a function."""
    http = importlib.import_module("httpx2") if hasattr(sdk._base_client, "httpx2") else httpx
    return http.Client(transport=http.MockTransport(handle))


def openai_client(served: Callable[[Any], Any]) -> Any:
    openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
    return openai.OpenAI(
        api_key="k", base_url="http://gateway/v1", http_client=client_over(served, openai), max_retries=0
    )


def anthropic_client(served: Callable[[Any], Any]) -> Any:
    anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
    return anthropic.Anthropic(
        api_key="k", base_url="http://gateway", http_client=client_over(served, anthropic), max_retries=0
    )


def ollama_client(served: Callable[[Any], Any]) -> Any:
    ollama = pytest.importorskip("ollama", reason="the ollama SDK is not installed")
    client = ollama.Client(host="http://gateway")
    client._client = httpx.Client(transport=httpx.MockTransport(served), base_url="http://gateway")
    return client


HELLO: list[Any] = [{"role": "user", "content": "hello"}]
OPENAI_TOOL: Any = {
    "type": "function",
    "function": {"name": WEATHER.name, "description": WEATHER.description, "parameters": WEATHER.parameters},
}
ANTHROPIC_TOOL: Any = {
    "name": WEATHER.name,
    "description": WEATHER.description,
    "input_schema": WEATHER.parameters,
}


# --- OpenAI chat


def test_openai_reads_a_whole_answer_with_counts_and_reasoning() -> None:
    answer = openai_client(Served(TALK)).chat.completions.create(model="m", messages=HELLO)

    message = answer.choices[0].message
    assert (message.content, message.reasoning_content, message.reasoning) == ("Hello", *["Let me think."] * 2)
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (100, 120)
    assert answer.usage.prompt_tokens_details.cached_tokens == 40
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5


def test_openai_reads_streamed_tool_calls_as_its_own_helper_joins_them() -> None:
    served = Served(CALLING)

    with openai_client(served).chat.completions.stream(model="m", messages=HELLO, tools=[OPENAI_TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message

    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        (call.id, call.name, call.arguments) for call in CALLS
    ]
    assert served.requests[0].tools == (WEATHER,)


def test_openai_reads_usage_at_the_end_of_a_stream_only_where_it_asked() -> None:
    client = openai_client(Served(TALK))

    plain = [chunk.usage for chunk in client.chat.completions.create(model="m", messages=HELLO, stream=True)]
    counted = [
        chunk.usage
        for chunk in client.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    ]

    assert not any(plain)
    assert counted[-1].completion_tokens == 20


def test_openai_reads_logprobs() -> None:
    answer = openai_client(Served(LOGPROBS)).chat.completions.create(
        model="m", messages=HELLO, logprobs=True, top_logprobs=2
    )

    content = answer.choices[0].logprobs.content
    assert [(each.token, each.logprob, [top.token for top in each.top_logprobs]) for each in content] == [
        ("Hi", -0.1, ["Hi", "Ho"])
    ]
    assert answer.choices[0].finish_reason == "length"


def test_openai_raises_on_an_error_in_the_middle_of_a_stream() -> None:
    openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
    client = openai_client(Served(TALK, breaks_after=3))

    with pytest.raises(openai.APIError, match="broke off"):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))


def test_openai_reads_a_completion() -> None:
    client = openai_client(Served(LOGPROBS))

    whole = client.completions.create(model="m", prompt="Once", logprobs=2)
    streamed = "".join(c.choices[0].text for c in client.completions.create(model="m", prompt="Once", stream=True))

    assert whole.choices[0].text == streamed == "Hi"
    assert whole.choices[0].logprobs.top_logprobs == [{"Hi": -0.1, "Ho": -2.5}]


# --- OpenAI responses


def test_openai_reads_a_whole_response() -> None:
    served = Served(TALK)

    answer = openai_client(served).responses.create(
        model="m",
        instructions="Be brief.",
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "what is this"},
                    {"type": "input_image", "image_url": PNG, "detail": "low"},
                ],
            }
        ],
        reasoning={"effort": "low", "summary": "auto"},
        metadata={"team": "blue"},
    )

    assert answer.output_text == "Hello"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.output[0].summary[0].text == "Let me think."
    assert (answer.status, answer.instructions, answer.metadata) == ("completed", "Be brief.", {"team": "blue"})
    assert answer.usage.input_tokens_details.cached_tokens == 40
    request = served.requests[0]
    assert request.messages[1].content == (Text("what is this"), Image(PNG, "low"))
    assert (request.reasoning_effort, request.show_reasoning) == ("low", True)


def test_openai_reads_a_streamed_response_as_its_own_helper_joins_it() -> None:
    tool: Any = {"type": "function", **OPENAI_TOOL["function"], "strict": False}
    with openai_client(Served(CALLING)).responses.stream(model="m", input="hello", tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()

    calls = [(item.call_id, item.name, item.arguments) for item in answer.output if item.type == "function_call"]
    assert calls == [(call.id, call.name, call.arguments) for call in CALLS]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_openai_takes_a_broken_response_for_no_whole_one() -> None:
    openai = pytest.importorskip("openai", reason="the openai SDK is not installed")

    with (
        pytest.raises((openai.APIError, RuntimeError)),
        openai_client(Served(TALK, breaks_after=3)).responses.stream(model="m", input="hello") as stream,
    ):
        stream.get_final_response()


# --- Anthropic


def test_anthropic_reads_a_whole_message_with_signed_thinking_and_its_way_of_counting() -> None:
    message = anthropic_client(Served(SIGNED)).messages.create(model="m", max_tokens=9, messages=HELLO)

    assert [block.type for block in message.content] == ["thinking", "redacted_thinking", "text"]
    assert (message.content[0].thinking, message.content[0].signature) == ("Let me think.", "c2ln")
    assert message.content[1].data == "ZW5j"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (60, 40)
    assert (message.usage.output_tokens, message.usage.output_tokens_details.thinking_tokens) == (20, 5)


def test_anthropic_reads_a_streamed_message_as_its_own_helper_joins_it() -> None:
    served = Served(SIGNED)

    with anthropic_client(served).messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
        message = stream.get_final_message()

    assert [block.type for block in message.content] == ["thinking", "redacted_thinking", "text"]
    assert (message.content[0].thinking, message.content[0].signature) == ("Let me think.", "c2ln")
    assert message.content[2].text == "Hello"
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 60, 20)


def test_thinking_goes_back_with_the_signature_it_came_with() -> None:
    first, second = Served(SIGNED), Served(TALK)
    message = anthropic_client(first).messages.create(model="m", max_tokens=9, messages=HELLO)

    history = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": "go on"}]
    anthropic_client(second).messages.create(model="m", max_tokens=9, messages=history)

    assert second.requests[0].messages[1].thoughts == join(SIGNED).thoughts


def test_anthropic_reads_streamed_tools_and_sends_their_results() -> None:
    first, second = Served(CALLING), Served(TALK)
    with anthropic_client(first).messages.stream(
        model="m", max_tokens=9, messages=HELLO, tools=[ANTHROPIC_TOOL], tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()

    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "3"} for block in message.content]
    history = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    anthropic_client(second).messages.create(model="m", max_tokens=9, messages=history, tools=[ANTHROPIC_TOOL])

    assert [(block.name, block.input) for block in message.content] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Rome"}),
    ]
    assert message.stop_reason == "tool_use"
    assert first.requests[0].tool_choice == "required"
    assert [each.tool_call_id for each in second.requests[0].messages[2:]] == ["call_a", "call_b"]


def test_anthropic_raises_on_an_error_in_the_middle_of_a_stream() -> None:
    anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")

    with (
        pytest.raises(anthropic.APIError, match="broke off"),
        anthropic_client(Served(TALK, breaks_after=3)).messages.stream(
            model="m", max_tokens=9, messages=HELLO
        ) as stream,
    ):
        stream.get_final_message()


def test_anthropic_counts_tokens() -> None:
    anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
    front = AnthropicFront()

    def handle(request: Any) -> Any:
        asked = front.decode(request.url.path, request.read())
        http = httpx if isinstance(request, httpx.Request) else importlib.import_module("httpx2")
        return http.Response(200, content=front.counted(len(asked.request.messages)))

    client = anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=client_over(handle, anthropic))

    assert client.messages.count_tokens(model="m", messages=HELLO).input_tokens == 1


# --- Ollama


def test_ollama_reads_chat_whole_and_streamed() -> None:
    client = ollama_client(Served(TALK))

    whole = client.chat(model="m", messages=HELLO, think=True)
    lines = list(client.chat(model="m", messages=HELLO, stream=True))

    assert (whole.message.content, whole.message.thinking) == ("Hello", "Let me think.")
    assert "".join(line.message.content for line in lines) == "Hello"
    assert "".join(line.message.thinking or "" for line in lines) == "Let me think."
    assert [(each.done_reason, each.prompt_eval_count, each.eval_count) for each in (whole, lines[-1])] == [
        ("stop", 100, 20)
    ] * 2
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


def test_ollama_reads_tool_calls_and_sends_their_results() -> None:
    first, second = Served(CALLING), Served(TALK)
    message = ollama_client(first).chat(model="m", messages=HELLO, tools=[OPENAI_TOOL]).message

    results = [{"role": "tool", "content": str(at), "tool_name": "weather"} for at in range(2)]
    ollama_client(second).chat(model="m", messages=[*HELLO, message, *results])

    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Rome"}),
    ]
    asked = second.requests[0].messages
    assert [each.tool_call_id for each in asked[2:]] == [call.id for call in asked[1].tool_calls]


def test_ollama_reads_generate_and_logprobs() -> None:
    served = Served(LOGPROBS)

    whole = ollama_client(served).generate(model="m", prompt="Once", logprobs=True, top_logprobs=2, raw=True)

    assert whole.response == "Hi"
    assert (whole.done_reason, whole.logprobs[0].top_logprobs[1].token) == ("length", "Ho")
    assert served.requests[0].prompt == "Once"


def test_ollama_raises_on_an_error_in_the_middle_of_a_stream() -> None:
    ollama = pytest.importorskip("ollama", reason="the ollama SDK is not installed")

    with pytest.raises(ollama.ResponseError, match="broke off"):
        list(ollama_client(Served(TALK, breaks_after=3)).chat(model="m", messages=HELLO, stream=True))


# --- vectors, and which models there are

VECTORS = ((0.5, -1.0), (2.0, 0.25))
MODELS = (
    ServedModel("fast", 1_795_305_600, owner="acme", family="qwen3", parameter_size="7.6B", quantisation="Q4_K_M",
                size_bytes=4_000, digest="ab" * 32, context_tokens=32_768, abilities=("completion", "tools")),
    ServedModel("bare"),
)  # fmt: skip
LISTS: dict[str, Callable[[], bytes]] = {
    "/v1/models": lambda: openai_models(MODELS),
    "/v1/models/fast": lambda: openai_model(MODELS[0]),
    "/api/tags": lambda: ollama_tags(MODELS),
}


def lists_and_vectors(request: Any) -> Any:
    """A server that turns texts into vectors and tells its models."""
    http = httpx if isinstance(request, httpx.Request) else importlib.import_module("httpx2")
    path = request.url.path
    if path in embed_fronts():
        front = embed_fronts()[path]
        asked = front.decode(path, request.read())
        vectors = VECTORS[: len(asked.request.inputs)]
        return http.Response(200, content=front.encode(Embedded(vectors, "m", 4), asked))
    if path == "/api/show":
        model = next(each for each in MODELS if each.id == shown_model(request.read()))
        return http.Response(200, content=ollama_show(model))
    if "anthropic-version" in request.headers:
        one = path.rpartition("/")[2]
        return http.Response(200, content=anthropic_models(MODELS) if one == "models" else anthropic_model(MODELS[0]))
    return http.Response(200, content=LISTS[path]())


def test_openai_reads_vectors_in_both_encodings_and_the_list_of_models() -> None:
    client = openai_client(lists_and_vectors)

    plain = client.embeddings.create(model="m", input=["a", "b"], encoding_format="float")
    packed = client.embeddings.create(model="m", input=["a", "b"])  # asks for base64 of its own accord

    assert [tuple(each.embedding) for each in plain.data] == list(VECTORS)
    assert [tuple(each.embedding) for each in packed.data] == list(VECTORS)
    assert plain.usage.prompt_tokens == 4
    assert [(model.id, model.owned_by) for model in client.models.list()] == [("fast", "acme"), ("bare", "weighbridge")]
    assert client.models.retrieve("fast").created == 1_795_305_600


def test_ollama_reads_vectors_and_what_it_wants_to_know_of_a_model() -> None:
    client = ollama_client(lists_and_vectors)

    embedded = client.embed(model="m", input=["a", "b"])
    older = client.embeddings(model="m", prompt="a")
    listed = client.list().models
    shown = client.show("fast")

    assert [tuple(each) for each in embedded.embeddings] == list(VECTORS)
    assert (embedded.prompt_eval_count, tuple(older.embedding)) == (4, VECTORS[0])
    assert [model.model for model in listed] == ["fast", "bare"]
    assert (listed[0].details.quantization_level, listed[0].size) == ("Q4_K_M", 4_000)
    assert shown.capabilities == ["completion", "tools"]
    assert shown.modelinfo["qwen3.context_length"] == 32_768


def test_anthropic_reads_the_list_of_models() -> None:
    client = anthropic_client(lists_and_vectors)

    assert [model.id for model in client.models.list()] == ["fast", "bare"]
    assert client.models.retrieve("fast").max_input_tokens == 32_768


# --- errors


def ask_openai(served: Served) -> Any:
    return openai_client(served).chat.completions.create(model="m", messages=HELLO)


def ask_anthropic(served: Served) -> Any:
    return anthropic_client(served).messages.create(model="m", max_tokens=9, messages=HELLO)


@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(
    ("status", "seen", "name"),
    [
        (429, 429, "RateLimitError"),
        (400, 400, "BadRequestError"),
        (404, 404, "NotFoundError"),
        (401, 502, "InternalServerError"),
        (500, 502, "InternalServerError"),
        (529, 503, None),
    ],
)
def test_an_sdk_raises_its_own_error_for_each_of_ours(
    ask: Callable[[Served], Any], status: int, seen: int, name: str | None
) -> None:
    """A key of ours that a backend refuses is no fault of the client's: never a 401."""
    refused = BackendRefused("the backend refused", status=status, retry_after_s=1.5)

    with pytest.raises(Exception, match="refused") as caught:
        ask(Served(refuses=refused))

    error: Any = caught.value
    assert error.status_code == seen
    assert error.response.headers["retry-after"] == "2"
    assert name is None or type(error).__name__ == name


def test_an_answer_is_plain_json_for_whoever_has_no_sdk() -> None:
    asked = AnthropicFront().decode(
        "/v1/messages", b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}'
    )

    assert json.loads(AnthropicFront().encode(join(TALK), asked, STAMP))["content"][1]["text"] == "Hello"

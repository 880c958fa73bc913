"""The libraries that teams build on against `weighbridge serve` as a process of its own, with SmolLM2 on the real
llama.cpp behind it: whole answers, streams, tools and schemas through its grammar, and vectors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from client_libraries import FRAMEWORKS, Library
from gateway_running import calls, make_key
from llamacpp_running import needs_xllamacpp
from test_crash import process
from test_sdks_real import CITY, MODEL, SCHEMA, Served, serve, until_whole

from conftest import real_weights
from fault_server import Exchange, response, serving

pytestmark = [
    needs_xllamacpp,
    *(pytest.mark.clients, pytest.mark.weights, pytest.mark.slow, pytest.mark.filterwarnings("ignore")),
]
COLOURS, CITIES = ("red", "blue"), ("Paris", "Oslo")
ASKED = "What is the weather in Paris?"
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Looks outside.", "parameters": CITY}}


@pytest.fixture(scope="module")
def smol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(tmp_path_factory.mktemp("smol"), real_weights("smollm2"))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM would fetch its list of prices."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def chat_model(smol: Served, kind: str, **usual: Any) -> Any:
    """A chat model of LangChain's."""
    usual = {"model": MODEL, "temperature": 0} | usual
    if kind == "ollama":
        fields = {"headers": {"authorization": f"Bearer {smol.key}"}}
        return import_module("langchain_ollama").ChatOllama(base_url=smol.url, client_kwargs=fields, **usual)
    usual |= {"api_key": smol.key, "max_retries": 0}
    if kind == "anthropic":
        return import_module("langchain_anthropic").ChatAnthropic(base_url=smol.url, **{"max_tokens": 100} | usual)
    return import_module("langchain_openai").ChatOpenAI(base_url=f"{smol.url}/v1", **{"max_tokens": 100} | usual)


@pytest.mark.parametrize("library", FRAMEWORKS, ids=lambda each: each.name)
def test_words_are_the_same_whole_and_streamed_and_each_call_is_in_the_ledger(smol: Served, library: Library) -> None:
    asking = library.ask(smol.url, smol.key)
    before = len(calls(smol.data_dir))

    whole = asking.whole(MODEL)
    streamed = "".join(asking.stream(MODEL))

    assert whole == streamed
    assert "hello" in whole.lower()
    rows = calls(smol.data_dir)[before:]
    assert [(row.outcome, row.usd_is) for row in rows] == [("ok", "counted")] * 2
    assert rows[0].output_tokens == rows[1].output_tokens


@pytest.mark.parametrize("kind", ["openai", "responses", "anthropic"])
def test_langchain_calls_tools_whole_and_streamed(smol: Served, kind: str) -> None:
    """`any` makes the grammar allow nothing but a call."""
    how = {"use_responses_api": True} if kind == "responses" else {}
    model = chat_model(smol, kind, **how).bind_tools([TOOL], tool_choice="any", parallel_tool_calls=False)

    called = until_whole(lambda _: model.invoke(ASKED))
    streamed = until_whole(lambda _: joined(model.stream(ASKED)))

    for message in (called, streamed):
        (call,) = message.tool_calls
        assert call["name"] == "get_weather"
        assert call["args"]["city"] in CITIES


def joined(chunks: Iterator[Any]) -> Any:
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


@pytest.mark.parametrize(
    ("kind", "method"), [("openai", "json_schema"), ("anthropic", None), ("ollama", "json_schema")]
)
def test_langchain_gets_objects_of_the_schema(smol: Served, kind: str, method: str | None) -> None:
    """Each in its dialect's way: a response format, a tool that must be called, a format."""
    schema = {"title": "pick", "description": "Pick a colour.", **SCHEMA}
    how = {"method": method} if method else {}

    picked = until_whole(lambda _: chat_model(smol, kind).with_structured_output(schema, **how).invoke("Pick one."))

    assert picked["colour"] in COLOURS


def test_llama_index_completes_chats_streams_and_calls_tools(smol: Served) -> None:
    like = import_module("llama_index.llms.openai_like").OpenAILike
    tools = import_module("llama_index.core.tools")
    usual = {"model": MODEL, "api_base": f"{smol.url}/v1", "api_key": smol.key, "max_retries": 0, "temperature": 0}
    plain = like(**usual, max_tokens=8)
    chatty = like(**usual, max_tokens=100, is_chat_model=True, is_function_calling_model=True)

    def get_weather(city: str) -> str:
        """Looks outside."""
        return "3"

    tool = tools.FunctionTool.from_defaults(get_weather)

    text = plain.complete("Once upon a").text
    streamed = "".join(each.delta or "" for each in plain.stream_complete("Once upon a"))
    called = until_whole(
        lambda _: chatty.chat_with_tools([tool], ASKED, tool_required=True, allow_parallel_tool_calls=False)
    )

    assert text == streamed
    assert text
    (call,) = chatty.get_tool_calls_from_response(called)
    assert call.tool_name == "get_weather"
    assert isinstance(call.tool_kwargs["city"], str)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama_chat"])
def test_litellm_asks_in_a_loop_calls_tools_and_holds_to_schemas(smol: Served, provider: str) -> None:
    library = import_module("litellm")
    usual = {
        "model": f"{provider}/{MODEL}",
        "api_base": f"{smol.url}/v1" if provider == "openai" else smol.url,
        "api_key": smol.key,
        "max_tokens": 100,
        "temperature": 0,
        "max_retries": 0,
    }
    hello = [{"role": "user", "content": "Say hello."}]
    named = {"type": "json_schema", "json_schema": {"name": "pick", "schema": SCHEMA, "strict": True}}

    async def together() -> list[Any]:
        return await asyncio.gather(*(library.acompletion(**usual | {"max_tokens": 8}, messages=hello) for _ in "ab"))

    answers = asyncio.run(together())
    picked = until_whole(lambda _: library.completion(**usual, messages=hello, response_format=named))

    assert all("hello" in answer.choices[0].message.content.lower() for answer in answers)
    assert json.loads(picked.choices[0].message.content)["colour"] in COLOURS
    if provider != "ollama_chat":  # Ollama's API has no way to ask for a call
        asked = {"tools": [TOOL], "tool_choice": "required", "messages": [{"role": "user", "content": ASKED}]}
        called = until_whole(lambda _: library.completion(**usual, **asked, parallel_tool_calls=False))
        (call,) = called.choices[0].message.tool_calls
        assert json.loads(call.function.arguments)["city"] in CITIES


def test_vectors_reach_langchain_and_litellm_in_every_dialect(tmp_path: Path) -> None:
    """The local engines have none, so a server of OpenAI's dialect is behind it."""

    async def vectors(exchange: Exchange) -> None:
        texts = exchange.json()["input"]
        data = [{"index": at, "embedding": [float(len(text)), 0.5]} for at, text in enumerate(texts)]
        exchange.write(response(200, json.dumps({"data": data, "model": "m", "usage": {"prompt_tokens": 4}}).encode()))

    _, key = make_key(tmp_path / "data" / "weighbridge")
    with serving(vectors) as up:
        config = f"""
[server]
port = 0
[[backend]]
name = "up"
kind = "openai"
base_url = "{up.base_url}"
[[route]]
model = "{MODEL}"
to = [{{ backend = "up", price = {{ input = 1.0, output = 1.0 }} }}]
"""
        with process(tmp_path, config.encode()) as (gateway, port):
            url = f"http://127.0.0.1:{port}"
            openai = import_module("langchain_openai").OpenAIEmbeddings(
                model=MODEL, base_url=f"{url}/v1", api_key=key, check_embedding_ctx_length=False
            )
            fields = {"headers": {"authorization": f"Bearer {key}"}}
            ollama = import_module("langchain_ollama").OllamaEmbeddings(model=MODEL, base_url=url, client_kwargs=fields)
            other = import_module("litellm").embedding(
                model=f"openai/{MODEL}", api_base=f"{url}/v1", api_key=key, input=["a", "bcd"]
            )

            got = [maker.embed_documents(["a", "bcd"]) for maker in (openai, ollama)]
            got.append([each["embedding"] for each in other.data])
            assert got == [[[1.0, 0.5], [3.0, 0.5]]] * 3
            gateway.terminate()
            gateway.wait()

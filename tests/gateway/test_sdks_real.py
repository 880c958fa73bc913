"""The vendors' own clients against `weighbridge serve` as a process of its own, with the real llama.cpp behind it.

With a tiny model of random weights everywhere: it knows nothing, but its grammar makes it call tools and hold to
schemas all the same. With SmolLM2, where it was pulled, answers make sense too.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gateway_running import calls, make_key
from llamacpp_running import needs_xllamacpp
from test_crash import process
from tiny_gguf import write_tiny_gguf

from conftest import real_weights

pytestmark = [needs_xllamacpp, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODEL = "assistant"
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "Oslo"]}}, "required": ["city"]}
COLD = {"temperature": 0}
HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
WEATHER: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]


class Served(NamedTuple):
    """A gateway process over a model."""

    url: str
    key: str
    data_dir: Path

    @property
    def openai(self) -> Any:
        openai = pytest.importorskip("openai", reason="OpenAI's client is not installed here")
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    @property
    def anthropic(self) -> Any:
        anthropic = pytest.importorskip("anthropic", reason="Anthropic's client is not installed here")
        return anthropic.Anthropic(base_url=self.url, api_key=self.key, max_retries=0)

    @property
    def ollama(self) -> Any:
        ollama = pytest.importorskip("ollama", reason="Ollama's client is not installed here")
        return ollama.Client(host=self.url, headers={"authorization": f"Bearer {self.key}"})


def until_whole(call: Callable[[int], Any]) -> Any:
    """Random weights may write white space between the marks of a call until their tokens are used up. The gateway says
    so; asked again they do not."""
    for seed in range(20):
        try:
            return call(seed)
        except Exception as error:
            if "cannot be read" not in str(error):
                raise
    raise AssertionError("twenty seeds, and no whole call")


def serve(folder: Path, weights: Path) -> Iterator[Served]:
    config = f"""
[server]
port = 0
[[backend]]
name = "here"
kind = "llamacpp"
source = "file:{weights}"
settings = {{ context_tokens = 1024, slots = 2, threads = 1, max_tokens = 64 }}
[[route]]
model = "{MODEL}"
to = [{{ backend = "here", price = {{ input = 1.0, output = 1.0 }} }}]
retries = 0
"""
    data_dir = folder / "data" / "weighbridge"
    _, key = make_key(data_dir)
    with process(folder, config.encode()) as (gateway, port):
        yield Served(f"http://127.0.0.1:{port}", key, data_dir)
        gc.collect()  # clients leave sockets open, which is not for other tests to find
        gateway.terminate()
        gateway.wait()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tiny")
    yield from serve(folder, write_tiny_gguf(folder / "tiny.gguf"))


@pytest.fixture(scope="module")
def smol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(tmp_path_factory.mktemp("smol"), real_weights("smollm2"))


TINY = pytest.param("tiny", id="tiny")
SMOL = pytest.param("smol", id="smollm2", marks=[pytest.mark.weights, pytest.mark.slow])
both = pytest.mark.parametrize("which", [TINY, SMOL])


@pytest.fixture
def served(which: str, request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(which)
    return found


@both
def test_openai_chat(served: Served, which: str) -> None:
    client = served.openai
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, temperature=0)
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == 8 or which == "smol"
    assert which == "tiny" or "hello" in text.lower()
    assert [model.id for model in client.models.list()] == [MODEL]


@both
def test_openai_tools_and_schemas_through_the_grammar(served: Served, which: str) -> None:
    client = served.openai
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]
    named = {"type": "json_schema", "json_schema": {"name": "pick", "schema": SCHEMA, "strict": True}}

    called = until_whole(
        lambda seed: client.chat.completions.create(
            model=MODEL,
            messages=WEATHER,
            tools=tools,
            tool_choice="required",
            parallel_tool_calls=False,
            max_tokens=200,
            seed=seed,
        )
    )
    call = called.choices[0].message.tool_calls[0]
    assert (call.function.name, called.choices[0].finish_reason) == ("get_weather", "tool_calls")
    assert json.loads(call.function.arguments)["city"] in ("Paris", "Oslo")
    picked = client.chat.completions.create(model=MODEL, messages=HELLO, response_format=named, max_tokens=64, seed=1)
    assert json.loads(picked.choices[0].message.content)["colour"] in ("red", "blue")
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=named, max_tokens=64) as stream:
        final = stream.get_final_completion()
    assert json.loads(final.choices[0].message.content)["colour"] in ("red", "blue")


@both
def test_openai_responses(served: Served, which: str) -> None:
    client = served.openai
    whole = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=8, temperature=0)
    asked = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 8, "temperature": 0}
    *_, last = client.responses.create(**asked, stream=True)

    assert last.type == ("response.incomplete" if whole.status == "incomplete" else "response.completed")
    assert last.response.output_text == whole.output_text
    assert which == "tiny" or "hello" in whole.output_text.lower()
    tool = {"type": "function", "name": "get_weather", "parameters": CITY, "strict": False}
    called = until_whole(
        lambda seed: client.responses.create(
            model=MODEL,
            input="Weather in Paris?",
            tools=[tool],
            tool_choice="required",
            max_output_tokens=200 + seed,
        )
    )
    assert json.loads(called.output[0].arguments)["city"] in ("Paris", "Oslo")


@both
def test_anthropic(served: Served, which: str) -> None:
    client = served.anthropic
    whole = client.messages.create(model=MODEL, messages=HELLO, max_tokens=8, extra_body=COLD)
    with client.messages.stream(model=MODEL, messages=HELLO, max_tokens=8, extra_body=COLD) as stream:
        final = stream.get_final_message()

    assert final.content[0].text == whole.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert which == "tiny" or "hello" in final.content[0].text.lower()
    read = whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    assert client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens == read
    tool = {"name": "get_weather", "input_schema": CITY}
    choice = {"type": "any", "disable_parallel_tool_use": True}

    def call(seed: int) -> Any:
        asked = {"model": MODEL, "messages": WEATHER, "tools": [tool], "tool_choice": choice}
        with client.messages.stream(**asked, max_tokens=200 + seed) as stream:
            return stream.get_final_message()

    called = until_whole(call)
    (block,) = called.content
    assert (block.type, block.name, called.stop_reason) == ("tool_use", "get_weather", "tool_use")
    assert block.input["city"] in ("Paris", "Oslo")


@both
def test_ollama(served: Served, which: str) -> None:
    client = served.ollama
    options = {"num_predict": 8, "temperature": 0}
    whole = client.chat(model=MODEL, messages=HELLO, options=options)
    streamed = list(client.chat(model=MODEL, messages=HELLO, options=options, stream=True))

    assert "".join(part.message.content or "" for part in streamed) == whole.message.content
    assert streamed[-1].eval_count == whole.eval_count
    assert which == "tiny" or "hello" in whole.message.content.lower()
    picked = client.chat(model=MODEL, messages=HELLO, format=SCHEMA, options={"num_predict": 64})
    assert json.loads(picked.message.content)["colour"] in ("red", "blue")
    generated = client.generate(model=MODEL, prompt="Once", options=options)
    assert generated.done
    assert [model.model for model in client.list().models] == [MODEL]


def test_every_call_is_in_the_ledger_once_with_counts_and_a_price(tiny: Served) -> None:
    before = len(calls(tiny.data_dir))
    tiny.openai.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
    list(tiny.ollama.chat(model=MODEL, messages=HELLO, options={"num_predict": 4}, stream=True))

    rows = calls(tiny.data_dir)[before:]
    assert [(row.outcome, row.usd_is, row.output_tokens) for row in rows] == [("ok", "counted", 4)] * 2


def test_a_key_that_is_no_good_is_each_clients_own_error(tiny: Served) -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    wrong = tiny._replace(key="sk-wb-wrong")

    with pytest.raises(openai.AuthenticationError):
        wrong.openai.chat.completions.create(model=MODEL, messages=HELLO)
    with pytest.raises(anthropic.AuthenticationError):
        wrong.anthropic.messages.create(model=MODEL, messages=HELLO, max_tokens=4)

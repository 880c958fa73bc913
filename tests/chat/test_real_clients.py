"""Libraries that teams build on, as they are, over HTTP on loopback: what they send is carried, what they get is read.

langchain-openai (chat and responses), langchain-anthropic, langchain-ollama, llama-index (OpenAI-like), litellm as a
client. None is a dependency; without one, its tests say so and are skipped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from dialect_samples import CALLING, PNG, STAMP, TALK

from weighbridge.chat import ChatRequest, Image, Piece
from weighbridge.chat.fronts import by_path
from weighbridge.chat.join import join
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.errors import WeighbridgeError

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FRONTS = by_path()


class Gateway(BaseHTTPRequestHandler):
    """Decodes with a front, checks that a backend of OpenAI's can be told, answers with what the request calls for."""

    protocol_version = "HTTP/1.1"
    asked: list[ChatRequest] = []  # noqa: RUF012

    def do_POST(self) -> None:
        front = FRONTS.get(self.path.partition("?")[0])
        body = self.rfile.read(int(self.headers["content-length"]))
        if front is None:
            self.answer(404, "application/json", b"{}")
            return
        try:
            asked = front.decode(self.path.partition("?")[0], body)
            OpenAIBack().encode(asked.request, stream=asked.stream)
        except WeighbridgeError as error:
            refusal = front.error(error)
            self.answer(refusal.status, "application/json", refusal.body)
            return
        Gateway.asked.append(asked.request)
        pieces = told(asked.request)
        if asked.stream:
            encoder = front.stream(asked, STAMP)
            out = b"".join(encoder.piece(piece) for piece in pieces) + encoder.end()
            self.answer(200, front.stream_type, out)
        else:
            self.answer(200, "application/json", front.encode(join(pieces), asked, STAMP))

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


def told(request: ChatRequest) -> tuple[Piece, ...]:
    """Calls where tools wait for none yet, an object where a schema asks for it, words elsewhere."""
    if request.tools and request.tools[0].name == "Report":
        call = msgspec.structs.replace(CALLING[-1].tool_calls[0], name="Report", arguments=REPORT)
        return (msgspec.structs.replace(CALLING[-1], tool_calls=(call,)),)
    if request.tools and not any(message.role == "tool" for message in request.messages):
        return CALLING
    return (Piece(REPORT), TALK[-1]) if request.schema is not None else TALK


REPORT = '{"city":"Oslo","degrees":3}'


@pytest.fixture
def url() -> Iterator[str]:
    Gateway.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def langchain_openai(url: str) -> Any:
    module = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    return module.ChatOpenAI(model="m", base_url=f"{url}/v1", api_key="k", max_retries=0)


def langchain_responses(url: str) -> Any:
    module = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    return module.ChatOpenAI(model="m", base_url=f"{url}/v1", api_key="k", max_retries=0, use_responses_api=True)


def langchain_anthropic(url: str) -> Any:
    module = pytest.importorskip("langchain_anthropic", reason="langchain-anthropic is not installed")
    return module.ChatAnthropic(model="m", base_url=url, api_key="k", max_retries=0)


def langchain_ollama(url: str) -> Any:
    module = pytest.importorskip("langchain_ollama", reason="langchain-ollama is not installed")
    return module.ChatOllama(model="m", base_url=url)


Make = Callable[[str], Any]
LANGCHAIN = [langchain_openai, langchain_responses, langchain_anthropic, langchain_ollama]
every_langchain = pytest.mark.parametrize("make", LANGCHAIN, ids=lambda make: make.__name__)


def words(content: Any) -> str:
    """The text of a LangChain message, its blocks of reasoning left out."""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content if block.get("type") == "text")


def weather(city: str) -> str:
    """Looks outside."""
    return "3"


@every_langchain
def test_langchain_reads_words_counts_and_streams(url: str, make: Make) -> None:
    model = make(url)

    answer = model.invoke("hi")
    streamed = "".join(words(chunk.content) for chunk in model.stream("hi"))

    assert words(answer.content) == streamed == "Hello"
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (100, 20)


@every_langchain
def test_langchain_reads_parallel_tool_calls_and_sends_their_results(url: str, make: Make) -> None:
    messages = pytest.importorskip("langchain_core.messages", reason="langchain-core is not installed")
    model = make(url).bind_tools([weather])
    history: list[Any] = [messages.SystemMessage("s"), messages.HumanMessage("weather?")]

    called = model.invoke(history)
    history += [called, *(messages.ToolMessage("3", tool_call_id=call["id"]) for call in called.tool_calls)]
    answer = model.invoke(history)

    assert [call["args"] for call in called.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert words(answer.content) == "Hello"
    asked = Gateway.asked[-1].messages
    assert [message.role for message in asked] == ["system", "user", "assistant", "tool", "tool"]
    assert [message.tool_call_id for message in asked[3:]] == [call.id for call in asked[2].tool_calls]


@every_langchain
def test_langchain_joins_streamed_tool_calls(url: str, make: Make) -> None:
    whole: Any = None
    for chunk in make(url).bind_tools([weather]).stream("weather?"):
        whole = chunk if whole is None else whole + chunk

    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Rome"}),
    ]


@every_langchain
def test_langchain_gets_structured_output_and_sends_images(url: str, make: Make) -> None:
    pydantic = pytest.importorskip("pydantic", reason="comes with langchain")
    messages = pytest.importorskip("langchain_core.messages", reason="langchain-core is not installed")
    report = pydantic.create_model("Report", city=(str, ...), degrees=(int, ...))
    picture = messages.HumanMessage(
        [{"type": "text", "text": "what"}, {"type": "image_url", "image_url": {"url": PNG}}]
    )

    made = make(url).with_structured_output(report).invoke("x")
    make(url).invoke([picture])

    assert (made.city, made.degrees) == ("Oslo", 3)
    content = Gateway.asked[-1].messages[-1].content
    assert [part.url for part in content if isinstance(part, Image)] == [PNG]


def llama_index(url: str, *, chat: bool = True) -> Any:
    module = pytest.importorskip("llama_index.llms.openai_like", reason="llama-index-llms-openai-like is not installed")
    return module.OpenAILike(
        model="m", api_base=f"{url}/v1", api_key="k", max_retries=0, is_chat_model=chat, is_function_calling_model=chat
    )


def test_llama_index_reads_chat_streams_completions_and_tools(url: str) -> None:
    model = llama_index(url)
    core = pytest.importorskip("llama_index.core.llms", reason="llama-index-core is not installed")
    tools = pytest.importorskip("llama_index.core.tools", reason="llama-index-core is not installed")
    asked = [core.ChatMessage(role="user", content="x")]

    assert model.chat(asked).message.content == "Hello"
    assert "".join(chunk.delta or "" for chunk in model.stream_chat(asked)) == "Hello"
    assert llama_index(url, chat=False).complete("x").text == "Hello"
    called = model.chat_with_tools([tools.FunctionTool.from_defaults(weather)], user_msg="w?")
    picked = model.get_tool_calls_from_response(called)
    assert next((call.tool_name, call.tool_kwargs) for call in picked) == ("weather", {"city": "Oslo"})


@pytest.mark.parametrize("model", ["openai/m", "anthropic/m", "ollama_chat/m", "ollama/m", "hosted_vllm/m"])
def test_litellm_as_a_client_reads_words_reasoning_and_streams(
    url: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm", reason="litellm is not installed")
    base = f"{url}/v1" if model.startswith(("openai", "hosted")) else url
    asked = {"model": model, "api_base": base, "api_key": "k", "messages": [{"role": "user", "content": "x"}]}

    answer = litellm.completion(**asked)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, stream=True))

    assert answer.choices[0].message.content == streamed == "Hello"
    assert answer.choices[0].message.reasoning_content == "Let me think."
    assert answer.usage.prompt_tokens == 100

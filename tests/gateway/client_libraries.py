"""The libraries that teams call models with, each as two functions: what it reads of a whole answer and of a stream.

    library.open(url, key) -> Asking
    asking.whole("model")           the text of an answer
    list(asking.stream("model"))    the text of a stream, piece by piece
    library.raises                  whose error it raises when an answer is none

The vendors' own stand among the tests' packages; the others are installed where CI runs what is marked `clients`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from patience import PATIENCE_S

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
MOST = 8
"""Tokens that an answer may have."""


class Asking(NamedTuple):
    whole: Callable[[str], str]
    stream: Callable[[str], Iterator[str]]


class Library(NamedTuple):
    name: str
    package: str
    open: Callable[[str, str], Asking]
    raises: str
    """The package whose errors it raises: its own, or the vendor's client that it stands on."""

    def ask(self, url: str, key: str) -> Asking:
        pytest.importorskip(self.package, reason=f"{self.package} is not installed")
        return self.open(url, key)


def openai_chat(url: str, key: str) -> Asking:
    client = import_module("openai").OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=PATIENCE_S)

    def ask(model: str, stream: bool) -> Any:
        return client.chat.completions.create(
            model=model, messages=HELLO, max_tokens=MOST, temperature=0, stream=stream
        )

    return Asking(
        lambda model: ask(model, False).choices[0].message.content,
        lambda model: (chunk.choices[0].delta.content or "" for chunk in ask(model, True) if chunk.choices),
    )


def openai_responses(url: str, key: str) -> Asking:
    client = import_module("openai").OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=PATIENCE_S)

    def stream(model: str) -> Iterator[str]:
        with client.responses.stream(model=model, input=HELLO, max_output_tokens=MOST, temperature=0) as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    yield event.delta
            events.get_final_response()

    def whole(model: str) -> str:
        answer = client.responses.create(model=model, input=HELLO, max_output_tokens=MOST, temperature=0)
        return str(answer.output_text)

    return Asking(whole, stream)


def anthropic_messages(url: str, key: str) -> Asking:
    client = import_module("anthropic").Anthropic(base_url=url, api_key=key, max_retries=0, timeout=PATIENCE_S)

    def stream(model: str) -> Iterator[str]:
        with client.messages.stream(
            model=model, messages=HELLO, max_tokens=MOST, extra_body={"temperature": 0}
        ) as events:
            yield from events.text_stream
            events.get_final_message()

    def whole(model: str) -> str:
        answer = client.messages.create(model=model, messages=HELLO, max_tokens=MOST, extra_body={"temperature": 0})
        return "".join(block.text for block in answer.content if block.type == "text")

    return Asking(whole, stream)


def ollama_chat(url: str, key: str) -> Asking:
    fields = {"authorization": f"Bearer {key}"}
    client = import_module("ollama").Client(host=url, headers=fields, timeout=PATIENCE_S)

    def ask(model: str, stream: bool) -> Any:
        options = {"num_predict": MOST, "temperature": 0}
        return client.chat(model=model, messages=HELLO, stream=stream, options=options)

    return Asking(
        lambda model: ask(model, False).message.content,
        lambda model: (line.message.content or "" for line in ask(model, True)),
    )


def words(content: Any) -> str:
    """The text of a LangChain message, its blocks of reasoning left out."""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content if block.get("type") == "text")


def langchain(module: str, name: str, **usual: Any) -> Callable[[str, str], Asking]:
    def open_(url: str, key: str) -> Asking:
        made = getattr(import_module(module), name)
        base = f"{url}/v1" if module == "langchain_openai" else url
        if module == "langchain_ollama":
            fields = {"headers": {"authorization": f"Bearer {key}"}, "timeout": PATIENCE_S}
            fixed = {"client_kwargs": fields, "num_predict": MOST, "temperature": 0}
        else:
            fixed = {"api_key": key, "max_retries": 0, "timeout": PATIENCE_S, "max_tokens": MOST, "temperature": 0}

        def of(model: str) -> Any:
            return made(model=model, base_url=base, **fixed, **usual)

        return Asking(
            lambda model: words(of(model).invoke("Say hello.").content),
            lambda model: (words(chunk.content) for chunk in of(model).stream("Say hello.")),
        )

    return open_


def llama_index(url: str, key: str) -> Asking:
    like = import_module("llama_index.llms.openai_like").OpenAILike
    messages = [import_module("llama_index.core.llms").ChatMessage(role="user", content="Say hello.")]

    def of(model: str) -> Any:
        return like(
            model=model,
            api_base=f"{url}/v1",
            api_key=key,
            max_retries=0,
            timeout=PATIENCE_S,
            is_chat_model=True,
            max_tokens=MOST,
            temperature=0,
        )

    return Asking(
        lambda model: of(model).chat(messages).message.content,
        lambda model: (chunk.delta or "" for chunk in of(model).stream_chat(messages)),
    )


def litellm(provider: str) -> Callable[[str, str], Asking]:
    def open_(url: str, key: str) -> Asking:
        library = import_module("litellm")
        base = f"{url}/v1" if provider == "openai" else url

        def ask(model: str, stream: bool) -> Any:
            return library.completion(
                model=f"{provider}/{model}",
                api_base=base,
                api_key=key,
                messages=HELLO,
                max_tokens=MOST,
                temperature=0,
                stream=stream,
                num_retries=0,
                max_retries=0,
                timeout=PATIENCE_S,
            )

        return Asking(
            lambda model: ask(model, False).choices[0].message.content,
            lambda model: (chunk.choices[0].delta.content or "" for chunk in ask(model, True)),
        )

    return open_


VENDORS = (
    Library("openai", "openai", openai_chat, "openai"),
    Library("openai-responses", "openai", openai_responses, "openai"),
    Library("anthropic", "anthropic", anthropic_messages, "anthropic"),
    Library("ollama", "ollama", ollama_chat, "ollama"),
)
CHAINED = langchain("langchain_openai", "ChatOpenAI", use_responses_api=True)
CLAUDE = langchain("langchain_anthropic", "ChatAnthropic")
FRAMEWORKS = (
    Library("langchain-openai", "langchain_openai", langchain("langchain_openai", "ChatOpenAI"), "openai"),
    Library("langchain-openai-responses", "langchain_openai", CHAINED, "openai"),
    Library(
        "langchain-anthropic", "langchain_anthropic", langchain("langchain_anthropic", "ChatAnthropic"), "anthropic"
    ),
    Library("langchain-ollama", "langchain_ollama", langchain("langchain_ollama", "ChatOllama"), "ollama"),
    Library("llama-index", "llama_index.llms.openai_like", llama_index, "openai"),
    Library("litellm-openai", "litellm", litellm("openai"), "litellm"),
    Library("litellm-anthropic", "litellm", litellm("anthropic"), "litellm"),
    Library("litellm-ollama", "litellm", litellm("ollama_chat"), "litellm"),
)

"""The engine answers conversations and texts, and says by name what a model cannot do. Real llama.cpp, tiny model."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest
from llamacpp_running import GREEDY, ask, chat, make_record, needs_xllamacpp, running, text_of
from tiny_gguf import CHATML, write_tiny_gguf

from weighbridge.chat import ChatRequest, Message, Sampling
from weighbridge.engines import Ability
from weighbridge.engines.llamacpp import LlamaCppEngine
from weighbridge.errors import BackendRefused, CannotAsk, EngineError, InputError, WeightsError
from weighbridge.net.calls import Calls

pytestmark = needs_xllamacpp


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "base.gguf", template=None)


def test_a_conversation_is_answered_in_pieces_and_counted(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            pieces = await ask(engine, chat("hello"))

            last = pieces[-1]
            assert len(pieces) > 2
            assert last.finish == "length"
            assert last.usage is not None
            assert last.usage.output_tokens == GREEDY.max_tokens
            assert last.usage.input_tokens is not None
            assert last.model == "tiny.gguf"

    asyncio.run(scenario())


def test_a_text_is_continued_and_a_repeated_beginning_comes_from_the_cache(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            first = await ask(engine, ChatRequest("", prompt="ticket " * 20 + "one", sampling=GREEDY))
            again = await ask(engine, ChatRequest("", prompt="ticket " * 20 + "two", sampling=GREEDY))

            assert text_of(first)
            assert first[-1].usage is not None
            assert again[-1].usage is not None
            assert first[-1].usage.cached_tokens == 0
            assert (again[-1].usage.cached_tokens or 0) > 20

    asyncio.run(scenario())


def test_a_model_without_a_chat_template_refuses_a_conversation_by_name(base: Path) -> None:
    """The server would have put it into ChatML without a word."""

    async def scenario() -> None:
        async with running(base) as engine:
            assert Ability.CHAT not in engine.abilities
            assert Ability.TOOLS not in engine.abilities
            with pytest.raises(CannotAsk, match="no chat template") as caught:
                await ask(engine, chat("hello"))
            assert 'endpoint = "completion"' in str(caught.value)
            assert text_of(await ask(engine, ChatRequest("", prompt="Once", sampling=GREEDY)))

    asyncio.run(scenario())


def test_a_prompt_is_sent_as_it_is_and_no_template_is_put_around_it(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            pieces = await ask(engine, ChatRequest("", prompt="abc", sampling=GREEDY))

            assert pieces[-1].usage is not None
            assert pieces[-1].usage.input_tokens == 3

    asyncio.run(scenario())


def test_sampling_without_a_seed_repeats_and_with_another_seed_differs(tiny: Path) -> None:
    """A run that is repeated must be able to say the same."""

    async def scenario() -> None:
        warm = Sampling(temperature=1.0, max_tokens=12)
        async with running(tiny) as engine:
            one = text_of(await ask(engine, chat("hello", sampling=warm)))
            same = text_of(await ask(engine, chat("hello", sampling=warm)))
            other = text_of(await ask(engine, chat("hello", sampling=msgspec.structs.replace(warm, seed=7))))

        assert one == same
        assert one != other

    asyncio.run(scenario())


def test_an_answer_without_max_tokens_ends_at_the_setting(tiny: Path) -> None:
    """A model that never stops would fill its whole context for each item."""

    async def scenario() -> None:
        async with running(tiny, max_tokens=5) as engine:
            pieces = await ask(engine, ChatRequest("", prompt="abc", sampling=Sampling(temperature=0.0)))

            assert pieces[-1].usage is not None
            assert pieces[-1].usage.output_tokens == 5

    asyncio.run(scenario())


def test_an_answer_to_a_schema_is_json_that_satisfies_it(tiny: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"urgency": {"enum": ["low", "high"]}, "ok": {"type": "boolean"}},
        "required": ["urgency", "ok"],
        "additionalProperties": False,
    }

    async def scenario() -> None:
        async with running(tiny) as engine:
            for request in (
                chat("x", schema=schema, sampling=Sampling(temperature=0.0, max_tokens=400)),
                ChatRequest("", prompt="x", schema=schema, sampling=Sampling(temperature=0.0, max_tokens=400)),
            ):
                said = msgspec.json.decode(text_of(await ask(engine, request)))

                assert set(said) == {"urgency", "ok"}
                assert said["urgency"] in ("low", "high")

    asyncio.run(scenario())


def test_a_prompt_longer_than_the_context_says_which_setting_to_raise(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, context_tokens=256) as engine:
            with pytest.raises(BackendRefused, match="256 tokens") as caught:
                await ask(engine, ChatRequest("", prompt="abc " * 200, sampling=GREEDY))

            assert caught.value.status == 400
            assert "context_tokens" in str(caught.value)

    asyncio.run(scenario())


def test_calls_at_once_are_as_many_as_slots(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, slots=2) as engine:
            assert engine.concurrency == 2
            answers = await asyncio.gather(*(ask(engine, chat(f"number {n}")) for n in range(6)))

            assert all(answer[-1].finish for answer in answers)

    asyncio.run(scenario())


def test_the_fingerprint_names_what_changes_answers_and_no_secret(tiny: Path, base: Path) -> None:
    async def scenario(weights: Path, **settings: object) -> dict[str, str]:
        async with running(weights, **settings) as engine:
            return engine.fingerprint()

    one, more_slots = asyncio.run(scenario(tiny)), asyncio.run(scenario(tiny, slots=3))
    other_seed, other_weights = asyncio.run(scenario(tiny, seed=1)), asyncio.run(scenario(base))

    assert one == more_slots
    assert one["settings"] != other_seed["settings"]
    assert one["weights"] != other_weights["weights"]
    assert (one["template"] == "none", other_weights["template"]) == (False, "none")
    assert "xllamacpp" in one["engine"] or "llamacpp" in one["engine"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"thread": 2}, "Did you mean 'threads'", id="a typo is met with the right word"),
        pytest.param({"slots": 0}, "settings.slots", id="no slots"),
        pytest.param({"kv_type_k": "q3"}, "settings.kv_type_k", id="a type that llama.cpp has not"),
        pytest.param({"warmup": "yes"}, "settings.warmup", id="a word for a switch"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        LlamaCppEngine(make_record(settings=settings), weights=Path("none.gguf"), calls=Calls(environ={}))

    assert words in str(caught.value)


def test_a_context_longer_than_trained_is_refused_with_the_number(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, context_tokens=9000):
            raise AssertionError("it must not start")

    with pytest.raises(CannotAsk, match="trained for 8192"):
        asyncio.run(scenario())


def test_a_truncated_file_is_an_error_of_the_weights_with_the_bytes_that_miss(tiny: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-1000])

    async def scenario() -> None:
        async with running(cut):
            raise AssertionError("it must not start")

    with pytest.raises(WeightsError, match=r"missing|truncated"):
        asyncio.run(scenario())


def test_weights_that_llama_cpp_itself_refuses_carry_its_reason(tmp_path: Path) -> None:
    odd = write_tiny_gguf(tmp_path / "odd.gguf", metadata={"general.architecture": "lamma"})

    async def scenario() -> None:
        async with running(odd):
            raise AssertionError("it must not start")

    with pytest.raises(WeightsError, match="unknown model architecture: 'lamma'"):
        asyncio.run(scenario())


def test_without_xllamacpp_the_error_is_the_command_that_installs_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # how Python marks a module as not there

    async def scenario() -> None:
        async with running(tiny):
            raise AssertionError("it must not start")

    with pytest.raises(EngineError, match="not installed") as caught:
        asyncio.run(scenario())
    assert "pip install 'weighbridge[local]'" in str(caught.value)
    assert not caught.value.retryable


def test_closing_twice_and_closing_before_a_start_are_harmless(tiny: Path) -> None:
    async def scenario() -> None:
        async with Calls(environ={}) as calls:
            engine = LlamaCppEngine(make_record(), weights=tiny, calls=calls, threads=1)
            await engine.close()
            await engine.start()
            await engine.close()
            await engine.close()
            with pytest.raises(CannotAsk, match="not started"):
                await ask(engine, chat("hello"))

    asyncio.run(scenario())


def test_a_turn_that_the_template_opens_with_thinking_is_told_apart(tmp_path: Path) -> None:
    """Reasoning is kept apart: what is written before `</think>` is no text."""
    thinks = write_tiny_gguf(tmp_path / "thinks.gguf", template=CHATML.replace("assistant\n'", "assistant\n<think>\n'"))

    async def scenario() -> None:
        async with running(thinks) as engine:
            pieces = await ask(engine, chat("hello"))

            assert text_of(pieces) == ""
            assert "".join(piece.reasoning for piece in pieces)

    asyncio.run(scenario())


def test_a_system_message_reaches_the_model(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            plain = chat("hello")
            system = msgspec.structs.replace(
                plain, messages=(Message(role="system", content="be brief"), *plain.messages)
            )
            counts = [(await ask(engine, request))[-1].usage for request in (plain, system)]

            assert counts[0] is not None
            assert counts[1] is not None
            assert (counts[1].input_tokens or 0) > (counts[0].input_tokens or 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("prompt", [None, "abc"], ids=["conversation", "text"])
def test_logprobs_come_with_the_tokens_they_belong_to(tiny: Path, prompt: str | None) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            request = (
                chat("x", logprobs=3) if prompt is None else ChatRequest("", prompt=prompt, sampling=GREEDY, logprobs=3)
            )
            tokens = [token for piece in await ask(engine, request) for token in piece.logprobs]

            assert len(tokens) >= 6
            assert all(token.logprob <= 0 and len(token.top) >= 2 for token in tokens)

    asyncio.run(scenario())

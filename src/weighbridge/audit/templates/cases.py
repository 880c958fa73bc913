"""Conversations to render: plain ones, long ones, ones with tools, and ones made to hold what a template looks for.

The texts hold what a template must not touch: quotes, markup, braces, line breaks, letters of many scripts, every digit
and mark. None of their words stands in an ordinary template, so that whatever else comes out was put there by the
template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]

SYSTEM = (
    'Ozimbo keeps rule K7: answer in "plain" words; it\'s  (quite) simple?\tYES! is 2+3*4/5=6-7, @8 #9 $0 ^~`_\\ ok.'
)
FIRST = "Vexley's <b>tower</b> &amp; {{ bridge }} 50% taller?\n\nzweite Zeile, ünïcödé, 你好, мост: does it hold (1987)"
REPLY = "Forty-eight metres, qarnu said; it is 100% sure & <i>happy</i>.\n\n- qarnu one\n- vexley two!"
SECOND = 'And "Brindlewick" in 1987, {% raw %} or so?'
LONG_CHARS = 40_000
QUIET = ("Tharnix mellows by the quay", "Ploven dries the seventh rope")
"""Texts that stay the same when they are written as JSON."""

TOOL_NAMES = ("get_zorbish", "quellar_of", "drop_mexil")
CALL_VALUE = "Marduin"
CALL_ID = "wbzqk4821"
"""Nine letters and digits, as Mistral's templates ask for."""


def _tool(name: str, about: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": about,
            "parameters": {
                "type": "object",
                "properties": {"tower": {"type": "string", "description": "Vexley tower"}},
                "required": ["tower"],
            },
        },
    }


TOOLS = [_tool(name, f"Zorbish {name} tower") for name in TOOL_NAMES]
TOOL_WORDS = frozenset(
    {
        *("zorbish", "tower", "vexley", "get", "drop", "mexil", "quellar", "of"),
        *("tharnix", "mellows", "quay", "ploven", "dries", "marduin"),
    }
)
"""Words that the tools and their results bring in themselves."""


class Case(NamedTuple):
    """One conversation. `texts` must come out verbatim, in order."""

    name: str
    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    more: dict[str, Any]
    """Other variables of the template."""
    has_system: bool = False

    def variables(self, tokens: dict[str, str], *, parts: bool = False) -> dict[str, Any]:
        """What the renderer is given. `parts`: contents as lists of parts, as models with images take them."""
        messages = [_in_parts(message) for message in self.messages] if parts else list(self.messages)
        return {"messages": messages, "add_generation_prompt": True, **tokens, **self.more}

    def also(self, name: str, **more: Any) -> Case:
        """The same conversation with other variables beside it."""
        return self._replace(name=f"{self.name}, {name}", more={**self.more, **more})


def _in_parts(message: Message) -> Message:
    if not isinstance(message.get("content"), str):
        return message
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


TALK = (("user", FIRST), ("assistant", REPLY), ("user", SECOND))


def plain_cases() -> Iterator[Case]:
    """Conversations without tools, that every template should show as they are."""
    yield _case("one question", (("user", FIRST),))
    yield _case("system and question", (("system", SYSTEM), ("user", FIRST)))
    yield _case("two questions", TALK)
    yield _case("system and two questions", (("system", SYSTEM), *TALK))
    yield _case("without a prompt for the answer", (("user", FIRST),), add_generation_prompt=False)
    long = "Vexley " * (LONG_CHARS // 7) + "ends"
    yield _case("a long question", (("user", long),))
    yield _case("a long system text", (("system", long), ("user", FIRST)))
    yield _case("one word", (("user", "Vexley"),))
    yield _case("capitals", (("system", "OZIMBO KEEPS RULE SEVEN"), ("user", "VEXLEY TOWER TALLER")))
    yield _case("small letters", (("system", "ozimbo keeps rule seven"), ("user", "vexley tower taller")))
    yield _case("many turns", (*_turns(12), ("user", SECOND)))
    yield _case("system and many turns", (("system", SYSTEM), *_turns(12), ("user", SECOND)))
    yield _case("very many turns", (*_turns(60), ("user", SECOND)))


def thinking_cases() -> Iterator[Case]:
    """The same with ways of thinking that callers may ask for."""
    for name, value in (("off", False), ("on", True)):
        for case in (_case("two questions", TALK), _case("system and question", (("system", SYSTEM), ("user", FIRST)))):
            yield case.also(f"thinking {name}", enable_thinking=value, thinking=value)
    thought = {"role": "assistant", "content": REPLY, "reasoning_content": "", "thinking": ""}
    messages = ({"role": "user", "content": FIRST}, thought, {"role": "user", "content": SECOND})
    yield Case("an answer with its thoughts", messages, (FIRST, REPLY, SECOND), {})


def tool_cases() -> Iterator[Case]:
    """The same with tools on offer; text about tools may be added, messages must still stand there."""
    yield _case("tools and a question", (("user", FIRST),), tools=TOOLS)
    yield _case("system, tools and a question", (("system", SYSTEM), ("user", FIRST)), tools=TOOLS)
    yield _case("system, tools and two questions", (("system", SYSTEM), *TALK), tools=TOOLS)
    yield _case("tools, thinking and a question", (("user", FIRST),), tools=TOOLS, enable_thinking=True, thinking=True)


def call_cases(*, as_text: bool) -> Iterator[Case]:
    """Conversations with a call and its result. `as_text`: arguments as JSON in a string, as some templates want."""
    arguments: Any = f'{{"tower": "{CALL_VALUE}"}}' if as_text else {"tower": CALL_VALUE}
    called = {"id": CALL_ID, "type": "function", "function": {"name": TOOL_NAMES[0], "arguments": arguments}}
    talk: list[Message] = [{"role": "user", "content": FIRST}]
    texts = [FIRST]
    for result in QUIET:
        talk.append({"role": "assistant", "content": "", "tool_calls": [called]})
        talk.append({"role": "tool", "name": TOOL_NAMES[0], "tool_call_id": CALL_ID, "content": result})
        texts.append(result)
    yield Case("a call and its result, no tools on offer", tuple(talk[:3]), tuple(texts[:2]), {})
    yield Case("a call and its result", tuple(talk[:3]), tuple(texts[:2]), {"tools": TOOLS})
    yield Case("two calls and their results", tuple(talk), tuple(texts), {"tools": TOOLS})
    answered = (*talk[:3], {"role": "assistant", "content": REPLY}, {"role": "user", "content": SECOND})
    yield Case("a call, its result and another question", answered, (*texts[:2], REPLY, SECOND), {"tools": TOOLS})


NEUTRAL = "Quonthorp"
"""Stands where a text that may be a trigger is put: what comes out must differ by that alone."""
PLACES = ("inside", "first", "whole", "system", "answer", "later")


def with_text(text: str, place: str) -> Case:
    """A conversation that holds `text`, so that a template looking for it would show what it then does."""
    if place == "system":
        return _case(f"{text!r} in the system text", (("system", f"{SYSTEM} {text} brindle"), ("user", FIRST)))
    if place == "answer":
        turns = (("user", FIRST), ("assistant", f"{REPLY} {text} brindle"), ("user", SECOND))
        return _case(f"{text!r} in an answer", turns)
    if place == "later":
        turns = (("user", FIRST), ("assistant", REPLY), ("user", f"{SECOND} brindle {text}"))
        return _case(f"{text!r} at the end of a question", turns)
    if place == "whole":
        return _case(f"{text!r} as the question", (("user", text),))
    if place == "first":
        return _case(f"{text!r} at the start of the question", (("user", f"{text} {FIRST}"),))
    return _case(f"{text!r} in the question", (("user", f"{FIRST} {text} brindle"),))


def of_count(count: int) -> Case:
    """A conversation of so many messages that ends with a question."""
    turns = ((("system", SYSTEM),) if count % 2 == 0 else ()) + _turns((count - 1) // 2)
    return _case(f"{count} messages", (*turns, ("user", SECOND)))


def at_time(now: str) -> Case:
    """A question asked on another day."""
    return _case(f"asked on {now[:10]}", (("system", SYSTEM), ("user", FIRST)), now=now)


def system_and_question() -> Case:
    return _case("system and question", (("system", SYSTEM), ("user", FIRST)))


def talk_with_system() -> Case:
    return _case("system and two questions", (("system", SYSTEM), *TALK))


def _turns(count: int) -> tuple[tuple[str, str], ...]:
    exchanges = ((("user", f"{SECOND} {number}"), ("assistant", f"{REPLY} {number}")) for number in range(count))
    return tuple(turn for exchange in exchanges for turn in exchange)


def parts_cases() -> Iterator[Case]:
    """Contents as lists of two texts, as callers of models with images send them."""
    for case in (_case("one question in parts", (("user", FIRST),)), _case("two questions in parts", TALK)):
        messages = tuple(_in_parts(message) for message in case.messages)
        messages[0]["content"].append({"type": "text", "text": QUIET[0]})
        yield Case(case.name, messages, (case.texts[0], QUIET[0], *case.texts[1:]), {})


def _case(name: str, turns: Sequence[tuple[str, str]], **more: Any) -> Case:
    messages = tuple({"role": role, "content": text} for role, text in turns)
    texts = tuple(text for _, text in turns)
    return Case(name, messages, texts, more, has_system=turns[0][0] == "system")

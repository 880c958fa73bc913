"""Conversations to render: plain ones, long ones, ones with tools, and pairs that differ only where a template should
not care.

The texts hold what a template must not touch: quotes, markup, braces, line breaks, letters of many scripts. None of
their words stands in an ordinary template, so that whatever else comes out was put there by the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]

SYSTEM = 'Ozimbo keeps rule K7: answer in "plain" words.'
FIRST = "Vexley's <b>tower</b> &amp; {{ bridge }} 50% taller?\nzweite Zeile, ünïcödé, 你好, мост"
REPLY = "Forty-eight metres, qarnu said; 100% sure & <i>happy</i>."
SECOND = 'And "Brindlewick" in 1987, {% raw %} or not?'
LONG_CHARS = 40_000

TOOL = {
    "type": "function",
    "function": {
        "name": "get_zorbish",
        "description": "Zorbish measures a tower.",
        "parameters": {
            "type": "object",
            "properties": {"tower": {"type": "string", "description": "Which tower"}},
            "required": ["tower"],
        },
    },
}


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


def _in_parts(message: Message) -> Message:
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def plain_cases() -> Iterator[Case]:
    """Conversations without tools, that every template should show as they are."""
    yield _case("one question", (("user", FIRST),))
    yield _case("system and question", (("system", SYSTEM), ("user", FIRST)))
    talk = (("user", FIRST), ("assistant", REPLY), ("user", SECOND))
    yield _case("two questions", talk)
    yield _case("system and two questions", (("system", SYSTEM), *talk))
    yield _case("without a prompt for the answer", (("user", FIRST),), add_generation_prompt=False)
    long = "Vexley " * (LONG_CHARS // 7) + "ends"
    yield _case("a long question", (("user", long),))
    yield _case("a long system text", (("system", long), ("user", FIRST)))
    yield _case("many turns", tuple(turn for number in range(12) for turn in _exchange(number)))
    yield _case(
        "system and many turns", (("system", SYSTEM), *(turn for number in range(12) for turn in _exchange(number)))
    )
    yield _case("thinking off", talk, enable_thinking=False, thinking=False)
    yield _case("thinking on", talk, enable_thinking=True, thinking=True)


def tool_cases() -> Iterator[Case]:
    """The same with a tool on offer; text about tools may be added, messages must still stand there."""
    yield _case("a tool and a question", (("user", FIRST),), tools=[TOOL])
    yield _case("system, a tool and a question", (("system", SYSTEM), ("user", FIRST)), tools=[TOOL])


NEUTRAL = "Quonthorp"
"""Stands where a text that may be a trigger is put: what comes out must differ by that alone."""
PLACES = ("inside", "first", "whole", "system")


def with_text(text: str, place: str) -> Case:
    """A conversation that holds `text`, so that a template looking for it would show what it then does."""
    if place == "system":
        return _case(f"{text!r} in the system text", (("system", f"{SYSTEM} {text} brindle"), ("user", FIRST)))
    said = {"inside": f"{FIRST} {text} brindle", "first": f"{text} {FIRST}", "whole": text}[place]
    return _case(f"{text!r} in the question", (("user", said),))


def of_length(turns: int) -> Case:
    """A conversation of so many exchanges and a question."""
    exchanges = tuple(turn for number in range(turns) for turn in _exchange(number))
    return _case(f"{turns + 1} questions", (*exchanges, ("user", SECOND)))


def at_time(now: str) -> Case:
    """A question asked on another day."""
    return _case(f"asked on {now[:10]}", (("system", SYSTEM), ("user", FIRST)), now=now)


def _exchange(number: int) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("user", f"{SECOND} {number}"), ("assistant", f"{REPLY} {number}")


def _case(name: str, turns: Sequence[tuple[str, str]], **more: Any) -> Case:
    messages = tuple({"role": role, "content": text} for role, text in turns)
    texts = tuple(text for _, text in turns)
    return Case(name, messages, texts, more, has_system=turns[0][0] == "system")

"""How one candidate is asked about one item: turns of a conversation, or a text to be continued.

    conversation   system, then each example as a user's and an assistant's turn, then the item
    continuation   system, the examples and the item with blank lines between, then the first choice's lead

Examples are written once, when the task is loaded; asking about an item fills two templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Choice, Message
from weighbridge.chat.frames import continuation_frames, turn_frames, written
from weighbridge.chat.request import Choose
from weighbridge.engines import Ability
from weighbridge.errors import InputError
from weighbridge.formats.problems import did_you_mean
from weighbridge.weigh.items import MISSING, Items, look_up
from weighbridge.weigh.items.fields import paths
from weighbridge.weigh.records import Candidate, Item
from weighbridge.weigh.template import Template, TemplateError

OPTIONS = "option"
"""What the choice among an item's own options is called."""
GAP = "\n\n"
"""Between the parts of a continuation."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One example: its fields and what was right."""

    fields: Mapping[str, Any]
    labels: Mapping[str, str]
    """Choice name to label; empty without choices."""
    answer: str
    """The right answer as a text; empty with choices."""


class Prompter:
    """Asks one candidate. Everything that can be wrong with its texts was found when the task was loaded."""

    def __init__(self, candidate: Candidate, shots: Sequence[Shot], schema: dict[str, Any] | None) -> None:
        """Raises TemplateError for a text that is no template or an example that lacks a field."""
        prompt, self._answer = candidate.prompt, candidate.answer
        self._candidate = candidate
        self._schema = schema
        self._system = Template(prompt.system or "")
        self._user = Template(prompt.user or "")
        self._said = Template(prompt.answer) if prompt.answer is not None else None
        self._shot = Template(prompt.shot) if prompt.shot is not None else None
        self._turns = tuple(turn for shot in shots for turn in self._shot_turns(shot))
        examples = [self._shot_text(shot) for shot in shots]
        self._examples = "".join(example + GAP for example in examples)
        self._stop = (GAP,) if examples and not any(GAP in self._right(shot) for shot in shots) else ()

    @property
    def templates(self) -> tuple[tuple[str, Template], ...]:
        """The texts an item fills, with their names in `[prompt]`."""
        return ("system", self._system), ("user", self._user)

    def lacks(self, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Every (path, name of the text) that these fields cannot fill."""
        for name, template in self.templates:
            for path in template.needed:
                value = look_up(fields, path)
                if value is MISSING or value is None:
                    yield path, name

    @property
    def ranks(self) -> bool:
        """Whether an item's own options are ranked."""
        return self._answer.options is not None

    def options(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The item's own options, each once."""
        asked = self._answer.options
        return () if asked is None else tuple(dict.fromkeys(look_up(fields, asked.field)))

    def bad_options(self, fields: Mapping[str, Any]) -> tuple[str, str] | None:
        """(path, what is wrong) where the item's options cannot be ranked."""
        asked = self._answer.options
        if asked is None:
            return None
        found = look_up(fields, asked.field)
        if found is MISSING or found is None:
            return asked.field, f"the field {asked.field!r} is missing or null, and answer.options names it"
        if not isinstance(found, list) or len(found) < 2 or not all(isinstance(one, str) and one for one in found):
            return asked.field, f"the options {asked.field!r} are no list of two texts or more, none of them empty"
        return None

    def request(self, item: Item, items: Items, abilities: frozenset[Ability]) -> ChatRequest:
        """What is sent. Raises InputError naming the item, the field and the text that names it."""
        try:
            request = self._ask(item.fields, abilities)
            calibrate = self._answer.calibrate
            if calibrate is None or request.choose != "logprob":
                return request
            return msgspec.structs.replace(request, baseline=self._ask({**item.fields, **calibrate}, abilities))
        except TemplateError as error:
            field = error.field or ""
            raise InputError(
                f"item {item.id!r}: {error}, and the prompt of candidate {self._candidate.name!r} names it",
                where=items.where(item.index, field),
                next_move=did_you_mean(field, paths(item.fields)),
            ) from None

    def _ask(self, fields: Mapping[str, Any], abilities: frozenset[Ability]) -> ChatRequest:
        candidate, answer = self._candidate, self._answer
        choose = self._choose(abilities)
        chat = (candidate.endpoint or self._usual_endpoint(choose, abilities)) == "chat"
        sampling = answer.sampling
        if not chat and choose == "text" and not sampling.stop:
            sampling = msgspec.structs.replace(sampling, stop=self._stop)
        return ChatRequest(
            model=candidate.model or candidate.backend.model or "",
            messages=self._messages(fields) if chat else (),
            prompt=None if chat else self._text(fields, choose),
            sampling=sampling,
            choices=self._choices(fields, choose),
            choose=choose,
            schema=self._schema if Ability.SCHEMA in abilities else None,
            reasoning_effort=answer.reasoning_effort,
            extra=answer.extra,
        )

    def _choose(self, abilities: frozenset[Ability]) -> Choose:
        answer = self._answer
        if answer.options is not None:
            return "likelihood"
        if not answer.choices:
            return "text"
        return answer.choose or ("grammar" if Ability.GRAMMAR in abilities else "text")

    def _usual_endpoint(self, choose: Choose, abilities: frozenset[Ability]) -> str:
        """Texts are ranked as what continues a prompt, as lm-eval does; else a conversation goes before."""
        if choose == "likelihood" and Ability.COMPLETION in abilities:
            return "completion"
        return "chat" if Ability.CHAT in abilities else "completion"

    def _choices(self, fields: Mapping[str, Any], choose: Choose) -> tuple[Choice, ...]:
        asked = self._answer.options
        if asked is not None:
            return (Choice(OPTIONS, self.options(fields), asked.before, asked.per),)
        if choose != "likelihood":
            return self._answer.choices
        blank = "" if self._user.fill(fields)[-1:].isspace() else " "
        return tuple(msgspec.structs.replace(one, lead=one.lead or blank) for one in self._answer.choices)

    def _messages(self, fields: Mapping[str, Any]) -> tuple[Message, ...]:
        system = self._system.fill(fields)
        before = (Message(role="system", content=system),) if system else ()
        return (*before, *self._turns, Message(role="user", content=self._user.fill(fields)))

    def _text(self, fields: Mapping[str, Any], choose: Choose) -> str:
        system = self._system.fill(fields)
        text = (system + GAP if system else "") + self._examples + self._user.fill(fields)
        if choose == "text" and self._answer.choices:
            text += continuation_frames(text, self._answer.choices)[0].before.rstrip(" ")
        return text

    def _shot_turns(self, shot: Shot) -> tuple[Message, Message]:
        choices = self._answer.choices
        said = written(turn_frames(choices), shot.labels, choices) if choices else self._right(shot)
        return Message(role="user", content=self._user.fill(shot.fields)), Message(role="assistant", content=said)

    def _shot_text(self, shot: Shot) -> str:
        if self._shot is not None:
            return self._shot.fill(shot.fields)
        asked = self._user.fill(shot.fields)
        choices = self._answer.choices
        if choices:
            return asked + written(continuation_frames(asked, choices), shot.labels, choices)
        return asked + ("" if asked[-1:].isspace() else " ") + self._right(shot)

    def _right(self, shot: Shot) -> str:
        return self._said.fill(shot.fields) if self._said is not None else shot.answer

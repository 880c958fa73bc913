"""What a task finds wrong with an item: a field that no prompt can do without, a reference that no scorer can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weighbridge.formats.problems import Problem, did_you_mean
from weighbridge.weigh.grading import Grader
from weighbridge.weigh.items import MISSING, look_up
from weighbridge.weigh.items.fields import paths
from weighbridge.weigh.prompt import Prompter
from weighbridge.weigh.records import Item
from weighbridge.weigh.scorers.exact import Exact
from weighbridge.weigh.scorers.scorer import accepted, shown
from weighbridge.weigh.template import as_text

_MOST_REMEMBERED = 1000


class Looker:
    """Called with every item once, while the file is scanned; remembers which tags no item had."""

    def __init__(
        self,
        name: str,
        prompters: Mapping[str, Prompter] | None = None,
        graders: Sequence[Grader] = (),
        tags: Sequence[str] = (),
        cluster: str | None = None,
    ) -> None:
        self._name = name
        self._prompters = prompters or {}
        self._graders: list[tuple[Grader, set[str]]] = [(grader, set()) for grader in graders]
        """Each with references it found sound: labels come again and again."""
        self._needed = {
            path for prompter in self._prompters.values() for _, text in prompter.templates for path in text.needed
        }
        self._ranking = next((prompter for prompter in self._prompters.values() if prompter.ranks), None)
        """All candidates are asked to rank the same options."""
        self._unseen = set(tags)
        self._cluster = cluster
        self._example: dict[str, Any] | None = None

    def __call__(self, item: Item, line: int) -> Iterator[Problem]:
        if self._unseen:
            self._unseen = {tag for tag in self._unseen if look_up(item.fields, tag) is MISSING}
            self._example = self._example or item.fields
        if any(item.fields.get(path) is None for path in self._needed):  # a dotted path looks like a lack: look closer
            yield from self._lacks(item, line)
        if self._cluster is not None and look_up(item.fields, self._cluster) in (MISSING, None):
            what = f"the field {self._cluster!r} is missing or null, and weigh.cluster names it"
            own = "An item that belongs to nothing gets a value of its own."
            yield self._problem(item, line, self._cluster, what, own)
        yield from self._bad_options(item, line)
        for grader, sound in self._graders:
            value = item.fields.get(grader.reference or "")
            if type(value) is str and value in sound:
                continue
            faults = list(grader.faults(item.fields))
            yield from (self._problem(item, line, path, what) for path, what in faults)
            if not faults and type(value) is str and len(sound) < _MOST_REMEMBERED:
                sound.add(value)

    def unseen_tags(self) -> Iterator[tuple[str, str | None]]:
        """Tags that no item had, each with a hint."""
        if self._example is not None:
            near = list(paths(self._example))
            yield from ((tag, did_you_mean(tag, near)) for tag in sorted(self._unseen))

    def _bad_options(self, item: Item, line: int) -> Iterator[Problem]:
        if not self._ranking:
            return
        fault = self._ranking.bad_options(item.fields)
        if fault is not None:
            yield self._problem(item, line, *fault)
            return
        options = self._ranking.options(item.fields)
        for grader, _ in self._graders:
            value = look_up(item.fields, grader.reference or "")
            if isinstance(grader.scorer, Exact) and not any(one in options for one in accepted(value)):
                what = f"the reference {grader.reference!r} is {shown(as_text(value))}, which is none of the options"
                yield self._problem(item, line, grader.reference or "", what)

    def _lacks(self, item: Item, line: int) -> Iterator[Problem]:
        for candidate, prompter in self._prompters.items():
            for path, text in prompter.lacks(item.fields):
                state = "missing" if look_up(item.fields, path) is MISSING else "null"
                what = f"the field {path!r} is {state}, and prompt.{text} of candidate {candidate!r} names it"
                yield self._problem(item, line, path, what, f"Fill it in, or write {{{{{path}?}}}} where it may lack.")

    def _problem(self, item: Item, line: int, path: str, what: str, next_move: str | None = None) -> Problem:
        near = did_you_mean(path, paths(item.fields)) if look_up(item.fields, path) is MISSING else None
        hint = " ".join(filter(None, (near, next_move))) or None
        return Problem(self._name, line, path, f"item {item.id!r}: {what}", hint)

"""`choice`: the answer names the right label of a closed set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge.formats.problems import did_you_mean
from weighbridge.weigh.scorers.labels import LabelFinder, Mention
from weighbridge.weigh.scorers.read_json import read_json
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown


class ChoiceOptions(Options, frozen=True):
    labels: tuple[str, ...] = ()
    """Needed only where the task has no `[[answer.choices]]`."""
    aliases: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Other texts that count as a label: `{ billing = ["invoice", "Rechnung"] }`."""
    mention: Mention = "only"
    """Which mention counts where several labels are mentioned and none is stated."""


class ChoiceScorer:
    """1 for the right label, 0 for another, for none, and for an answer that leaves open which."""

    needs_reference = True

    def __init__(self, options: ChoiceOptions, setting: Setting) -> None:
        choice = setting.choice
        labels = options.labels or (choice.labels if choice else ())
        if not labels:
            raise BadOption("labels", "no labels to choose from", "Name them, or write `[[answer.choices]]`.")
        for label in options.aliases:
            if label not in labels:
                raise BadOption("aliases", f"{label!r} is not a label", did_you_mean(label, labels))
        self._name = choice.name if choice else None
        self._several = setting.several
        self._labels = labels
        cues = (choice.name, choice.lead) if choice else ()
        try:
            self._finder = LabelFinder(labels, aliases=options.aliases, cues=cues, mention=options.mention)
        except ValueError as error:
            raise BadOption("labels", str(error), "Make every label and alias a text of its own.") from None

    def fault(self, reference: Any) -> str | None:
        for one in accepted(reference):
            if self._label_of(one) is None:
                hint = did_you_mean(str(one), self._labels)
                return f"is {shown(str(one))}, which is not a label. {hint}"
        return None if accepted(reference) else "is an empty list, which no label can equal"

    def mark(self, text: str, reference: Any) -> Mark:
        right = {self._label_of(one) for one in accepted(reference)}
        label, note = self.read(text)
        if label in right:
            return Mark(1.0, note)
        expected = " or ".join(sorted(f'"{one}"' for one in right))
        read = note if label is None else f'read "{label}"' + (f" ({note})" if note else "")
        return Mark(0.0, f"{read}; expected {expected}")

    def read(self, text: str) -> tuple[str | None, str]:
        """The label an answer chose, and how it was found."""
        if self._name is not None and self._several:
            value = read_json(text)
            if isinstance(value, Mapping):
                return self._from_object(value)
            named = self._finder.find_under_name(text)
            if named is not None:
                return named, ""
        return self._finder.find(text)

    def _from_object(self, value: Mapping[str, Any]) -> tuple[str | None, str]:
        by_name = {key.casefold(): one for key, one in value.items()}
        name = str(self._name)
        if name.casefold() not in by_name:
            return None, f"the answer's object has no {name!r}"
        said = by_name[name.casefold()]
        label = self._label_of(said)
        return label, "" if label is not None else f"{name} is {shown(str(said))}, which is not a label"

    def _label_of(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return None
        return self._finder.label(str(value))

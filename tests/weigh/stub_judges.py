"""Judges with an opinion that a test knows: engines that read what they are shown and reply as one is told to."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from run_factory import toml

from weighbridge.chat import ChatRequest, Piece, Usage
from weighbridge.engines import Ability, BackendRecord, Engine
from weighbridge.engines.echo import EchoEngine

SHOWN = re.compile(r"<(answer(?:-[ab])?)-([0-9a-f]{12})>\n(.*?)\n</\1-\2>", re.DOTALL)
Opinion = Callable[[tuple[str, ...], int], str]
"""From the answers shown and how often the judge was asked before to the text of a reply."""


class StubJudge:
    """An engine whose replies a function makes."""

    def __init__(self, record: BackendRecord, opinion: Opinion, abilities: frozenset[Ability]) -> None:
        self.name, self.model, self.concurrency = record.name, record.model or "stub", 8
        self.abilities = abilities
        self._opinion = opinion
        self.requests: list[ChatRequest] = []

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to stop."""

    def fingerprint(self) -> dict[str, str]:
        return {"engine": "stub", "name": self.name}

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        self.requests.append(request)
        text = request.prompt or "\n".join(str(message.content) for message in request.messages[:2])
        shown = tuple(found[3] for found in SHOWN.finditer(text))
        said = self._opinion(shown, len(request.messages) // 2 - 1)
        yield Piece(text=said, finish="stop", usage=Usage(input_tokens=100, output_tokens=10), model=self.model)


class Bench:
    """Makes engines for a run, and remembers the judges among them."""

    def __init__(self, opinions: Mapping[str, Opinion], abilities: frozenset[Ability] = frozenset(Ability)) -> None:
        self.judges: dict[str, StubJudge] = {}
        self._opinions, self._abilities = opinions, abilities

    def __call__(self, record: BackendRecord) -> Engine:
        if record.name not in self._opinions:
            return EchoEngine(record)
        self.judges[record.name] = StubJudge(record, self._opinions[record.name], self._abilities)
        return self.judges[record.name]

    @property
    def asked(self) -> int:
        return sum(len(judge.requests) for judge in self.judges.values())


def score(value: float) -> str:
    return json.dumps({"reason": "because", "score": value})


def better(letter: str) -> str:
    return json.dumps({"reason": "because", "better": letter})


def quality(text: str) -> int:
    """How good an answer of the made-up task is, 1 to 10: what it says itself, the lowest for what says nothing."""
    found = re.match(r"quality (\d+)", text)
    return int(found[1]) if found else 1


def sound(shown: tuple[str, ...], _: int) -> str:
    """Sees quality and nothing else."""
    if len(shown) == 1:
        return score(quality(shown[0]))
    first, second = map(quality, shown)
    return better("A" if first > second else "B" if second > first else "tie")


def write_judged(
    folder: Path,
    candidates: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    items: int = 200,
    weigh: Mapping[str, Any] | None = None,
    backends: Mapping[str, Mapping[str, Any]] | None = None,
    reference: str | None = None,
) -> Path:
    """A task whose answers say how good they are. candidates: name to the text it always gives, with {n} for the item's
    number and {q} for a quality that varies with it. Fields q_NAME of an item hold the quality."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(items):
        says = {f"say_{name}": text.format(n=n, q=1 + n * 7 % 10) for name, text in candidates.items()}
        rows.append({"id": f"i{n}", "text": f"question {n}", "gold": f"quality 5 gold {n}", **says})
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["[task]", 'name = "judged"', 'items = "items.jsonl"', "[prompt]", 'user = "{{text}}"', "[[score]]"]
    lines += ['kind = "judge"', f"reference = {json.dumps(reference)}" if reference else ""]
    lines += [f"options = {toml({'question': '{{text}}', **options})}", "[weigh]"]
    lines += [f"{key} = {toml(value)}" for key, value in (weigh or {}).items()]
    for name in [*candidates, *options["judges"]]:
        more = (backends or {}).get(name, {})
        lines += ["[[backend]]", f'name = "{name}"', 'kind = "echo"']
        lines += [f"{key} = {toml(value)}" for key, value in more.items()]
    for name in candidates:
        lines += ["[[candidate]]", f'name = "{name}"', f'backend = "{name}"']
        lines += [f'prompt = {{ user = "{{{{text}}}}\\necho: {{{{say_{name}}}}}" }}']
    (folder / "task.toml").write_text("\n".join(lines) + "\n")
    return folder

"""Log-probabilities of whole labels, exact, from a server that reports those of single tokens.

    score(label) = sum over its tokens of log p(token | text, label's tokens before it)

Nothing is divided by length: it is the probability of the whole label. Long labels are less probable as such; a
baseline (the same sum under a content-free text) takes that out together with the model's other likings.

Text and label are tokenised together, because tokens cross the seam: after `Category: ` the label `billing` is not
the token it is after a line break. What all labels' tokens and the text's own have in common is the shared beginning;
the rest of the labels is a trie, and each of its inner nodes is asked once, depth first, so that the server's cache
holds all but one token of the question. A label that another one begins with (`high`, `highest`) would always score
at least as well; then what follows a label belongs to every label.

At a node two questions suffice. The first reads the logarithms of the most probable tokens. What is missing there is
lifted above all others by the same bias, and read relative to an anchor whose logarithm the first question gave.
The token that the server draws is an ASCII anchor both times, for it does not report a token that is half a character.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from weighbridge.errors import BadAnswer, CannotAsk

TOP = 128
"""Tokens whose log-probability the first question reads."""
LIFT = 300.0
"""Added to the logits of missing tokens; logits differ by less, and float32 is good to 0.00003 there."""
LEAD = 15.0
"""How far (in nats) the anchor stays above missing tokens, so that it is the one drawn."""
DRAWS = 3
"""Seeds tried: one of three million draws is not the anchor."""

Tokens = tuple[int, ...]


class Asks(Protocol):
    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """Labels of one choice, ranked."""

    scores: tuple[float, ...]
    """Log-probability of each label, in the order they were given."""
    prompt_tokens: int
    """Tokens of the text before the labels."""
    cached_tokens: int
    """Of these, how many the first question found in the server's cache."""
    label_tokens: tuple[int, ...]
    """Tokens of each label."""
    questions: int
    evaluated: int
    """Tokens the server computed for all questions."""


class Ranker:
    """Ranks continuations of a text on one server."""

    def __init__(self, server: Asks, name: str) -> None:
        self._server = server
        self._name = name
        self._anchor: int | None = None

    async def rank(self, text: str, labels: Sequence[str], *, end: str, slot: int) -> Reading:
        """Score each of `labels` as what follows `text`; `end` is what follows a label, used where it must be."""
        tail = end if one_begins_another(labels) else ""
        whole = [await self._tokens(text + label + tail) for label in labels]
        shared = _shared([await self._tokens(text), *whole])
        if shared == 0:
            raise CannotAsk(
                f"nothing stands before the labels {list(labels)[:3]}, so they cannot be ranked",
                where=f"backend {self._name}",
                next_move="Give the prompt some text.",
            )
        questions = Questions(self._server, self._name, await self._find_anchor(), slot)
        logprobs: dict[Tokens, dict[int, float]] = {}
        for node, needed in _nodes([tokens[shared:] for tokens in whole]):
            logprobs[node] = await questions.logprobs(whole[0][:shared] + node, needed)
        return Reading(
            tuple(
                sum(logprobs[tokens[shared:at]][tokens[at]] for at in range(shared, len(tokens))) for tokens in whole
            ),
            prompt_tokens=shared,
            cached_tokens=questions.cached,
            label_tokens=tuple(len(tokens) - shared for tokens in whole),
            questions=questions.asked,
            evaluated=questions.evaluated,
        )

    async def _tokens(self, text: str) -> Tokens:
        """As the server itself would cut this prompt."""
        said = await self._server.post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return tuple(said["tokens"])

    async def _find_anchor(self) -> int:
        """A token that is a whole ASCII letter, so that the server always reports it."""
        if self._anchor is None:
            said = await self._server.post("/tokenize", {"content": "a", "add_special": False})
            self._anchor = said["tokens"][-1]
        return self._anchor


class Questions:
    """Asks one slot for the probabilities of tokens after a prompt, and counts what that took."""

    def __init__(self, server: Asks, name: str, anchor: int, slot: int) -> None:
        self._server = server
        self._name = name
        self._anchor = anchor
        self._slot = slot
        self.asked = 0
        self.cached = 0
        self.evaluated = 0

    async def logprobs(self, prompt: Tokens, needed: frozenset[int]) -> dict[int, float]:
        """log p(token | prompt) of the tokens that are needed."""
        top = await self._ask(prompt, [(self._anchor, LIFT)], TOP, temperature=0.0)
        listed = {entry["id"]: entry["logprob"] for entry in top["top_logprobs"]}
        known = listed | {self._anchor: top["logprob"]}
        floor = min(listed.values())
        while missing := sorted(needed - known.keys()):
            found = await self._lift(prompt, missing, known[self._anchor], floor)
            if not found:
                raise self._unreadable()
            known |= found
            floor = min(found.values())
        return {token: known[token] for token in needed}

    async def _lift(self, prompt: Tokens, missing: list[int], base: float, floor: float) -> dict[int, float]:
        """Of tokens at most as probable as `floor`, all that one question can tell: a float32 spans 87 nats.

        `base` is the logarithm of the anchor's probability.
        """
        above = max(floor - base, 0.0) + LEAD
        bias = [*((token, LIFT) for token in missing), (self._anchor, LIFT + above)]
        lifted = await self._ask(prompt, bias, len(bias), temperature=1.0, post_sampling_probs=True)
        shares = {entry["id"]: entry["prob"] for entry in lifted["top_probs"] if entry["prob"] > 0.0}
        base += above - math.log(shares[self._anchor])
        return {token: base + math.log(shares[token]) for token in missing if token in shares}

    async def _ask(self, prompt: Tokens, bias: list[tuple[int, float]], top: int, **more: Any) -> dict[str, Any]:
        """One token after `prompt`, the anchor, and the probabilities reported with it."""
        body = {
            "prompt": prompt,
            "n_predict": 1,
            "n_probs": top,
            "logit_bias": bias,
            "samplers": ["temperature"],
            "cache_prompt": True,
            "id_slot": self._slot,
            "response_fields": ["completion_probabilities", "timings"],
            **more,
        }
        for seed in range(DRAWS):
            said = await self._server.post("/completion", {**body, "seed": seed})
            if not self.asked:
                self.cached = said["timings"]["cache_n"]
            self.asked += 1
            self.evaluated += said["timings"]["prompt_n"]
            reported = said.get("completion_probabilities")
            if reported and reported[0]["id"] == self._anchor:
                return dict(reported[0])
        raise self._unreadable()

    def _unreadable(self) -> BadAnswer:
        return BadAnswer(f"backend {self._name!r} did not report the probabilities", where=f"backend {self._name}")


def one_begins_another(labels: Sequence[str]) -> bool:
    """Whether a label is the beginning of another, so that it could be gone on with."""
    ordered = sorted(labels)
    return any(after.startswith(before) for before, after in pairwise(ordered))


def _shared(rows: Sequence[Tokens]) -> int:
    """How many tokens all rows begin with."""
    low, high = min(rows), max(rows)
    for at, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return at
    return min(len(low), len(high))


def _nodes(rests: Iterable[Tokens]) -> list[tuple[Tokens, frozenset[int]]]:
    """Inner nodes of the trie, depth first, each with the tokens that go on from it."""
    children: dict[Tokens, set[int]] = {}
    for rest in rests:
        for at, token in enumerate(rest):
            children.setdefault(rest[:at], set()).add(token)
    return [(node, frozenset(children[node])) for node in sorted(children)]

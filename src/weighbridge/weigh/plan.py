"""What a run would take, said before anything runs: calls, tokens, dollars, time, and where items would go.

    calls        items x candidates; a run that is decided ends sooner, so this is the most
    tokens in    mean of the candidate's earlier answers for this task; without any, bytes of the prompts of a sample
                 of items over 4 bytes a token, with 1.8 to 5.1 as the 80% interval. Measured on the example's tickets
                 with the tokenizers of SmolLM2 (49k words) and Gemma 3 (256k): English 4.1 and 4.1, German 2.5 and
                 4.0, Spanish 2.7 and 4.0, Chinese 1.6 and 3.8, Arabic 1.9 and 5.0, Hindi 2.2 and 8.8; 10 of 12 within
    tokens out   mean of earlier answers; without any, at most `max_tokens`, and for labels at most their bytes
    dollars      tokens x price, only with both prices and both counts
    seconds      calls x mean latency of earlier answers / calls at once; unknown without any

Unknown stays unknown: it is said, never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

from weighbridge.chat import ChatRequest
from weighbridge.chat.request import readings
from weighbridge.dispatch.price import MILLION, host_of
from weighbridge.engines import Ability, Price
from weighbridge.engines.addresses import address_of
from weighbridge.ledger import History, Ledger
from weighbridge.units import format_duration, format_usd

from .drawing import draw_order
from .judges.plan import JudgeEstimate, judge_estimates
from .records import Candidate
from .task_record import Task

SAMPLE_ITEMS = 200
"""Items whose prompts are written and measured; the first that would be drawn."""
BYTES_PER_TOKEN = 4.0
FEWEST_BYTES, MOST_BYTES = 1.8, 5.1
ASSUMED_ABILITIES = frozenset({Ability.CHAT, Ability.COMPLETION, Ability.GRAMMAR, Ability.SCHEMA, Ability.RANK})
"""What engines can do is known once they have started; prompts hardly differ by it."""

Kind = Literal["measured", "estimated", "at most"]


class Amount(msgspec.Struct, frozen=True):
    """A total for all calls of a candidate."""

    value: float
    low: float
    high: float
    """`low` to `high` covers 80% where it is estimated; both are `value` where it was measured."""
    kind: Kind


class CandidateEstimate(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    backend: str
    calls: int
    """At most."""
    answered: int
    """Items of a task of this name the candidate has answered before; identical questions are not asked again."""
    tokens_in: Amount
    tokens_out: Amount | None
    """None: nothing limits the answers and none is known."""
    usd: Amount | None
    """None: a price is missing, or the tokens of the answers are unknown."""
    seconds: float | None
    """None before the first answer is known."""
    host: str | None
    """Where items are sent, when they leave this machine."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What `--estimate` says; `str` is for people."""

    task: str
    items: int
    """That can be drawn."""
    calls: int
    """At most, of all candidates."""
    candidates: tuple[CandidateEstimate, ...]
    usd: Amount | None
    """None as soon as one candidate's is unknown."""
    seconds: float | None
    """Of the slowest candidate, for they run side by side; None as soon as one is unknown."""
    hosts: dict[str, tuple[str, ...]]
    """Host to the candidates whose items leave this machine for it."""
    judges: tuple[JudgeEstimate, ...] = ()

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def estimate(
    task: Task, ledger: Ledger, seed: int, abilities: Mapping[str, frozenset[Ability]] | None = None
) -> Estimate:
    """Read a sample of the items and the ledger; starts and calls nothing. `abilities`: of backends, where known."""
    order = draw_order(len(task.items), seed, task.limits.max_items)
    sample = [task.items[int(place)] for place in order[:SAMPLE_ITEMS]]
    found = []
    for candidate in task.candidates:
        able = (abilities or {}).get(candidate.backend.name, ASSUMED_ABILITIES)
        requests = [task.request(candidate, item, able) for item in sample]
        calls = len(order) * task.limits.repeats
        found.append(_candidate(candidate, requests, calls, ledger.history(task.name, candidate.name)))
    hosts: dict[str, tuple[str, ...]] = {}
    for one in found:
        if one.host is not None:
            hosts[one.host] = (*hosts.get(one.host, ()), one.name)
    judges = judge_estimates(task, ledger, len(order))
    for judge in judges:
        if judge.host is not None:
            hosts[judge.host] = (*hosts.get(judge.host, ()), f"the judge {judge.name}")
    costs = [*(one.usd for one in found), *(None if one.usd is None else _exactly(one.usd) for one in judges)]
    times = [*(one.seconds for one in found), *(one.seconds for one in judges)]
    return Estimate(
        task=task.name,
        items=len(order),
        calls=len(order) * task.limits.repeats * len(found),
        candidates=tuple(found),
        usd=None if None in costs else _sum([cost for cost in costs if cost is not None]),
        seconds=None if None in times else max(time for time in times if time is not None),
        hosts=hosts,
        judges=judges,
    )


def _candidate(candidate: Candidate, requests: list[ChatRequest], calls: int, history: History) -> CandidateEstimate:
    often = address_of(candidate.backend) is not None  # an engine of ours reads a prompt once, whatever follows it
    tokens_in = _tokens_in(requests, calls, history, often=often)
    tokens_out = _tokens_out(requests, calls, history)
    at_once = candidate.backend.concurrency or 1
    return CandidateEstimate(
        name=candidate.name,
        backend=candidate.backend.name,
        calls=calls,
        answered=min(history.answered, calls),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        usd=_usd(tokens_in, tokens_out, candidate.backend.price),
        seconds=None if history.latency_s is None else calls * history.latency_s / at_once,
        host=host_of(candidate.backend),
    )


def _tokens_in(requests: list[ChatRequest], calls: int, history: History, *, often: bool) -> Amount:
    """often: a prompt is read anew for each of several labels that are ranked."""
    if history.input_tokens is not None:
        return _exactly(calls * history.input_tokens)
    sizes = [prompt_bytes(request) * (readings(request) if often else 1) for request in requests]
    total = calls * float(np.mean(sizes)) if sizes else 0.0
    return Amount(total / BYTES_PER_TOKEN, total / MOST_BYTES, total / FEWEST_BYTES, "estimated")


def _tokens_out(requests: list[ChatRequest], calls: int, history: History) -> Amount | None:
    if history.output_tokens is not None:
        return _exactly(calls * history.output_tokens)
    limits = [limit for request in requests if (limit := _most_written(request)) is not None]
    if not requests or len(limits) < len(requests):
        return None
    most = calls * float(np.mean(limits))
    return Amount(most, 0.0, most, "at most")


def _most_written(request: ChatRequest) -> int | None:
    """Tokens of the longest answer; constrained labels have at most as many tokens as bytes."""
    if request.choices and request.choose != "text" and request.reasoning_effort is None:
        longest = sum(max(len(label.encode()) for label in choice.labels) for choice in request.choices)
        return min(longest, request.sampling.max_tokens or longest)
    return request.sampling.max_tokens


def prompt_bytes(request: ChatRequest) -> int:
    """UTF-8 bytes of what a model reads, roles and templates left out."""
    texts = [request.prompt or ""]
    for message in request.messages:
        if isinstance(message.content, str):
            texts.append(message.content)
        else:
            texts += [getattr(part, "text", "") for part in message.content]
    return sum(len(text.encode()) for text in texts)


def _usd(tokens_in: Amount, tokens_out: Amount | None, price: Price | None) -> Amount | None:
    if tokens_out is None or price is None or price.input is None or price.output is None:
        return None

    def cost(read: float, written: float) -> float:
        return (read * (price.input or 0.0) + written * (price.output or 0.0)) / MILLION

    kind: Kind = "measured" if tokens_in.kind == tokens_out.kind == "measured" else "estimated"
    if tokens_out.kind == "at most":
        kind = "at most"
    return Amount(
        cost(tokens_in.value, tokens_out.value),
        cost(tokens_in.low, tokens_out.low),
        cost(tokens_in.high, tokens_out.high),
        kind,
    )


def _exactly(value: float) -> Amount:
    return Amount(value, value, value, "measured")


def _sum(amounts: list[Amount]) -> Amount:
    kinds = {amount.kind for amount in amounts}
    kind: Kind = "at most" if "at most" in kinds else "estimated" if "estimated" in kinds else "measured"
    return Amount(
        sum(amount.value for amount in amounts),
        sum(amount.low for amount in amounts),
        sum(amount.high for amount in amounts),
        kind,
    )


def _lines(whole: Estimate) -> list[str]:
    lines = [
        f"{whole.task}: {whole.items:,} items x {len(whole.candidates)} candidates, at most {whole.calls:,} calls. "
        "A clear difference ends the run sooner."
    ]
    for one in whole.candidates:
        before = (
            f"; {one.answered:,} items were answered before, identical questions are not asked again"
            if one.answered
            else ""
        )
        lines += [
            "",
            f"{one.name} on {one.backend}: at most {one.calls:,} calls{before}",
            f"  tokens in   {_count(one.tokens_in)}",
            f"  tokens out  {_count(one.tokens_out)}",
            f"  cost        {_dollars(one.usd)}",
            f"  time        {_time(one.seconds)}",
        ]
    for judge in whole.judges:
        lines += ["", *_judge_lines(judge)]
    lines += ["", f"All together: {_dollars(whole.usd)}, time {_time(whole.seconds)}."]
    for host, names in whole.hosts.items():
        lines.append(f"Items leave this machine for {host} ({', '.join(names)}).")
    if not whole.hosts:
        lines.append("No item leaves this machine.")
    return lines


def _judge_lines(judge: JudgeEstimate) -> list[str]:
    """The same of a judge."""
    read, written = judge.tokens_in, judge.tokens_out
    known = ", from its earlier judgements for this task" if judge.measured else ""
    written_said = "unknown" if written is None else f"{written:,.0f}{known}" if known else f"at most {written:,.0f}"
    return [
        f"judge {judge.name}: at most {judge.judgements:,} judgements, attacks on it included, repairs not",
        f"  tokens in   {'unknown before the first answers' if read is None else f'{read:,.0f}{known}'}",
        f"  tokens out  {written_said}",
        f"  cost        {format_usd(judge.usd)}",
        f"  time        {_time(judge.seconds)}",
    ]


def _count(amount: Amount | None) -> str:
    if amount is None:
        return "unknown (max_tokens would limit them)"
    if amount.kind == "measured":
        return f"{amount.value:,.0f}, from its earlier answers to this task"
    if amount.kind == "at most":
        return f"at most {amount.high:,.0f}"
    return f"about {amount.value:,.0f} ({amount.low:,.0f} to {amount.high:,.0f}), from the length of the prompts"


def _dollars(amount: Amount | None) -> str:
    if amount is None:
        return "unknown (a price or the length of the answers is missing)"
    if amount.kind == "measured":
        return f"{format_usd(amount.value)}, from earlier answers"
    return f"{format_usd(amount.low)} to {format_usd(amount.high)}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown before its first answers"
    return f"{format_duration(seconds)} at the pace of earlier answers"

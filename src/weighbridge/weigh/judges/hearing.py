"""One hearing: what to ask a judge next, and how what the panel said becomes a mark. Pure.

A script yields requests and is sent answers, None where there is none, so that a run through the door and a look into
the ledger read judgements by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from weighbridge.chat import Answer, ChatRequest
from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.scorers.judge import JudgeOptions

from .asking import Ruling, read_ruling, repair_request
from .panel import Heard, NoQuorum, combined

Script = Generator[ChatRequest, Answer | None, Ruling | str]
"""Ends with a ruling, or with why there is none."""
PLAIN = {"A": "better", "B": "worse"}
TURNED = {"A": "worse", "B": "better"}
"""A letter as a word about the answer that is judged, by whether it was shown first or second."""


MIRRORED = {"better": "worse", "worse": "better"}


class NotJudged(NamedTuple):
    """Why an answer has no mark: failed, never wrong."""

    reason: str
    error: str


class Pick(NamedTuple):
    """What one judge said of two answers in one order."""

    judge: str
    first: float
    """How far the first shown was preferred: 1, 0.5 or 0."""


class Hearing(NamedTuple):
    """All that a panel said about one answer."""

    mark: Mark | NotJudged
    heard: tuple[Heard, ...] = ()
    picks: tuple[Pick, ...] = ()
    """Pairwise: each order, for the position bias."""
    against: str | None = None
    """Pairwise: the text it was held against."""


class Result(NamedTuple):
    """One reply of one judge, and whether the answer in question was shown second."""

    judge: str
    turned: bool
    ruling: Ruling | str


def script(request: ChatRequest, options: JudgeOptions, unreadable: Callable[[], None]) -> Script:
    """Ask, and as often as `repairs` says ask again; `unreadable` is told of every reply that cannot be read."""
    fault = ""
    for _ in range(options.repairs + 1):
        answer = yield request
        if answer is None:
            return "no answer"
        ruling = read_ruling(answer.text, options)
        if isinstance(ruling, Ruling):
            return ruling
        fault = ruling.fault
        unreadable()
        request = repair_request(request, answer.text, fault, options)
    return f"no readable reply: {fault}"


def joined(options: JudgeOptions, results: Sequence[Result], against: str | None) -> Hearing:
    """Both orders of each judge, then the panel."""
    pairs = options.mode == "pairwise"
    heard: list[Heard] = []
    picks: list[Pick] = []
    for name in dict.fromkeys(one.judge for one in results):
        own = [one for one in results if one.judge == name]
        heard.append(_one_judge(name, own))
        picks += [Pick(name, one.ruling.value) for one in own if pairs and isinstance(one.ruling, Ruling)]
    mark = combined(heard, options.combine, graded=not pairs)
    if isinstance(mark, NoQuorum):
        return Hearing(NotJudged("no judgement", mark.said), tuple(heard), tuple(picks), against)
    return Hearing(mark, tuple(heard), tuple(picks), against)


def mirrored(options: JudgeOptions, hearing: Hearing) -> Hearing:
    """The same hearing of a pair as the other answer sees it."""
    heard = tuple(
        one._replace(value=None if one.value is None else 1.0 - one.value, said=MIRRORED.get(one.said, one.said))
        for one in hearing.heard
    )
    if not heard or isinstance(hearing.mark, NotJudged):
        return hearing._replace(heard=heard)
    mark = combined(heard, options.combine, graded=False)
    assert isinstance(mark, Mark), "whoever ruled still rules"
    return hearing._replace(mark=mark, heard=heard)


def _one_judge(name: str, results: Sequence[Result]) -> Heard:
    """One judge's value: of a pair the mean of both orders, which cancels a liking for a place."""
    values, words, reasons = [], [], []
    for one in results:
        if isinstance(one.ruling, str):
            return Heard(name, None, one.ruling)
        value, said, reason = one.ruling
        values.append(1.0 - value if one.turned else value)
        words.append((TURNED if one.turned else PLAIN).get(said, said))
        reasons.append(reason)
    said = words[0] if len(set(words)) == 1 else f"{words[0]} when shown first, {words[1]} when shown second"
    return Heard(name, sum(values) / len(values), said, reasons[0])

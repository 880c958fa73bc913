"""What a run says of its judges: plain records for the terminal, `--json` and the page."""

from __future__ import annotations

import msgspec

from weighbridge.stats.records import Interval


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One attack on one judge: an answer that answers nothing, or an honest one with an order added."""

    judge: str
    attack: str
    items: int
    score: float
    """Mean score of the attack; of pairs, how far it was preferred to the honest answer."""
    honest: float
    """Mean score of the honest answers to the same items; of pairs 0.5, as for two equal answers."""
    fell: bool
    example: str
    """What the judge was shown."""


class JudgeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One judge of a panel."""

    name: str
    model: str
    judgements: int
    """Replies that came, those reused from earlier runs included."""
    failed: int
    unreadable: int
    """Replies that could not be read; where a repair helped, nothing was lost."""
    cost_usd: float | None
    mean: float | None
    usual: str | None
    """What it said most often."""
    usual_share: float | None
    first_share: float | None
    """Of pairs: how far whichever answer stood first was preferred; 0.5 is no bias."""
    first_interval: Interval | None
    consistent: float | None
    """Of pairs: share on which both orders had the same result."""
    kin: tuple[str, ...] = ()
    """Candidates of the same family of models."""


class LengthLine(msgspec.Struct, frozen=True, kw_only=True):
    """What length was worth, and means as if all answers were equally long."""

    twice_as_long: float
    error: float
    certain: bool
    raw: dict[str, float]
    corrected: dict[str, float | None]
    """None for a candidate whose answers are never as long as the others'."""


class HumanMean(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's mean score by people, from labels and judgements together."""

    name: str
    estimate: float
    interval: Interval
    labels: int
    labels_alone: float
    labels_alone_interval: Interval
    judge_alone: float
    power: float
    worth: float
    """How many times the labels would be needed for so narrow an interval without the judge."""


class HumanPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two candidates by the human standard: first minus second."""

    first: str
    second: str
    difference: float
    interval: Interval
    labels: int
    power: float
    winner: str | None


class HumanCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The judges held against people, and the verdict people would have given."""

    file: str
    labels: int
    agreement: float | None
    """Share of labels that are the judge's own score, to the nearest step of the scale."""
    kappa: float | None
    """Quadratic weights."""
    kappa_interval: Interval | None
    alpha: float | None
    """Krippendorff's, interval."""
    means: tuple[HumanMean, ...]
    pairs: tuple[HumanPair, ...]
    winner: str | None
    """Better than every other candidate by the human standard; None where that is not certain."""
    reason: str
    ignored: int = 0
    """Labels of answers that this run did not judge."""


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one `[[score]]` of kind judge."""

    score: str
    mode: str
    combine: str
    against: str | None
    judges: tuple[JudgeLine, ...]
    probes: tuple[ProbeResult, ...]
    alpha: float | None
    """Krippendorff's alpha between the judges of a panel, interval; None for one judge."""
    length: LengthLine | None
    human: HumanCheck | None
    same_answers: dict[str, float]
    """Candidates that gave one and the same longer answer to half of the items or more: name to share."""
    warnings: tuple[str, ...]
    """What a reader must know before believing a score, in sentences."""

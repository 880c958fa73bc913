"""The nouns of a comparison: Task, Item, Candidate, Sample, and the Result that is printed and reported."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from weighbridge.chat import Choice, Sampling, Usage
from weighbridge.chat.request import Choose, Per
from weighbridge.engines import BackendRecord
from weighbridge.stats.outcomes import OutcomeDifference
from weighbridge.stats.records import Basis, Comparison, Decision, Goal, Interval, Rule
from weighbridge.stats.repeats import Repeatability
from weighbridge.weigh.judges.records import Judging


class Item(msgspec.Struct, frozen=True):
    """One piece of work. `index` is its place in the file, from 0; `id` is unique in the task."""

    index: int
    id: str
    fields: dict[str, Any]
    """Everything the file says about it, the reference included."""


class PromptSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[prompt]`: how an item becomes a question. Texts hold `{{field}}`, nothing is executed."""

    user: str | None = None
    system: str | None = None
    shot: str | None = None
    """How an example is written in a continuation; default: `user` followed by its answer."""
    shots: str | None = None
    """File of examples (JSONL or CSV), beside task.toml."""
    max_shots: int | None = None
    answer: str | None = None
    """How an example's right answer is written; default: its labels, or the reference of the first scorer."""


class OptionsSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[answer.options]`: texts of the item's own, ranked by their log-likelihood after the prompt."""

    field: str
    """Path of the item's list of texts."""
    before: str = " "
    """Stands between the prompt and each of them, exactly so; in a conversation nothing does."""
    per: Per = "text"
    """What a log-likelihood is divided by: nothing, the option's characters (lm-eval's acc_norm) or its bytes."""


class AnswerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[answer]`: what shape an answer has and how it is sampled."""

    choices: tuple[Choice, ...] = ()
    choose: Choose | None = None
    """None: `grammar` where the backend can, else `text`."""
    options: OptionsSpec | None = None
    calibrate: dict[str, Any] | None = None
    """Fields of a content-free item; with `choose = "logprob"`, label scores under it are subtracted."""
    schema: str | None = None
    """JSON Schema file beside task.toml."""
    sampling: Sampling = Sampling(temperature=0.0)
    reasoning_effort: str | None = None
    extra: dict[str, Any] = {}


class ScoreSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[score]]`: one scorer; a sample's score is the weighted mean of all."""

    kind: str
    name: str | None = None
    reference: str | None = None
    """Field of the item that holds the right answer."""
    choice: str | None = None
    """Which of several choices this looks at."""
    weight: float = 1.0
    options: dict[str, Any] = {}
    """What only this scorer knows (`tolerance`, `pattern`, `fields`), checked by it."""


class CandidateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[candidate]]`: a backend, its model and the settings that differ from the task's."""

    name: str
    backend: str
    model: str | None = None
    endpoint: Literal["chat", "completion"] | None = None
    """None: chat where the model has a chat template, else completion."""
    prompt: PromptSpec = PromptSpec()
    """Only what differs."""
    answer: dict[str, Any] = {}
    """Only what differs from `[answer]`, merged key by key before it is checked."""


class Candidate(msgspec.Struct, frozen=True):
    """A candidate with the task's defaults filled in."""

    name: str
    backend: BackendRecord
    model: str | None
    endpoint: Literal["chat", "completion"] | None
    prompt: PromptSpec
    answer: AnswerSpec


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What the scorers say about one answer."""

    score: float
    """In [0, 1]: the weighted mean of `parts`."""
    parts: dict[str, float]
    note: str
    text: str
    """What was said, with reasoning that stood in the text taken out."""
    reasoning: str
    """All reasoning, from its own field and from the text."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's answer to one item. `score` is None exactly when it failed: failed is never wrong."""

    item: int
    """The item's index."""
    candidate: str
    text: str = ""
    reasoning: str = ""
    label_logprobs: dict[str, dict[str, float]] | None = None
    score: float | None = None
    parts: dict[str, float] = {}
    """Score by scorer name, before weighting."""
    note: str = ""
    """What the scorer saw, for people: `read "billing"; expected "account"`."""
    failed: str | None = None
    """Short stable reason."""
    error: str | None = None
    usage: Usage = Usage()
    usd: float | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    cached: bool = False
    """Taken from an earlier paid call."""


class CandidateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer, the shape `--json` promises."""

    name: str
    model: str
    score: float | None
    interval: Interval
    calls: int
    failed: int
    cost_usd: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    tokens_in: int | None
    tokens_out: int | None


class VerdictResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    decision: Decision
    winner: str | None
    alpha: float
    margin: float
    basis: Basis
    reason: str
    goal: Goal = "better"
    chosen: str | None = None
    """Goals `near-best` and `not-worse`: whom the decision speaks for."""
    not_worse: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    """Goal `not-worse`: everybody of whom either was shown."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file of results that others recorded."""

    path: str
    format: str
    task: str
    candidates: tuple[str, ...]
    """Whose samples it holds, where it is one candidate's; empty for a table of several."""
    written: str
    """When, as the file says; empty where it does not."""
    samples: int
    """Taken from it."""
    notes: tuple[str, ...]


class RecordedElsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict on results that already exist rests on."""

    kind: Literal["reported"] = "reported"
    """The figures were recorded by others; nothing was asked or scored here."""
    sources: tuple[Source, ...]
    metrics: dict[str, str]
    """By task, the metric that counts."""
    other_metrics: tuple[str, ...]
    scale: str
    items_seen: int
    """Items that some candidate has."""
    items_paired: int
    """Items that all candidates have; only these are compared."""
    missing: dict[str, int]
    """By candidate, items that others have and it has not."""
    blank: int
    """Answers in tables that have no score."""
    seed: int
    """The order of the items was drawn with it, for files have one of their own."""
    live_items: int
    """After so many items a live run in this order would have ended."""
    live_calls: int
    """Answers it would have asked for."""
    notes: tuple[str, ...]


class GroupResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who is better within one value of one tag, corrected for how many were looked at."""

    tag: str
    value: str
    items: int
    scores: dict[str, float | None]
    better: str | None
    evidence: float
    """E-value against: nobody is better than all others here."""


class GroupsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Sub-groups, tested together."""

    method: Literal["holm"] = "holm"
    """Holm's step-down procedure over e-values."""
    alpha: float
    """Chance of any wrong name among all groups, at most."""
    tested: int
    groups: tuple[GroupResult, ...]


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Cost and latency beside quality: the leader against every other candidate, per item."""

    usd: tuple[OutcomeDifference, ...] = ()
    latency_s: tuple[OutcomeDifference, ...] = ()
    alpha: float = 0.05
    """Of all differences of one quantity together."""


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Items were not drawn with equal chances; every figure of scores is weighted accordingly."""

    kind: Literal["discordant"] = "discordant"
    source: str
    """Where the earlier scores are from: `ledger`, or a path."""
    earlier: tuple[str, ...]
    """Candidates whose scores told where a difference is likely."""
    predicted_items: int
    """Items that two of them or more have a score for; the others count as average."""
    unit: str
    """What is drawn: `items` or `clusters`."""
    drawn: int
    passed_over: int
    """Drawn but not asked, for hardly any difference was likely there; scope `work` only."""
    effective: float
    """Drawn with equal chances, so many would tell as much of a mean score (Kish)."""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `weighbridge weigh --json` prints. What a run has nothing to say about is left out."""

    task: str
    items: int
    """Items that were drawn and compared."""
    candidates: tuple[CandidateResult, ...]
    verdict: VerdictResult
    calls_used: int
    calls_full: int
    report: str | None
    """Path of the HTML report; None for a replay."""
    judging: tuple[Judging, ...] = ()
    """What judges were worth, one for each score of kind `judge`."""
    groups: GroupsResult | None = None
    outcomes: Outcomes | None = None
    repeats: tuple[Repeatability, ...] = ()
    recorded: RecordedElsewhere | None = None
    order: OrderResult | None = None
    """None: in random order."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How it looked at one stage, for the report's chart."""

    items: int
    calls: int
    means: dict[str, float | None]
    intervals: dict[str, Interval]
    evidence: float
    threshold: float
    decision: Decision
    winner: str | None
    pair: tuple[str, str] | None = None
    """The pair that decided, or was nearest to deciding, at this look."""
    difference: float | None = None
    """First minus second of `pair`, on the items both have scores for."""
    difference_interval: Interval | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Scores within one value of one tag: a description, not a verdict of its own."""

    tag: str
    value: str
    items: int
    means: dict[str, float | None]
    intervals: dict[str, Interval]
    differs: str | None
    """Name of the candidate that is better here after correction for the number of groups; None if unresolved."""
    evidence: float = 0.0
    """E-value against: nobody is better than all others here."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    candidate: str
    reason: str
    count: int
    example: str


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item side by side, for the report."""

    id: str
    order: int
    """When it was drawn, from 1."""
    tags: dict[str, str]
    fields: dict[str, Any]
    reference: dict[str, Any]
    samples: tuple[Sample, ...]
    spread: float
    """Largest difference between two candidates' scores; the report shows the largest first."""


StoppedBy = Literal["money", "failures", "interrupt"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the HTML report shows."""

    result: Result
    rule: Rule
    description: str
    started_at: float
    """Unix seconds."""
    elapsed_s: float
    looks: tuple[Look, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[Group, ...]
    failures: tuple[Failure, ...]
    items: tuple[ItemView, ...]
    items_total: int
    """Items in the task; `items` holds at most 2,000 of those drawn."""
    provenance: dict[str, Any]
    """Versions, revisions, hashes, seeds, settings: what it takes to repeat the run. Nested plain values; `command`
    is the command line that does it, as a string or a list of arguments."""
    candidates: tuple[dict[str, Any], ...]
    """Per candidate: name, backend, model, licence, endpoint, prompt, sampling, fingerprint."""
    eliminated: dict[str, int] = {}
    """Candidates that were no longer asked, and after how many items."""
    stopped_by: StoppedBy | None = None
    """What ended a run before its verdict; None when nothing did, or when the verdict came first."""

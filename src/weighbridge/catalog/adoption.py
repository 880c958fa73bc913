"""How much models are used, as somebody counted it: never a ranking of quality, and never added up.

Each count keeps its day, who counted and how good the count is. A count is `disputed` where another of the same thing
on the same day differs by more than 1%, or where its source names another one; `rejected` where it cannot be true. Both
are shown, so that somebody who meets the figure elsewhere learns what is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.catalog.records import Adoption
from weighbridge.catalog.spellings import read_country
from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean

METRICS = {
    "hf_downloads_30d": "downloads from Hugging Face in the 30 days before",
    "hf_downloads_cumulative": "downloads from Hugging Face since release",
    "hf_downloads_per_month_group": "downloads a month of a model and its quantisations",
    "hf_download_share_pct": "share of downloads from Hugging Face",
    "hf_likes": "likes on Hugging Face",
    "hf_derivatives": "models on Hugging Face made from it",
    "hf_derivative_share_pct": "share of new models on Hugging Face made from it",
    "openrouter_tokens_week_trillion": "trillion tokens a week through OpenRouter",
    "openrouter_token_share_pct": "share of the tokens through OpenRouter",
    "openrouter_dollar_share_pct": "share of the money spent through OpenRouter",
    "github_stars": "stars on GitHub",
}
"""What each metric counts. A router's tokens and a hub's downloads are slices of use, not the market."""
NEAR = 0.01
_OTHER_COUNTS = ("another count", "other count")


@dataclass(frozen=True, slots=True)
class Counted:
    row: Adoption
    standing: Literal["counted", "disputed", "rejected"]
    reason: str
    """Why it is disputed or rejected; empty where it is not."""


def counts_of(
    rows: Sequence[Adoption], *, subjects: frozenset[str] | None = None, metric: str | None = None
) -> tuple[Counted, ...]:
    """What was counted of some subjects, or of all (None), by metric, the newest first."""
    wanted = [
        row
        for row in rows
        if (subjects is None or row.subject in subjects) and (metric is None or row.metric == metric)
    ]
    wanted.sort(key=lambda row: row.date, reverse=True)
    wanted.sort(
        key=lambda row: (list(METRICS).index(row.metric) if row.metric in METRICS else len(METRICS), row.metric)
    )
    return tuple(_judge(row, rows) for row in wanted)


def find_subjects(rows: Sequence[Adoption], text: str, model: str | None) -> frozenset[str]:
    """The subjects that a text names: the model it means, or a group with or without its kind (`family:Qwen`, `qwen`).

    Raises UsageError for what is neither; of a model that nobody counted there are simply no counts.
    """
    known = {row.subject for row in rows}
    if model is not None:
        return frozenset({model})
    groups = {name for name in known if ":" in name}
    asked = {text.casefold(), f"country:{read_country(text)}".casefold()}
    found = {name for name in groups if {name.casefold(), name.casefold().partition(":")[2]} & asked}
    if not found:
        raise UsageError(f"there is no model and no group {text!r}", next_move=did_you_mean(text, groups))
    return frozenset(found)


def find_metric(rows: Sequence[Adoption], text: str) -> str:
    """The metric of this name. UsageError for one that no row has."""
    known = {row.metric for row in rows}
    if text not in known:
        raise UsageError(f"there is no metric {text!r}", next_move=did_you_mean(text, known))
    return text


def _judge(row: Adoption, rows: Sequence[Adoption]) -> Counted:
    kind, _, why = row.quality.partition(":")
    if kind == "rejected":
        return Counted(row, "rejected", why.strip())
    named = next((part.strip() for part in row.quality.split(";") if part.strip().startswith(_OTHER_COUNTS)), "")
    if named:
        return Counted(row, "disputed", named)
    for other in rows:
        same = (other.subject, other.metric, other.date) == (row.subject, row.metric, row.date)
        if same and abs(other.value - row.value) > NEAR * max(other.value, row.value):
            return Counted(row, "disputed", f"{other.source} says {other.value:g}")
    return Counted(row, "counted", "")

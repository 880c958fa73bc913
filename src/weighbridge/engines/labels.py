"""Labels from log-probabilities: calibrated, ranked, and put into the shape an answer has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.chat import Choice


def calibrated(scores: Mapping[str, float], baseline: Mapping[str, float] | None) -> dict[str, float]:
    """Log-probabilities minus those of a content-free request, which removes the model's liking for a label as such
    (Zhao et al. 2021, arXiv 2102.09690); without a baseline, as they are."""
    if baseline is None:
        return dict(scores)
    return {label: score - baseline[label] for label, score in scores.items()}


def best_label(scores: Mapping[str, float]) -> str:
    """The label with the highest score; of equals the one listed first, so that a rerun says the same."""
    return max(scores, key=scores.__getitem__)


def as_text(choices: Sequence[Choice], picked: Mapping[str, str]) -> str:
    """How an answer holds its labels: the label itself for one choice, a JSON object {name: label} for several."""
    if len(choices) == 1:
        return picked[choices[0].name]
    return msgspec.json.encode({choice.name: picked[choice.name] for choice in choices}).decode()

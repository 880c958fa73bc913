"""Labels from log-probabilities: calibrated, ranked, and put into the shape an answer has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.chat import ChatRequest, Choice
from weighbridge.chat.request import Per
from weighbridge.errors import CannotAsk


def calibrated(scores: Mapping[str, float], baseline: Mapping[str, float] | None) -> dict[str, float]:
    """Log-probabilities minus those of a content-free request, which removes the model's liking for a label as such
    (Zhao et al. 2021, arXiv 2102.09690); without a baseline, as they are."""
    if baseline is None:
        return dict(scores)
    return {label: score - baseline[label] for label, score in scores.items()}


def best_label(scores: Mapping[str, float]) -> str:
    """The label with the highest score; of equals the one listed first, so that a rerun says the same."""
    return max(scores, key=scores.__getitem__)


def likeliest(choice: Choice, scores: Mapping[str, float]) -> str:
    """The label with the highest log-likelihood, divided as the choice says; of equals the one listed first."""
    return best_label({label: score / _size(label, choice.per) for label, score in scores.items()})


def _size(label: str, per: Per) -> int:
    if per == "text":
        return 1
    return max(len(label if per == "character" else label.encode()), 1)


def only_choice(request: ChatRequest) -> Choice:
    """The choice that is ranked by likelihood. Raises CannotAsk for several, of which none follows the prompt alone."""
    if len(request.choices) == 1 and request.baseline is None:
        return request.choices[0]
    raise CannotAsk(
        "only one choice can be ranked by the likelihood of its labels, and nothing be subtracted",
        next_move='Set `choose = "logprob"`, or leave one choice.',
    )


def as_text(choices: Sequence[Choice], picked: Mapping[str, str]) -> str:
    """How an answer holds its labels: the label itself for one choice, a JSON object {name: label} for several."""
    if len(choices) == 1:
        return picked[choices[0].name]
    return msgspec.json.encode({choice.name: picked[choice.name] for choice in choices}).decode()

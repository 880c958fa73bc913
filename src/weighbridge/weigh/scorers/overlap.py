"""`chrf` and `bleu`: overlap with reference texts, as sacrebleu counts it (extra `text`).

Sentence level: chrF (Popović 2015), chrF++ with `word_order = 2`; BLEU (Papineni et al. 2002) with effective order and
exponential smoothing, sacrebleu's own default for sentences. Both are divided by 100. sacrebleu's signature is in
`signature`, for reports.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text


class ChrfOptions(Options, frozen=True):
    char_order: Annotated[int, msgspec.Meta(ge=1, le=20)] = 6
    word_order: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    """2 is chrF++."""
    beta: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    ignore_case: bool = False


class BleuOptions(Options, frozen=True):
    tokenize: Literal["13a", "intl", "char", "zh", "none"] = "13a"
    """`zh` for Chinese, `char` for other scripts without blanks; those that fetch a model are not offered."""
    max_order: Annotated[int, msgspec.Meta(ge=1, le=8)] = 4
    ignore_case: bool = False


class _Overlap:
    needs_reference = True
    _metric: Any

    def fault(self, reference: Any) -> str | None:
        for one in accepted(reference):
            if isinstance(one, (dict, list)) or not as_text(one).strip():
                return "holds an empty text or an object; there is nothing to overlap with"
        return None if accepted(reference) else "is an empty list"

    def mark(self, text: str, reference: Any) -> Mark:
        references = [as_text(one) for one in accepted(reference)]
        score = min(max(self._metric.sentence_score(text, references).score / 100, 0.0), 1.0)  # rounds past its ends
        return Mark(score, "" if score == 1 else f"read {shown(text)}; expected {shown(references[0])}")

    @property
    def signature(self) -> str:
        return str(self._metric.get_signature())


class Chrf(_Overlap):
    """Character n-grams: fair to scripts without blanks and to languages with many endings."""

    def __init__(self, options: ChrfOptions, setting: Setting) -> None:
        self._metric = _sacrebleu().CHRF(
            char_order=options.char_order,
            word_order=options.word_order,
            beta=options.beta,
            lowercase=options.ignore_case,
        )


class Bleu(_Overlap):
    """Word n-grams: blunt on single sentences; kept for comparison with published figures."""

    def __init__(self, options: BleuOptions, setting: Setting) -> None:
        self._metric = _sacrebleu().BLEU(
            tokenize=options.tokenize,
            max_ngram_order=options.max_order,
            lowercase=options.ignore_case,
            effective_order=True,
        )


def _sacrebleu() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError:
        raise BadOption(None, "needs the package sacrebleu", "Run `pip install 'weighbridge[text]'`.") from None
    return metrics

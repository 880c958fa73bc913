"""Labels are ranked by their first token only where that is a ranking."""

from __future__ import annotations

import math

import pytest

from weighbridge.chat.first_token import rank_labels
from weighbridge.errors import BadAnswer, CannotAsk


def test_every_way_a_token_begins_a_label_speaks_for_it() -> None:
    """Tokenisers part the same word in several ways; their probabilities add up."""
    top = {
        "bill": math.log(0.3),
        " bill": math.log(0.1),
        "\u2581billing": math.log(0.1),
        "account": math.log(0.4),
        "!": -1.0,
    }

    ranked = rank_labels(["billing", "account"], top)

    assert list(ranked) == ["billing", "account"]
    assert math.exp(ranked["billing"]) == pytest.approx(0.5)
    assert math.exp(ranked["account"]) == pytest.approx(0.4)


@pytest.mark.parametrize("labels", [["account", "accounting"], ["red one", "red two"]])
def test_labels_with_a_common_beginning_are_refused(labels: list[str]) -> None:
    start = labels[0].split()[0]

    with pytest.raises(CannotAsk, match="begin with the same token"):
        rank_labels(labels, {start: -0.1, labels[1]: -3.0})


def test_a_shared_token_nobody_would_choose_does_no_harm() -> None:
    """A single letter begins many labels; at a probability of 0.001 it decides nothing."""
    top = {"account": math.log(0.6), "abuse": math.log(0.3), "a": math.log(0.001)}

    assert list(rank_labels(["abuse", "account"], top)) == ["account", "abuse"]


def test_a_label_that_was_not_reported_is_left_out_because_it_is_the_least_likely() -> None:
    assert list(rank_labels(["a1", "b2", "c3"], {"b2": -0.2, "a1": -2.0})) == ["b2", "a1"]


def test_a_label_that_was_not_reported_cannot_be_calibrated() -> None:
    with pytest.raises(BadAnswer, match="'c3' is not among the 2"):
        rank_labels(["a1", "b2", "c3"], {"b2": -0.2, "a1": -2.0}, need_all=True)


def test_an_answer_that_begins_with_none_of_the_labels_ranks_nothing() -> None:
    with pytest.raises(BadAnswer, match="<think>"):
        rank_labels(["yes", "no"], {"<think>": -0.01})

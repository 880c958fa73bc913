"""When two answers are the same, and where an answer stands in a reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import UsageError
from weighbridge.routers.answers import check_way, find_answer, normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,200.50", "1200.5"),
        ('"Paris"', "paris."),
        ("[1, 2]", "[1,2]"),
        ("$\\frac{1}{2}$", "\\frac{1}{2}"),
        ("-5", "−5"),
        ("{'a': 1}", '{"a":1}'),
        ("3.0", "3"),
    ],
)
def test_answers_that_are_spelled_a_little_otherwise_agree(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), [("1.5", "15"), ("-5", "5"), ("10", "100"), ("a,b", "ab"), ("[1]", "1")])
def test_answers_that_differ_stay_different(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    ("way", "reply", "answer"),
    [
        ("whole", " Yes. ", "yes"),
        ("last-line", "I think.\nSo: 12\n\n", "so:12"),
        ("number", "From 3 apples and 1,000 pears", "1000"),
        ("number", "none at all", ""),
        ("boxed", r"so \boxed{\frac{1}{2}} it is", r"\frac{1}{2}"),
        ("boxed", r"\boxed{never closed", ""),
        ("json:answer", '{"reasoning": "a {b}", "answer": 7}', "7"),
        ("json:answer", 'First {"answer": 1}, no: {"answer": "2"}', "2"),
        ("json:answer", '```json\n{"answer": [1, 2]}\n```', "[1,2]"),
        ("json:answer", '{"answer": ', ""),
    ],
)
def test_an_answer_is_found_where_the_router_was_told(way: str, reply: str, answer: str) -> None:
    assert find_answer(reply, way) == answer


def test_a_way_that_there_is_not_is_told() -> None:
    with pytest.raises(UsageError, match="no way to find an answer") as caught:
        check_way("lastline")
    assert "Did you mean 'last-line'?" in str(caught.value)


@given(st.text(max_size=200) | st.sampled_from(["{" * 5000, '{"a":' * 3000, "\\boxed{" * 999, "1," * 9999]))
def test_any_reply_has_an_answer_or_none(reply: str) -> None:
    for way in ("whole", "last-line", "number", "boxed", "json:answer"):
        assert len(find_answer(reply, way)) <= 2000

"""Reasoning never reaches a scorer, however it is wrapped and however the text was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.chat.thinking import CLOSE, OPEN, Thinking, ThinkSplitter, split_thinking


def streamed(parts: list[str], thinking: Thinking = "auto") -> tuple[str, str]:
    """(text, reasoning) as somebody sees them who follows the pieces and their corrections."""
    splitter = ThinkSplitter(thinking)
    text, reasoning = "", ""
    for split in [*(splitter.feed(part) for part in parts), splitter.end()]:
        if split.was_reasoning:
            text, reasoning = "", reasoning + text
        text += split.text
        reasoning += split.reasoning
    return text, reasoning


@pytest.mark.parametrize(
    ("raw", "text", "reasoning"),
    [
        pytest.param("plain answer", "plain answer", "", id="none"),
        pytest.param("<think>a b</think>\n\nbilling", "billing", "a b", id="block"),
        pytest.param("\n <think>a</think>x", "x", "a", id="white-space-before"),
        pytest.param("a b\n</think>\n\nbilling", "billing", "a b\n", id="opened-by-the-template"),
        pytest.param("</think>billing", "billing", "", id="empty-reasoning-opened-by-the-template"),
        pytest.param("<think>never closed", "", "never closed", id="ran-out-of-tokens"),
        pytest.param("<think></think>\nx", "x", "", id="reasoning-switched-off"),
        pytest.param("[THINK]a[/THINK]b", "b", "a", id="magistral"),
        pytest.param("<thinking>a</thinking>b", "b", "a", id="thinking"),
        pytest.param("Use <think> and </think> tags.", "Use <think> and </think> tags.", "", id="talks-about-the-tags"),
        pytest.param("a <b and c> d </thin", "a <b and c> d </thin", "", id="nearly-a-tag"),
        pytest.param("<think>a</think>b</think>c", "b</think>c", "a", id="second-closing-tag-is-text"),
        pytest.param("<thin ice", "<thin ice", "", id="begins-like-a-tag"),
        pytest.param("  indented", "  indented", "", id="white-space-of-an-answer-stays"),
        pytest.param("", "", "", id="nothing"),
    ],
)
def test_a_text_is_split_whole_and_letter_by_letter(raw: str, text: str, reasoning: str) -> None:
    whole = split_thinking(raw)

    assert (whole.text, whole.reasoning) == (text, reasoning)
    assert streamed(list(raw)) == (text, reasoning)


@given(
    st.lists(st.sampled_from([*OPEN, *CLOSE, "<", "</", "th", "x", " ", "\n", ">", "[", "é"]), max_size=12), st.data()
)
def test_the_split_does_not_depend_on_how_a_stream_was_cut(parts: list[str], data: st.DataObject) -> None:
    raw = "".join(parts)
    places = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    cut = [raw[a:b] for a, b in zip([0, *places], [*places, len(raw)], strict=True)]

    for thinking in ("auto", "inside", "never"):
        whole = split_thinking(raw, thinking)
        assert streamed(cut, thinking) == (whole.text, whole.reasoning)


def test_inside_takes_no_text_for_an_answer_before_the_closing_tag() -> None:
    splitter = ThinkSplitter("inside")

    assert splitter.feed("let me see").reasoning == "let me see"
    assert splitter.feed("</think>yes").text == "yes"


def test_inside_without_a_closing_tag_is_all_reasoning() -> None:
    """The model ran out of tokens while it thought: there is no answer to be scored."""
    assert streamed(["so far", " so good"], "inside") == ("", "so far so good")


def test_never_leaves_the_tags_in_the_text() -> None:
    assert streamed(["<think>a</think>b"], "never") == ("<think>a</think>b", "")

"""Labels are found in what models really write, and never guessed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.weigh.scorers.labels import LabelFinder, Mention

TOPICS = ("billing", "account", "bug")
LETTERS = ("A", "B", "C", "D")
FOUND = [
    (TOPICS, "billing", "billing"),
    (TOPICS, " Billing.\n", "billing"),
    (TOPICS, "**Billing**", "billing"),
    (TOPICS, "`bug`", "bug"),
    (TOPICS, '"account"', "account"),
    (TOPICS, "The answer is billing.", "billing"),
    (TOPICS, "Category: account", "account"),
    (TOPICS, "**Category:** account\nThe user cannot pay a bill, so billing was close.", "account"),
    (TOPICS, "The category is **billing**, although a bug is mentioned.", "billing"),
    (TOPICS, "\\boxed{bug}", "bug"),
    (TOPICS, "\\boxed{\\text{bug}}", "bug"),
    (TOPICS, "Answer:\nbug", "bug"),
    (TOPICS, "It could be billing or a bug. Final answer: account", "account"),
    (TOPICS, "First I thought the category is billing. The correct category is: bug.", "bug"),
    (TOPICS, "billing\n\nReason: the account is fine.", "billing"),
    (TOPICS, "billing, because the account is fine", "billing"),
    (TOPICS, "This is not billing, it is about the account.", "account"),
    (TOPICS, "I would route this to the billing team.", "billing"),
    (TOPICS, "{'category': 'bug'}", "bug"),
    (LETTERS, "B", "B"),
    (LETTERS, "b.", "B"),
    (LETTERS, "(B)", "B"),
    (LETTERS, "The answer is (B)", "B"),
    (LETTERS, "The correct answer is B) because A is wrong", "B"),
    (LETTERS, "A refund is due, so B", "B"),
    (LETTERS, "**Answer: D**", "D"),
    (LETTERS, "The answer is:\n\n**C) Paris**", "C"),
    (LETTERS, "A) foo\nB) bar\n\nAnswer: A", "A"),
    (LETTERS, "Ｂ", "B"),
    (LETTERS, "答案是B。", "B"),
    (LETTERS, "选B", "B"),
    (("urgent", "not urgent"), "It is not urgent", "not urgent"),
    (("urgent", "not urgent"), "NOT_URGENT", "not urgent"),
    (("card", "credit card"), "paid by credit card", "credit card"),
    (("yes", "no"), "Yes, there is no doubt", "yes"),
    (("yes", "no"), "No, it isn't", "no"),
    (("1", "2", "3", "4", "5"), "4/5", "4"),
    (("1", "2", "3", "4", "5"), "I give it 4 out of 5", "4"),
    (("low", "high"), "priority is (high)", "high"),
    (("高", "中", "低"), "紧急程度:高", "高"),
    (("账单", "账户"), "这个问题属于账单类别。", "账单"),
    (("فواتير", "حساب", "خطأ"), "الفئة: الفواتير", "فواتير"),
    (("فواتير", "حساب", "خطأ"), "الإجابة هي: حساب.", "حساب"),
    (("فواتير", "حساب", "خطأ"), "خَطَأ", "خطأ"),
    (("बिलिंग", "खाता", "बिल"), "उत्तर: बिलिंग।", "बिलिंग"),
    (("Rechnung", "Störung"), "Die Kategorie lautet: störung", "Störung"),
    (("facturación", "cuenta"), "La respuesta es: FACTURACION", "facturación"),
    (("оплата", "ошибка"), "Ответ: **Оплата**", "оплата"),
    (("+", "-", "0"), "-", "-"),
]


@pytest.mark.parametrize(("labels", "text", "label"), FOUND)
def test_the_label_an_answer_gives_is_found(labels: tuple[str, ...], text: str, label: str) -> None:
    assert LabelFinder(labels, cues=("category",)).find(text).label == label


NOT_FOUND = [
    (TOPICS, "", "empty"),
    (TOPICS, "I do not know.", "no label"),
    (TOPICS, "debugging the accountants", "no label"),
    (TOPICS, "It is not billing.", "no label"),
    (TOPICS, "billing or account", "ambiguous"),
    (TOPICS, "The answer is billing or account.", "ambiguous"),
    (TOPICS, "- billing\n- account\n- bug", "ambiguous"),
    (TOPICS, "Billing: yes\nAccount: yes", "ambiguous"),
    (LETTERS, "A and B", "ambiguous"),
    (LETTERS, "I think a refund is due", "no label"),
    (("高", "中", "低"), "高或中", "ambiguous"),
    (("1", "2", "3"), "12.3", "no label"),
    (("urgent", "late"), "urgently", "no label"),
    (("حساب", "خطأ"), "ليس حساب", "no label"),
]


@pytest.mark.parametrize(("labels", "text", "why"), NOT_FOUND)
def test_an_answer_without_one_clear_label_gets_none_and_a_reason(labels: tuple[str, ...], text: str, why: str) -> None:
    found = LabelFinder(labels).find(text)

    assert found.label is None
    assert why in found.note


@pytest.mark.parametrize(("mention", "label"), [("only", None), ("first", "billing"), ("last", "bug")])
def test_the_task_may_say_which_mention_counts(mention: Mention, label: str | None) -> None:
    finder = LabelFinder(TOPICS, mention=mention)

    assert finder.find("from billing over account to bug").label == label


def test_an_alias_stands_for_its_label() -> None:
    finder = LabelFinder(("billing", "bug"), aliases={"billing": ("invoice", "Rechnung")})

    assert finder.find("Das ist eine Rechnung").label == "billing"


@pytest.mark.parametrize("labels", [("é", "e\u0301"), ("x", ""), ("x", "\u200b")])
def test_labels_that_cannot_be_told_apart_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"cannot be told apart|empty"):
        LabelFinder(labels)


def test_labels_that_differ_only_in_case_or_accents_stay_apart() -> None:
    assert LabelFinder(("US", "us")).find("us").label == "us"
    assert LabelFinder(("peche", "pêche")).find("Pêche!").label == "pêche"


names = st.text("abcXYZ éß高خطأबि-_", min_size=1, max_size=6).filter(lambda name: name == name.strip())


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(names, min_size=2, max_size=5, unique=True), text=st.text(max_size=60), index=st.integers(0, 4))
def test_any_label_alone_is_found_and_any_text_is_answered(labels: list[str], text: str, index: int) -> None:
    try:
        finder = LabelFinder(labels)
    except ValueError:
        return
    label = labels[index % len(labels)]

    assert finder.find(label).label == label
    assert finder.find(text).label in (None, *labels)


@pytest.mark.parametrize(
    "text",
    [
        "answer:" * 20_000,
        "category: ((((" * 10_000,
        "not " * 30_000 + "billing",
        "is " * 50_000,
        "answer" + " " * 200_000,
    ],
    ids=["cues", "brackets", "negations", "links", "blanks"],
)
def test_no_answer_takes_long_to_read(text: str) -> None:
    """Time grows with the length of the text and no faster; the bound is some twenty times what is measured."""
    finder = LabelFinder((*TOPICS, "A"))
    start = time.process_time()

    finder.find(text)

    assert time.process_time() - start < 10

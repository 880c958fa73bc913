"""Every scorer: what is right, what is partly right, and references and options that cannot be used."""

from __future__ import annotations

import math
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_folder import FREE, make_task

from weighbridge.chat import Answer, Choice
from weighbridge.errors import InputError
from weighbridge.weigh.check import check_task
from weighbridge.weigh.scorers import KINDS, BadOption, Mark, Scorer, Setting, in_range, make_scorer, options_of
from weighbridge.weigh.task import load_task

TOPIC = Choice("topic", ("billing", "bug"), "Topic:")
INVOICE = {
    "type": "object",
    "required": ["vendor", "total"],
    "additionalProperties": False,
    "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}, "lines": {"type": "array"}},
}
WANTED = {"vendor": "Acme", "total": 12.5, "lines": ["a", "b"]}


def scorer(kind: str, /, *, setting: Setting | None = None, **options: object) -> Scorer:
    return make_scorer(kind, msgspec.convert(options, options_of(kind)), setting or Setting())


MARKS = [
    ("exact", {}, "Paris", "Paris", 1),
    ("exact", {}, " Paris\n", "Paris", 1),
    ("exact", {}, "paris", "Paris", 0),
    ("exact", {"ignore_case": True}, "PARIS", "Paris", 1),
    ("exact", {"ignore_punctuation": True}, "“Paris”.", "Paris", 1),
    ("exact", {}, "Cafe\u0301", "Caf\u00e9", 1),
    ("exact", {}, "b", ["a", "b"], 1),
    ("exact", {}, "7", 7, 1),
    ("contains", {}, "It is PARIS!", "Paris", 1),
    ("contains", {"mode": "all"}, "a b", ["a", "c"], 0),
    ("contains", {"mode": "share"}, "a b", ["a", "c"], 0.5),
    ("contains", {"mode": "none"}, "sorry, no", "sorry", 0),
    ("contains", {"values": ["x"]}, "a x b", None, 1),
    ("contains", {"words": True}, "category", "cat", 0),
    ("contains", {"words": True}, "the cat.", "cat", 1),
    ("contains", {"words": True}, "这是猫。", "猫", 1),
    ("regex", {"pattern": r"\bINV-\d+\b"}, "see INV-12", None, 1),
    ("regex", {"pattern": r"sorry", "mode": "absent", "ignore_case": True}, "Sorry!", None, 0),
    ("regex", {"pattern": r"INV-(\d+)", "group": 1}, "see INV-12", "12", 1),
    ("regex", {"pattern": r"(?P<n>\d+)", "group": "n", "pick": "last"}, "1 2", "2", 1),
    ("regex", {}, "abc", "^a.c$", 1),
    ("token_f1", {}, "the Eiffel Tower!", "Eiffel tower", 1),
    ("token_f1", {}, "tower", "Eiffel tower", 2 / 3),
    ("token_f1", {}, "", "", 1),
    ("token_f1", {}, "", "x", 0),
    ("token_f1", {}, "東京の塔", "東京タワー", 4 / 9),
    ("token_f1", {}, "c", ["a b", "c d"], 2 / 3),
    ("token_f1", {}, "नमस्ते दुनिया", "नमस्ते दुनिया।", 1),
    ("chrf", {}, "Guten Morgen", "Guten Morgen", 1),
    ("chrf", {}, "", "Guten Morgen", 0),
    ("bleu", {}, "the cat sat on the mat", "the cat sat on the mat", 1),
    ("bleu", {"tokenize": "zh"}, "今天天气很好", "今天天气很好", 1),
]


@pytest.mark.parametrize(("kind", "options", "text", "reference", "score"), MARKS)
def test_an_answer_gets_the_score_that_is_due(
    kind: str, options: dict[str, object], text: str, reference: object, score: float
) -> None:
    made = scorer(kind, **options)

    assert reference is None or made.fault(reference) is None
    assert made.mark(text, reference).score == pytest.approx(score)


def test_chrf_and_bleu_agree_with_sacrebleu_itself() -> None:
    """Sentence level, as `sacrebleu.sentence_chrf` and `sentence_bleu` give it."""
    import sacrebleu

    said, right = "The cat sits on a mat.", "The cat sat on the mat."

    assert scorer("chrf").mark(said, right).score == pytest.approx(sacrebleu.sentence_chrf(said, [right]).score / 100)
    assert scorer("bleu").mark(said, right).score == pytest.approx(sacrebleu.sentence_bleu(said, [right]).score / 100)


ANSWERS = [
    ('{"vendor": "Acme", "total": 12.5, "lines": ["a", "b"]}', 1),
    ('{"vendor": "Acme ", "total": 12.50, "lines": ["a", "b"]}', 1),
    ('```json\n{"vendor": "Acme", "total": "12.5", "lines": ["a", "b"]}\n```', 2 / 3),
    ('Sure! {"vendor": "Acme"} I hope it helps.', 1 / 3),
    ('{"vendor": "Acme", "total": 12.5, "lines": ["a", "b"], "more": 1}', 3 / 4),
    ('{"a": 1} no, rather {"vendor": "Acme", "total": 12.5, "lines": ["a", "b"]}', 1),
    ('["Acme"]', 0),
    ('{"vendor": NaN, "total": 12.5}', 0),
    ("I cannot", 0),
    ('{"vendor": "Acme", ' * 500, 0),
    ('{"a":' * 100_000, 0),
]


@pytest.mark.parametrize(("text", "score"), ANSWERS)
def test_json_gets_credit_for_each_field_and_none_against_the_schema(text: str, score: float) -> None:
    made = scorer("json", setting=Setting(schema=INVOICE))

    assert made.fault(WANTED) is None
    assert made.mark(text, WANTED).score == pytest.approx(score)


def test_json_without_a_reference_is_right_when_it_keeps_to_the_schema() -> None:
    made = scorer("json", setting=Setting(schema=INVOICE))

    assert made.mark('{"vendor": "x", "total": 1}', None).score == 1
    assert made.mark('{"vendor": "x"}', None) == Mark(0.0, '"total" is a required property')


def test_each_field_may_have_a_rule_of_its_own() -> None:
    rules = {
        "total": {"kind": "number", "weight": 2, "options": {"tolerance": 0.1}},
        "vendor": "token_f1",
        "lines": "set",
    }
    made = scorer("json", fields=rules)

    mark = made.mark('{"vendor": "Acme Inc", "total": "12,55", "lines": ["b", "c"]}', WANTED)

    assert mark.score == pytest.approx((2 * 1 + 2 / 3 + 1 / 2) / 4)


def test_a_reference_in_a_csv_is_json_in_a_text() -> None:
    assert scorer("json").mark('{"a": 1}', '{"a": 1}').score == 1


BOTH = Setting(choice=TOPIC, several=True)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"topic": "bug", "urgent": "yes"}', 1),
        ('{"Topic": "Bug."}', 1),
        ("Urgent: yes\nTopic: bug", 1),
        ('{"topic": "billing", "note": "not a bug"}', 0),
        ('{"urgent": "bug"}', 0),
        ('{"topic": ["bug"]}', 0),
        ('{"topic": null}', 0),
    ],
)
def test_one_of_several_choices_is_read_from_its_own_place(text: str, score: float) -> None:
    assert scorer("choice", setting=BOTH).mark(text, "bug").score == score


BAD_REFERENCES = [
    ("exact", {}, {"a": 1}),
    ("exact", {}, []),
    ("choice", {"labels": ["a", "b"]}, "c"),
    ("choice", {"labels": ["a", "b"]}, True),
    ("contains", {}, ""),
    ("contains", {}, [["a"]]),
    ("regex", {}, "("),
    ("number", {}, "many"),
    ("json", {}, "no json"),
    ("json", {}, {}),
    ("json", {"fields": {"n": "number"}}, {"n": "many"}),
    ("token_f1", {}, {"a": 1}),
    ("chrf", {}, " "),
    ("math", {}, ""),
    ("math", {}, "\\frac{"),
]


@pytest.mark.parametrize(("kind", "options", "reference"), BAD_REFERENCES)
def test_a_reference_no_answer_could_match_is_a_fault(kind: str, options: dict[str, object], reference: object) -> None:
    assert scorer(kind, **options).fault(reference)


BAD_OPTIONS = [
    ("choice", {}, "labels"),
    ("choice", {"labels": ["a", "b"], "aliases": {"c": ["d"]}}, "aliases"),
    ("choice", {"labels": ["a", "b"], "aliases": {"a": ["x"], "b": ["x"]}}, "labels"),
    ("contains", {"values": [" "]}, "values"),
    ("regex", {"pattern": "("}, "pattern"),
    ("regex", {"pattern": "a", "group": 1}, "group"),
    ("regex", {"pattern": "a", "group": "n"}, "group"),
    ("number", {"units": {"g": 0}}, "units"),
    ("json", {"fields": {"a": "nope"}}, "fields"),
    ("json", {"fields": {"a": "json"}}, "fields"),
    ("json", {"fields": {"a": {"kind": "number", "options": {"tol": 1}}}}, "fields"),
]


@pytest.mark.parametrize(("kind", "options", "option"), BAD_OPTIONS)
def test_an_option_that_cannot_be_used_is_refused_by_name(kind: str, options: dict[str, object], option: str) -> None:
    with pytest.raises(BadOption) as caught:
        scorer(kind, **options)

    assert caught.value.option == option


def test_a_pattern_that_runs_away_is_stopped_and_blamed() -> None:
    """Exponential in Python's own `re`; the sample fails, it is not wrong."""
    made = scorer("regex", pattern=r"((a{1,100}){1,100}){1,100}$", timeout_s=0.1)

    with pytest.raises(InputError, match=r"took longer than 0\.1 s"):
        made.mark("a" * 3_000 + "!", None)


def test_a_schema_pattern_that_runs_away_is_stopped() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?=a)(a+)+$"}}}
    start = time.process_time()

    scorer("json", setting=Setting(schema=schema)).mark('{"a": "' + "a" * 5_000 + '!"}', None)

    assert time.process_time() - start < 5


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.01, 1.01, None, "1"])
def test_a_score_that_is_no_number_from_0_to_1_is_an_error(score: object) -> None:
    with pytest.raises(InputError, match="a score is a number from 0 to 1"):
        in_range(Mark(score), "mine")  # type: ignore[arg-type]


RIGHT_MATHEMATICS = [
    ("1/2", "so it is $0.5$"),
    ("\\frac{1}{2}", "\\boxed{\\frac{2}{4}}"),
    ("x^2+2x+1", "$(x+1)^2$"),
    (3, "3"),
]


@pytest.mark.slow
def test_mathematics_is_compared_by_meaning() -> None:
    made = scorer("math")

    assert [made.mark(text, reference).score for reference, text in RIGHT_MATHEMATICS] == [1, 1, 1, 1]
    assert made.mark("$2$", "3") == Mark(0.0, 'read 2; expected "3"')
    assert made.mark("", "3").note.startswith("no mathematics in the answer")


@pytest.mark.parametrize("frame", ["{}", "${}$", "\\boxed{{{}}}", "final answer is {}. I hope", "1+{}", "$$1 = {}$$"])
def test_an_answer_cannot_run_code_through_mathematics(tmp_path: Path, frame: str) -> None:
    """Below, sympy evaluates Python; what a model writes must never get there."""
    made = scorer("math")
    proof = tmp_path / "proof"
    code = f"__import__('pathlib').Path('{proof}').mkdir()"

    made.mark(frame.format(code), "3")
    made.fault(frame.format(code))

    assert not proof.exists()


@pytest.mark.slow
def test_mathematics_that_never_ends_is_ended_and_the_next_answer_is_read() -> None:
    """A tower of powers keeps the processor busy where no exception can reach it."""
    made = scorer("math", timeout_s=1)

    assert "took longer than 1 s" in made.mark("$9^{9^{9^9}}$", "3").note
    assert made.mark("$3$", "3").score == 1


def test_a_missing_extra_is_named_with_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    text = FREE + '[[score]]\nkind = "chrf"\nreference = "category"\n'

    problems = check_task(make_task(tmp_path, text))

    assert [problem.next_move for problem in problems] == ["Run `pip install 'weighbridge[text]'`."]


FUZZED = {kind: {} for kind in KINDS if kind not in ("math", "judge", "lm-eval")} | {
    "choice": {"labels": ["a", "b", "Ä"]}
}
words = st.text(max_size=40) | st.text('{}[]":,.ab0-%\\$/`\n ', max_size=40)
references = (
    words | st.integers() | st.booleans() | st.lists(words, max_size=2) | st.dictionaries(words, words, max_size=2)
)


@settings(max_examples=60, deadline=None)
@given(text=words, reference=references)
@pytest.mark.parametrize("kind", sorted(FUZZED))
def test_whatever_is_answered_gets_a_score_from_0_to_1(kind: str, text: str, reference: object) -> None:
    made = scorer(kind, **FUZZED[kind])
    if made.fault(reference) is not None:
        return

    mark = made.mark(text, reference)

    assert in_range(mark, kind) == mark


THOUGHTS = [
    ("<think>no</think>\nyes", "yes", "no"),
    ("no</think>yes", "yes", "no"),
    ("<think>no", "", "no"),
    ("a <think>b</think> c", "a  c", "b"),
    ("<think>a <think> b</think>c</think>d", "d", "a \nb\nc"),
    ("<Thinking>no</Thinking>yes", "yes", "no"),
    ("[THINK]no[/THINK]yes", "yes", "no"),
    ("◁think▷no◁/think▷yes", "yes", "no"),
    ("<reasoning>no</reasoning>yes", "yes", "no"),
    ("<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>", "yes", ""),
    ("<|channel|>analysis<|message|>no", "", ""),
    ("if a < b and b > c", "if a < b and b > c", ""),
]


@pytest.mark.parametrize(("text", "said", "thought"), THOUGHTS)
def test_thoughts_are_taken_out_of_an_answer(tmp_path: Path, text: str, said: str, thought: str) -> None:
    task = load_task(make_task(tmp_path, FREE + '[[score]]\nkind = "exact"\nreference = "category"\n'))

    scored = task.score(task.items[0], Answer(text=text))

    assert scored.text == said
    assert " ".join(thought.split()) in " ".join(scored.reasoning.split())

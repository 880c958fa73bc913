"""What a candidate is asked: templates that execute nothing, examples, labels, and what a backend can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_folder import FREE, ITEMS, SOUND, make_task

from weighbridge.chat import ChatRequest, Message
from weighbridge.engines import Ability
from weighbridge.errors import InputError
from weighbridge.weigh.records import Item
from weighbridge.weigh.task import Task, load_task
from weighbridge.weigh.template import Template, TemplateError

CHAT = frozenset({Ability.CHAT, Ability.COMPLETION, Ability.GRAMMAR, Ability.RANK, Ability.SCHEMA})
BASE = CHAT - {Ability.CHAT}
PLAIN = frozenset({Ability.CHAT})
SHOTS = '{"text": "it crashes", "category": "bug"}\n{"text": "pay again?", "category": "billing"}\n'
WITH_SHOTS = SOUND.replace("[prompt]", '[prompt]\nsystem = "Sort tickets."\nshots = "shots.jsonl"')


def ask(task: Task, abilities: frozenset[Ability], candidate: int = 0) -> ChatRequest:
    return task.request(task.candidates[candidate], task.items[0], abilities)


def test_a_conversation_shows_examples_as_turns(tmp_path: Path) -> None:
    request = ask(load_task(make_task(tmp_path, WITH_SHOTS, shots__jsonl=SHOTS)), CHAT)

    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Sort tickets."),
        ("user", "Ticket: it crashes"),
        ("assistant", "bug"),
        ("user", "Ticket: pay again?"),
        ("assistant", "billing"),
        ("user", "Ticket: my invoice is wrong"),
    ]
    assert request.prompt is None


def test_a_continuation_shows_examples_as_the_engine_will_write_labels(tmp_path: Path) -> None:
    """The lead and the label of the item itself are the engine's to add; chat/frames.py says how."""
    request = ask(load_task(make_task(tmp_path, WITH_SHOTS, shots__jsonl=SHOTS)), BASE)

    assert request.prompt == (
        "Sort tickets.\n\nTicket: it crashes\nCategory: bug\n\nTicket: pay again?\nCategory: billing\n\n"
        "Ticket: my invoice is wrong"
    )
    assert request.messages == ()
    assert request.choices[0].lead == "Category:"


def test_several_choices_are_shown_as_the_object_that_is_expected(tmp_path: Path) -> None:
    text = WITH_SHOTS.replace(
        "[[backend]]", '[[answer.choices]]\nname = "urgent"\nlabels = ["yes", "no"]\n\n[[backend]]', 1
    )
    items = ITEMS.replace("}", ', "urgent": "no"}')
    shots = SHOTS.replace("}", ', "urgent": "yes"}')

    request = ask(load_task(make_task(tmp_path, text, items, shots__jsonl=shots)), CHAT)

    assert request.messages[2] == Message(role="assistant", content='{"category": "bug", "urgent": "yes"}')


def test_a_base_model_that_writes_freely_is_led_and_stopped(tmp_path: Path) -> None:
    """Without a constraint it would go on with the next ticket of its own invention."""
    text = WITH_SHOTS.replace("[[answer.choices]]", '[answer]\nchoose = "text"\n[[answer.choices]]')

    request = ask(load_task(make_task(tmp_path, text, shots__jsonl=SHOTS)), BASE)

    assert str(request.prompt).endswith("Ticket: my invoice is wrong\nCategory:")
    assert request.sampling.stop == ("\n\n",)


def test_examples_without_choices_show_the_first_reference(tmp_path: Path) -> None:
    text = FREE.replace("[prompt]", '[prompt]\nshots = "shots.jsonl"')
    text += '[[score]]\nkind = "exact"\nreference = "category"\n'
    task = load_task(make_task(tmp_path, text, shots__jsonl=SHOTS))

    assert ask(task, CHAT).messages[1].content == "bug"
    assert str(ask(task, BASE).prompt).startswith("Ticket: it crashes bug\n\n")


def test_the_task_may_write_examples_and_answers_its_own_way(tmp_path: Path) -> None:
    extra = 'shots = "shots.jsonl"\nmax_shots = 1\nshot = "{{text}} => {{category}}!"\nanswer = "<{{category}}>"'
    text = FREE.replace("[prompt]", f"[prompt]\n{extra}") + '[[score]]\nkind = "exact"\nreference = "category"\n'
    task = load_task(make_task(tmp_path, text, shots__jsonl=SHOTS))

    assert [message.content for message in ask(task, CHAT).messages[:2]] == ["Ticket: it crashes", "<bug>"]
    assert ask(task, BASE).prompt == "it crashes => bug!\n\nTicket: my invoice is wrong"


@pytest.mark.parametrize(
    ("written", "abilities", "choose"),
    [
        pytest.param("", CHAT, "grammar", id="constrained-where-it-can-be"),
        pytest.param("", PLAIN, "text", id="else-found-in-the-text"),
        pytest.param('choose = "logprob"', CHAT, "logprob", id="as-the-task-says"),
        pytest.param('choose = "grammar"', PLAIN, "grammar", id="refused-by-the-engine-not-dropped"),
    ],
)
def test_labels_are_enforced_as_the_backend_can(
    tmp_path: Path, written: str, abilities: frozenset[Ability], choose: str
) -> None:
    text = SOUND.replace("[[answer.choices]]", f"[answer]\n{written}\n[[answer.choices]]")

    assert ask(load_task(make_task(tmp_path, text)), abilities).choose == choose


def test_calibration_asks_the_same_about_a_ticket_without_content(tmp_path: Path) -> None:
    answer = '[answer]\nchoose = "logprob"\ncalibrate = { text = "N/A" }\n[[answer.choices]]'
    task = load_task(make_task(tmp_path, SOUND.replace("[[answer.choices]]", answer)))

    request = ask(task, CHAT)

    assert request.baseline is not None
    assert request.baseline.messages[-1].content == "Ticket: N/A"
    assert request.baseline.choices == request.choices
    assert request.baseline.baseline is None


def test_a_schema_is_asked_for_where_the_backend_can_hold_to_it(tmp_path: Path) -> None:
    text = FREE + '[answer]\nschema = "s.json"\n[[score]]\nkind = "json"\n'
    task = load_task(make_task(tmp_path, text, s__json='{"type": "object"}'))

    assert ask(task, CHAT).schema == {"type": "object"}
    assert ask(task, PLAIN).schema is None


def test_a_candidate_names_its_model_endpoint_and_effort(tmp_path: Path) -> None:
    text = SOUND.replace('kind = "echo"', 'kind = "echo"\nmodel = "base"')
    text += 'model = "own"\nendpoint = "completion"\n[candidate.answer]\nreasoning_effort = "high"\n'
    task = load_task(make_task(tmp_path, text))

    first, second = ask(task, CHAT, 0), ask(task, CHAT, 1)

    assert (first.model, first.prompt, first.reasoning_effort) == ("base", None, None)
    assert (second.model, second.messages, second.reasoning_effort) == ("own", (), "high")


def test_an_item_that_lacks_a_field_is_named_with_a_near_miss(tmp_path: Path) -> None:
    task = load_task(make_task(tmp_path))

    with pytest.raises(InputError) as caught:
        task.request(task.candidates[0], Item(1, "b", {"texts": "x"}), CHAT)

    assert caught.value.where == "items.jsonl:2: text"
    assert caught.value.what == "item 'b': the field 'text' is missing, and the prompt of candidate 'A' names it"
    assert "Did you mean 'texts'?" in str(caught.value.next_move)


FILLED = [
    pytest.param("{{ a }}|{{a}}", {"a": "x"}, "x|x", id="blanks-inside"),
    pytest.param("{{a.b.0}}", {"a": {"b": [7]}}, "7", id="steps"),
    pytest.param("{{a}}", {"a": {"k": [True, None, "é"]}}, '{"k":[true,null,"é"]}', id="json"),
    pytest.param("[{{a?}}{{b?}}]", {"b": None}, "[]", id="optional"),
    pytest.param(r"\{{a}} {a} }}", {}, "{{a}} {a} }}", id="literal-braces"),
    pytest.param("{{a}}", {"a": "{{b}}", "b": "x"}, "{{b}}", id="values-are-not-templates"),
    pytest.param("{{名前}}", {"名前": "x"}, "x", id="any-script"),
    pytest.param("{{a.b}}", {"a.b": 1, "a": {"b": 2}}, "1", id="a-field-of-that-very-name-first"),
]


@pytest.mark.parametrize(("text", "fields", "expected"), FILLED)
def test_a_template_puts_fields_in_place(text: str, fields: dict[str, object], expected: str) -> None:
    assert Template(text).fill(fields) == expected


@pytest.mark.parametrize("text", ["{{", "{{}}", "{{ }}", "{{?}}", "{{a}", "x {{a\n}}"])
def test_braces_that_name_no_field_are_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="does not name a field"):
        Template(text)


@pytest.mark.parametrize("path", ["text.__class__", "text.upper", "__import__('os')", "text[0]", "text|upper", "1+1"])
def test_a_template_looks_up_and_never_executes(path: str) -> None:
    with pytest.raises(TemplateError, match="is missing"):
        Template("{{" + path + "}}").fill({"text": "x"})


@given(text=st.text("{}\\?. ab\n", max_size=30), fields=st.dictionaries(st.sampled_from("ab"), st.text()))
def test_any_text_is_a_template_or_says_why_not(text: str, fields: dict[str, str]) -> None:
    try:
        filled = Template(text).fill(fields)
    except TemplateError:
        return
    assert isinstance(filled, str)

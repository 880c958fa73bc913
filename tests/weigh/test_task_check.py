"""`--check` names file, line and field of every mistake, and calls no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from task_folder import FREE, ITEMS, SOUND, make_task

from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem
from weighbridge.weigh.check import check_task
from weighbridge.weigh.task import load_task


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def only(folder: Path) -> Problem:
    problems = check_task(folder)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_sound_task_has_no_problems(tmp_path: Path) -> None:
    assert check_task(make_task(tmp_path)) == ()


TYPOS = [
    pytest.param('user = "Ticket', 'usr = "Ticket', "prompt.usr", "Did you mean 'user'?", id="key"),
    pytest.param('kind = "echo"', 'kind = "ecko"', "backend[0].kind", "Did you mean 'echo'?", id="backend-kind"),
    pytest.param('backend = "one"', 'backend = "oen"', "candidate[0].backend", "Did you mean 'one'?", id="backend"),
    pytest.param('name = "two"', 'name = "one"', "backend[1].name", "Rename", id="two-backends-of-one-name"),
    pytest.param('name = "B"', 'name = "A"', "candidate[1].name", "Rename", id="two-candidates-of-one-name"),
    pytest.param(
        "[prompt]", "[task.prompt]", "task.prompt", "Known: data, description", id="section-in-the-wrong-place"
    ),
    pytest.param('"account", "bug"]', '"billing", "bug"]', "answer.choices[0].labels[1]", "", id="label-twice"),
    pytest.param('"account", "bug"]', '"account ", "bug"]', "answer.choices[0].labels[1]", "", id="label-with-blank"),
    pytest.param("{{text}}", "{{text", "prompt.user", "", id="open-braces"),
]


@pytest.mark.parametrize(("old", "new", "field", "hint"), TYPOS)
def test_a_mistake_in_task_toml_is_named_with_its_line_and_field(
    tmp_path: Path, old: str, new: str, field: str, hint: str
) -> None:
    text = SOUND.replace(old, new, 1)
    changed = next(n for n, (a, b) in enumerate(zip(SOUND.splitlines(), text.splitlines(), strict=True), 1) if a != b)

    problems = check_task(make_task(tmp_path, text))

    found = next(problem for problem in problems if problem.field == field)
    assert (found.file, found.line) == ("task.toml", changed)
    assert hint in str(found.next_move)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("labels = [", "label = [", id="key"),
        pytest.param('"account", "bug"]', '"billing", "bug"]', id="value"),
        pytest.param("[[backend]]", "[answer.sampling]\nmax_tokn = 9\n[[backend]]", id="sampling"),
    ],
)
def test_a_mistake_all_candidates_inherit_is_named_once_and_where_it_stands(tmp_path: Path, old: str, new: str) -> None:
    """A run stops at the first mistake, so the first must be the line to mend."""
    folder = make_task(tmp_path, SOUND.replace(old, new, 1))

    found = check_task(folder)
    with pytest.raises(InputError) as raised:
        load_task(folder)

    assert {str(problem.field).partition(".")[0] for problem in found} == {"answer"}
    assert raised.value.where == found[0].where


WRONG_VALUES = [
    pytest.param("[weigh]\nalpha = 5", "weigh.alpha", id="out-of-range"),
    pytest.param("[weigh]\nalpha = nan", "weigh.alpha", id="nan"),
    pytest.param('[weigh]\nmargin = "0,02"', "weigh.margin", id="text-for-a-number"),
    pytest.param("[weigh]\nscope = 'all'", "weigh.scope", id="not-one-of"),
    pytest.param("[answer.sampling]\ntemperature = -1", "answer.sampling.temperature", id="negative-temperature"),
    pytest.param("[answer.sampling]\nmax_token = 3", "answer.sampling.max_token", id="unknown-sampling"),
    pytest.param("[answer]\nchoose = 'best'", "answer.choose", id="unknown-choose"),
    pytest.param("[[score]]\nkind = 'exakt'\nreference = 'category'", "score[0].kind", id="unknown-scorer"),
    pytest.param("[[score]]\nkind = 'exact'\nreference = 'category'\nweight = 0", "score[0].weight", id="no-weight"),
    pytest.param("[[score]]\nkind = 'choice'\nchoice = 'categori'", "score[0].choice", id="unknown-choice"),
    pytest.param(
        "[[score]]\nkind = 'number'\nreference = 'n'\noptions = { tolerance = -1 }",
        "score[0].options.tolerance",
        id="option-out-of-range",
    ),
    pytest.param(
        "[[score]]\nkind = 'exact'\nreference = 'category'\noptions = { ignore_cas = true }",
        "score[0].options.ignore_cas",
        id="unknown-option",
    ),
    pytest.param("[[score]]\nkind = 'regex'\noptions = { pattern = '(' }", "score[0].options.pattern", id="bad-regex"),
]


@pytest.mark.parametrize(("lines", "field"), WRONG_VALUES)
def test_a_wrong_value_is_named_with_the_line_it_stands_on(tmp_path: Path, lines: str, field: str) -> None:
    text = SOUND + "\n" + lines + "\n"
    key = field.rpartition(".")[2].rstrip("]0123456789[") or field
    line = len(text.splitlines()) - lines.rpartition(key)[2].count("\n")

    found = [problem for problem in check_task(make_task(tmp_path, text)) if problem.field == field]

    assert [(problem.file, problem.line) for problem in found] == [("task.toml", line)]


BACKENDS = [
    pytest.param('kind = "echo"\nsettings = { skil = 1.0 }', "settings.skil", id="unknown-setting"),
    pytest.param('kind = "echo"\nsettings = { skill = 2.0 }', "settings.skill", id="setting-out-of-range"),
    pytest.param('kind = "echo"\nsettings = { fail_reason = "x" }', "settings.fail_reason", id="setting-no-such"),
    pytest.param('kind = "echo"\nprice = { input = -1 }', "price.input", id="negative-price"),
    pytest.param('kind = "echo"\nconcurrency = 0', "concurrency", id="no-calls-at-once"),
    pytest.param('kind = "echo"\ntimeout_s = 0', "timeout_s", id="no-time"),
    pytest.param('kind = "echo"\nbase_url = "http://x"', "base_url", id="field-of-another-kind"),
    pytest.param('kind = "openai"', "base_url", id="no-address"),
    pytest.param('kind = "openai"\nbase_url = "localhost:8000"', "base_url", id="address-without-scheme"),
    pytest.param('kind = "openai"\nbase_url = "http://u:p@x/v1"', "base_url", id="address-with-a-password"),
    pytest.param('kind = "openai"\nbase_url = "http://x:99999999/v1"', "base_url", id="no-such-port"),
    pytest.param('kind = "llamacpp"\nsource = "hff:a/b"', "source", id="no-such-source"),
    pytest.param('kind = "llamacpp"\nsource = "pypi:x"\nsha256 = "12"', "sha256", id="no-hash"),
    pytest.param('kind = "llamacpp"\nsource = "pypi:x"\nsettings = { thread = 1 }', "settings.thread", id="llamacpp"),
]


@pytest.mark.parametrize(("lines", "field"), BACKENDS)
def test_a_backend_that_could_not_be_asked_is_named_before_anything_runs(
    tmp_path: Path, lines: str, field: str
) -> None:
    text = SOUND.replace('kind = "echo"', lines, 1)

    problem = only(make_task(tmp_path, text))

    assert problem.field == f"backend[0].{field}"
    assert problem.line in (line_of(text, "[[backend]]"), line_of(text, lines.splitlines()[-1]))


def test_a_written_out_key_is_refused_without_being_repeated(tmp_path: Path) -> None:
    """Files get shared, and so do the messages about them."""
    secret = "sk-very-secret-123"
    text = SOUND.replace(
        'kind = "echo"', f'kind = "openai"\nbase_url = "http://127.0.0.1:1/v1"\napi_key = "{secret}"', 1
    )

    problem = only(make_task(tmp_path, text))

    assert problem.field == "backend[0].api_key"
    assert "env:NAME" in str(problem.next_move)
    assert secret not in str(problem)


def test_one_candidate_alone_cannot_be_compared(tmp_path: Path) -> None:
    text = SOUND[: SOUND.rindex("[[candidate]]")]

    problem = only(make_task(tmp_path, text))

    assert (problem.field, problem.line) == ("candidate[0]", line_of(text, "[[candidate]]"))
    assert "needs two or more" in problem.what


def test_all_mistakes_are_found_in_one_go(tmp_path: Path) -> None:
    text = SOUND.replace("user = ", "usr = ").replace('name = "B"', 'nam = "B"')
    items = ITEMS + '{"id": "a", "text": "again", "category": "bug"}\n{"id": \n'

    problems = check_task(make_task(tmp_path, text, items))

    assert {problem.where for problem in problems} >= {
        f"task.toml:{line_of(text, 'usr')}: prompt.usr",
        f"task.toml:{line_of(text, 'nam =')}: candidate[1].nam",
        "items.jsonl:3: id",
        "items.jsonl:4",
    }


BAD_ITEMS = [
    pytest.param('{"id": "c", "text": "x"}', "items.jsonl:3: category", "is missing", id="no-reference"),
    pytest.param('{"id": "c", "text": "x", "category": "spam"}', "items.jsonl:3: category", "not a label", id="label"),
    pytest.param('{"id": "c", "category": "bug"}', "items.jsonl:3: text", "is missing", id="no-field"),
    pytest.param('{"id": "c", "text": null, "category": "bug"}', "items.jsonl:3: text", "is null", id="null"),
    pytest.param('{"id": "a", "text": "x", "category": "bug"}', "items.jsonl:3: id", "lines 1 and 3", id="same-id"),
    pytest.param('{"text": "x", "category": "bug"}', "items.jsonl:3: id", "no field 'id'", id="no-id"),
    pytest.param('{"id": true, "text": "x", "category": "bug"}', "items.jsonl:3: id", "whole number", id="odd-id"),
    pytest.param('{"id": "c", "text": NaN}', "items.jsonl:3", "JSON", id="nan"),
    pytest.param('{"id": "c", "text": 1e999}', "items.jsonl:3", "out of range", id="overflow"),
    pytest.param('["c"]', "items.jsonl:3", "expected a JSON object, got an array", id="array"),
    pytest.param("[" * 100_000, "items.jsonl:3", "nested too deeply", id="very-deep"),
    pytest.param('{"a": ' * 65 + "1" + "}" * 65, "items.jsonl:3", "nested more than 64 deep", id="deep"),
    pytest.param('{"id": "c", "text": "\\ud800"}', "items.jsonl:3", "", id="half-a-surrogate"),
    pytest.param(b'{"id": "c", "text": "\xff"}', "items.jsonl:3", "byte 0xff", id="not-utf-8"),
]


@pytest.mark.parametrize(("line", "where", "what"), BAD_ITEMS)
def test_a_bad_item_is_named_with_its_line(tmp_path: Path, line: str | bytes, where: str, what: str) -> None:
    raw = ITEMS.encode() + (line if isinstance(line, bytes) else line.encode()) + b"\n"

    problems = check_task(make_task(tmp_path, items=raw))

    assert any(problem.where == where and what in problem.what for problem in problems), problems


@pytest.mark.parametrize(
    ("line", "next_move"),
    [
        pytest.param(b'{"id": "c", "text": "x"', "one whole JSON object on one line", id="half"),
        pytest.param(b'{"id": "c", "text": null, "category": "bug"}', "{{text?}}", id="null"),
        pytest.param(b'{"id": "c", "category": "bug"}', "{{text?}}", id="no-field"),
        pytest.param(b"\x1f\x8b\x08\x00", "unpack", id="compressed"),
    ],
)
def test_a_bad_item_comes_with_what_to_do_about_it(tmp_path: Path, line: bytes, next_move: str) -> None:
    problems = check_task(make_task(tmp_path, items=line + b"\n"))

    assert all(next_move in str(problem.next_move) for problem in problems)
    assert problems


def test_a_huge_item_is_measured_not_held(tmp_path: Path) -> None:
    huge = b'{"id": "c", "text": "' + b"x" * 50_000_000 + b'"}\n'

    problem = only(make_task(tmp_path, items=ITEMS.encode() + huge))

    assert problem.where == "items.jsonl:3"
    assert problem.what == "this item is 47.7 MiB; an item may have at most 8.0 MiB"


@pytest.mark.parametrize("items", ["", "\n\n \n", b"\xef\xbb\xbf"], ids=["nothing", "blank-lines", "only-a-bom"])
def test_a_file_without_items_is_said_to_be_empty(tmp_path: Path, items: str | bytes) -> None:
    assert "no items" in only(make_task(tmp_path, items=items)).what


def test_a_tag_that_no_item_has_is_a_typing_error(tmp_path: Path) -> None:
    text = SOUND.replace('items = "items.jsonl"', 'items = "items.jsonl"\ntags = ["categry"]')

    problem = only(make_task(tmp_path, text))

    assert (problem.where, problem.line) == ("task.toml:3: task.tags", 3)
    assert "Did you mean 'category'?" in str(problem.next_move)


SHOTS = SOUND.replace("[prompt]", '[prompt]\nshots = "shots.jsonl"')
BAD_SHOTS = [
    pytest.param('{"text": "x", "category": "spam"}', "shots.jsonl:1: category", id="no-label"),
    pytest.param('{"text": "x"}', "shots.jsonl:1: category", id="no-answer"),
    pytest.param('{"category": "bug"}', "shots.jsonl:1: text", id="no-field"),
    pytest.param("{", "shots.jsonl:1", id="half-a-json"),
    pytest.param("", "shots.jsonl", id="empty"),
]


@pytest.mark.parametrize(("shots", "where"), BAD_SHOTS)
def test_a_bad_example_is_named_in_its_own_file(tmp_path: Path, shots: str, where: str) -> None:
    assert where in {problem.where for problem in check_task(make_task(tmp_path, SHOTS, shots__jsonl=shots))}


def test_examples_that_are_not_there_are_named_where_the_task_names_them(tmp_path: Path) -> None:
    problem = only(make_task(tmp_path, SHOTS))

    assert problem.where == f"task.toml:{line_of(SHOTS, 'shots')}: prompt.shots"


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param("{", "not readable as JSON", id="half"),
        pytest.param("[]", "is an object", id="no-object"),
        pytest.param('{"type": "objekt"}', "no JSON Schema", id="no-schema"),
        pytest.param('{"$ref": "http://127.0.0.1:9/x"}', "would have to be fetched", id="elsewhere"),
    ],
)
def test_a_schema_file_that_is_none_is_refused(tmp_path: Path, schema: str | None, what: str) -> None:
    text = FREE + '[answer]\nschema = "s.json"\n[[score]]\nkind = "json"\n'
    files = {} if schema is None else {"s__json": schema}

    problems = check_task(make_task(tmp_path, text, **files))

    assert any(what in problem.what for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(b"[task\nitems = 1", "task.toml:1", id="no-toml"),
        pytest.param(b'[task]\nitems = "\xff"', "task.toml:2", id="no-utf-8"),
        pytest.param(b"a = " + b"[" * 100_000, "task.toml", id="deep"),
        pytest.param(b"a = " + b"9" * 10_000, "task.toml", id="endless-number"),
        pytest.param(b"", "task.toml:1", id="empty"),
    ],
)
def test_a_task_file_that_cannot_be_read_says_why(tmp_path: Path, text: bytes, where: str) -> None:
    make_task(tmp_path)
    (tmp_path / "task.toml").write_bytes(text)

    assert check_task(tmp_path)[0].where == where


def test_a_folder_that_is_not_there_names_the_way_to_make_one(tmp_path: Path) -> None:
    problem = only(tmp_path / "nowhere")

    assert "does not exist" in problem.what
    assert "--init" in str(problem.next_move)


@pytest.mark.parametrize("name", ["items.json", "nowhere.jsonl", ".", "a\\u0000b.jsonl"])
def test_items_that_are_no_file_of_items_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "items.json").write_text("[]")

    problem = only(make_task(tmp_path, SOUND.replace("items.jsonl", name)))

    assert problem.where in ("task.toml:2: task.items", "items.json")
    assert problem.next_move


def test_a_check_of_a_file_full_of_mistakes_ends(tmp_path: Path) -> None:
    problems = check_task(make_task(tmp_path, items="{\n" * 5_000))

    assert len(problems) == 100


GRADED = (
    SHOTS
    + """
[answer]
sampling.stop = ["x"]
[[score]]
kind = "choice"
[[score]]
kind = "json"
reference = "o"
options.fields = { a = "number" }
"""
)
GRADED_ITEMS = ITEMS.replace("}", ', "o": {"a": 1}}')


def test_what_is_damaged_below_is_sound_at_first(tmp_path: Path) -> None:
    assert check_task(make_task(tmp_path, GRADED, GRADED_ITEMS, shots__jsonl=ITEMS)) == ()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_in_any_file_are_more_than_an_input_error(tmp_path: Path, data: st.DataObject) -> None:
    """Random bytes, and sound files with random bytes in them."""
    parts = {"task.toml": GRADED.encode(), "items.jsonl": GRADED_ITEMS.encode(), "shots.jsonl": ITEMS.encode()}
    name = data.draw(st.sampled_from(sorted(parts)))
    sound = parts[name]
    start = data.draw(st.integers(0, len(sound)))
    length = data.draw(st.sampled_from([0, 1, 5, len(sound)]))
    noise = data.draw(st.binary(max_size=40) | st.sampled_from([b"{{", b'"', b"[[", b"\\", b"'''", b"\r", b"{{a.0?}}"]))
    make_task(tmp_path, GRADED, GRADED_ITEMS, shots__jsonl=ITEMS)
    (tmp_path / name).write_bytes(sound[:start] + noise + sound[start + length :])

    problems = check_task(tmp_path)

    if problems:
        with pytest.raises(InputError):
            load_task(tmp_path)
    else:
        load_task(tmp_path).close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schema=st.binary(max_size=30)
    | st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-3, 3)
        | st.sampled_from(["object", "#", "a{", "(", "http://x/y", "#/a"]),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["type", "$ref", "properties", "required", "pattern", "items", "$schema", "a"]),
                inner,
                max_size=3,
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_schema_is_more_than_an_input_error(tmp_path: Path, schema: bytes) -> None:
    text = FREE + '[answer]\nschema = "s.json"\n[[score]]\nkind = "json"\n'

    problems = check_task(make_task(tmp_path, text, s__json=schema))

    assert all(problem.file in ("s.json", "task.toml") for problem in problems)


@pytest.mark.parametrize(("name", "said"), [("items.xlsx", "its suffix is .xlsx"), ("items", "it has no suffix")])
@pytest.mark.parametrize("also_wrong", [False, True], ids=["alone", "beside-another-mistake"])
def test_items_of_an_unknown_kind_are_named_where_task_toml_names_them(
    tmp_path: Path, name: str, said: str, also_wrong: bool
) -> None:
    text = SOUND.replace('"items.jsonl"', f'"{name}"')
    text = text.replace("[prompt]", "[promt]") if also_wrong else text
    folder = make_task(tmp_path, text)
    (folder / name).write_text(ITEMS)

    problem = next(one for one in check_task(folder) if one.field == "task.items")

    assert (problem.file, problem.line) == ("task.toml", line_of(text, "items"))
    assert said in problem.what
    assert ".jsonl, .ndjson, .csv, .tsv, .parquet" in (problem.next_move or "")

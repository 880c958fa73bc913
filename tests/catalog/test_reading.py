"""A mistake in the catalogue's files is named with file, line and a next move, whatever it is."""

from __future__ import annotations

import os
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import LAB, LICENCES, SOURCES, write_catalogue

from weighbridge.catalog.validate import compile_folder, examine
from weighbridge.errors import InputError

NAME_LINE = LAB[: LAB.index('name = "Large"\n')].count("\n") + 1


def first_changed(text: str) -> int:
    """The first line that is not as it was."""
    pairs = zip_longest(LAB.splitlines(), text.splitlines())
    return next(line for line, (before, after) in enumerate(pairs, 1) if before != after)


def test_the_small_catalogue_has_no_mistake(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")

    assert examine(folder, today="2026-11-21").problems == ()
    assert compile_folder(folder).models["acme-hub/Large"].names == ("large-v1",)


MISTAKES = {
    "typo-in-a-key": (
        'name = "Large"',
        'nmae = "Large"',
        "unknown key 'nmae'",
        "Did you mean 'name'?",
    ),
    "typo-in-a-field": (
        "parameters_active =",
        "parametres_active =",
        "unknown field",
        "Did you mean 'parameters_active'?",
    ),
    "fact-without-source": (
        '37_000_000_000, source = "paper", ',
        "37_000_000_000, ",
        "the key 'source' is missing",
    ),
    "source-that-does-not-exist": (
        '37_000_000_000, source = "paper"',
        '37_000_000_000, source = "papre"',
        "there is no source 'papre'",
        "Did you mean 'paper'?",
    ),
    "billions-left-out": (
        "37_000_000_000",
        "37",
        "37 is not plausible",
    ),
    "number-as-text": (
        "37_000_000_000",
        '"37B"',
        "expected a number, got '37B'",
    ),
    "more-active-than-total": (
        "37_000_000_000",
        "672_000_000_000",
        "6.72e+11 active parameters, but 6.71e+11 in all",
    ),
    "two-models-with-one-id": (
        'id = "acme-hub/Large"',
        'id = "acme-hub/Large-Base"',
        "two models have the id",
        "acme.toml:9: model[0].id",
    ),
    "one-id-in-other-letters": (
        'id = "acme-hub/Large"',
        'id = "Acme-Hub/large-base"',
        "two models have the id",
    ),
    "two-models-with-one-name": (
        'names = ["large-v1"]',
        'names = ["large-base"]',
        "two models are called 'large-base'",
    ),
    "id-without-organisation": (
        'id = "acme-hub/Large"',
        'id = "Large"',
        "no id of a model",
    ),
    "base-that-does-not-exist": (
        'value = "acme-hub/Large-Base"',
        'value = "acme-hub/Large-Bse"',
        "there is no base model",
        "Did you mean 'acme-hub/Large-Base'?",
    ),
    "made-from-itself": (
        'value = "acme-hub/Large-Base"',
        'value = "acme-hub/Large"',
        "a circle of base models: acme-hub/Large <- acme-hub/Large",
    ),
    "circle-through-the-press": (
        "[model.facts]\nparameters_total",
        '[model.facts]\nbase_model = [{ value = "acme-hub/Large", source = "blog", date = "2026" }]\nparameters_total',
        "a circle of base models",
    ),
    "licence-that-does-not-exist": (
        'value = "MIT"',
        'value = "MTI"',
        "there is no licence 'MTI'",
        "Did you mean 'MIT'?",
    ),
    "day-that-does-not-exist": (
        'value = "2026-01-10"',
        'value = "2026-02-30"',
        "'2026-02-30' is no date",
    ),
    "value-as-toml-date": (
        'value = "2026-01-10"',
        "value = 2026-01-10",
        "expected a text",
    ),
    "date-without-quotes": (
        'source = "paper", date = "2026-01-10" }]\nlicence',
        'source = "paper", date = 2026-01-10 }]\nlicence',
        "expected `str`, got `date`",
        "Put dates in quotes",
    ),
    "statement-from-the-future": (
        '"2026-05-12"',
        '"2062-05-12"',
        "2062-05-12 has not come yet",
    ),
    "release-in-the-future": (
        'value = "2026-01-10"',
        'value = "2027-01-10"',
        "2027-01-10 has not come yet",
    ),
    "more-than-there-are": ("37_000_000_000", "3_700_000_000_000", "3.7e+12 is not plausible"),
    "number-as-flag": ("37_000_000_000", "true", "expected a number, got True"),
    "set-that-repeats": ('["text", "image"]', '["text", "text"]', "names something twice"),
    "typo-in-a-set": (
        '["text", "image"]',
        '["text", "iamge"]',
        "'iamge' is none of its values",
        "Did you mean 'image'?",
    ),
    "empty-set": (
        '["text", "image"]',
        "[]",
        "expected an array of texts",
    ),
    "flag-as-text": (
        "value = true",
        'value = "true"',
        "expected true or false",
    ),
    "country-by-name": (
        'value = "CN"',
        'value = "China"',
        "no country known here",
    ),
    "kind-that-is-none": (
        'kind = "exact"',
        'kind = "exactly"',
        "invalid enum value 'exactly'",
    ),
    "model-of-another-lab": (
        'name = "Large"\nlab = "acme"',
        'name = "Large"\nlab = "acne"',
        "'acne' in the file of 'acme'",
    ),
    "control-character-in-a-name": (
        'name = "Acme"',
        'name = "Ac\\u0007me"',
        "not a text that can be shown",
    ),
    "alias-of-nothing": (
        'model = "acme-hub/Large"',
        'model = "acme-hub/Lagre"',
        "there is no model 'acme-hub/Lagre'",
    ),
    "name-both-fixed-and-moving": (
        'name = "acme-chat"',
        'name = "large-v1"',
        "moves, but is also a fixed name",
    ),
    "alias-ends-before-it-begins": (
        'since = "2026-01-10"',
        'since = "2026-01-10"\nuntil = "2025-01-10"',
        "before it begins",
    ),
    "typo-in-a-section": (
        "[[alias]]",
        "[[alais]]",
        "unknown section 'alais'",
        "Did you mean 'alias'?",
    ),
    "not-toml": (
        "[[alias]]",
        "[[alias",
        "not readable as TOML",
    ),
    "one-bracket-where-two-belong": (
        "[[alias]]",
        "[alias]",
        "expected [[alias]]",
    ),
    "file-of-another-name": (
        'id = "acme"',
        'id = "acma"',
        "a file of the lab 'acma' that is not called acma.toml",
    ),
    "known-after-its-release": (
        "open_weights = [{ value = true, ",
        'knowledge_cutoff = [{ value = "2026-03", ',
        "trained on what was known on 2026-03, but released on 2026-01-10",
    ),
    "weights-without-licence": ('value = "MIT"', 'value = "proprietary"', "but no licence for them"),
    "licence-without-weights": ("value = true", "value = false", "no weights to download, but a licence"),
    "science-without-data": (
        'modalities = [{ value = ["text", "image"], ',
        'openness = [{ value = "II", ',
        "class II, but open_code is None",
    ),
    "page-that-is-code": ('name = "Acme"', 'name = "Acme"\nurl = "javascript:alert(1)"', "no address of a page"),
    "lab-without-country": (
        'country = [{ value = "CN", source = "measured", date = "2026-09-01" }]',
        "country = []",
        "needs the country",
    ),
}
"""What is replaced in the file, by what, and what is said about it."""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_lab_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    old, new, *says = MISTAKES[name]
    text = LAB.replace(old, new, 1)
    assert text != LAB

    problems = examine(write_catalogue(tmp_path / "c", lab=text), today="2026-11-21").problems

    shown = "\n".join(map(str, problems))
    assert f"acme.toml:{first_changed(text)}: " in shown
    for words in says:
        assert words in shown


def test_an_alias_with_two_meanings_at_one_time_is_named_with_both(tmp_path: Path) -> None:
    second = '\n[[alias]]\nname = "Acme-Chat"\nmodel = "acme-hub/Large-Base"\nsince = "2026-05"\nsource = "blog"\n'

    problems = examine(write_catalogue(tmp_path / "c", lab=LAB + second), today="2026-11-21").problems

    assert "means acme-hub/Large-Base and acme-hub/Large at one time" in str(problems[0])
    assert f"acme.toml:{(LAB + second).count(chr(10)) - 1}: alias[1].since" in str(problems[0])
    assert f"acme.toml:{LAB.count(chr(10)) - 1}: alias[0].since" in str(problems[0])


def test_two_models_in_one_repository_are_a_mistake(tmp_path: Path) -> None:
    fact = '[model.facts]\nhf_id = [{ value = "acme-hub/Large", source = "paper", date = "2026" }]\n'

    problems = examine(write_catalogue(tmp_path / "c", lab=LAB.replace("[model.facts]\n", fact))).problems

    assert "two models have the 'hf_id acme-hub/Large'" in str(problems[0])


def test_facts_of_providers_and_devices_are_held_to_their_own_fields(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    said = 'source = "measured", date = "2026"'
    (folder / "providers.toml").write_text(
        f'[[provider]]\nid = "north"\nname = "North"\ntrains_on_inputs = [{{ value = "maybe", {said} }}]\n'
        f'country = [{{ value = "Norway", {said} }}]\n'
    )
    (folder / "devices.toml").write_text(
        '[[device]]\nid = "X1"\nname = "X1"\nvendor = "X"\nkind = "gpu"\n[device.facts]\n'
        f"memory_bytes = [{{ value = 80, {said} }}]\nparameters_total = [{{ value = 80, {said} }}]\n"
    )

    shown = "\n".join(map(str, examine(folder, today="2026-11-21").problems))

    assert "providers.toml:4: provider[0].trains_on_inputs[0].value: trains_on_inputs: 'maybe' is none" in shown
    assert "providers.toml:5: provider[0].country[0].value: country: 'Norway' is no country" in shown
    assert "devices.toml:7: device[0].facts.memory_bytes[0].value: memory_bytes: 80 is not plausible" in shown
    assert "devices.toml:8: device[0].facts.parameters_total: unknown field 'parameters_total'" in shown


def test_a_page_that_one_file_alone_cites_may_stand_in_it(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    (folder / "providers.toml").write_text(
        '[[source]]\nid = "terms"\ntitle = "Terms"\nstanding = "primary"\n\n'
        '[[provider]]\nid = "north"\nname = "North"\n'
        'country = [{ value = "NO", source = "terms", date = "2026" }]\n'
    )

    catalogue = compile_folder(folder)

    assert catalogue.providers["north"].country[0].source == "terms"
    assert catalogue.sources["terms"].standing == "primary"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    os.mkfifo(folder / "labs" / "endless.toml")

    assert "endless.toml: not a file" in str(examine(folder).problems[0])


def test_a_catalogue_without_sources_is_told_so_once(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    (folder / "sources.toml").unlink()

    (problem,) = examine(folder).problems

    assert "sources.toml: it is not there" in str(problem)


def test_an_alias_that_moved_is_no_mistake(tmp_path: Path) -> None:
    moved = LAB.replace('since = "2026-01-10"', 'since = "2026-01-10"\nuntil = "2026-05"')
    second = '\n[[alias]]\nname = "acme-chat"\nmodel = "acme-hub/Large-Base"\nsince = "2026-05"\nsource = "blog"\n'

    assert examine(write_catalogue(tmp_path / "c", lab=moved + second), today="2026-11-21").problems == ()


def test_the_first_mistake_is_an_error_with_its_place(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c", lab=LAB.replace('name = "Large"', 'nmae = "Large"'))

    with pytest.raises(InputError, match="unknown key 'nmae'") as caught:
        compile_folder(folder)

    assert f"acme.toml:{NAME_LINE}" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('licence = "MIT"', 'licence = "MTI"', "there is no licence 'MTI'"),
        ('id = "blog"', 'id = "paper"', "two sources have the id 'paper'"),
        ('standing = "press"', 'standing = "rumour"', "invalid enum value 'rumour'"),
        ('read = "2026-09-01"', 'read = "2062-09-01"', "2062-09-01 has not come yet"),
    ],
)
def test_a_mistake_in_the_sources_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = write_catalogue(tmp_path / "c", sources=SOURCES.replace(old, new))

    assert says in "\n".join(map(str, examine(folder, today="2026-11-21").problems))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("conditions = [{", "# conditions = [{", "conditional, but no condition is given"),
        ('names = ["many"]', 'names = ["mit license"]', "two licences are called 'mit license'"),
        ('source = "paper"', 'source = "papre"', "there is no source 'papre'"),
        ('read = "2026-09-01"', 'read = "yesterday"', "'yesterday' is no date"),
    ],
)
def test_a_mistake_in_the_licences_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = write_catalogue(tmp_path / "c", licences=LICENCES.replace(old, new))

    assert says in "\n".join(map(str, examine(folder, today="2026-11-21").problems))


def test_a_folder_that_is_no_catalogue_says_so(tmp_path: Path) -> None:
    assert "not a catalogue" in str(examine(tmp_path).problems[0])


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    with (folder / "labs" / "acme.toml").open("a") as file:
        file.write("#" * (9 << 20))

    assert "larger than 8 MiB" in str(examine(folder).problems[0])


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "c")
    (folder / "labs" / "acme.toml").write_bytes(LAB.encode().replace(b'name = "Large"', b'name = "La\xffrge"'))

    shown = str(examine(folder).problems[0])

    assert "not UTF-8: byte 0xff" in shown
    assert f"acme.toml:{NAME_LINE}" in shown


JUNK = [
    "",
    '"',
    "[",
    "]]",
    "{",
    "}",
    "=",
    "1e999",
    "nan",
    "true",
    "2026-01-01",
    "\\u0000",
    "\x00",
    "[[",
    "'''",
    "\r",
    "[model.facts]\n",
    "facts = 3\n",
    "[" * 3000,
    "9" * 5000,
    "\ud7ff",
]


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """The file with a piece cut out, doubled, or replaced by what does not belong there."""
    start = draw(st.integers(0, len(LAB)))
    end = min(len(LAB), start + draw(st.integers(0, 60)))
    junk = st.sampled_from(JUNK)
    return LAB[:start] + draw(junk | st.just(LAB[start:end] * 2) | st.text(max_size=8)) + LAB[end:]


@settings(max_examples=150, deadline=None)
@given(broken_texts())
def test_no_file_however_broken_is_met_with_a_traceback(text: str) -> None:
    with TemporaryDirectory() as above:
        folder = write_catalogue(Path(above) / "c", lab="")
        (folder / "labs" / "acme.toml").write_bytes(text.encode("utf-8", "surrogatepass"))

        problems = examine(folder, today="2026-11-21").problems

        for problem in problems:
            assert str(problem)
        if problems:
            with pytest.raises(InputError):
                compile_folder(folder, today="2026-11-21")

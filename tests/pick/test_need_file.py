"""need.toml: every mistake is named with its line, and nothing in it can crash the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pick_cases import VOLUME, need_of

from weighbridge.formats.problems import Problems
from weighbridge.pick.need import NeedFile
from weighbridge.pick.reading import read_need
from weighbridge.pick.starter import STARTER


def mistakes(text: str) -> list[str]:
    problems = Problems()
    assert read_need("need.toml", text.encode(), problems) is None
    return [str(problem) for problem in problems.found]


def test_the_starter_is_a_need_without_mistakes_also_with_every_comment_taken_out() -> None:
    """A commented line that does not work is worse than none."""
    need = need_of(STARTER, volume="")
    assert need.kinds == "chat"
    assert need.languages == ("en", "de")

    lines = [
        line.removeprefix("# ") for line in STARTER.splitlines() if not line.startswith(("# What", "# How", "# On"))
    ]
    either = [line for line in lines if not line.startswith(("mix =", "usd_hour ="))]

    assert read_need("need.toml", "\n".join(either).encode(), Problems(first_raises=True)) is not None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[work]\nkind = "codign"\n', 2, "Did you mean 'coding'?"),
        ('[work]\nknid = "coding"\n', 2, "Did you mean 'kind'?"),
        ('[work]\nkind = "all"\nlanguages = ["en", "Germn"]\n', 3, "Did you mean 'German'?"),
        ('[work]\nkind = "all"\ntakes = ["image", "imgae"]\n', 3, "'imgae' is nothing a model takes"),
        ('[work]\nkind = "all"\n[rules]\norigin = ["Frnace"]\n', 4, "Did you mean 'France'?"),
        ('[work]\nkind = "all"\n[rules]\nreleased_since = "last year"\n', 4, "is no date"),
        ('[work]\nkind = "all"\n[rules]\nmonthly_users = 0\n', 4, ">= 1"),
        ('[work]\nkind = "all"\n[serve]\nusd_month = -5\n', 4, "> 0"),
        ('[work]\nkind = "all"\n[serve]\nhow = "own"\n', 4, "none is named"),
        ('[work]\nkind = "all"\n[serve]\nhow = "api"\non = ["H100"]\n', 5, "hardware goes with no"),
        ('[work]\nkind = "all"\n[serve]\nusd_hour = 2\n', 4, "none is named"),
        ('[work]\nkind = "all"\n[serve]\nengine = "vllm"\n', 4, "none is named"),
        ('[work]\nkind = "all"\n[speed]\nttft_s = 0\n', 4, "> 0"),
        ('[work]\nkind = "all"\ncontext = 100\n', 3, "does not fit into 100"),
        ("[work]\ntools = true\n", 1, "either `kind` or `mix`"),
        ('[work]\nkind = "all"\nmix = { coding = 1 }\n', 1, "either `kind` or `mix`"),
        ('[work]\nkind = "all"\n[rules]\norigin = ["US"]\nnot_origin = ["CN"]\n', 5, "who may not"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_way_out(text: str, line: int, words: str) -> None:
    found = mistakes(text + VOLUME)

    assert any(each.startswith(f"need.toml:{line}:") and words in each for each in found), found


@pytest.mark.parametrize("rate", ["0/day", "-5/day", "5", "ten/day", "1e30/day", "5/fortnight", "1,5/day"])
def test_a_volume_that_cannot_be_is_refused(rate: str) -> None:
    found = mistakes(f'[work]\nkind = "all"\n[volume]\nrequests = "{rate}"\nin = 10\nout = 10\n')

    assert any("volume.requests" in each for each in found)


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes('[work]\nkind = "poetry"\nlanguages = ["Klingon"]\n[rules]\ndata_in = ["Atlantis"]\n' + VOLUME)

    assert len(found) == 3


def test_weights_of_kinds_add_up_to_one() -> None:
    assert need_of("[work]\nmix = { coding = 3, agents = 1 }\n").mix == {"coding": 0.75, "agents": 0.25}
    assert need_of('[work]\nkind = "all"\n').mix == {}


def test_blocs_countries_and_codes_mean_the_same_countries() -> None:
    need = need_of('[work]\nkind = "all"\n[rules]\ndata_in = ["EU"]\norigin = ["Germany", "fr"]\nbased_in = "de"\n')

    assert need.data_in is not None
    assert {"DE", "FR", "EU"} <= need.data_in
    assert need.origin == {"DE", "FR"}
    assert need.based_in == "DE"


keys = st.sampled_from(
    ["work", "volume", "rules", "serve", "speed", "name", "kind", "requests", "in", "out", "on", "mix"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def written(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "2026-01-01"
    if isinstance(value, str):
        return '"' + "".join(letter if letter.isalnum() else "_" for letter in value) + '"'
    return str(value)


@given(st.dictionaries(keys, values, max_size=6))
def test_no_need_crashes_the_reader(table: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {written(value)}" for key, value in table.items())
    problems = Problems()

    need = read_need("need.toml", text.encode(), problems)

    assert (need is None) == bool(problems.found)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    problems = Problems()

    assert read_need("need.toml", data, problems) is None
    assert problems.found


def test_every_key_is_explained_on_its_page() -> None:
    from pathlib import Path

    import msgspec

    page = (Path(__file__).parents[2] / "docs" / "pick.md").read_text()
    for section in msgspec.structs.fields(NeedFile):
        kinds = [section.type] if isinstance(section.type, type) else []
        for kind in kinds:
            if issubclass(kind, msgspec.Struct):
                for field in msgspec.structs.fields(kind):
                    assert f"`{field.encode_name}`" in page, f"{section.name}.{field.encode_name}"

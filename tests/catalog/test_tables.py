"""Tables are read column by name; a cell that cannot be is named with its line, and nothing empty becomes zero."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_catalogue import write_catalogue

from weighbridge.catalog.records import Offer, Score
from weighbridge.catalog.rows import check_tables
from weighbridge.catalog.tables import load_offers, read_table, write_table
from weighbridge.catalog.validate import compile_folder
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems

HEAD = "provider,model_id,model,input,output,tiered,source\n"
ROW = "north,large-v1,acme-hub/Large,0.5,1.5,false,measured\n"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "offers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_price_that_is_not_given_is_unknown_and_not_free(tmp_path: Path) -> None:
    path = table(tmp_path, f"{HEAD}north,large-v1,,,0,true,measured\n")

    assert read_table(path, Offer) == (
        Offer("north", "large-v1", None, input=None, output=0.0, tiered=True, source="measured"),
    )


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (HEAD + ROW + ROW.replace("0.5", "-0.5"), ":3: input", "`float` >= 0.0"),
        (HEAD + ROW.replace("0.5", '"0,5"'), ":2: input", "got `str`"),
        (HEAD + ROW.replace("0.5", "nan"), ":2: input", "`float` >= 0.0"),
        (HEAD + ROW.replace("0.5", "inf"), ":2: input", "`float` <= 100000.0"),
        (HEAD + ROW.replace("0.5", "1e999"), ":2: input", "out of range"),
        (HEAD + ROW.replace("false", "perhaps"), ":2: tiered", "got `str`"),
        (HEAD + "north,large-v1\n", ":2", "2 cells under 7 columns"),
        (HEAD.replace("input", "inptu") + ROW, ":1", "unknown column 'inptu'"),
        (HEAD.replace("output", "input") + ROW, ":1", "two columns are called 'input'"),
        (HEAD.replace("provider", "name") + ROW, ":1", "the column 'provider' is missing"),
        ("", ":1", "is missing"),
        (HEAD + 'north,"never closed', "", "not readable as CSV"),
    ],
)
def test_a_cell_that_cannot_be_is_named_with_its_line(tmp_path: Path, text: str, where: str, what: str) -> None:
    path = table(tmp_path, text)

    with pytest.raises(InputError) as caught:
        read_table(path, Offer)

    assert what in caught.value.what
    assert (caught.value.where or "").startswith(f"{path}{where}")


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "offers.csv"
    path.write_bytes(HEAD.encode() + b"\xff\xfe\n")

    with pytest.raises(InputError, match="not readable as CSV"):
        read_table(path, Offer)


def test_a_table_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert load_offers(tmp_path) == ()


prices = st.none() | st.floats(0, 1e5).map(lambda value: value + 0.0)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
offers = st.builds(
    Offer, words, words, st.none() | words, input=prices, output=prices, tiered=st.booleans(), name=words
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(offers, max_size=8))
def test_a_table_is_read_as_it_was_written(tmp_path: Path, rows: list[Offer]) -> None:
    path = tmp_path / "offers.csv"

    write_table(path, rows, Offer)

    assert read_table(path, Offer) == tuple(rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(HEAD + ROW)), st.text(max_size=10) | st.sampled_from(["\x00", '"', "\r", "\n\n", "," * 50]))
def test_no_table_however_broken_is_met_with_a_traceback(tmp_path: Path, at: int, junk: str) -> None:
    text = (HEAD + ROW)[:at] + junk + (HEAD + ROW)[at:]
    path = tmp_path / "offers.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    try:
        rows = read_table(path, Offer)
    except InputError:
        return
    assert all(row.input is None or row.input >= 0 for row in rows)


def problems_of(tmp_path: Path, name: str, text: str) -> str:
    folder = write_catalogue(tmp_path / "c")
    (folder / "tables" / f"{name}.csv").write_text(text)
    problems = Problems()
    check_tables(folder, compile_folder(folder), problems)
    return "\n".join(map(str, problems.found))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("", "", ""),
        ("acme-hub/Large", "acme-hub/Lagre", "offers.csv:2: model: there is no model 'acme-hub/Lagre'"),
        ("measured", "measurde", "offers.csv:2: source: there is no source 'measurde'"),
        ("measured", "blog", "offers.csv:2: source: rows of 'blog' may not be passed on"),
        (ROW, ROW + ROW, "offers.csv:3: this row is there twice"),
    ],
)
def test_rows_name_what_exists_and_what_may_be_shipped(tmp_path: Path, old: str, new: str, says: str) -> None:
    shown = problems_of(tmp_path, "offers", HEAD + (ROW.replace(old, new) if old else ROW))

    assert says in shown
    assert bool(says) == bool(shown)


def test_scores_are_held_to_their_dates(tmp_path: Path) -> None:
    head = "benchmark,metric,model_name,model,score,date,independence,measured_by,source\n"
    row = "GPQA,accuracy,large,acme-hub/Large,81.5,2026-13,independent,Epoch,measured\n"

    assert "scores.csv:2: date: '2026-13' is no date" in problems_of(tmp_path, "scores", head + row)
    assert read_table(tmp_path / "c" / "tables" / "scores.csv", Score)[0].score == 81.5


def test_adoption_is_of_a_model_or_of_a_named_group(tmp_path: Path) -> None:
    head = "subject,metric,value,unit,date,measured_by,source\n"
    rows = "family:Qwen,derivatives,100,models,2026-05,HF,measured\nqwen,derivatives,100,models,2026-05,HF,measured\n"

    assert problems_of(tmp_path, "adoption", head + rows).startswith(
        f"{tmp_path}/c/tables/adoption.csv:3: subject: there is no model 'qwen'"
    )

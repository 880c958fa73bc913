"""Epoch's archive in its real shape, and archives made to do harm."""

from __future__ import annotations

import io
import zipfile

import pytest
from feed_bench import bring, serves
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fault_server import serving
from weighbridge.catalog import fact_of, load_catalogue
from weighbridge.catalog.feeds.epoch import read_epoch
from weighbridge.catalog.feeds.gather import Gather
from weighbridge.catalog.feeds.joined import join
from weighbridge.catalog.feeds.records import Overlay
from weighbridge.errors import InputError, PullError

V3 = "deepseek-ai/DeepSeek-V3"
HEAD = (
    "Model,Organization,Publication date,Parameters,Training compute (FLOP),Training compute cost (2023 USD),"
    "Training hardware,Confidence,Country (of organization),Abstract\n"
)
ROW = (
    "DeepSeek-V3,DeepSeek,2024-12-24,671000000000.0,3.4078e+24,5389043.1,NVIDIA H800 SXM5,Confident,China,"
    '"Two\nlines"\n'
)
OLD = "Theseus,Bell Labs,1950-07-02,40,40,,,Confident,United States of America,A mouse\n"
TABLE = HEAD + ROW + OLD


def packed(table: str, name: str = "ai_models/all_ai_models.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", "see the site")
        archive.writestr(name, table)
    return buffer.getvalue()


def epoch(body: bytes) -> Overlay:
    with serving(serves({"/data/ai_models.zip": body})) as server:
        return bring("epoch", server.url).overlay


def refused(body: bytes) -> str:
    with pytest.raises(PullError) as caught:
        epoch(body)
    return caught.value.what


@pytest.mark.parametrize("body", [packed(TABLE), TABLE.encode(), b"\xef\xbb\xbf" + TABLE.encode()])
def test_rows_of_known_models_become_facts_with_their_kind(body: bytes) -> None:
    harvest = epoch(body).documents[0].harvest
    facts = harvest.facts[V3]

    assert {name: fact.value for name, fact in facts.items()} == {
        "parameters_total": 671_000_000_000,
        "released": "2024-12-24",
        "training_cost_usd": 5_389_043,
        "training_flop": 3.4078e24,
        "training_hardware": "NVIDIA H800 SXM5",
    }
    assert facts["training_flop"].kind == "estimated"
    assert facts["training_cost_usd"].note == "compute only, in US dollars of 2023"
    assert (harvest.records, harvest.unknown, harvest.refused_count) == (2, 1, 0)


def test_the_feed_takes_the_place_of_its_older_shipped_word() -> None:
    shipped = load_catalogue()
    joined = join(shipped, [], [], [epoch(packed(TABLE))])

    fact = fact_of(joined.catalogue, joined.catalogue.models[V3], "training_flop")

    assert fact
    said = [fact.source, *(other.source for other in fact.alternatives)]
    assert "epoch-models-live" in said
    assert "epoch-models" not in said


@pytest.mark.parametrize(
    ("cell", "broken", "why"),
    [
        ("671000000000.0", "-5", "Parameters: -5 is not plausible"),
        ("671000000000.0", "671B", "Parameters: '671B' is no number"),
        ("671000000000.0", "nan", "Parameters: nan is not plausible"),
        ("671000000000.0", "12", "parameters_total: 12 is not plausible"),
        ("2024-12-24", "Christmas", "Publication date: 'Christmas' is no date"),
        (",Confident,China", ",Confident", "another number of cells"),
    ],
)
def test_a_row_that_is_wrong_is_refused_whole(cell: str, broken: str, why: str) -> None:
    harvest = epoch(packed(HEAD + ROW.replace(cell, broken) + OLD)).documents[0].harvest

    assert harvest.facts == {}, "not half of its facts either"
    assert why in harvest.refused[0].what


def test_an_archive_that_unpacks_to_more_than_is_believed_is_refused() -> None:
    """70 MiB of blanks are 70 KiB in the archive."""
    assert "larger than 64 MiB" in refused(packed(TABLE + " " * (70 << 20)))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (packed(TABLE)[:-30], "the archive cannot be read"),
        (packed(TABLE, "../../evil.csv"), "holds none of all_ai_models.csv"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page"),
        (b"", "is empty"),
        (packed("Name,Size\na,b\n"), "there is no column 'Model'"),
        (packed(TABLE + '"open'), "line"),
        (packed("Model\x00,Parameters\n"), "not the table"),
        (packed(HEAD), "not one record"),
    ],
)
def test_an_answer_that_is_no_such_table_is_refused(body: bytes, why: str) -> None:
    assert why in refused(body)


@settings(deadline=None)
@given(body=st.binary(max_size=300), flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
@example(body=b"", flips=[(10, 99)])
def test_any_bytes_and_any_damaged_archive_are_read_or_refused(body: bytes, flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(packed(TABLE))
    for place, value in flips:
        damaged[place % len(damaged)] = value

    for each in (body, bytes(damaged), b"Model,Publication date,Parameters\n" + body):
        gather = Gather("fuzz", "2026-11-22", lambda _: V3)
        try:
            read_epoch(each, gather)
            gather.harvest()
        except (PullError, InputError):
            continue

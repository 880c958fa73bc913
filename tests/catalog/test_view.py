"""What is shown of a model: the believed facts, and what follows from its lab and its licence."""

from __future__ import annotations

from pathlib import Path

from small_catalogue import LAB, write_catalogue

from weighbridge.catalog import Catalogue, fact_of, facts_of, find_lab, find_licence, licence_of
from weighbridge.catalog.validate import compile_folder


def small(folder: Path, lab: str = LAB) -> Catalogue:
    return compile_folder(write_catalogue(folder / "c", lab=lab))


def test_lab_country_and_commercial_use_follow_with_their_sources(tmp_path: Path) -> None:
    catalogue = small(tmp_path)

    facts = facts_of(catalogue, catalogue.models["acme-hub/Large"])

    assert (facts["lab"].value, facts["lab"].source) == ("acme", "paper")
    assert (facts["country"].value, facts["country"].source) == ("CN", "measured")
    assert (facts["commercial_use"].value, facts["commercial_use"].kind) == ("yes", "derived")
    assert facts["commercial_use"].note == "by the terms of MIT, read 2026-09-01"
    assert all(fact.source in catalogue.sources for fact in facts.values())


def test_sizes_counted_in_the_files_dispute_the_stated_ones_and_are_kept(tmp_path: Path) -> None:
    catalogue = small(tmp_path)

    total = fact_of(catalogue, catalogue.models["acme-hub/Large"], "parameters_total")

    assert total is not None
    assert (total.value, total.disputed) == (671_000_000_000, True)
    assert [(fact.value, fact.kind) for fact in total.alternatives] == [(684_531_386_000, "exact")]


def test_two_licences_make_a_dispute_about_commercial_use(tmp_path: Path) -> None:
    said = 'licence = [{ value = "MIT", source = "paper", date = "2026-01-10" }'
    both = f'{said}, {{ value = "LicenseRef-Many", source = "blog", date = "2026-02" }}'
    catalogue = small(tmp_path, LAB.replace(said, both))
    model = catalogue.models["acme-hub/Large"]

    use = fact_of(catalogue, model, "commercial_use")

    assert use is not None
    assert (use.value, use.disputed, use.alternatives[0].value) == ("yes", True, "conditional")
    licence = licence_of(catalogue, model)
    assert licence is not None
    assert licence.id == "MIT"


def test_a_licence_that_leaves_commercial_use_open_says_nothing_of_it(tmp_path: Path) -> None:
    closed = LAB.replace('value = "MIT"', 'value = "proprietary"').replace("value = true", "value = false")
    catalogue = small(tmp_path, closed)

    assert fact_of(catalogue, catalogue.models["acme-hub/Large"], "commercial_use") is None


def test_a_doubt_about_the_licence_is_one_about_commercial_use(tmp_path: Path) -> None:
    catalogue = small(tmp_path, LAB.replace('value = "MIT"', 'value = "MIT", doubt = "seen on a blog"'))

    use = fact_of(catalogue, catalogue.models["acme-hub/Large"], "commercial_use")

    assert use is not None
    assert use.doubt == "seen on a blog"


def test_what_nobody_says_is_not_there(tmp_path: Path) -> None:
    catalogue = small(tmp_path)
    base = catalogue.models["acme-hub/Large-Base"]

    assert "licence" not in facts_of(catalogue, base)
    assert "commercial_use" not in facts_of(catalogue, base)
    assert fact_of(catalogue, base, "context_tokens") is None
    assert licence_of(catalogue, base) is None


def test_labs_and_licences_are_found_by_the_names_people_write(tmp_path: Path) -> None:
    catalogue = small(tmp_path)

    assert [find_lab(catalogue, name) for name in ("ACME", "acme-ai", "acme-hub", "Ackme", "")] == [
        "acme",
        "acme",
        "acme",
        None,
        None,
    ]
    assert [find_licence(catalogue, name) for name in ("MIT", "The MIT License", "mit licence", "Many", "GPL", "")] == [
        "MIT",
        "MIT",
        "MIT",
        "LicenseRef-Many",
        None,
        None,
    ]

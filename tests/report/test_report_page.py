"""The report as a file: what it holds, what it never holds, and how large it gets."""

from __future__ import annotations

import base64
import hashlib
import math
import re

import pytest
from msgspec.structs import replace
from report_factory import make_report
from report_parser import Page

from weighbridge.settings import Secret
from weighbridge.stats import Interval, Rule
from weighbridge.weigh.records import Failure, Group
from weighbridge.weigh.report import render

SIX = {"qwen-7b": 0.74, "gemma-4b": 0.72, "llama-8b": 0.6, "mistral-7b": 0.5, "phi-mini": 0.35, "smollm2": 0.25}
WINNER = make_report({"qwen-7b": 0.9, "gemma-4b": 0.5}, rule=Rule(margin=0.02))
UNDECIDED = make_report({"qwen-7b": 0.7, "gemma-4b": 0.68}, rule=Rule(futility=False), stop=60)


@pytest.fixture(scope="module")
def winner() -> Page:
    return Page(render(WINNER))


def test_the_page_fetches_nothing(winner: Page) -> None:
    """Every reference points into the page itself; text may name an address, an attribute may not."""
    loading = ("src", "href", "action", "formaction", "data", "poster", "srcset", "background", "xlink:href", "ping")
    found = [one.attributes[name] for one in winner.elements for name in loading if one.attributes.get(name)]

    assert found
    assert all(value.startswith("#") for value in found if value)
    assert not winner.all("link") + winner.all("iframe") + winner.all("object") + winner.all("img")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", render(WINNER))


def test_the_policy_allows_exactly_the_style_and_the_script_in_the_page(winner: Page) -> None:
    policy = winner.one("meta", http_equiv="Content-Security-Policy").attributes["content"] or ""
    style, script = winner.one("style").text, winner.one("script").text

    def digest(source: str) -> str:
        return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()

    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest(style)}'" in policy
    assert f"script-src 'sha256-{digest(script)}'" in policy
    assert "unsafe" not in policy


def test_no_attribute_carries_style_or_script(winner: Page) -> None:
    """The policy would block them, so a page that needed them would be broken."""
    names = {name for one in winner.elements for name in one.attributes}

    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]


def test_ids_are_unique_and_every_reference_has_its_target(winner: Page) -> None:
    ids = [one.attributes["id"] for one in winner.elements if "id" in one.attributes]
    pointers = ("aria-labelledby", "aria-describedby", "for", "data-copy")
    pointed = {one.attributes[name] for one in winner.elements for name in pointers if name in one.attributes}
    linked = {(one.attributes["href"] or "").removeprefix("#") for one in winner.elements if "href" in one.attributes}

    assert len(ids) == len(set(ids))
    assert pointed | linked <= set(ids)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(WINNER) == render(WINNER)


def test_the_parts_come_in_the_order_of_a_meeting(winner: Page) -> None:
    sections = [one.attributes["id"] for one in winner.all("section")]

    assert sections == ["verdict", "scores", "stages", "costs", "groups", "items", "failures", "repeat"]


def test_a_winner_is_named_with_both_scores_and_the_error_rate(winner: Page) -> None:
    heading, verdict = winner.one("h1").text, winner.one("section", id="verdict").text
    scores = {one.name: one.score for one in WINNER.result.candidates}

    assert heading.startswith("qwen-7b does better than gemma-4b on this work")
    assert f"{100 * (scores['qwen-7b'] or 0):.0f}%" in heading
    assert "at most 5 in 100 name a wrong winner" in verdict
    assert "Certified" in verdict


@pytest.mark.parametrize(
    ("report", "said", "never"),
    [
        pytest.param(UNDECIDED, "Undecided: 60 items do not settle", "does better", id="stopped"),
        pytest.param(
            make_report({"a": 0.7, "b": 0.7}, rule=Rule(margin=0.1), force=("tie", "futile"), stop=60),
            "look tied on this work, to within 10 points",
            "are tied",
            id="a-tie-by-forecast-only-looks-like-one",
        ),
        pytest.param(
            make_report({"a": 0.7, "b": 0.7}, rule=Rule(margin=0.1), force=("tie", "certified"), stop=60),
            "are tied on this work, to within 10 points",
            "look tied",
            id="a-certified-tie",
        ),
        pytest.param(
            make_report({"a": 0.9, "b": 0.4}, rule=Rule(scope="items"), force=("winner", "exhausted"), total=50),
            "a does better than b on these items",
            "on this work",
            id="about-these-items-only",
        ),
        pytest.param(
            make_report({"a": 0.7, "b": 0.7}, failing={"b": 1.0}, stop=20),
            "b gave no usable answer, only failures",
            "does better",
            id="one-only-failed",
        ),
        pytest.param(
            make_report({"a": 0.7, "b": 0.7}, failing={"a": 1.0, "b": 1.0}, stop=20),
            "no candidate gave a usable answer",
            "does better",
            id="all-failed",
        ),
        pytest.param(
            make_report({"a": 0.7, "b": 0.7, "c": 0.7}, failing={"b": 1.0}, stop=20),
            "settle whether c or a is better. b gave no usable answer.",
            "does better",
            id="one-of-three-only-failed",
        ),
        pytest.param(make_report(SIX, force=("winner", "certified")), "does best of 6", "Undecided", id="best-of-six"),
    ],
)
def test_the_sentence_claims_what_the_verdict_does(report, said, never) -> None:
    heading = Page(render(report)).one("h1").text

    assert said in heading
    assert never not in heading


def test_a_forecast_is_said_to_be_no_proof() -> None:
    report = make_report({"a": 0.7, "b": 0.7}, rule=Rule(margin=0.1), force=("tie", "futile"), stop=60)

    assert "A forecast is not a proof" in Page(render(report)).one("section", id="verdict").text


def test_an_unknown_cost_is_unknown_and_never_zero() -> None:
    """A report that shows $0 for want of a price makes the unpriced candidate the cheapest."""
    page = Page(render(WINNER))

    assert "$0" not in page.one("section", id="costs").text
    assert "unknown" in page.one("section", id="costs").text


def test_a_cost_known_in_part_says_which_part() -> None:
    report = make_report(price=0.2, stop=40)
    first, second = report.result.candidates
    half = replace(report, result=replace(report.result, candidates=(first, replace(second, cost_usd=None))))

    verdict = Page(render(half)).one("section", id="verdict").text

    assert f"known part ${first.cost_usd:.4f}" in verdict


def test_every_drawn_item_is_in_the_page_with_every_answer(winner: Page) -> None:
    articles = winner.all("article", class_="item")

    assert {one.attributes["data-order"] for one in articles} == {str(view.order) for view in WINNER.items}
    assert len(winner.all("div", class_="answer")) == 2 * len(WINNER.items)


@pytest.mark.slow
def test_two_thousand_items_fit_in_eight_megabytes() -> None:
    report = make_report({"a": 0.6, "b": 0.6}, total=2_000, rule=Rule(futility=False))

    written = render(report)

    assert len(report.items) == 2_000
    assert len(written.encode()) < 8_000_000
    assert written.count('<article class="item"') == 2_000


def test_megabytes_of_answers_are_cut_and_the_cut_is_announced() -> None:
    """Twenty items of 2 x 4 MB: nobody reads that, and a page of 160 MB opens nowhere."""
    report = make_report(stop=20, answer="лишь слова " * 400_000, ticket="<&> " * 1_000_000)

    written = render(report)

    assert len(written.encode()) < 8_000_000
    assert "more characters" in Page(written).one("section", id="items").text


def test_thousands_of_long_answers_shrink_until_all_items_fit() -> None:
    report = make_report({"a": 0.6, "b": 0.6}, stop=600, rule=Rule(futility=False), total=2_000, answer="word " * 4_000)

    written = render(report)

    assert len(report.items) == 600
    assert len(written.encode()) < 8_000_000
    assert written.count('<article class="item"') == 600
    assert "To keep this page small, texts are cut at" in written


def test_tags_with_thousands_of_values_do_not_flood_the_page() -> None:
    """A tag may turn out to be a customer number."""
    views = make_report(stop=50).items
    whole = Interval(0.0, 1.0)
    means, intervals = {"gemma-270m": 0.5, "smollm2-135m": 0.5}, {"gemma-270m": whole, "smollm2-135m": whole}
    groups = tuple(
        Group(tag="customer", value=str(at), items=1, means=means, intervals=intervals, differs=None)
        for at in range(20_000)
    )

    written = render(replace(make_report(stop=50), groups=groups, items=views))

    assert len(written.encode()) < 1_000_000
    assert "smaller groups" in written


def test_small_groups_are_marked_thin_and_only_corrected_differences_are_named() -> None:
    both = {"qwen-7b": Interval(0.2, 0.9), "gemma-4b": Interval(0.2, 0.9)}
    small = Group(
        tag="language", value="Finnish", items=3, means={"qwen-7b": 1.0, "gemma-4b": 0.0}, intervals=both, differs=None
    )
    large = Group(
        tag="language",
        value="Swedish",
        items=90,
        means={"qwen-7b": 0.9, "gemma-4b": 0.5},
        intervals=both,
        differs="qwen-7b",
    )

    page = Page(render(replace(WINNER, groups=(small, large), items=())))

    rows = {name: row.text for row in page.all("tr") for name in ("Finnish", "Swedish") if row.text.startswith(name)}
    assert ("thin" in rows["Finnish"], "unresolved" in rows["Finnish"]) == (True, True)
    assert ("thin" in rows["Swedish"], "unresolved" in rows["Swedish"]) == (False, False)


def test_failures_show_their_share_and_an_example() -> None:
    failure = Failure(candidate="gemma-4b", reason="status 429", count=6, example="northcloud refused: 429")

    failures = Page(render(replace(UNDECIDED, failures=(failure,)))).one("section", id="failures").text

    assert "status 429" in failures
    assert "10.0%" in failures
    assert "northcloud refused: 429" in failures


def test_without_failures_the_part_says_so(winner: Page) -> None:
    assert "Every call was answered" in winner.one("section", id="failures").text


def test_a_failed_sample_is_shown_as_failed_and_not_as_wrong() -> None:
    page = Page(render(make_report({"a": 0.9, "b": 0.9}, failing={"b": 1.0}, stop=5)))

    assert {(one.attributes["data-outcomes"] or "")[1] for one in page.all("article")} == {"f"}


def test_secrets_and_passwords_in_addresses_are_stars() -> None:
    """Reports are mailed around; a key that slipped into the settings must not go with them."""
    key, password = Secret("sk-hidden"), "http://me:hunter2@host/v1"
    report = make_report(
        stop=5,
        provenance={"key": key, "proxy": password, "deep": {"list": [key]}, "command": ["weighbridge", password]},
        candidates=[{"name": "gemma-270m", "base_url": password}, {"name": "smollm2-135m"}],
    )

    written = render(report)

    assert "sk-hidden" not in written
    assert "hunter2" not in written


def test_the_command_can_be_pasted_into_a_shell() -> None:
    report = make_report(stop=5, provenance={"command": ["weighbridge", "weigh", "my tasks/a;b"]})

    assert Page(render(report)).one("code", id="copy-command").text == "weighbridge weigh 'my tasks/a;b'"


def test_settings_that_candidates_share_stand_once() -> None:
    page = Page(render(WINNER))

    tables = "".join(one.text for one in page.all("table", class_="settings"))
    assert tables.count("Sort each ticket into one category.") == 1
    assert tables.count("acme/qwen-7b-instruct-Q4_K_M") == 1


def test_a_setting_that_only_one_candidate_has_is_not_taken_for_shared() -> None:
    """One backend has a price, the other none: `price` is a leaf here and a table there."""
    settings = [{"name": "a", "price": {"input": 0.2}}, {"name": "b", "price": None}]

    page = Page(render(make_report({"a": 0.7, "b": 0.6}, stop=5, candidates=settings)))

    rows = [one.text for one in page.all("tr") if one.text.startswith("price")]
    assert rows == ["price › input0.2not set", "pricenot setnone"]


def test_item_text_has_its_own_direction_and_language(winner: Page) -> None:
    arabic = [one for one in winner.all("div", class_="text", lang="ar") if "لا أستطيع" in one.text]

    assert arabic
    assert all(one.attributes["dir"] == "auto" for one in arabic)


def test_every_chart_is_told_in_words_and_as_a_table(winner: Page) -> None:
    charts = winner.all("svg", role="img")

    assert len(charts) == 3
    assert all("At the end" in (one.attributes["aria-label"] or "") for one in charts)
    assert "Would have said" in winner.one("section", id="stages").text


def test_every_table_has_a_caption_and_headings(winner: Page) -> None:
    tables = [one for one in winner.all("table") if "labels" not in (one.attributes.get("class") or "")]

    assert len(winner.all("caption")) == len(tables)
    assert all(
        one.attributes.get("scope") for one in winner.all("th") if "dir" not in one.attributes and one.attributes
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_do_not_break_the_page(value: float) -> None:
    looks = tuple(replace(look, evidence=value, difference=value) for look in UNDECIDED.looks)
    pairs = tuple(
        replace(pair, evidence=value, difference=value, interval=Interval(value, value))
        for pair in UNDECIDED.comparisons
    )

    text = Page(render(replace(UNDECIDED, looks=looks, comparisons=pairs))).one("main").text

    assert re.search(r"\b(nan|inf)\b", text, re.IGNORECASE) is None


@pytest.mark.parametrize("total", [0, 1, 2])
def test_a_run_of_next_to_nothing_still_has_a_report(total: int) -> None:
    report = make_report(total=max(total, 1))
    bare = (
        report
        if total
        else replace(report, looks=(), items=(), groups=(), comparisons=(), provenance={}, candidates=())
    )

    assert Page(render(bare)).one("h1").text


def test_one_candidate_alone_is_scored_and_not_compared() -> None:
    report = make_report(stop=30)
    alone = replace(report, result=replace(report.result, candidates=report.result.candidates[:1]), comparisons=())

    assert "nothing to compare it with" in Page(render(alone)).one("h1").text

"""`weighbridge models`, `show`, `compare` and `brief`, as a user meets them."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from field_catalogue import build_field

from weighbridge.cli.main import main

V3 = "deepseek-ai/DeepSeek-V3"
LARGE = "mistralai/Mistral-Large-Instruct-2407"
FALCON = "tiiuae/falcon-180B"


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_field(tmp_path_factory.mktemp("catalogue") / "c")


def run(field: Path, command: str, *words: str) -> Result:
    return CliRunner().invoke(main, [command, "--catalog", str(field), *words], env={"COLUMNS": "200"})


def printed(field: Path, command: str, *words: str) -> str:
    result = run(field, command, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def found(field: Path, *words: str) -> list[str]:
    return [row["id"] for row in json.loads(printed(field, "models", *words, "--json"))["models"]]


# models


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--open"], {V3, LARGE, FALCON}),
        (["--closed"], {"closed/oracle"}),
        (["--licence", "commercial"], {V3, "deepseek-ai/DeepSeek-V3-Base"}),
        (["--licence", "conditional", "--family", "falcon"], {FALCON}),
        (["--licence", "Mistral Research License"], {LARGE}),
        (["--context", ">=128k"], {V3, LARGE, "closed/oracle"}),
        (["--context", ">128k"], {"closed/oracle"}),
        (["--active", "<40B"], {V3}),
        (["--active", ">40B", "--active", "<150B"], {LARGE}),
        (["--total", "=671B"], {V3}),
        (["--country", "China", "--family", "DeepSeek"], {V3}),
        (["--lab", "TII", "--lab", "Mistral"], {FALCON, "tiiuae/falcon-180B-chat", LARGE}),
        (["--tools"], {V3, LARGE}),
        (["--reasoning"], set()),
        (["--takes", "text"], {V3}),
        (["--released", ">=2024-12", "--released", "<2025"], {V3}),
        (["--released", ">=2026"], {"closed/oracle"}),
        (["--released", ">=2026", "--stubs"], {"closed/oracle", "closed/named"}),
        (["--released", ">=2026-01-15"], set()),
        (["--architecture", "Dense"], {LARGE, FALCON}),
        (["--provider", "northcloud"], {V3, LARGE}),
        (["--input", "<0.5", "--output", "<=1.1"], {V3}),
        (["--provider", "northcloud", "--input", "<0.5"], set()),
        (["--input", "<0.2"], set()),
        (["deepseek", "v3"], {V3, "deepseek-ai/DeepSeek-V3-Base"}),
        (["falcon 180b chat"], {"tiiuae/falcon-180B-chat"}),
    ],
)
def test_a_search_finds_what_meets_every_condition_and_nothing_unknown(
    field: Path, words: list[str], expected: set[str]
) -> None:
    assert set(found(field, *words)) == expected


def test_conditions_of_the_command_line_may_stand_before_and_after_words(field: Path) -> None:
    assert found(field, "--open", "deepseek") == found(field, "deepseek", "--open") == [V3]


def test_what_is_left_out_because_it_is_unknown_is_counted(field: Path) -> None:
    text = printed(field, "models", "--active", "<40B")

    assert "1 models." in text
    assert "3 more may meet `parameters_active <40B`, but what it asks for is unknown." in text


def test_a_commercial_search_says_how_many_more_there_are_under_conditions(field: Path) -> None:
    text = printed(field, "models", "--licence", "commercial")

    assert "2 more may be used commercially under conditions: --licence conditional" in text


def test_a_free_tier_is_no_price(field: Path) -> None:
    """Otherwise the cheapest model would be the one that somebody lists at nothing."""
    row = json.loads(printed(field, "models", V3, "--json"))["models"][0]

    assert row["input_usd_per_million"] == [0.27, 0.9]
    assert row["providers"] == ["deepseek", "freebie", "northcloud", "silent"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--context", "lots"], "'>=128k'"),
        (["--released", "soon"], "'>=2026-01'"),
        (["--licence", "Apache 3"], "Did you mean 'Apache-2.0'?"),
        (["--lab", "Mistrl"], "Did you mean 'mistral'?"),
        (["--country", "Atlantis"], "no one country"),
        (["--family", "Falcn"], "Did you mean 'Falcon'?"),
        (["--architecture", "moo"], "Did you mean 'moe'?"),
        (["--takes", "smell"], "One of: text, image"),
        (["--provider", "northclod"], "Did you mean 'northcloud'?"),
        (["--input", "0.5"], "dollars a million tokens"),
        (["--input", "<-1"], "dollars a million tokens"),
        (["--opne"], "No such option"),
    ],
)
def test_a_condition_that_cannot_be_is_a_usage_error_with_a_hint(field: Path, words: list[str], hint: str) -> None:
    result = run(field, "models", *words)

    assert result.exit_code == 2
    assert hint in result.stderr


def test_names_are_still_resolved_by_the_same_group() -> None:
    result = CliRunner().invoke(main, ["models", "resolve", "deepseek-ai/DeepSeek-V3", "--json"])

    assert json.loads(result.stdout)[0]["id"] == V3


# show


def shown(field: Path, name: str) -> dict[str, Any]:
    page = json.loads(printed(field, "show", name, "--json"))
    assert set(page) == {"id", "facts"}
    facts = page["facts"]
    assert isinstance(facts, dict)
    return facts


def test_show_gives_each_fact_with_its_source_and_what_others_say(field: Path) -> None:
    facts = shown(field, "DeepSeek-V3")

    total = facts["parameters_total"]
    assert set(total) == {"value", "kind", "source", "date", "disputed", "alternatives"}
    assert (total["value"], total["kind"], total["source"], total["date"]) == (671e9, "reported", "paper", "2024-12-26")
    assert total["disputed"] is True
    assert [(other["value"], other["source"], other["kind"]) for other in total["alternatives"]] == [
        (684_531_386_000, "counted", "exact")
    ]


@pytest.mark.parametrize(
    ("name", "field_name", "value", "kind"),
    [
        ("DeepSeek-V3", "country", "CN", "reported"),
        ("DeepSeek-V3", "commercial_use", "yes", "derived"),
        ("DeepSeek-V3", "training_hours", 2_788_000, "reported"),
        ("DeepSeek-V3", "training_cost_usd", 5_576_000, "reported"),
        ("tiiuae/falcon-180B", "training_hours", 7_000_000, "reported"),
        ("tiiuae/falcon-180B", "parameters_active", 180_000_000_000, "derived"),
        ("tiiuae/falcon-180B", "open_weights", True, "derived"),
        ("Oracle", "open_weights", False, "derived"),
    ],
)
def test_what_follows_from_lab_licence_network_and_training_is_answered(
    field: Path, name: str, field_name: str, value: Any, kind: str
) -> None:
    fact = shown(field, name)[field_name]

    assert (fact["value"], fact["kind"]) == (value, kind)


def test_the_cost_of_one_stage_is_not_taken_for_the_whole(field: Path) -> None:
    """Pre-training is one of several runs here; the whole one is told, and no dispute is made of the part."""
    fact = shown(field, "DeepSeek-V3")["training_cost_usd"]

    assert not fact["disputed"]
    assert fact["alternatives"] == []


def test_what_nobody_says_is_not_there_and_the_page_names_it(field: Path) -> None:
    assert "knowledge_cutoff" not in shown(field, "DeepSeek-V3")
    assert re.search(r"^Unknown: .*knowledge_cutoff", printed(field, "show", "DeepSeek-V3"), re.MULTILINE)


def test_the_page_says_who_disagrees_and_where_to_read_it(field: Path) -> None:
    text = printed(field, "show", "DeepSeek-V3")

    assert re.search(r"parameters_total +671B +disputed; paper 2024-12-26, reported", text)
    assert re.search(r"684\.5B +but counted 2026-05-12, exact: with the MTP module", text)
    assert "The papers  https://example.org/paper?a=1&b=2" in text


def test_a_moving_name_says_since_when(field: Path) -> None:
    result = run(field, "show", "deepseek-chat", "--json")

    assert json.loads(result.stdout)["id"] == V3
    assert f"moving name deepseek-chat: means {V3} since 2024-12-26" in result.stderr


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("deepseek-v9", 2, "no one model is called 'deepseek-v9'"),
        ("deepseek", 2, f"Write which one is meant:\n  {V3} "),
        ("\x1b[2J", 1, "cannot be seen: U+001B"),
        ("", 1, "an empty name"),
    ],
)
def test_a_name_that_is_no_one_model_is_refused(field: Path, name: str, code: int, words: str) -> None:
    result = run(field, "show", name)

    assert result.exit_code == code
    assert words in result.stderr
    assert "\x1b" not in result.stderr


# compare


def compared(field: Path, *names: str) -> dict[str, dict[str, Any]]:
    page = json.loads(printed(field, "compare", *names, "--json"))
    assert page["models"] == [V3, LARGE]
    order = [line["differs"] for line in page["lines"]]
    assert order == sorted(order, key=[True, None, False].index)
    return {line["field"]: line for line in page["lines"]}


def test_compare_puts_differences_first_and_keeps_unknown_apart(field: Path) -> None:
    lines = compared(field, "DeepSeek-V3", "Mistral Large 2")

    assert lines["architecture"]["differs"] is True
    assert [cell["value"] for cell in lines["architecture"]["cells"]] == ["moe", "dense"]
    assert lines["context_tokens"]["differs"] is False, "128,000 and 131,072 are one window"
    assert lines["tools"]["differs"] is False
    assert lines["languages"]["differs"] is None
    assert [cell["text"] for cell in lines["languages"]["cells"]] == ["en, zh", "unknown"]
    assert lines["training_cost_usd"]["cells"][0]["value"] == 5_576_000


def test_prices_are_ranges_over_offers_that_cost_something(field: Path) -> None:
    lines = compared(field, "DeepSeek-V3", "Mistral Large 2")

    assert [cell["text"] for cell in lines["price_input"]["cells"]] == ["$0.27 to $0.9", "$2"]


def test_a_benchmark_is_compared_only_where_the_same_people_ran_it(field: Path) -> None:
    """The maker's own 59.1 may not stand beside somebody else's 47.2; of their runs the newest counts."""
    page = json.loads(printed(field, "compare", V3, LARGE, "--json"))

    scores = [line for line in page["lines"] if line["field"].startswith("score:")]
    assert [line["title"] for line in scores] == ["GPQA Diamond, percent (Epoch AI)"]
    assert [cell["text"] for cell in scores[0]["cells"]] == ["57.5 (2025-06-10)", "47.2 (2025-01-10)"]


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("words", [["compare", "closed/oracle", V3], ["brief", "closed/oracle"]])
def test_html_needs_nothing_else_and_names_cannot_become_tags(field: Path, words: list[str]) -> None:
    page = printed(field, *words, "--html")

    read = Tags()
    read.feed(page)
    assert page.startswith("<!doctype html>")
    assert not read.links
    assert not read.tags & {"b", "script", "link", "img"}
    assert html.escape("Closed & <b>Sons</b>") in page


@pytest.mark.parametrize("words", [["compare", "closed/oracle", V3], ["brief", "closed/oracle"]])
def test_markdown_tables_have_as_many_cells_in_each_row(field: Path, words: list[str]) -> None:
    text = printed(field, *words, "--markdown")

    assert text.startswith("# ")
    assert "Closed &amp; &lt;b&gt;Sons&lt;/b&gt;" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert len(widths) <= 1


@pytest.mark.parametrize("names", [[V3], [V3, "DeepSeek-V3"]])
def test_one_model_cannot_be_compared(field: Path, names: list[str]) -> None:
    result = run(field, "compare", *names)

    assert result.exit_code == 2
    assert "1 model to compare" in result.stderr


# brief


def sections(field: Path, name: str) -> dict[str, Any]:
    page = json.loads(printed(field, "brief", name, "--json"))
    return {section["title"]: section for section in page["sections"]}


def points(section: dict[str, Any]) -> list[tuple[str, str]]:
    return [(point["label"], point["text"]) for point in section["points"]]


def test_a_brief_gives_the_terms_of_the_licence_with_their_numbers(field: Path) -> None:
    licence = points(sections(field, FALCON)["Licence"])

    assert ("Commercial use", "conditional") in licence
    assert ("Condition", "above 700,000,000 monthly users: ask first") in licence
    assert ("Condition", "for hosting it for others: a licence of its own for hosted services") in licence
    assert ("Use policy", "acceptable use (may change after release)") in licence
    assert ("Otherwise named", "Apache-2.0") in licence


def test_a_brief_follows_the_chain_of_base_models_with_country_and_licence(field: Path) -> None:
    origin = dict(points(sections(field, "tiiuae/falcon-180B-chat")["Origin"]))

    assert origin["Made from"] == "tiiuae/falcon-180B (Technology Innovation Institute, AE, LicenseRef-Falcon-180B)"


def test_a_brief_says_where_requests_go_and_of_whom_that_is_not_known(field: Path) -> None:
    residency = sections(field, V3)["Where requests go"]

    assert residency["table"]["rows"] == [
        ["DeepSeek API", "CN", "China", "opt-out", "not yet known", "article 2026-02-10"]
    ]
    assert points(residency) == [("Not yet known", "for freebie, northcloud, silent")]


def test_a_brief_names_what_is_open(field: Path) -> None:
    falcon, large = (points(sections(field, name)["Open questions"]) for name in (FALCON, LARGE))

    assert any(label == "Disputed" and text.startswith("Licence: ") for label, text in falcon)
    assert ("Licence", "may outputs train other models?") in falcon
    assert ("Licence", "its terms are read in a summary") in large
    assert any(label == "Unknown" and "Weights released" in text for label, text in large)


def test_a_brief_says_not_yet_known_instead_of_nothing(field: Path) -> None:
    found_sections = sections(field, V3)

    assert "not yet known" in points(found_sections["Safety evaluations"])[0][1]
    assert dict(points(found_sections["Support and likely life"]))["Engines that run it"] == "not yet known"
    assert dict(points(found_sections["Smallest hardware"]))["Hardware"] == "not yet known"
    assert points(sections(field, "closed/named")["Prices"])[0][1].startswith("not yet known")
    assert not [title for title, section in found_sections.items() if not section["points"] and not section["table"]]


def test_a_brief_of_any_shipped_model_can_be_made_and_every_source_is_described() -> None:
    """Over models of every kind: closed, open, a derivative, a stub."""
    for name in ("deepseek-ai/DeepSeek-V3", "tiiuae/falcon-180B", "openai/gpt-4", "Qwen/Qwen3-32B"):
        result = CliRunner().invoke(main, ["brief", name])

        assert result.exit_code == 0, result.output
        assert "SOURCES" in result.stdout
        assert "not described" not in result.stdout


def test_the_shipped_catalogue_knows_what_articles_get_wrong() -> None:
    claims = (
        "model,field,value\nFalcon 180B,licence,Apache 2.0\nMistral Large 2,architecture,MoE\n"
        "DeepSeek-V3,training_cost_usd,$5.6M\nFalcon 180B,country,UAE\nDeepSeek-V3,parameters_total,671B (MoE)\n"
    )

    result = CliRunner().invoke(main, ["check", "-", "--json"], input=claims)

    statuses = [row["status"] for row in json.loads(result.stdout)]
    assert statuses == ["contradicted", "contradicted", "confirmed", "confirmed", "confirmed"]


@pytest.mark.parametrize("width", [200, 110, 90])
def test_a_narrow_terminal_gets_fewer_columns_and_is_told_which(field: Path, width: int) -> None:
    whole = CliRunner().invoke(main, ["models", "--catalog", str(field)], env={"COLUMNS": "500"}).output
    shown = CliRunner().invoke(main, ["models", "--catalog", str(field)], env={"COLUMNS": str(width)}).output

    table, _, rest = shown.partition("\n\n" if width == 200 else "\n\nLeft out for want of room: ")
    heads = ["MODEL", "LAB", "FROM", "LICENCE", "TOTAL", "ACTIVE", "CONTEXT", "RELEASED", "INPUT"]
    missing = {head for head in heads if head not in table.split("\n")[0]}
    assert max(map(len, table.split("\n"))) <= width
    assert missing == ({head for head in heads if head in rest.split("\n")[0]} if width < 200 else set())
    assert table.count("\n") == whole.partition("\n\n")[0].count("\n")


def test_a_list_that_goes_to_another_program_is_whole(field: Path) -> None:
    result = CliRunner().invoke(main, ["models", "--catalog", str(field)], env={"COLUMNS": ""})

    assert result.output.split("\n")[0].split()[1] == "LAB"

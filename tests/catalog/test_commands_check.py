"""`weighbridge check`: articles held against the catalogue, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from field_catalogue import build_field
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.article import read_article
from weighbridge.cli.main import main
from weighbridge.errors import InputError


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_field(tmp_path_factory.mktemp("catalogue") / "c")


def check(field: Path, claims: str | bytes, *options: str) -> Result:
    content = claims.encode() if isinstance(claims, str) else claims
    return CliRunner().invoke(main, ["check", "-", "--catalog", str(field), *options], input=content)


def judged(field: Path, claims: str) -> list[dict[str, Any]]:
    result = check(field, claims, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def status(field: Path, model: str, name: str, value: str) -> str:
    rows = judged(field, f'model,field,value\n{model},{name},"{value}"\n')
    return str(rows[0]["status"])


TRAPS = [
    ("Falcon 180B", "licence", "Apache 2.0", "contradicted"),
    ("Falcon 180B", "commercial_use", "yes", "contradicted"),
    ("Falcon 180B", "country", "UAE", "confirmed"),
    ("Falcon 180B", "Commercial use?", "yes", "contradicted"),
    ("Falcon 180B", "parameters_active", "25% of the weights", "unknown"),
    ("Falcon 180B", "architecture", "Hybrid Mamba", "unknown"),
    ("Mistral Large 2", "licence", "Mistral&nbsp;Research License", "confirmed"),
    ("Falcon 180B", "parameters_active", "180B", "confirmed"),
    ("Falcon 180B", "training_hours", "7M", "confirmed"),
    ("Falcon 180B", "open_weights", "yes", "confirmed"),
    ("Mistral Large 2", "architecture", "MoE", "contradicted"),
    ("Mistral Large 2", "architecture", "Dense transformer", "confirmed"),
    ("Mistral Large 2", "licence", "Mistral Research License (weights)", "confirmed"),
    ("Mistral Large 2", "lab", "DeepSeek", "contradicted"),
    ("DeepSeek-V3", "training_cost_usd", "$5.6M", "confirmed"),
    ("DeepSeek-V3", "training_cost_usd", "under $6M", "confirmed"),
    ("DeepSeek-V3", "training_cost_usd", "> $100M", "contradicted"),
    ("DeepSeek-V3", "training_hours", "2.788M H800 hours", "confirmed"),
    ("DeepSeek-V3", "training_hardware", "H800", "confirmed"),
    ("DeepSeek-V3", "parameters_total", "671B (MoE)", "confirmed"),
    ("DeepSeek-V3", "parameters_total", "685B", "disputed"),
    ("DeepSeek-V3", "parameters_total", "a lot", "unknown"),
    ("DeepSeek-V3", "parameters_total", "37B active / 671B total", "confirmed"),
    ("DeepSeek-V3", "parameters_total", "671B/37B", "confirmed"),
    ("DeepSeek-V3", "parameters_active", "671B/37B", "confirmed"),
    ("DeepSeek-V3", "parameters_active", "671B", "contradicted"),
    ("DeepSeek-V3", "Params (active)", "37B", "confirmed"),
    ("DeepSeek-V3", "parameters_total", "600B+", "confirmed"),
    ("DeepSeek-V3", "context_tokens", "128K", "confirmed"),
    ("DeepSeek-V3", "context_tokens", "64K", "contradicted"),
    ("DeepSeek-V3", "released", "Q4 2024", "confirmed"),
    ("DeepSeek-V3", "released", "Q3 2024", "contradicted"),
    ("DeepSeek-V3", "released", "26.12.2024", "confirmed"),
    ("DeepSeek-V3", "licence", "MIT-style", "unknown"),
    ("DeepSeek-V3", "licence", "Apache 2.0 code + free licence on weights", "unknown"),
    ("Mistral Large 2", "licence", "Non-commercial", "confirmed"),
    ("DeepSeek-V3", "licence", "Non-commercial", "contradicted"),
    ("Falcon 180B", "licence", "TII License", "confirmed"),
    ("DeepSeek-V3", "released", "December 2024", "confirmed"),
    ("DeepSeek-V3", "released", "25 December 2024", "confirmed"),
    ("DeepSeek-V3", "released", "January 2025", "contradicted"),
    ("DeepSeek-V3", "base_model", "DeepSeek-V3-Base", "confirmed"),
    ("DeepSeek-V3", "base_model", "Falcon 180B", "contradicted"),
    ("DeepSeek-V3", "licence", "MIT (code), MIT (model)", "confirmed"),
    ("DeepSeek-V3", "licence", "GPL-3.0", "contradicted"),
    ("DeepSeek-V3", "licence", "custom", "unknown"),
    ("Oracle", "licence", "closed-source", "confirmed"),
    ("DeepSeek-V3", "licence", "closed-source", "contradicted"),
    ("DeepSeek-V3", "lab", "DeepSeek Group (Hangzhou)", "confirmed"),
    ("DeepSeek-V3", "languages", "English, Chinese", "confirmed"),
    ("DeepSeek-V3", "languages", "English, French", "contradicted"),
    ("DeepSeek-V3", "languages", "29 languages", "unknown"),
    ("DeepSeek-V3", "modalities", "text, smell", "unknown"),
    ("DeepSeek-V3", "knowledge_cutoff", "2024", "unknown"),
    ("Oracle", "open_weights", "no", "confirmed"),
    ("Oracle", "parameters_total", "1.8T", "unknown"),
    ("Nobody 9", "licence", "MIT", "unknown"),
]


@pytest.mark.parametrize(("model", "name", "value", "expected"), TRAPS)
def test_each_claim_gets_the_answer_the_sources_give(
    field: Path, model: str, name: str, value: str, expected: str
) -> None:
    assert status(field, model, name, value) == expected


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama 3.3 Community License", "confirmed"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama Community License", "confirmed"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama 3 Community License", "contradicted"),
        ("meta-llama/Llama-3.3-70B-Instruct", "MIT", "contradicted"),
        ("moonshotai/Kimi-K2-Instruct", "Modified MIT", "confirmed"),
        ("moonshotai/Kimi-K2-Instruct", "MIT", "contradicted"),
    ],
)
def test_a_licence_with_versions_is_read_as_precisely_as_it_is_written(model: str, value: str, expected: str) -> None:
    """Against the shipped catalogue, where the licences of a family lie close together."""
    claims = f"model,field,value\n{model},licence,{value}\n"

    result = CliRunner().invoke(main, ["check", "-", "--json"], input=claims)

    assert json.loads(result.stdout)[0]["status"] == expected


def test_json_gives_each_cell_with_what_is_kept_and_its_source(field: Path) -> None:
    rows = judged(field, "model,field,value\nFalcon 180B,licence,Apache 2.0\nNobody 9,licence,MIT\n")

    assert rows == [
        {
            "model": "Falcon 180B",
            "field": "licence",
            "value": "Apache 2.0",
            "status": "contradicted",
            "catalogue": "LicenseRef-Falcon-180B",
            "source": "paper",
        },
        {
            "model": "Nobody 9",
            "field": "licence",
            "value": "MIT",
            "status": "unknown",
            "catalogue": None,
            "source": None,
        },
    ]


ARTICLE = """\
# The ten best models

| Model | Maker | Params | **License** | Context window | Vibes |
|:------|-------|-------:|---|---|---|
| **[DeepSeek-V3](https://x.org/a_(b))** | DeepSeek (China) | 671B total, 37B active | MIT[^1] | 128K | good |
| Falcon 180B* | TII | 180B | `Apache 2.0` | | - |

Some words between.

| | DeepSeek-V3 | Mistral Large 2 (123B) |
|---|---|---|
| Type | MoE | MoE |
| Active params | 37B | |
"""


def test_a_markdown_article_is_read_by_row_and_by_column(field: Path) -> None:
    rows = [(row["model"], row["field"], row["status"]) for row in judged(field, ARTICLE.replace("_(b)", ""))]

    assert rows == [
        ("DeepSeek-V3", "lab", "confirmed"),
        ("DeepSeek-V3", "parameters_total", "confirmed"),
        ("DeepSeek-V3", "licence", "confirmed"),
        ("DeepSeek-V3", "context_tokens", "confirmed"),
        ("DeepSeek-V3", "Vibes", "unknown"),
        ("Falcon 180B", "lab", "confirmed"),
        ("Falcon 180B", "parameters_total", "confirmed"),
        ("Falcon 180B", "licence", "contradicted"),
        ("Falcon 180B", "Vibes", "unknown"),
        ("DeepSeek-V3", "architecture", "confirmed"),
        ("Mistral Large 2 (123B)", "architecture", "contradicted"),
        ("DeepSeek-V3", "parameters_active", "confirmed"),
    ]


@pytest.mark.parametrize("corner", ["", "Model", "Feature"])
def test_models_in_the_head_are_known_whatever_stands_in_the_corner(field: Path, corner: str) -> None:
    rows = judged(field, f"| {corner} | DeepSeek-V3 | Falcon 180B |\n|---|---|---|\n| License | MIT | Apache 2.0 |\n")

    assert [(row["model"], row["status"]) for row in rows] == [
        ("DeepSeek-V3", "confirmed"),
        ("Falcon 180B", "contradicted"),
    ]


def test_a_size_in_brackets_that_is_not_the_models_own_leaves_it_unknown(field: Path) -> None:
    assert status(field, "Mistral Large 2 (70B)", "architecture", "dense") == "unknown"


HEAD = "| Model | License | Context |\n|---|---|---|\n"
GOOD = "| DeepSeek-V3 | MIT | 128K |\n"
WRONG_ROWS = [
    ("| DeepSeek-V3 | MIT |\n", "2 cells in this row, 3 in the head"),
    ("| DeepSeek-V3 | MIT | 128K | more |\n", "4 cells in this row, 3 in the head"),
    ("| DeepSeek-V3 | MIT ||\n", "joins two columns"),
    ("| | MIT | 128K |\n", "no model in this row"),
    ("| ^^ | MIT | 128K |\n", "a cell over several rows or columns"),
    ('| DeepSeek-V3 | <td rowspan="2">MIT | 128K |\n', "a cell over several rows or columns"),
    ("| DeepSeek\x1b[31m-V3 | MIT | 128K |\n", "cannot be seen, U+001B"),
    ("| DeepSeek-V3\x1c | MIT | 128K |\n", "cannot be seen, U+001C"),
    ("| DeepSeek\u200b-V3 | MIT | 128K |\n", "cannot be seen, U+200B"),
    ("| DeepSeek&#8203;-V3 | MIT | 128K |\n", "cannot be seen, U+200B"),
    (f"| DeepSeek-V3 | {'M' * 3000} | 128K |\n", "a cell of 3,000 characters"),
]


@pytest.mark.parametrize(("row", "what"), WRONG_ROWS)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_judged(field: Path, row: str, what: str) -> None:
    result = check(field, HEAD + row + GOOD, "--json")

    assert result.exit_code == 1
    assert "standard input:3: " in result.stderr
    assert what in result.stderr
    assert "\x1b" not in result.output
    assert [each["status"] for each in json.loads(result.stdout)] == ["confirmed", "confirmed"]


NO_TABLES = [
    (b"", "no table"),
    (b"just words\n", "no table"),
    (b"a,b\n1,2\n", "no column is called model"),
    (b"DeepSeek-V3,licence,MIT\nFalcon 180B,licence,MIT\n", "the columns have no names"),
    (b"Maker,Params\nTII,180B\n", "no column is called model"),
    (b"model,field,value\n", "no claim"),
    (b'model,field,value\nDeepSeek-V3,licence,"MIT\n', "not readable as CSV"),
    (b"model,field,value\nDeepSeek-V3,licence,\xff\xfe\n", "not UTF-8: byte 0xff"),
    (b"<table><tr><td colspan=2>x</td></tr></table>", "HTML table with merged cells"),
    (b"m," * (5 << 20), "larger than 8 MiB"),
]


@pytest.mark.parametrize(("content", "what"), NO_TABLES, ids=[what for _, what in NO_TABLES])
def test_what_is_no_table_is_an_error_with_a_next_move(field: Path, content: bytes, what: str) -> None:
    result = check(field, content)

    assert result.exit_code == 1
    assert what in result.stderr
    assert "at standard input" in result.stderr
    assert not result.stdout
    assert not isinstance(result.exception, InputError)


def test_a_spreadsheets_merged_model_cells_are_named(field: Path) -> None:
    """They come out of a spreadsheet as empty cells; the value would be credited to nobody."""
    result = check(field, "Model;License\nDeepSeek-V3;MIT\n;Apache 2.0\n")

    assert result.exit_code == 1
    assert "standard input:3: no model in this row" in result.stderr
    assert "1 claims: 1 confirmed" in result.stdout


def test_a_cell_over_several_lines_is_one_value(field: Path) -> None:
    rows = judged(field, 'Model,Params,License\r\nDeepSeek-V3,"671B\r\n(MoE)",MIT\r\n')

    assert [(row["value"], row["status"]) for row in rows] == [("671B (MoE)", "confirmed"), ("MIT", "confirmed")]


def test_two_columns_of_one_name_are_not_guessed_apart(field: Path) -> None:
    """The second may be the active ones; holding it against the total would contradict what nobody wrote."""
    result = check(field, "| Model | Params | Params |\n|---|---|---|\n| DeepSeek-V3 | 671B | 37B |\n")

    assert result.exit_code == 1
    assert "standard input:1: two columns are called 'params'" in result.stderr
    assert "contradicted" not in result.stdout.replace("0 contradicted", "")


def test_strict_fails_on_a_contradiction_only(field: Path) -> None:
    wrong, right = (f"model,field,value\nFalcon 180B,licence,{value}\n" for value in ("MIT", "Falcon License"))

    assert check(field, wrong).exit_code == 0
    assert check(field, wrong, "--strict").exit_code == 1
    assert check(field, right, "--strict").exit_code == 0


def test_a_field_that_is_misspelt_is_suggested(field: Path) -> None:
    result = check(field, "model,field,value\nDeepSeek-V3,licens,MIT\n")

    assert "did you mean licence?" in result.stdout


def test_a_file_that_is_not_there_says_so(field: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(tmp_path / "none.csv"), "--catalog", str(field)])

    assert result.exit_code == 1
    assert "No such file" in result.output


@given(st.text(alphabet="|-:,;\n\t \"'<>[]()*`^ abM\x00é\u2028", max_size=200) | st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Only an InputError may come out of somebody else's file."""
    try:
        article = read_article(text.encode("utf-8", errors="surrogatepass"), "x")
    except InputError:
        return
    assert article.claims or article.problems

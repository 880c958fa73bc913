"""`weighbridge models resolve`: arguments, standard input, JSON, and what is no name."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from weighbridge.cli.main import main


def run(*arguments: str, typed: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["models", "resolve", *arguments], input=typed)


def test_json_is_a_list_in_the_order_of_the_names() -> None:
    result = run("--json", "zai-org/GLM-5.1", "zzz-unheard-of", "GLM 5.1")

    answers = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [list(answer) for answer in answers] == [["name", "id", "how", "alternatives"]] * 3
    assert [(answer["name"], answer["id"]) for answer in answers] == [
        ("zai-org/GLM-5.1", "zai-org/GLM-5.1"),
        ("zzz-unheard-of", None),
        ("GLM 5.1", "zai-org/GLM-5.1"),
    ]


def test_a_dash_reads_names_from_standard_input_one_a_line() -> None:
    result = run("--json", "-", "glm-5.1", typed=b"\xef\xbb\xbfglm-5p1\r\n\n  ZhipuAI/GLM-5.1\t\n")

    assert [answer["id"] for answer in json.loads(result.stdout)] == ["zai-org/GLM-5.1"] * 3


def test_what_is_no_name_is_said_with_its_line_and_the_others_are_answered() -> None:
    result = run("--json", "-", typed=b"glm-5.1\nglm\x075.1\n\xff\xfe\nzai/glm-5.1\n")

    answers = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [answer["id"] for answer in answers] == ["zai-org/GLM-5.1", None, None, "zai-org/GLM-5.1"]
    assert answers[1]["how"].startswith("no name: character 4")
    assert "standard input, line 2" in result.stderr
    assert "standard input, line 3" in result.stderr


def test_text_shows_what_an_unclear_name_may_mean() -> None:
    result = run("DeepSeek-R1-Distill")

    assert result.exit_code == 0
    assert "DeepSeek-R1-Distill  -  (ambiguous: " in result.stdout
    assert "perhaps deepseek-ai/DeepSeek-R1-Distill-" in result.stdout


def test_control_characters_never_reach_the_terminal() -> None:
    result = run("glm\x1b[2J5")

    assert "\x1b" not in result.output
    assert result.exit_code == 1


def test_no_name_at_all_is_a_mistake_in_the_command() -> None:
    assert run().exit_code == 2


def test_too_much_input_is_refused_with_the_limit() -> None:
    result = run("-", typed=b"x" * (16 << 20) + b"y")

    assert result.exit_code == 1
    assert "more than 16 MiB of names" in result.stderr

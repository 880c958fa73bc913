"""Every key of a TOML file is found on its line, whatever stands around it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.formats.toml_lines import Path, key_lines, line_of, written

TEXT = '''\
# a = 1
top = "x # no comment = 1"
"quoted.key" . sub = 2

[a.b]   # [not.this]
long = """
[fake]
fake = 1 \\"""
"""
raw = \'\'\'it''s
fake = 2\'\'\'\'
list = [
  1, # [x]
  { k = 2, l = [3,
    4] },
]
[[rows]]
n = 1
[rows.sub]
m = 1
[[rows]]
n = 2
[[rows.deep]]
z = 2026-01-01T00:00:00Z
'''


def test_keys_are_found_on_their_lines() -> None:
    tomllib.loads(TEXT)

    lines = key_lines(TEXT)

    assert lines == {
        ("top",): 2,
        ("quoted.key",): 3,
        ("quoted.key", "sub"): 3,
        ("a",): 5,
        ("a", "b"): 5,
        ("a", "b", "long"): 6,
        ("a", "b", "raw"): 10,
        ("a", "b", "list"): 12,
        ("a", "b", "list", 0): 13,
        ("a", "b", "list", 1): 14,
        ("a", "b", "list", 1, "k"): 14,
        ("a", "b", "list", 1, "l"): 14,
        ("a", "b", "list", 1, "l", 0): 14,
        ("a", "b", "list", 1, "l", 1): 15,
        ("rows",): 17,
        ("rows", 0): 17,
        ("rows", 0, "n"): 18,
        ("rows", 0, "sub"): 19,
        ("rows", 0, "sub", "m"): 20,
        ("rows", 1): 21,
        ("rows", 1, "n"): 22,
        ("rows", 1, "deep"): 23,
        ("rows", 1, "deep", 0): 23,
        ("rows", 1, "deep", 0, "z"): 24,
    }


def test_what_stands_nowhere_is_placed_at_what_is_around_it() -> None:
    lines = key_lines("[a]\nb = 1\n")

    assert [line_of(lines, path) for path in [("a", "c"), ("a", "b", "d"), ("x",)]] == [1, 2, None]


def test_windows_line_ends_do_not_shift_lines() -> None:
    assert key_lines("a = 1\r\n\r\nb = 2\r\n")[("b",)] == 3


@pytest.mark.parametrize(("path", "text"), [(("a", 0, "b"), "a[0].b"), ((), ""), (("a",), "a")])
def test_a_path_is_written_as_people_write_it(path: Path, text: str) -> None:
    assert written(path) == text


def every_path(value: Any, path: Path = ()) -> Iterator[Path]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from every_path(part, (*path, key))


pieces = st.sampled_from(
    [
        "[a]\n",
        "[[b]]\n",
        "[a.c]\n",
        "[[b.d]]\n",
        "k = 1\n",
        "'q k'.r = [1, {x = 2, 'y' = [[3]]}]\n",
        '"\\u00e9" = "]"\n',
        "# c\n",
        's = """\n[x]\ny = 1"""\n',
        "t = '''a'''''\n",
        "u = { v.w = 1.5, z = [ ] }\n",
        "\n",
        "n = [\n1,\n\n2 ]\n",
    ]
)


@given(st.lists(pieces, max_size=12).map("".join))
def test_the_scanner_sees_the_keys_that_the_parser_sees(text: str) -> None:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert set(key_lines(text)) == set(every_path(tables))

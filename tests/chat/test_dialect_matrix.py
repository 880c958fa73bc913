"""The page on dialects says what happens, feature by feature, front by front, back by back."""

from __future__ import annotations

import dialect_matrix as matrix
import pytest

from weighbridge.chat.fronts import by_path


def test_the_page_is_what_happens_today() -> None:
    """Stale? `python tests/chat/dialect_matrix.py` writes it anew; look at the difference."""
    page = matrix.PAGE.read_text()

    assert matrix.written(page, matrix.tables()) == page


def test_every_front_and_every_path_stands_on_the_page() -> None:
    page = matrix.PAGE.read_text()

    assert {front.name for front, _, _ in matrix.FRONTS.values()} == {front.name for front in by_path().values()}
    for path in by_path():
        assert f"`{path}`" in page


@pytest.mark.parametrize("front", matrix.FRONTS)
def test_a_request_means_the_same_to_every_back_that_takes_it(front: str) -> None:
    """A `yes` in its own dialect for whatever a front can say: what a client may ask, its own servers can be asked."""
    own = list(matrix.BACKS).index(front) + 1
    _, *rows = matrix.request_table(front)
    refused = {row[0] for row in rows if row[own] != "yes"}

    allowed = {
        "OpenAI": {"several answers (n)", "cache marks"},  # carried as bytes; marks are other servers' extension
        "responses": set(),
        "Anthropic": {"earlier reasoning"},  # it takes back what it signed
        "Ollama": set(),
    }
    assert refused == allowed[front]


@pytest.mark.parametrize("front", matrix.FRONTS)
@pytest.mark.parametrize("name", ["made_up", "x-unknown"])
def test_a_field_in_no_table_is_refused_or_passed_on_by_name(front: str, name: str) -> None:
    if front == "OpenAI":
        assert matrix.asked(front, {name: 1}).request.extra == {name: 1}
        cells = [matrix.cell(matrix.asked(front, {name: 1}).request, back) for back in matrix.BACKS.values()]
        assert cells == ["yes", "no", "no", "no", "no"]
    else:
        assert matrix.is_refused(front, {name: 1})

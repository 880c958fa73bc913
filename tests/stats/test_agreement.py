"""Agreement against published values, and against what other implementations said of made-up ratings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InputError
from weighbridge.stats.agreement import confusion, kappa, krippendorff, krippendorff_interval

NAN = float("nan")
FOUR_CODERS = np.array(
    [
        [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
        [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
        [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
    ]
)
"""Three coders, fifteen units, missing cells: the worked example of Krippendorff's alpha in Wikipedia's article, after
Krippendorff 2004, Content Analysis; alpha is 0.691 nominal, 0.811 interval."""
PARALLEL = np.array([[25, 13, 12], [12, 2, 16], [3, 15, 2]])
"""A table of counts whose kappas statsmodels 0.15 was asked for."""
STATSMODELS = {
    "nominal": (-0.0923076923, 0.0566414369),
    "linear": (0.0227272727, 0.0636086025),
    "quadratic": (0.1343283582, 0.0790028185),
}
"""Weights to kappa and its standard error."""


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.691), ("interval", 0.811), ("ordinal", 0.807)])
def test_alpha_is_the_published_value_for_coders_with_missing_cells(level, value) -> None:
    """Ordinal: the package krippendorff 0.9.0."""
    assert krippendorff(FOUR_CODERS, level) == pytest.approx(value, abs=5e-4)


def test_alpha_of_two_coders_without_gaps_is_the_published_value() -> None:
    """Krippendorff 2011, Computing Krippendorff's alpha-reliability, A: binary data, 0.095; B: nominal, 0.692."""
    binary = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    letters = [[1, 1, 2, 2, 4, 3, 3, 3, 5, 4, 4, 1], [2, 1, 2, 2, 2, 3, 3, 3, 5, 4, 4, 4]]

    assert krippendorff(binary, "nominal") == pytest.approx(0.095, abs=5e-4)
    assert krippendorff(letters, "nominal") == pytest.approx(0.692, abs=5e-4)


def test_kappa_of_a_published_table() -> None:
    """Cohen's kappa of the two readers in Wikipedia's article: 20 yes-yes, 5, 10, 15: 0.4."""
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15

    found = kappa(first, second)

    assert found.value == pytest.approx(0.4)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(0.4 - 1.959964 * 0.126996, abs=1e-4)  # statsmodels 0.15: std_kappa


def test_weighted_kappas_and_their_errors_are_those_of_statsmodels() -> None:
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(PARALLEL[i, j])]
    first, second = zip(*pairs, strict=True)

    said = {
        weights: (found.value, (found.interval.high - found.value) / 1.959964)
        for weights in ("nominal", "linear", "quadratic")
        if (found := kappa(first, second, weights)).interval
    }

    assert said == {
        "nominal": pytest.approx(STATSMODELS["nominal"], abs=1e-6),
        "linear": pytest.approx(STATSMODELS["linear"], abs=1e-6),
        "quadratic": pytest.approx(STATSMODELS["quadratic"], abs=1e-6),
    }


def test_a_value_nobody_used_is_still_a_step_on_the_scale() -> None:
    """1, 2 and 10 are not three even steps: 1 against 2 is nearly right."""
    near = kappa([1, 2, 10, 10], [2, 1, 10, 10], "quadratic").value
    far = kappa([1, 2, 3, 3], [2, 1, 3, 3], "quadratic").value

    assert near is not None
    assert far is not None
    assert near > 0.95 > far


def test_where_nothing_varies_nothing_is_claimed() -> None:
    """Two raters who both always say 1 would otherwise look perfect."""
    assert kappa([1, 1, 1], [1, 1, 1]).value is None
    assert krippendorff([[2, 2, 2], [2, 2, 2]], "interval") is None
    assert krippendorff([[1, NAN], [NAN, 2]], "nominal") is None
    assert confusion([1, 1], [1, 1]).agreement == 1.0
    assert krippendorff_interval([[5.0], [5.0]], "ordinal").value is None


def test_an_interval_of_alpha_holds_the_value_and_narrows_with_units() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(1, 6, 800)
    table = np.array([np.clip(truth + rng.integers(-1, 2, 800), 1, 5) for _ in range(2)], dtype=float)

    few, many = krippendorff_interval(table[:, :60], "ordinal"), krippendorff_interval(table, "ordinal")

    assert few.interval is not None
    assert many.interval is not None
    assert few.interval.low <= few.value <= few.interval.high
    assert many.interval.high - many.interval.low < 0.6 * (few.interval.high - few.interval.low)


def test_raters_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="same units"):
        confusion([1, 2], [1])
    with pytest.raises(InputError, match="raters, units"):
        krippendorff([1.0, 2.0])


ratings = st.lists(
    st.tuples(*[st.one_of(st.just(NAN), st.integers(-3, 3).map(float)) for _ in range(3)]), min_size=1, max_size=30
).map(lambda rows: np.array(rows).T)


@given(ratings)
def test_alpha_is_at_most_one_and_does_not_care_who_is_first(table) -> None:
    for level in ("nominal", "ordinal", "interval"):
        value = krippendorff(table, level)

        assert value is None or value <= 1.0 + 1e-12
        assert value == pytest.approx(krippendorff(table[::-1], level), nan_ok=True) if value is not None else True


@given(ratings)
def test_interval_alpha_does_not_care_about_the_scale(table) -> None:
    value, scaled = krippendorff(table, "interval"), krippendorff(table * 2.5 + 1000.0, "interval")

    assert (value is None) == (scaled is None)
    assert value is None or value == pytest.approx(scaled, abs=1e-6)

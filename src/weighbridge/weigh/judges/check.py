"""A judge held against people on a file of ratings: agreement, bias, and means that labels have corrected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.stats import mean_interval
from weighbridge.stats.agreement import Agreement, Confusion, confusion, kappa, krippendorff, krippendorff_interval
from weighbridge.stats.coarse import Ends
from weighbridge.stats.ppi import Corrected, corrected_mean
from weighbridge.stats.records import Interval

from .ratings import ONE_MODEL, Ratings, Unit
from .tally import Floats

MOST_VALUES = 20
"""Different values beyond which scores are no categories: no confusion, no kappa, no share of exact agreement."""
MOST_MODELS = 8
"""Of which all pairs are compared; of more, each with the one that leads by the judge."""
UNLIKE = 3.0
"""Standard errors between the judge's means on labelled and other units beyond which labels are no random sample."""


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """A model's mean by the human standard."""

    model: str
    found: Corrected


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two models by the human standard, on the same items: first minus second; of a pair how far the first is preferred
    beyond one half, twice."""

    first: str
    second: str
    found: Corrected
    winner: str | None


class JudgeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One judge against people."""

    judge: str
    judged: int
    labelled: int
    """Units that both rated."""
    agreement: float | None
    """Share of equal values; None where the two use different values, or too many."""
    kappa: Agreement
    weighted_kappa: Agreement
    """Quadratic."""
    nominal: float | None
    ordinal: Agreement
    interval: float | None
    """Krippendorff's alpha at three levels."""
    correlation: float | None
    """Pearson's."""
    bias: float | None
    """Judge less people, on what both rated."""
    confusion: Confusion | None
    """Rows: people; columns: the judge."""
    first_share: float | None
    """Of pairs seen in both orders: how far the first shown was preferred."""
    first_interval: Interval | None
    means: tuple[Rated, ...]
    compared: tuple[Compared, ...]
    warnings: tuple[str, ...]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What `weighbridge judge check --json` prints."""

    judges: tuple[JudgeCheck, ...]
    among_judges: float | None
    """Krippendorff's alpha between the judges, interval."""
    among_people: float | None
    units: int
    labels: int
    again: int
    """Ratings of what the same rater had rated before: averaged."""
    alpha: float


def check(ratings: Ratings, alpha: float = 0.05) -> Check:
    """Every judge of a table of ratings. Deterministic."""
    people = ratings.people()
    return Check(
        judges=tuple(_one(ratings, name, people, alpha) for name in ratings.judges),
        among_judges=_among(ratings, ratings.judges),
        among_people=_among(ratings, ratings.humans),
        units=len(ratings.units),
        labels=int((~np.isnan(people)).sum()),
        again=ratings.again,
        alpha=alpha,
    )


def _among(ratings: Ratings, raters: Sequence[str]) -> float | None:
    if len(raters) < 2:
        return None
    return krippendorff(np.array([ratings.of(name) for name in raters]), "interval")


def _one(ratings: Ratings, judge: str, people: Floats, alpha: float) -> JudgeCheck:
    f = ratings.of(judge)
    both = ~(np.isnan(f) | np.isnan(people))
    y, z = people[both], f[both]
    same = _same_values(y, z)
    pair = np.array([people, f])
    firsts = ratings.firsts.get(judge, [])
    means, compared = tuple(_means(ratings, people, f, alpha)), tuple(_compared(ratings, people, f, alpha))
    nobody = Agreement(None)
    return JudgeCheck(
        judge=judge,
        judged=int((~np.isnan(f)).sum()),
        labelled=int(both.sum()),
        agreement=float((y == z).mean()) if same else None,
        kappa=kappa(y, z) if same else nobody,
        weighted_kappa=kappa(y, z, "quadratic") if same else nobody,
        nominal=krippendorff(pair, "nominal") if same else None,
        ordinal=krippendorff_interval(pair, "ordinal") if same else nobody,
        interval=krippendorff(pair, "interval") if same else None,
        correlation=_correlation(y, z),
        bias=float((z - y).mean()) if same else None,
        confusion=confusion(y, z) if same else None,
        first_share=sum(firsts) / len(firsts) if firsts else None,
        first_interval=mean_interval(firsts) if firsts else None,
        means=means,
        compared=compared,
        warnings=tuple(_warnings(y, z, f, people, same=same, firsts=firsts)),
    )


def _same_values(y: Floats, z: Floats) -> bool:
    """Whether people and judge speak of the same few values, so that equal means equal."""
    if len(y) < 2:
        return False
    values = np.unique(np.concatenate([y, z]))
    low, high = max(y.min(), z.min()), min(y.max(), z.max())
    return len(values) <= MOST_VALUES and bool(low <= high)


def _correlation(y: Floats, z: Floats) -> float | None:
    if len(y) < 3 or not y.std() or not z.std():
        return None
    return float(np.corrcoef(y, z)[0, 1])


def _means(ratings: Ratings, people: Floats, f: Floats, alpha: float) -> Iterator[Rated]:
    if ratings.paired:
        return
    ends = _ends(people)
    for (model,), here in _by(ratings, "model"):
        found = _corrected(people[here], f[here], alpha, ends)
        if found is not None:
            yield Rated(model=model or "all", found=found)


def _by(ratings: Ratings, *fields: str) -> Iterator[tuple[tuple[str, ...], npt.NDArray[np.int64]]]:
    """Places of the units that are alike in these fields, group by group."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, unit in enumerate(ratings.units):
        groups[tuple(getattr(unit, field) for field in fields)].append(place)
    yield from ((key, np.array(places)) for key, places in groups.items())


def _ends(people: Floats) -> Ends | None:
    """The lowest and highest label there is; None where all are alike, for then nobody knows."""
    known = people[~np.isnan(people)]
    return Ends(float(known.min()), float(known.max())) if len(known) and np.ptp(known) else None


def _corrected(y: Floats, f: Floats, alpha: float, ends: Ends | None) -> Corrected | None:
    labelled, rest = ~(np.isnan(y) | np.isnan(f)), np.isnan(y) & ~np.isnan(f)
    if labelled.sum() < 2:
        return None
    return corrected_mean(y[labelled], f[labelled], f[rest], alpha=alpha, ends=ends)


def _compared(ratings: Ratings, people: Floats, f: Floats, alpha: float) -> Iterator[Compared]:
    if ratings.paired:
        for (first, second), here in _by(ratings, "model", "against"):
            yield from _outcome((first, second), 2 * people[here] - 1, 2 * f[here] - 1, alpha, Ends(-1.0, 1.0))
        return
    ends = _ends(people)
    gaps = None if ends is None else Ends(-ends.unit, ends.unit, differences=True)
    models = [model for model in dict.fromkeys(unit.model for unit in ratings.units) if model != ONE_MODEL]
    places: dict[Unit, int] = {unit: place for place, unit in enumerate(ratings.units)}
    items = list(dict.fromkeys(unit.item for unit in ratings.units))

    def column(values: Floats, model: str) -> Floats:
        found = [places.get(Unit(item, model)) for item in items]
        return np.array([np.nan if place is None else values[place] for place in found])

    judged = {model: column(f, model) for model in models}
    labelled = {model: column(people, model) for model in models}
    for first, second in _pairs(models, judged):
        y, z = labelled[first] - labelled[second], judged[first] - judged[second]
        yield from _outcome((first, second), y, z, alpha, gaps)


def _pairs(models: Sequence[str], judged: dict[str, Floats]) -> Iterator[tuple[str, str]]:
    if len(models) <= MOST_MODELS:
        yield from combinations(models, 2)
        return
    seen = {model: values[~np.isnan(values)] for model, values in judged.items()}
    leader = max(models, key=lambda model: float(seen[model].mean()) if len(seen[model]) else -np.inf)
    yield from ((leader, other) for other in models if other != leader)


def _outcome(models: tuple[str, str], y: Floats, z: Floats, alpha: float, ends: Ends | None) -> Iterator[Compared]:
    found = _corrected(y, z, alpha, ends)
    if found is None:
        return
    first, second = models
    low, high = found.interval.low, found.interval.high
    yield Compared(first=first, second=second, found=found, winner=first if low > 0 else second if high < 0 else None)


def _warnings(y: Floats, z: Floats, f: Floats, people: Floats, *, same: bool, firsts: Sequence[float]) -> Iterator[str]:
    if len(y) < 2:
        both = "unit has" if len(y) == 1 else "units have"
        yield f"Only {len(y)} {both} both a label and a judgement: nothing can be said."
        return
    if not same:
        yield (
            "People and judge use different values or too many of them: shares of agreement, kappa and alpha are left "
            "out. The corrected means hold all the same."
        )
    if not np.ptp(y):
        yield f"All {len(y)} labels are {y[0]:g}: how far others differ is unknown, so intervals mean nothing."
    if not np.ptp(z):
        yield "The judge gave every labelled unit the same score: it tells nothing apart."
    rest = f[np.isnan(people) & ~np.isnan(f)]
    if len(rest) > 1 and len(z) > 1:
        error = float(np.sqrt(z.var(ddof=1) / len(z) + rest.var(ddof=1) / len(rest)))
        if error and abs(float(z.mean() - rest.mean())) > UNLIKE * error:
            yield (
                f"The labelled units are not like the rest (the judge's mean is {z.mean():.3f} there and "
                f"{rest.mean():.3f} elsewhere): labels of a hand-picked sample correct nothing."
            )
    if firsts:
        found = mean_interval(firsts)
        if not found.low <= 0.5 <= found.high:
            yield f"The judge prefers whichever answer stands {'first' if found.low > 0.5 else 'second'}."

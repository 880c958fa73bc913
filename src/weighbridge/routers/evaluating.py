"""How a router does on samples that it was not made from: quality kept, strong calls avoided, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from weighbridge.errors import InputError
from weighbridge.stats import Interval, mean_interval

from .arrays import Flags, Floats
from .artefact import AGREEMENT, JUDGED, LENGTHS
from .packed import unpack
from .promise import lower_bound
from .rounds import follow
from .router import Router
from .samples import Samples, means_of
from .savings import kept_interval, saved_by_chance, saved_by_oracle
from .scoring import prospects
from .spending import Spending, calls_of, spending

LEAST_ITEMS = 20
LEAST_GROUP = 20
MOST_GROUPS = 40

Standing = Literal["kept", "broken", "not shown"]


class Part(NamedTuple):
    """One category."""

    name: str
    items: int
    kept: float | None
    """None where the strong model scored nothing."""
    saved: float


class Evaluation(NamedTuple):
    items: int
    seen: int
    """Items left out because the router was made from them."""
    promised: float
    standing: Standing
    """kept: the lower bound is at least the promise. broken: the interval lies below it. not shown: neither."""
    kept: float
    interval: Interval
    bound: float
    """Lower bound on the quality kept, at 1 - alpha."""
    saved: float
    saved_interval: Interval
    weak_quality: float
    strong_quality: float
    routed_quality: float
    chance: float
    oracle: float
    """Strong calls that chance and an oracle would avoid at the quality that was kept."""
    spending: Spending
    parts: tuple[Part, ...]


def evaluate(
    router: Router,
    samples: Samples,
    costs: Mapping[str, float | None],
    rng: np.random.Generator,
    *,
    include_seen: bool = False,
) -> Evaluation:
    """InputError where too few items are left that the router was not made from."""
    fresh = np.ones(len(samples), bool) if include_seen else ~seen_before(router, samples)
    seen = len(samples) - int(fresh.sum())
    if fresh.sum() < LEAST_ITEMS:
        raise InputError(
            f"{int(fresh.sum())} of {len(samples)} items are new to the router; {LEAST_ITEMS} are the least",
            next_move="Give samples it was not made from; --seen counts the others, too, which flatters it."
            if seen
            else None,
        )
    samples = samples.only(fresh)
    check_recorded(router, samples)
    seen_by = prospects(router.model, samples, router.voters)
    weak, strong = seen_by.taken[-1], samples.scores[router.strong]
    if not strong.any():
        raise InputError(f"every score of {router.strong} is 0: there is no quality to keep a share of")
    found = follow(router.setting, seen_by)
    routed = np.where(found.to_weak, found.weak, strong)
    promise = router.artefact.promise
    witnesses = samples.witnesses()
    shown, best = means_of(witnesses, routed), means_of(witnesses, strong)
    kept = float(shown.mean() / best.mean())
    interval = kept_interval(shown, best, rng, 2 * promise.alpha)
    bound = min(lower_bound(shown, best, promise.alpha), kept)
    costs = {**router.artefact.costs, **costs}
    sizes = router.rounds if router.is_cascade else ()
    asked = calls_of(samples, router.voters, router.strong, found, sizes=sizes, judge=router.asks_judge)
    return Evaluation(
        len(samples),
        seen,
        promise.keep,
        "kept" if bound >= promise.keep else "broken" if interval.high < promise.keep else "not shown",
        kept,
        interval,
        bound,
        float(found.to_weak.mean()),
        mean_interval(found.to_weak.astype(np.float64).tolist()),
        float(weak.mean()),
        float(strong.mean()),
        float(routed.mean()),
        saved_by_chance(weak, strong, min(kept, 1.0)),
        saved_by_oracle(weak, strong, min(kept, 1.0)),
        spending(samples, asked, costs),
        _parts(samples, routed, strong, found.to_weak),
    )


def check_recorded(router: Router, samples: Samples) -> None:
    """InputError where something is missing that the router decides by: it would decide by something nobody tested."""
    features = router.artefact.provenance.features
    judge = router.asks_judge
    wanted = {AGREEMENT: ("answer", samples.answers), LENGTHS: ("chars", samples.chars)}
    for feature, (word, found) in wanted.items():
        if feature in features and not any(voter in found for voter in router.voters):
            raise _missing(feature, f"{router.voters[0]}.{word}")
    scored = judge.voters if judge is not None else ()
    for voter in scored:
        if voter not in samples.judged:
            raise _missing(JUDGED, f"{voter}.judge")


def _missing(feature: str, column: str) -> InputError:
    return InputError(
        f"the router decides by {feature}, and the samples do not hold it",
        next_move=f"Give the column {column}, or a table of its own.",
    )


def seen_before(router: Router, samples: Samples) -> Flags:
    """(n,) items whose prompt the router was made from."""
    known = unpack(router.artefact.seen, "seen", (None,)).astype(np.int64)
    return np.isin(samples.groups & 0xFFFFFFFF, known)


def _parts(samples: Samples, routed: Floats, strong: Floats, to_weak: Flags) -> tuple[Part, ...]:
    """Categories with enough items, the worst kept first."""
    if not samples.categories:
        return ()
    names = np.array(samples.categories)
    found = []
    for name, count in Counter(samples.categories).most_common(MOST_GROUPS):
        if count < LEAST_GROUP:
            break
        here = names == name
        total = float(strong[here].sum())
        kept = float(routed[here].sum()) / total if total else None
        found.append(Part(name, count, kept, float(to_weak[here].mean())))
    return tuple(sorted(found, key=lambda part: (part.kept is None, part.kept)))

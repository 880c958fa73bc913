"""What a reader must know before believing a judge's scores: one plain sentence each, the worst first."""

from __future__ import annotations

from collections.abc import Iterator

from .records import JudgeLine, Judging

SAME_MOST = 0.95
"""Share of one and the same result beyond which a judge hardly tells answers apart."""
FEWEST_SAID = 20
LEANS = 0.1
"""From one half: a liking for a place that is worth a sentence."""
ALPHA_POOR = 0.4
"""Krippendorff calls 0.667 the least for tentative conclusions; a panel below this hardly measures one thing."""
KAPPA_POOR = 0.4
UNREADABLE_MOST = 0.1


def warnings_of(judging: Judging, *, probed: bool) -> tuple[str, ...]:
    return tuple(
        sentence
        for source in (
            _fell(judging, probed=probed),
            _gaming(judging),
            _same(judging),
            _places(judging),
            _people(judging),
        )
        for sentence in source
    ) + tuple(sentence for source in (_length(judging), _kin(judging), _panel(judging)) for sentence in source)


def _fell(judging: Judging, *, probed: bool) -> Iterator[str]:
    if not judging.probes:
        why = "no item had an honest answer to hold attacks against" if probed else "`probes = 0`"
        yield f"The judges were not attacked before they were believed: {why}."
    for judge in judging.judges:
        tried = [one for one in judging.probes if one.judge == judge.name]
        fell = [one for one in tried if one.fell]
        if not fell:
            continue
        paired = judging.mode == "pairwise"
        how = ", ".join(
            f"{one.attack} ({'preferred' if paired else 'scored'} {one.score:.2f}, "
            f"{'an equal answer would be' if paired else 'honest answers'} {one.honest:.2f})"
            for one in fell
        )
        yield (
            f"Judge {judge.name} can be fooled: it fell for {len(fell)} of {len(tried)} attacks: {how}. "
            "A candidate may score without answering."
        )


def _gaming(judging: Judging) -> Iterator[str]:
    for name, share in judging.same_answers.items():
        yield (
            f"Candidate {name} gave one and the same answer to {share:.0%} of the items: what it scores, it scores "
            "without reading them."
        )


def _same(judging: Judging) -> Iterator[str]:
    for judge in judging.judges:
        judged = judge.usual_share is not None and judge.judgements >= FEWEST_SAID
        if judged and (judge.usual_share or 0.0) >= SAME_MOST:
            share = f"{judge.usual_share:.0%} of answers"
            yield f"Judge {judge.name} said {judge.usual!r} of {share}: it hardly tells answers apart."
        if judge.unreadable > UNREADABLE_MOST * max(1, judge.judgements):
            yield f"{judge.unreadable} of {judge.judgements} replies of judge {judge.name} could not be read."


def _places(judging: Judging) -> Iterator[str]:
    for judge in judging.judges:
        share, interval = judge.first_share, judge.first_interval
        if share is None or interval is None or interval.low <= 0.5 <= interval.high or abs(share - 0.5) < LEANS:
            continue
        yield (
            f"Judge {judge.name} prefers whichever answer stands {_place(judge)} ({max(share, 1 - share):.0%}). Both "
            f"orders were asked, which cancels it; only {judge.consistent or 0.0:.0%} of pairs had one result in both."
        )


def _place(judge: JudgeLine) -> str:
    return "first" if (judge.first_share or 0.0) > 0.5 else "second"


def _people(judging: Judging) -> Iterator[str]:
    human = judging.human
    if human is None:
        return
    if human.kappa is not None and human.kappa < KAPPA_POOR:
        yield f"The judges hardly agree with people: weighted kappa {human.kappa:.2f} on {human.labels} labels."
    if human.ignored:
        yield f"{human.ignored} labels are not about answers that were judged here, and were left out."


def _length(judging: Judging) -> Iterator[str]:
    length = judging.length
    if length is None or not length.certain:
        return
    sign = "gains" if length.twice_as_long > 0 else "loses"
    said = f"An answer twice as long {sign} {abs(length.twice_as_long):.2f}."
    known = {name: value for name, value in length.corrected.items() if value is not None}
    if not known:
        yield f"{said} No candidate writes as much as another, so none has a figure at equal length."
        return
    told = ", ".join(f"{name} {value:.2f} (as judged {length.raw[name]:.2f})" for name, value in known.items())
    raw, even = _first({name: length.raw[name] for name in known}, judging), _first(known, judging)
    turned = f" The lead passes from {raw} to {even}: what decides here is length." if raw != even else ""
    yield f"{said} At equal length: {told}.{turned}"


def _first(means: dict[str, float], judging: Judging) -> str:
    """Who leads. A yardstick has one half."""
    whole = dict(means)
    if judging.mode == "pairwise" and judging.against is not None:
        whole.setdefault(judging.against, 0.5)
    return max(whole, key=lambda name: whole[name])


def _kin(judging: Judging) -> Iterator[str]:
    for judge in judging.judges:
        if judge.kin:
            kin = " and ".join(judge.kin)
            yield (
                f"Judge {judge.name} ({judge.model}) is of the same family as {kin}: judges tend to prefer their own "
                "kin. Add a judge of another family, or labels by people."
            )


def _panel(judging: Judging) -> Iterator[str]:
    if judging.alpha is not None and judging.alpha < ALPHA_POOR:
        yield f"The judges of the panel hardly agree: Krippendorff's alpha is {judging.alpha:.2f}."

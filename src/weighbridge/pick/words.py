"""An answer in words, as the JSON that is promised, and as the plane of quality against cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weighbridge.charts.plane import COLOURS, Axis, Plane, Series, around
from weighbridge.cost.words import usd
from weighbridge.pick.evidence import Quality
from weighbridge.pick.ranking import Answer, Ranked

HEADS = ("", "MODEL", "QUALITY", "80%", "$ A MONTH", "TOKENS/S", "RUNS ON")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST_DOTS = 12


def value_of(answer: Answer) -> dict[str, Any]:
    """`{"ranked": [...], "excluded": [...]}`, with the fields that are promised and no others."""
    return {
        "ranked": [_plain(each) for each in answer.ranked],
        "excluded": [{"id": each.id, "because": each.because} for each in answer.excluded],
    }


def _plain(each: Ranked) -> dict[str, Any]:
    quality, way = each.quality, each.way
    return {
        "id": each.id,
        "quality": {
            "value": round(quality.value, 2),
            "interval": [round(quality.low, 2), round(quality.high, 2)],
        },
        "usd_per_month": None if way.usd is None else round(way.usd.value, 2),
        "decode_tps": None if way.decode_tps is None else round(way.decode_tps.value, 2),
        "fits_on": way.fits_on,
        "why": [f"group {each.group}", *each.why],
    }


def rows(answer: Answer, top: int) -> list[tuple[str, ...]]:
    """Cells under HEADS; the place of a group stands at its first model."""
    table: list[tuple[str, ...]] = []
    before = 0
    for each in answer.ranked[:top]:
        way = each.way
        table.append(
            (
                "" if each.group == before else f"{each.group}.",
                each.id + ("" if _measured(each.quality) else " *"),
                f"{each.quality.value:.1f}",
                f"{each.quality.low:.0f} to {each.quality.high:.0f}",
                "?" if way.usd is None else usd(way.usd.value),
                "?" if way.decode_tps is None else f"{way.decode_tps.value:.0f}",
                way.fits_on or way.how,
            )
        )
        before = each.group
    return table


def _measured(quality: Quality) -> bool:
    return any(not each.is_own for each in quality.of_work)


def summary(answer: Answer, top: int) -> Iterator[str]:
    """What stands under the table."""
    need = answer.need
    if any(not _measured(each.quality) for each in answer.ranked[:top]):
        yield f"* not measured on {need.kinds} by others than its lab: estimated from its other scores, size and date"
    yield from answer.thin
    if len(answer.ranked) > top:
        yield f"and {len(answer.ranked) - top} more: --top lists them"
    yield f"{len(answer.ranked)} models meet the need, {len(answer.excluded)} do not; `--why MODEL` says why."


def reasons(answer: Answer, model: str) -> Iterator[str]:
    """Everything said of one model."""
    for place, each in enumerate(answer.ranked, start=1):
        if each.id == model:
            yield f"{model}: place {place} of {len(answer.ranked)}, group {each.group}"
            yield from (f"  {why}" for why in each.why)
            for score in each.quality.of_work:
                whose = "its own lab" if score.is_own else "others"
                yield f"  {score.benchmark} {score.shown:g} ({score.date or 'undated'}, measured by {whose})"
    yield from (f"{model}: excluded\n  {each.because}" for each in answer.excluded if each.id == model)


def plane_of(answer: Answer) -> Plane | None:
    """Quality (its low end, as the order goes) against dollars a month: the front with letters, the others as dots;
    None without costs."""
    priced = [each for each in answer.ranked if each.way.usd is not None and each.way.usd.value > 0]
    if not priced:
        return None
    points = {each.id: (each.way.usd.value, each.quality.low) for each in priced if each.way.usd is not None}
    front = [model for model in answer.front if model in points]
    costs, values = zip(*points.values(), strict=True)
    others = tuple(points[model] for model in points if model not in front)
    series = [Series("others that meet the need", ".", others, joined=False, colour="#a0a0a0")] if others else []
    for place, model in enumerate(reversed(front[-MOST_DOTS:])):
        cost, value = points[model]
        name = f"{model.rpartition('/')[2]} {value:.0f}, {usd(cost)}"
        colour = COLOURS[1 + place % (len(COLOURS) - 1)]
        series.append(Series(name, LETTERS[place], (points[model],), joined=False, colour=colour))
    return Plane(
        title=answer.need.file.name or "Quality against cost",
        below=f"low end of quality at {answer.need.kinds}; 50 is the mean of all models measured, 10 a deviation",
        x=Axis("$ a month", *around(costs, is_log=True), is_log=True, prefix="$"),
        y=Axis("quality, low end", *around(values, is_log=False)),
        series=tuple(series),
    )

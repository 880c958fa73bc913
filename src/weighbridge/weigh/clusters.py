"""Items that belong together: drawn together and counted as one, so that a claim about work is not too strong.

Ten questions about one document are not ten draws from the work: a model that misreads the document fails all ten.
With `[weigh] cluster = FIELD`, items with the same value of FIELD are one cluster. Clusters are drawn in random order,
each whole; its score is the mean over its items, and every cluster counts the same.

Source: Miller (2024), Adding error bars to evals, section 2.2, for how much clusters widen an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError
from weighbridge.formats.problems import did_you_mean
from weighbridge.stats import Rule
from weighbridge.stats.arrays import Floats
from weighbridge.stats.draws import Draws

from .drawing import Drawing, draw_order
from .items import MISSING, look_up
from .items.fields import paths
from .records import Item
from .task_record import Task
from .weighted_order import weighted_order


class Clustered(NamedTuple):
    """Items in drawn order, cluster after cluster."""

    order: npt.NDArray[np.uint32]
    last: npt.NDArray[np.bool_]
    """(len(order),) whether the item is the last of its cluster."""
    clusters: int
    """Clusters there are, drawn or not."""
    draws: Draws | None = None
    """What each cluster counts, where chances were unequal."""


def cluster_numbers(items: Sequence[Item], field: str) -> npt.NDArray[np.int64]:
    """The number of each item's cluster, in the order they first appear. Raises InputError for an item without one."""
    numbers: dict[bytes, int] = {}
    found = np.empty(len(items), np.int64)
    for place, item in enumerate(items):
        value = look_up(item.fields, field)
        if value is MISSING or value is None:
            near = did_you_mean(field, paths(item.fields)) if value is MISSING else None
            raise InputError(
                f"item {item.id!r} has no {field!r}, which says what it belongs to",
                where="weigh.cluster",
                next_move=near or "Give every item one; an item that belongs to nothing gets a value of its own.",
            )
        found[place] = numbers.setdefault(msgspec.json.encode(value), len(numbers))
    return found


def draw_clusters(numbers: npt.NDArray[np.int64], seed: int, at_most: int | None = None) -> Clustered:
    """Clusters in random order, each whole: at most `at_most` items, but one cluster at least."""
    total = int(numbers.max()) + 1 if len(numbers) else 0
    order, last = _whole(numbers, draw_order(total, seed))
    if at_most is not None and at_most < len(order):
        whole = np.flatnonzero(last)
        end = whole[whole < at_most][-1] if (whole < at_most).any() else whole[0]
        order, last = order[: end + 1], last[: end + 1]
    return Clustered(order.astype(np.uint32), last, total)


def draw_weighted_clusters(
    numbers: npt.NDArray[np.int64], discordance: Floats, rule: Rule, seed: int, at_most: int | None = None
) -> Clustered:
    """The same where clusters that tell more come up more often. discordance: (items,); a cluster's is their mean.

    `at_most` is a number of items: so many clusters as hold them on average may come up."""
    sizes = np.bincount(numbers)
    of_cluster = np.bincount(numbers, weights=discordance) / np.maximum(sizes, 1)
    limit = None if at_most is None else max(1, int(at_most / sizes.mean()))
    weighted = weighted_order(of_cluster, rule, seed, limit)
    order, last = _whole(numbers, weighted.order)
    return Clustered(order.astype(np.uint32), last, len(sizes), weighted.draws)


def _whole(
    numbers: npt.NDArray[np.int64], clusters: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Items of these clusters, one cluster after the other, and which item ends one."""
    total = int(numbers.max()) + 1 if len(numbers) else 0
    rank = np.full(total, total, np.int64)
    rank[clusters] = np.arange(len(clusters))
    order = np.argsort(rank[numbers], kind="stable")
    order = order[: int((rank[numbers] < total).sum())]
    drawn = rank[numbers][order]
    last = np.append(drawn[1:] != drawn[:-1], True) if len(order) else np.empty(0, np.bool_)
    return order, last


def draw(task: Task, names: Sequence[str], seed: int, discordance: Floats | None = None) -> Drawing:
    """The contest of a task's run, over items or over clusters of them. discordance: (items,) where the order goes by
    it; None for random order."""
    limit = task.limits.max_items
    if discordance is not None:
        return _draw_weighted(task, names, seed, discordance)
    if task.rule.cluster is None:
        return Drawing(names, task.rule, draw_order(len(task.items), seed, limit), of=len(task.items))
    drawn = draw_clusters(cluster_numbers(task.items, task.rule.cluster), seed, limit)
    return Drawing(names, task.rule, drawn.order, of=drawn.clusters, last=drawn.last)


def _draw_weighted(task: Task, names: Sequence[str], seed: int, discordance: Floats) -> Drawing:
    rule, limit = task.rule, task.limits.max_items
    if rule.cluster is None:
        order, draws = weighted_order(discordance, rule, seed, limit)
        return Drawing(names, rule, order.astype(np.uint32), of=len(task.items), draws=draws)
    drawn = draw_weighted_clusters(cluster_numbers(task.items, rule.cluster), discordance, rule, seed, limit)
    return Drawing(names, rule, drawn.order, of=drawn.clusters, last=drawn.last, draws=drawn.draws)

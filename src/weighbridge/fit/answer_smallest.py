"""The smallest set of devices that serves so many users within a latency target.

A set is a number of equal groups; a group of 1 to 64 devices runs one copy of the model. A group takes as many users as
its memory holds and as its speed allows, judged by the middle of the speed's estimate; groups are added until all
users have a place. The set with the fewest devices wins, the one with fewer groups among equals.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from weighbridge.errors import UsageError

from .answer import Details, fit_details
from .answer_split import packed_as, resolve_split
from .devices import DeviceSet
from .hardware import Hardware
from .records import Ask, Subject
from .speed import first_token_between
from .speed import most_sequences as fast_enough

GROUPS = (1, 2, 4, 8, 16, 32, 64)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    users: int
    """At once, each with a whole context."""
    first_token_s: float | None = None
    """Most seconds until the first token, in the mean, of a user who asks while the others are being answered."""
    tokens_per_s: float | None = None
    """Least for each user, while all of them are served."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of device, and how many of it it takes."""

    devices: int
    """In all: groups x devices of a group."""
    groups: int
    users_each: int
    """Of the fullest group."""
    usd_per_hour: float | None
    """Of the whole set; None where the catalogue has no price."""
    first_token_s: float | None
    """Mean seconds until the first token, as Target counts them; None where speeds are unknown."""
    details: Details
    """Of one group with its users."""


def smallest_sets(subject: Subject, ask: Ask, target: Target, kinds: tuple[Hardware, ...]) -> tuple[Served, ...]:
    """For each kind of device the smallest set; the cheapest first where prices are known, then the smallest."""
    found = [served for kind in kinds if (served := smallest_set(subject, ask, target, kind)) is not None]
    return tuple(sorted(found, key=by_price))


def by_price(one: Served) -> tuple[bool, float, int]:
    """Cheapest first; sets without a price after those with one, the smaller first."""
    return one.usd_per_hour is None, one.usd_per_hour or 0.0, one.devices


def smallest_set(subject: Subject, ask: Ask, target: Target, kind: Hardware) -> Served | None:
    """The smallest set of one kind of device; None where no group of it can serve even one user."""
    best: tuple[int, int, int, Ask, DeviceSet] | None = None
    for size in GROUPS:
        if best is not None and size >= best[0]:
            break
        group = DeviceSet(kind, size)
        for asked in _split(subject, ask, size):
            each = users_of(subject, asked, target, group)
            if each:
                groups = -(-target.users // each)
                found = (size * groups, groups, -(-target.users // groups), asked, group)
                best = found if best is None or found[:2] < best[:2] else best
    if best is None:
        return None
    devices, groups, each, asked, group = best
    usd = None if kind.usd_per_hour is None else kind.usd_per_hour * devices
    full = msgspec.structs.replace(asked, concurrency=each)
    first = first_token_between(subject.architecture, subject.weights, full, group)
    details = fit_details(subject, full, group)
    return Served(
        devices=devices, groups=groups, users_each=each, usd_per_hour=usd, first_token_s=first, details=details
    )


def users_of(subject: Subject, ask: Ask, target: Target, group: DeviceSet) -> int:
    """Users one group can take: by memory, then by speed."""
    one = fit_details(subject, msgspec.structs.replace(ask, concurrency=1), group, launch=False)
    held = min(one.fit.max_concurrency, target.users)
    if not held or (target.first_token_s is None and target.tokens_per_s is None):
        return held
    if one.speeds is None:
        return 0
    quick = fast_enough(
        subject.architecture,
        subject.weights,
        ask,
        group,
        token_s=None if target.tokens_per_s is None else 1 / target.tokens_per_s,
        first_s=target.first_token_s,
    )
    return min(held, quick)


def _split(subject: Subject, ask: Ask, size: int) -> Iterator[Ask]:
    """The ask cut over a group; nothing where the engine would refuse to cut it so."""
    try:
        yield msgspec.structs.replace(
            ask, split=resolve_split(packed_as(subject.architecture, subject.variant), ask.engine, size)
        )
    except UsageError:
        return

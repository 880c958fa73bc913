"""A race told whole: the running best of each group, the lags between groups, and how solid each lag is.

Groups are `closed`, `open` and, of the open ones, each region: `China-open`, `West-open`, `Other-open`. What is said of
solidity is counted from the data: whether the interval keeps its sign, how far one model moves the lag, whether the
benchmark is saturated, and whether the group behind has anybody recent in the race at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from weighbridge.catalog.racing.benchmarks import BENCHMARKS
from weighbridge.catalog.racing.entries import TRUSTED, Entry, Field, field_of
from weighbridge.catalog.racing.frontier import Lag, frontier, lag_between, lag_history, quarter_ends
from weighbridge.catalog.records import Catalogue, Score
from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean

PAIRS = (("open", "closed"), ("West-open", "China-open"))
"""Followers and leaders whose lag is told; a lag below zero says the followers are ahead."""
GROUPS = ("closed", "open", "China-open", "West-open", "Other-open")
FEWEST = 20
"""A snapshot with fewer entries names only the best, so that no day of reaching a score can be read from it."""
STALE_MONTHS = 6.0
MOVES_MONTHS = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the field is raced."""

    licence: str = "any"
    """One of entries.LICENCES; of open weights only, closed models always count."""
    snapshot: str | None = None
    """ISO day: scores as they stood then."""
    until: date | None = None
    """Only what was released by then; lags are counted on that day, or on that of the newest release before it."""


EVERYBODY = Asked()


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the field, and its running best."""

    name: str
    count: int
    steps: tuple[Entry, ...]
    tied: tuple[str, ...] = ()
    """Other models with the same best score; the first that was released stands for them."""

    @property
    def best(self) -> Entry:
        """The entry that leads at the end."""
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class Told:
    """One lag, its past, and what speaks for and against it."""

    follower: str
    leader: str
    lag: Lag
    unit: str
    """Of the points: `points`, or `minutes`."""
    counts_months: bool
    """False where only points can be told."""
    history: tuple[tuple[date, float], ...]
    solidity: str
    """`solid`: the interval keeps its sign and nothing speaks against it. `rough`: one thing does, or no error is
    known. `weak`: more do."""
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Race:
    field: Field
    end: date
    """The day on which lags are counted: that of the newest release, or the one asked for."""
    groups: tuple[Group, ...]
    told: tuple[Told, ...]

    def group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)


def run_race(
    catalogue: Catalogue, scores: Sequence[Score], benchmark: str, asked: Asked = EVERYBODY, *, seed: int = 0
) -> Race:
    """The race of one benchmark. Raises UsageError for one that is not there, or where nobody is in it."""
    benchmark = _find(benchmark, {row.benchmark for row in scores})
    if asked.until and not asked.snapshot and benchmark in BENCHMARKS and BENCHMARKS[benchmark].scale == "elo":
        asked = replace(asked, snapshot=asked.until.isoformat())
    field = field_of(catalogue, scores, benchmark, licence=asked.licence, snapshot=asked.snapshot, until=asked.until)
    if not field.entries:
        raise UsageError(f"nobody is in the race of {benchmark!r} that way", next_move=_why_nobody(scores, benchmark))
    whole = field_of(catalogue, scores, benchmark, licence=asked.licence, snapshot=asked.snapshot)
    newest = max(entry.released for entry in whole.entries)
    end = newest if asked.until is None else min(newest, asked.until)
    members = {name: tuple(_members(field.entries, name)) for name in GROUPS}
    groups = tuple(_group(name, some) for name, some in members.items() if some)
    told = (_tell(field, pair, members, end, seed) for pair in PAIRS)
    return Race(field, end, groups, tuple(each for each in told if each is not None))


def races_of(
    catalogue: Catalogue, scores: Sequence[Score], benchmarks: Sequence[str], asked: Asked = EVERYBODY
) -> tuple[Race, ...]:
    """Several races, at least one; of several asked for, those that nobody is in are left out.

    Where the newest snapshot of an Elo board has no two regions, the newest that has them is raced too.
    """
    if len(benchmarks) == 1:
        return (run_race(catalogue, scores, benchmarks[0], asked),)
    races: list[Race] = []
    for benchmark in benchmarks:
        with suppress(UsageError):
            race = run_race(catalogue, scores, benchmark, asked)
            races.append(race)
            if race.field.benchmark.scale == "elo" and len(race.told) < len(PAIRS):
                races.extend(_regions_apart(catalogue, scores, benchmark, asked))
    if not races:
        raise UsageError("nobody is in any race that way", next_move="Leave out a filter, or name a later day.")
    return tuple(races)


def _regions_apart(catalogue: Catalogue, scores: Sequence[Score], benchmark: str, asked: Asked) -> Iterable[Race]:
    """The newest snapshot of a board in which both regions have somebody."""
    for day in sorted({row.date for row in scores if row.benchmark == benchmark}, reverse=True):
        if asked.snapshot is None or day <= asked.snapshot:
            field = field_of(catalogue, scores, benchmark, licence=asked.licence, snapshot=day, until=asked.until)
            if all(any(_members(field.entries, name)) for name in PAIRS[1]):
                yield run_race(catalogue, scores, benchmark, replace(asked, snapshot=day))
                return


def _find(benchmark: str, names: set[str]) -> str:
    """A benchmark by its name, in any case."""
    found = next((name for name in names if name.casefold() == benchmark.casefold()), None)
    if found is None:
        raise UsageError(f"there is no benchmark {benchmark!r}", next_move=did_you_mean(benchmark, names))
    return found


def _group(name: str, members: Sequence[Entry]) -> Group:
    steps = frontier(members)
    tied = {entry.key: entry.name for entry in members if entry.score == steps[-1].score and entry.key != steps[-1].key}
    return Group(name, len(members), steps, tuple(tied.values()))


def _why_nobody(scores: Sequence[Score], benchmark: str) -> str:
    rows = [row for row in scores if row.benchmark == benchmark]
    if any(row.independence in TRUSTED for row in rows):
        return "Leave out a filter, or name a later day."
    return f"All its {len(rows)} scores are of the labs themselves or of mixed origin; such scores are not raced."


def _members(entries: Iterable[Entry], group: str) -> Iterable[Entry]:
    if group in ("closed", "open"):
        return (entry for entry in entries if entry.is_open == (group == "open"))
    return (entry for entry in entries if entry.is_open and f"{entry.region}-open" == group)


def _tell(
    field: Field, pair: tuple[str, str], members: dict[str, tuple[Entry, ...]], end: date, seed: int
) -> Told | None:
    followers, leaders = members[pair[0]], members[pair[1]]
    lag = lag_between(followers, leaders, end, seed=seed)
    if lag is None:
        return None
    counts_months = len(field.entries) >= FEWEST
    if not counts_months:
        lag = replace(lag, interval=None, behind=None, without=())
    days = quarter_ends(min(entry.released for entry in field.entries), end)
    reasons = tuple(_reasons(field, lag, followers, end, counts_months))
    kept = lag.interval is not None and lag.interval[0] * lag.interval[1] > 0
    solidity = "solid" if kept and not reasons else "rough" if len(reasons) <= 1 else "weak"
    history = lag_history(followers, leaders, days) if counts_months else ()
    unit = "minutes" if field.benchmark.scale == "minutes" else "points"
    return Told(*pair, lag, unit, counts_months, history, solidity, reasons)


def _reasons(field: Field, lag: Lag, followers: Sequence[Entry], end: date, counts_months: bool) -> Iterable[str]:
    """What speaks against a lag."""
    if not counts_months:
        yield f"the snapshot names only {len(field.entries)}, so points can be told and months cannot"
    if lag.interval is None and counts_months:
        yield "the errors of its scores are not known"
    if lag.interval is not None and lag.interval[0] <= 0 <= lag.interval[1]:
        yield f"the interval holds zero: behind in {lag.behind:.1%} of the draws"
    limit = field.benchmark.saturates
    if field.benchmark.scale == "percent" and max(lag.follower.score, lag.leader.score) >= limit:
        yield f"saturated: the best has {max(lag.follower.score, lag.leader.score):g} of 100"
    newest = max(entry.released for entry in followers)
    if (end - newest).days / 30.4375 > STALE_MONTHS:
        yield f"nobody of those behind who was released after {newest} was measured"
    for name, months in lag.without:
        if abs(months - lag.months) > MOVES_MONTHS:
            yield f"without {name} it is {months:.1f} months"

"""Counters of one worker, or of several added up, as OpenMetrics text."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
Gauge = tuple[str, str, float]
"""Its name, what it says, its value."""
CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"


_SUMS = (("input_tokens", "Tokens read."), ("output_tokens", "Tokens written."), ("usd", "Dollars, where known."))


class Series:
    """Of one route at one backend."""

    __slots__ = (
        "calls",
        "first_piece",
        "first_piece_sum",
        "input_tokens",
        "latency",
        "latency_sum",
        "output_tokens",
        "usd",
    )

    def __init__(self) -> None:
        self.calls: dict[tuple[str, int], int] = defaultdict(int)
        self.input_tokens = 0
        self.output_tokens = 0
        self.usd = 0.0
        self.latency = [0] * (len(BUCKETS_S) + 1)
        self.latency_sum = 0.0
        self.first_piece = [0] * (len(BUCKETS_S) + 1)
        self.first_piece_sum = 0.0


_SUMMED = tuple(name for name in Series.__slots__ if name != "calls")


class Metrics:
    def __init__(self) -> None:
        self._series: dict[tuple[str, str], Series] = defaultdict(Series)

    def count(self, line: Sequence[Any]) -> None:
        """A call that ended, as its journal line tells it (exchange.py)."""
        series = self._series[line[25], line[8]]
        series.calls[line[11], line[26]] += 1
        series.input_tokens += line[15] or 0
        series.output_tokens += line[16] or 0
        series.usd += line[19] or 0.0
        latency_s, first_piece_s = line[20], line[21]
        series.latency[bisect_left(BUCKETS_S, latency_s)] += 1
        series.latency_sum += latency_s
        if first_piece_s is not None:
            series.first_piece[bisect_left(BUCKETS_S, first_piece_s)] += 1
            series.first_piece_sum += first_piece_s

    def dump(self) -> bytes:
        """All counters, to be added to those of other workers."""
        rows = []
        for place, series in self._series.items():
            calls = [(*key, count) for key, count in series.calls.items()]
            rows.append((*place, calls, *(getattr(series, name) for name in _SUMMED)))
        return msgspec.msgpack.encode(rows)

    def add(self, dumped: bytes) -> None:
        """Count what another one has counted."""
        for route, backend, calls, *values in msgspec.msgpack.decode(dumped):
            series = self._series[route, backend]
            for outcome, status, count in calls:
                series.calls[outcome, status] += count
            for name, value in zip(_SUMMED, values, strict=True):
                before = getattr(series, name)
                both = (
                    [a + b for a, b in zip(before, value, strict=True)] if isinstance(value, list) else before + value
                )
                setattr(series, name, both)

    def text(self, gauges: Iterable[Gauge]) -> bytes:
        """OpenMetrics 1.0; `gauges` are (name, what it says, value)."""
        lines: list[str] = []
        for name, says, value in gauges:
            lines += [f"# TYPE {name} gauge", f"# HELP {name} {says}", f"{name} {value:g}"]
        self._counter(lines, "weighbridge_calls", "Calls that ended.", self._calls())
        for field, says in (
            ("input_tokens", "Tokens read."),
            ("output_tokens", "Tokens written."),
            ("usd", "Dollars."),
        ):
            found = ((_labels(route=r, backend=b), getattr(s, field)) for (r, b), s in sorted(self._series.items()))
            self._counter(lines, f"weighbridge_{field}", says, found)
        for field, says in (("latency", "To the whole answer."), ("first_piece", "To the first content piece.")):
            self._histogram(lines, field, says)
        return "\n".join([*lines, "# EOF", ""]).encode()

    def _calls(self) -> Iterable[tuple[str, float]]:
        for (route, backend), series in sorted(self._series.items()):
            for (outcome, status), count in sorted(series.calls.items()):
                yield _labels(route=route, backend=backend, outcome=outcome, status=str(status)), count

    def _counter(self, lines: list[str], name: str, says: str, values: Iterable[tuple[str, float]]) -> None:
        lines += [f"# TYPE {name} counter", f"# HELP {name} {says}"]
        lines += [f"{name}_total{labels} {value:.12g}" for labels, value in values]

    def _histogram(self, lines: list[str], field: str, says: str) -> None:
        name = f"weighbridge_{field}_seconds"
        lines += [f"# TYPE {name} histogram", f"# UNIT {name} seconds", f"# HELP {name} {says}"]
        for (route, backend), series in sorted(self._series.items()):
            total = 0
            for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), getattr(series, field), strict=True):
                total += count
                lines.append(f"{name}_bucket{_labels(route=route, backend=backend, le=bound)} {total}")
            lines.append(f"{name}_sum{_labels(route=route, backend=backend)} {getattr(series, field + '_sum'):.9g}")
            lines.append(f"{name}_count{_labels(route=route, backend=backend)} {total}")


def _labels(**labels: str) -> str:
    def clean(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{clean(value)}"' for name, value in labels.items()) + "}"

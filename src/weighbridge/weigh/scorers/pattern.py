"""`regex`: a pattern is found in the answer, or what it finds is the reference.

A pattern can take exponential time on an unlucky answer. Python's own `re` cannot be stopped; the package `regex` can,
and gives up after `timeout_s`. An answer that was given up on is a failed sample, not a wrong one: the pattern is to
blame, not the model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import regex

from weighbridge.errors import InputError
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text


class PatternOptions(Options, frozen=True):
    pattern: str | None = None
    """Without it, the reference is the pattern."""
    group: int | str = 0
    """What is compared with the reference: a group of the pattern, 0 for all of the match."""
    pick: Literal["first", "last"] = "first"
    """Which match is compared."""
    ignore_case: bool = False
    mode: Literal["found", "absent"] = "found"
    """`absent`: right where the pattern is not found."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0


class Pattern:
    """`^` and `$` stand for the ends of a line; `.` is any character but a line end."""

    def __init__(self, options: PatternOptions, setting: Setting) -> None:
        self._options = options
        self._pattern: regex.Pattern[str] | None = None
        self.needs_reference = options.pattern is None
        if options.pattern is None:
            return
        try:
            self._pattern = self._compile(options.pattern)
        except (regex.error, RecursionError, OverflowError) as error:
            raise BadOption("pattern", f"{options.pattern!r} is no pattern: {error}") from None
        known = (*range(self._pattern.groups + 1), *self._pattern.groupindex)
        if options.group not in known:
            raise BadOption("group", f"the pattern has no group {options.group!r}", f"Known: {known}.")

    def fault(self, reference: Any) -> str | None:
        if self._pattern is not None:
            return None if accepted(reference) else "is an empty list"
        for one in accepted(reference):
            try:
                self._compile(as_text(one))
            except (regex.error, RecursionError, OverflowError) as error:
                return f"is no pattern: {error}"
        return None if accepted(reference) else "is an empty list"

    def mark(self, text: str, reference: Any) -> Mark:
        if self._pattern is not None and reference is not None:
            return self._compared(text, reference, self._pattern)
        patterns = [self._pattern] if self._pattern else [self._compile(as_text(one)) for one in accepted(reference)]
        found = any(self._search(pattern, text) is not None for pattern in patterns)
        if found == (self._options.mode == "found"):
            return Mark(1.0)
        return Mark(0.0, f"{'found' if found else 'not found'} in {shown(text)}")

    def _compared(self, text: str, reference: Any, pattern: regex.Pattern[str]) -> Mark:
        match = self._search(pattern, text)
        if match is None:
            return Mark(0.0, f"not found in {shown(text)}")
        read = (match.group(self._options.group) or "").strip()
        if any(self._same(read, as_text(one).strip()) for one in accepted(reference)):
            return Mark(1.0)
        return Mark(0.0, f"read {shown(read)}; expected {shown(as_text(reference))}")

    def _same(self, read: str, right: str) -> bool:
        return read.casefold() == right.casefold() if self._options.ignore_case else read == right

    def _search(self, pattern: regex.Pattern[str], text: str) -> regex.Match[str] | None:
        try:
            if self._options.pick == "first":
                return pattern.search(text, timeout=self._options.timeout_s)
            last = None
            for last in pattern.finditer(text, timeout=self._options.timeout_s):  # noqa: B007 the last one is wanted
                pass
            return last
        except TimeoutError:
            raise InputError(
                f"the pattern {pattern.pattern!r} took longer than {self._options.timeout_s:g} s on an answer of "
                f"{len(text)} characters",
                where="task.toml: score.options.pattern",
                next_move="Rewrite it without a repeat inside a repeat, such as (a+)+.",
            ) from None

    def _compile(self, pattern: str) -> regex.Pattern[str]:
        flags = regex.VERSION0 | regex.MULTILINE | (regex.IGNORECASE if self._options.ignore_case else 0)
        return regex.compile(pattern, flags)

"""`math`: the answer is mathematically equal to the reference, as math-verify judges it (extra `math`).

Computer algebra can run for ever or out of memory on a short text (`9^{9^{9^9}}`), in code no time-out of Python's
reaches. It therefore runs in a process of its own, which the system ends after `timeout_s` of its processor time.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any

import msgspec

from weighbridge.errors import InputError
from weighbridge.weigh.scorers.math_process import MathProcess
from weighbridge.weigh.scorers.read_number import even, find_numbers
from weighbridge.weigh.scorers.scorer import BadOption, Mark, Options, Setting, accepted, shown
from weighbridge.weigh.template import as_text

_MOST_PARSED = 200
"""References that are parsed when a task is loaded; each takes milliseconds. The rest show when they are used."""
_LONGEST = 20_000
"""Characters of an answer that are read, its end: that is where results stand."""


class MathematicsOptions(Options, frozen=True):
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0
    """Processor time for one comparison."""
    digits: Annotated[int, msgspec.Meta(ge=1, le=50)] = 6
    """Decimals to which numbers are compared."""


class Mathematics:
    """LaTeX, plain expressions, sets, intervals, equations; `\\boxed{}` counts before other results."""

    needs_reference = True

    def __init__(self, options: MathematicsOptions, setting: Setting) -> None:
        if find_spec("math_verify") is None:
            raise BadOption(None, "needs the package math-verify", "Run `pip install 'weighbridge[math]'`.")
        self._process = MathProcess(options.timeout_s, options.digits)
        self._parsed = 0

    def fault(self, reference: Any) -> str | None:
        if not accepted(reference):
            return "is an empty list"
        for one in accepted(reference):
            if isinstance(one, (bool, dict, list)) or not as_text(one).strip():
                return "is empty, or no text and no number"
            if not self._reads(as_text(one)):
                return f"is {shown(as_text(one))}, which cannot be read as mathematics"
        return None

    def mark(self, text: str, reference: Any) -> Mark:
        notes = []
        for one in accepted(reference):
            said = self._process.compare(as_text(one), text[-_LONGEST:])
            if said.equal:
                return Mark(1.0)
            if not said.reference_read:
                raise InputError(
                    f"the reference {shown(as_text(one))} cannot be read as mathematics",
                    where="task.toml: score.reference",
                    next_move="Write it as LaTeX or as a plain expression.",
                )
            notes.append(said.note)
        return Mark(0.0, f"{notes[0]}; expected {shown(as_text(reference))}")

    def _reads(self, reference: str) -> bool:
        numbers = list(find_numbers(even(reference)))
        if len(numbers) == 1 and numbers[0].end - numbers[0].start == len(reference.strip()):
            return True  # plain numbers need no algebra
        self._parsed += 1
        return self._parsed > _MOST_PARSED or self._process.compare(reference, "").reference_read

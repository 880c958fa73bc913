"""Run by math_process.py as a process of its own: a question a line in, an answer a line out, with math-verify.

math-verify hands plain expressions to sympy's `parse_expr`, which evaluates Python; its pattern lets only digits,
operators and brackets through, and tests/weigh/test_scorers.py holds it to that. LaTeX goes through a grammar.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import sys
from typing import Any

import msgspec

from weighbridge.units import GIB
from weighbridge.weigh.scorers.math_process import Question, Said

_MEMORY = 4 * GIB


def main() -> None:
    """Answers until its input ends. Ended by the system (SIGPROF) when one question takes too much processor time."""
    with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable()
    import math_verify

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has no reason to write any file

    for line in sys.stdin.buffer:
        question = msgspec.json.decode(line, type=Question)
        signal.setitimer(signal.ITIMER_PROF, question.seconds)
        said = _compare(math_verify, question)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stdout.buffer.flush()


def _compare(math_verify: Any, question: Question) -> Said:
    right = _parse(math_verify, _marked(question.reference))
    if all(isinstance(one, str) for one in right):  # a text is what it gives back when it could not parse
        return Said(reference_read=False)
    read = _parse(math_verify, question.answer)
    if not read:
        return Said(note="no mathematics in the answer")
    equal = math_verify.verify(right, read, float_rounding=question.digits, timeout_seconds=None)
    return Said(equal=bool(equal), note=f"read {str(read[-1])[:60]}")


def _parse(math_verify: Any, text: str) -> list[Any]:
    parsed: list[Any] = math_verify.parse(text, parsing_timeout=None)
    return parsed


def _marked(reference: str) -> str:
    """A reference is mathematics as a whole, with or without dollar signs."""
    return reference if "$" in reference or "\\boxed" in reference else f"${reference}$"


if __name__ == "__main__":
    main()

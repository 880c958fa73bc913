"""What each benchmark asks, on what scale it is scored, and how many tasks it has.

`tasks` is the number of tasks its authors state: it gives the least error that a score can have. Where it is None it is
not known for certain, and no error is made up. A benchmark that is not in the table is left out of the leaderboard by
kind of work, and can still be raced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WorkKind = Literal["coding", "maths", "reasoning", "knowledge", "agents", "chat"]
KINDS: dict[WorkKind, str] = {
    "coding": "write and repair programs",
    "maths": "solve problems with a checkable answer or proof",
    "reasoning": "puzzles and physics that cannot be looked up",
    "knowledge": "questions of experts and of fact",
    "agents": "long work with tools",
    "chat": "which of two answers people prefer",
}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as the scores table names it."""

    name: str
    kind: WorkKind | None
    """None for an index over other benchmarks, which must not be counted twice."""
    scale: Literal["percent", "elo", "minutes", "index"] = "percent"
    tasks: int | None = None
    saturates: float = 97.0
    """A percent score from which little is left to tell models apart."""
    headline: bool = False
    """Whether `race` shows it when none is asked for."""


_ALL = (
    Benchmark("Epoch Capabilities Index", None, "index", headline=True),
    Benchmark("GPQA Diamond", "knowledge", tasks=198, headline=True),
    Benchmark("OTIS Mock AIME", "maths", tasks=45, headline=True),
    Benchmark("WeirdML", "coding", headline=True),
    Benchmark("LMArena text", "chat", "elo", headline=True),
    Benchmark("Aider polyglot", "coding", tasks=225),
    Benchmark("CursorBench", "coding"),
    Benchmark("DeepSWE", "coding"),
    Benchmark("FrontierCode", "coding"),
    Benchmark("GSO-Bench", "coding"),
    Benchmark("SWE-Atlas Codebase QnA", "coding"),
    Benchmark("SWE-Atlas Refactoring", "coding"),
    Benchmark("SWE-Atlas Test Writing", "coding"),
    Benchmark("SWE-Bench Pro", "coding"),
    Benchmark("SWE-bench Verified", "coding", tasks=500),
    Benchmark("SWE-bench Verified (bash only)", "coding", tasks=500),
    Benchmark("WebDev Arena", "coding", "elo"),
    Benchmark("FrontierMath v1 tiers 1-3", "maths", tasks=290),
    Benchmark("FrontierMath v2 tiers 1-3", "maths"),
    Benchmark("FrontierMath v2 tier 4", "maths"),
    Benchmark("MATH Level 5", "maths", tasks=1324),
    Benchmark("ProofBench", "maths"),
    Benchmark("ARC-AGI-1", "reasoning"),
    Benchmark("ARC-AGI-2", "reasoning"),
    Benchmark("Chess Puzzles", "reasoning"),
    Benchmark("CritPt", "reasoning"),
    Benchmark("EBR-bench", "reasoning"),
    Benchmark("Mystery Game Puzzles", "reasoning"),
    Benchmark("SimpleBench", "reasoning"),
    Benchmark("Surface Evolver Bench", "reasoning"),
    Benchmark("Humanity's Last Exam", "knowledge", tasks=2500),
    Benchmark("SimpleQA Verified", "knowledge", tasks=1000),
    Benchmark("APEX-Agents", "agents"),
    Benchmark("DeepResearch Bench", "agents"),
    Benchmark("METR time horizon", "agents", "minutes"),
    Benchmark("OSWorld 2.0", "agents"),
    Benchmark("PostTrainBench", "agents"),
    Benchmark("Terminal-Bench", "agents"),
)
BENCHMARKS: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}
HEADLINES = tuple(benchmark.name for benchmark in _ALL if benchmark.headline)

"""How hard a model shall think: words and tokens, turned into each other where a wire knows only one.

The tokens of `low`, `medium` and `high` are those Google's own OpenAI endpoint uses
(https://ai.google.dev/gemini-api/docs/openai, 2025-12). `xhigh` and `max` have no published size: ours.
"""

from __future__ import annotations

TOKENS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 65_536}
WORDS = ("low", "medium", "high")


def tokens_of(effort: str) -> int | None:
    """A budget for a word; None for `none` and words nobody published."""
    return TOKENS.get(effort)


def word_of(tokens: int) -> str:
    """The smallest word whose budget holds so many; `high` for all above."""
    return next((word for word in WORDS if tokens <= TOKENS[word]), "high")

"""What providers take off for requests that can wait a day. Only what was read; a provider that is not here is unknown.

openai      50%  OpenAI, guide to its batch API                       read 2026-11
anthropic   50%  Anthropic, batch processing: input and output        read 2026-11
google      50%  Google developers' blog, batch mode, 2025-07-07
togetherai  50%  Together AI's blog, batch API, 2025-06-11
"""

from __future__ import annotations

DISCOUNTS = {"openai": 0.5, "anthropic": 0.5, "google": 0.5, "togetherai": 0.5}
"""Provider to the share taken off every price."""

"""Task folders for tests: a sound one, changed by the file and the key each test is about."""

from __future__ import annotations

from pathlib import Path

SOUND = """\
[task]
items = "items.jsonl"

[prompt]
user = "Ticket: {{text}}"

[[answer.choices]]
name = "category"
labels = ["billing", "account", "bug"]
lead = "Category:"

[[backend]]
name = "one"
kind = "echo"

[[backend]]
name = "two"
kind = "echo"

[[candidate]]
name = "A"
backend = "one"

[[candidate]]
name = "B"
backend = "two"
"""

ITEMS = """\
{"id": "a", "text": "my invoice is wrong", "category": "billing"}
{"id": "b", "text": "cannot log in", "category": "account"}
"""

FREE = SOUND.replace(SOUND[SOUND.index("[[answer") : SOUND.index("[[backend]]")], "")
"""The same without choices."""


def make_task(folder: Path, task: str = SOUND, items: str | bytes = ITEMS, **files: str | bytes) -> Path:
    """Write a task; further files are named with `__` for their dot."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"task.toml": task, "items.jsonl": items}
    everything |= {name.replace("__", "."): content for name, content in files.items()}
    for name, content in everything.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder

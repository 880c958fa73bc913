"""The download as its readers see it: files by name, the small ones parsed once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown
from .walk import Entry

LARGEST_JSON = 256 << 20
"""The largest tokenizer.json has about 35 MB."""
LARGEST_TEXT = 4 << 20


class Repository:
    """Files of one audit; reading is bounded and what could not be read is kept in `problems`."""

    def __init__(self, entries: tuple[Entry, ...], formats: Mapping[str, str], *, is_folder: bool) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.formats = dict(formats)
        self.problems: list[Finding] = []
        self.is_folder = is_folder
        self._parsed: dict[str, Any] = {}
        self._small = [(name, name.lower()) for name in self.entries]
        self._by_base: defaultdict[str, list[str]] = defaultdict(list)
        for name in self.entries:
            self._by_base[name.rpartition("/")[2]].append(name)

    def named(self, *bases: str) -> Iterator[str]:
        """Names whose last part is one of `bases`, in order."""
        wanted = [name for base in bases for name in self._by_base.get(base, ())]
        return iter(wanted if len(bases) == 1 else sorted(wanted))

    def ending(self, *endings: str) -> Iterator[str]:
        """Names of files that end so, in any letters."""
        return (name for name, small in self._small if small.endswith(endings))

    def of_format(self, format_: str) -> Iterator[str]:
        """Names of files whose bytes are of this format, whatever they are called."""
        return (name for name in self.entries if self.formats.get(name) == format_)

    def text(self, name: str, most: int = LARGEST_TEXT) -> str | None:
        """The first `most` bytes as text; None when there is no such file or it cannot be read."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        try:
            with entry.blob() as blob:
                return blob.read(0, most).decode("utf-8-sig", "replace")
        except OSError:
            return None

    def json(self, name: str) -> Any:
        """The file's content; None when there is none or it is no JSON, which is a finding of its own."""
        if name not in self._parsed:
            self._parsed[name] = self._read_json(name)
        return self._parsed[name]

    def object(self, name: str) -> dict[str, Any]:
        """The file's content when it is an object, else an empty one."""
        content = self.json(name)
        return content if isinstance(content, dict) else {}

    def _read_json(self, name: str) -> Any:
        entry = self.entries.get(name)
        if entry is None:
            return None
        if entry.size > LARGEST_JSON:
            self._wrong(name, f"JSON of {entry.size:,} bytes; more than {LARGEST_JSON:,} is not read")
            return None
        text = self.text(name, LARGEST_JSON)
        if text is None:
            return None
        twice: list[str] = []
        try:
            content = json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, twice))
        except (ValueError, RecursionError) as error:
            self._wrong(name, f"this is no JSON that can be read: {error}")
            return None
        if twice:
            said = ", ".join(shown(key) for key in twice[:5])
            self._wrong(name, f"keys that stand twice ({said}): readers differ on which one counts")
        return content

    def _wrong(self, name: str, detail: str) -> None:
        self.problems.append(finding("json", "medium", name, detail))


def _unique(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice += [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    return found

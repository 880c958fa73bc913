"""Which architecture a row means, whatever it calls the model: a repository, a file, a group's name.

Tried in turn: the folder's configs and the catalogue by the row's own names, then by the names other rows of the same
group have, in any file of the folder.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from fit_row_names import Configs, Unplaced
from fit_weights import Places

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.reading import read_architecture

FORMAT = re.compile(
    r"[-._]+(UD[-_])?((i1|b\d+)[-._])?(I?Q\d\w*|BF16|F16|F32|FP16|MXFP4\w*|NVFP4)(\.gguf)?$", re.IGNORECASE
)


class Names:
    """The models of one folder."""

    def __init__(self, folder: Path) -> None:
        self._places = Places(folder)
        configs = folder / "configs.jsonl"
        self._configs = Configs(configs) if configs.exists() else None
        self._groups: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for path in sorted(folder.glob("*.csv")):
            for row in rows_of(path):
                if row.get("group") and row.get("model"):
                    self._groups[row["group"]][row["model"]] = None
        self.find = cache(self._find)

    def _find(self, group: str, *names: str) -> Architecture | None:
        """The architecture the names mean, else what the group means; None where nobody knows."""
        own = [bare for name in (*names, group) if name for bare in (name, FORMAT.sub("", name))]
        for name in (*own, *self._groups[group]):
            found = self._one(name)
            if found is not None:
                return found
        return None

    def _one(self, name: str) -> Architecture | None:
        for config in self._places.configs(name):
            try:
                return read_architecture(config)
            except InputError:
                continue
        try:
            return self._configs.find(name) if self._configs is not None else None
        except Unplaced:
            return None


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a table; none where there is no such file. A column that is missing is an empty cell."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [
            defaultdict(str, {name: text or "" for name, text in row.items() if name}) for row in csv.DictReader(file)
        ]

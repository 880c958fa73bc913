"""Whether the weights that a task names are on this machine, whole, and fit for the way their candidates are asked.

Looks at headers only: nothing is pulled, hashed or loaded. Weights of a hub or a package are looked at where they were
pulled before; else they are found out about when a run pulls them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from weighbridge.engines import BackendRecord
from weighbridge.engines.pull.local import local_path
from weighbridge.engines.pull.source import parse_source
from weighbridge.errors import PullError, UsageError, WeightsError
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_records import TomlFile
from weighbridge.weigh.records import Candidate

Pulled = Callable[[str], Path | None]
"""A source to the file it brought the last time; None where it was never pulled."""


def check_weights(
    file: TomlFile,
    backends: Sequence[BackendRecord],
    candidates: Sequence[Candidate],
    *,
    folder: Path,
    pulled: Pulled,
    problems: Problems,
) -> None:
    """Add what is wrong with weights that are here, at the key that names them. Relative paths count from `folder`."""
    for index, record in enumerate(backends):
        try:
            header = _header(record, folder, pulled)
        except (PullError, WeightsError) as error:
            where = f" ({error.where})" if error.where else ""
            what = f"the weights of backend {record.name!r} cannot be used: {error.what}{where}"
            problems.add(file.problem(("backend", index, "source"), what, error.next_move))
            continue
        if header is not None and header.chat_template is None:
            _no_conversations(file, record, candidates, problems)


def _header(record: BackendRecord, folder: Path, pulled: Pulled) -> GgufHeader | None:
    """Of the file an engine would open; None where there is nothing to look at."""
    try:
        source = parse_source(record.source) if record.source else None
    except UsageError:
        return None  # named as a mistake of the record already
    if source is None:
        return None
    path = local_path(source.name, folder) if source.scheme == "file" else pulled(source.text)
    if path is None or path.is_dir():
        return None
    header = read_gguf(path)
    header.check_whole()
    return header


def _no_conversations(
    file: TomlFile, record: BackendRecord, candidates: Sequence[Candidate], problems: Problems
) -> None:
    """A base model only continues texts; every sample of a candidate that talks to it would fail."""
    for index, candidate in enumerate(candidates):
        if candidate.backend.name == record.name and candidate.endpoint == "chat":
            what = (
                f"candidate {candidate.name!r} is asked in a conversation, and the weights of backend {record.name!r} "
                "have no chat template: a base model continues texts"
            )
            hint = 'Set `endpoint = "completion"`, or use a variant of the model made for chat.'
            problems.add(file.problem(("candidate", index, "endpoint"), what, hint))

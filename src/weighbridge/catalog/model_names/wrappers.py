"""What stands around a name: the address, the path, the owner, the route, the region, the file's ending.

    https://huggingface.co/Qwen/Qwen2.5-7B-Instruct/tree/main      Qwen2.5-7B-Instruct, of Qwen
    accounts/fireworks/models/glm-5p1                              glm-5p1, of fireworks
    us.meta.llama3-3-70b-instruct-v1:0                             llama3-3-70b-instruct, of meta
    Qwen_Qwen2.5-7B-Instruct-Q4_K_M-00001-of-00002.gguf            Qwen_Qwen2.5-7B-Instruct-Q4_K_M

An owner is only a hint: it decides between two models of one name, and is never a reason to take another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*/", re.IGNORECASE)
_HOST = re.compile(
    r"(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com|modelscope\.(?:cn|com)|ollama\.com|registry\.ollama\.ai|openrouter\.ai)/",
    re.IGNORECASE,
)
_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:")
_REGION = re.compile(r"(?:us|us-gov|eu|apac|ap|jp|au|ca|sa|in|me|global)\.(?=[a-z0-9-]+\.)", re.IGNORECASE)
_MAKER_DOT = re.compile(r"([a-z][a-z0-9-]*)\.(?=[a-z0-9])", re.IGNORECASE)
_BEDROCK_VERSION = re.compile(r"-v?[1-9]\d*:\d+(?::\d+k|:mm)?$")
_BEDROCK_V0 = re.compile(r"-v0:(\d)$")
_FILE_END = re.compile(r"\.(?:gguf|ggml|safetensors|onnx|bin|pth?|task|litertlm|zip|llamafile)$", re.IGNORECASE)
_PART = re.compile(r"[-_.](\d{5})-of-(\d{5})$")
_TAIL = re.compile(r"/(?:tree|blob|resolve|raw|versions|files|summary|tags|providers|api|discussions)(?:/.*)?$")
_NO_NAME = re.compile(
    r"(?:ggml-|pytorch_|consolidated|diffusion_pytorch_)?(?:model|weights?)?(?:[-_.]?[if]?q?\d+(?:_\w+)?)?"
)
_SEPARATORS = re.compile(r"[\W_]+")
_WORD_END = re.compile(r"[-_. ]+")
_TAG = re.compile(r"[^:]*[^:\W][^:]*:\w")
_PLACES = {"models", "model", "library", "accounts", "publishers", "projects", "locations", "registries", "snapshots"}
_HUB_FOLDER = re.compile(r"models--(.+?)--(.+)")


@dataclass(frozen=True, slots=True)
class Wrapped:
    core: str
    """What is left to read."""
    owners: tuple[str, ...] = ()
    """Squashed, outermost first."""
    refusal: str = ""
    """Why this is no model although it carries a model's name; empty where there is no reason."""
    is_tag: bool = False
    """Written as Ollama does: `family:tag`."""
    bedrock_name: str = ""
    """Written as Bedrock does, `maker.name`, the whole name without its region; empty where it is not. Bedrock's names
    have meanings of their own, and `-v1` at their end may be a version of the interface."""


def squash(owner: str) -> str:
    """`zai-org`, `ZAI_Org` and `Zai Org` as one."""
    return _SEPARATORS.sub("", owner.casefold())


def unwrap(text: str, is_owner: Callable[[str], bool]) -> Wrapped:
    """Take off everything around a name. `is_owner` knows labs, hubs and providers by their squashed names."""
    if text[:3].lower() == "ft:":
        base = re.split(r":", text[3:], maxsplit=1)[0]
        return replace(unwrap(base, is_owner), refusal="a fine-tune of somebody's own, not the model it was made from")
    path, is_file = _path(text)
    parts = [
        part for part in re.split(r"/", path.replace("\\", "/") if is_file else path) if part not in ("", ".", "..")
    ]
    core, before = (parts[-1], parts[:-1]) if parts else (text, [])
    if is_file:
        core, before = _file(core, before)
    folder = _HUB_FOLDER.fullmatch(core)
    if folder:
        core, before = folder[2], [*before, folder[1]]
    wrapped = Wrapped(core, tuple(squash(part) for part in before if part.lower() not in _PLACES and squash(part)))
    if is_file and core.lower().startswith("mmproj"):
        return replace(wrapped, refusal="the projector of a model that sees, not the model")
    return _prefixes(wrapped, is_owner)


def _path(text: str) -> tuple[str, bool]:
    """The path inside an address, without query and places; whether it ends in a file of weights."""
    bare = _ARN.sub("", _SCHEME.sub("", text, count=1) if "://" in text else _HOST.sub("", text, count=1), count=1)
    if bare is not text and ("://" in text or _HOST.match(text)):
        bare = re.split(r"[?#]", bare, maxsplit=1)[0]
    is_file = bool(_FILE_END.search(bare)) and not bare.lower().startswith("hf:")
    return (bare if is_file else _TAIL.sub("", bare)), is_file


def _file(core: str, before: list[str]) -> tuple[str, list[str]]:
    """A file's name without ending and part number; where that says nothing, the name of its folder."""
    name = _PART.sub("", _FILE_END.sub("", core))
    folders = [part for part in before if part not in ("resolve", "blob", "main", "raw") and not _is_hash(part)]
    if _NO_NAME.fullmatch(name.lower()) and folders:
        return (
            (folders[-2], folders[:-2])
            if folders[-1] == "snapshots" and len(folders) > 1
            else (folders[-1], folders[:-1])
        )
    return name, folders


def _is_hash(part: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{40}", part))


def _prefixes(wrapped: Wrapped, is_owner: Callable[[str], bool]) -> Wrapped:
    """Region and maker (`us.meta.`), display (`DeepSeek: `), folder (`anthropic--`)."""
    core, owners = wrapped.core, wrapped.owners
    regional = _REGION.match(core)
    maker = _MAKER_DOT.match(core, regional.end() if regional else 0)
    if maker and is_owner(squash(maker[1])):
        named = _BEDROCK_VERSION.sub("", _BEDROCK_V0.sub(r"-v0.\1", core[maker.end() :]))
        whole = core[regional.end() if regional else 0 :]
        return replace(wrapped, core=named, owners=(*owners, squash(maker[1])), bedrock_name=whole)
    for mark in (": ", "--"):
        head, found, rest = core.partition(mark)
        if found and rest and is_owner(squash(head)):
            return replace(wrapped, core=rest.strip(), owners=(*owners, squash(head)))
    core = _BEDROCK_V0.sub(r"-v0.\1", core)
    is_tag = ":" in core and bool(_TAG.match(core)) and not wrapped.core.startswith(("hf:", "ms:"))
    return replace(wrapped, core=core, is_tag=is_tag)


def without_scheme(text: str, is_owner: Callable[[str], bool]) -> str:
    """`hf:zai-org/GLM-5.1` without `hf:`: what stands before a first colon, where that is a hub or a provider."""
    head, colon, rest = text.partition(":")
    known = (
        colon and rest and not rest.startswith(("/", " ")) and (is_owner(squash(head)) or head.lower() in ("hf", "ms"))
    )
    return rest if known else text


def without_owner(core: str, is_owner: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """(owner, rest) of `zai-org-glm-5.1`, `Qwen_Qwen2.5-7B`: up to three words that name an owner, the most first."""
    ends = [found.end() for found in _WORD_END.finditer(core)][:3]
    for end in reversed(ends):
        owner = squash(core[:end])
        if is_owner(owner) and core[end:]:
            yield owner, core[end:]

"""Vision and audio towers: tensors a checkpoint holds beside the language model.

A tower is built from `vision_config` as its family's code builds it. Where a config names a model that sees but has no
`vision_config`, the family's usual tower is taken and marked as assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.fit.architecture import Tower

from .facts import Facts
from .plan import Plan
from .tower_kinds import DEFAULTS, KINDS, plain_tower

VISION = ("vision_config", "visual", "vit_config", "vision_tower_config", "vision_encoder_config")
AUDIO = ("audio_config", "audio_tower_config", "speech_config")


def towers_of(config: Mapping[str, object], facts: Facts, hidden: int, usual: str) -> tuple[Tower, ...]:
    """Towers the config describes, or the usual one of its family where it only says that the model sees.

    usual: the way a family's towers are built whose models all see; counts where the config names no class.
    """
    found: list[Tower] = []
    kind = _kind(config, facts)
    if kind == "plain" and usual:
        kind = usual
    table = next((config[key] for key in VISION if isinstance(config.get(key), Mapping)), None)
    if isinstance(table, Mapping) and table:
        found.append(_tower(kind, dict(DEFAULTS.get(kind, {})) | dict(table), facts, hidden, config, assumed=False))
    elif kind in DEFAULTS and (_sees(config) or (usual and not config.get("architectures"))):
        facts.assume("vision_config", f"the usual one of {kind}")
        found.append(_tower(kind, DEFAULTS[kind], facts, hidden, config, assumed=True))
    return tuple(tower for tower in found if tower.tensors)


def _sees(config: Mapping[str, object]) -> bool:
    """Whether the config's class takes images though no tower is described."""
    listed = config.get("architectures")
    names = [str(one) for one in listed] if isinstance(listed, list) else []
    return any("ForConditionalGeneration" in name or "VLFor" in name for name in names)


def _kind(config: Mapping[str, object], facts: Facts) -> str:
    """Which way of building towers: by the tower's own model_type first, then by the model's."""
    table = next((config[key] for key in VISION if isinstance(config.get(key), Mapping)), None)
    names = [str(table.get("model_type") or "")] if isinstance(table, Mapping) else []
    names += [str(config.get("model_type") or ""), str(facts.config.get("model_type") or "")]
    listed = config.get("architectures")
    names += [str(one).lower() for one in listed] if isinstance(listed, list) else []
    for name in names:
        for prefix, kind in KINDS:
            if name.startswith(prefix):
                return kind
    return "plain"


def _tower(
    kind: str,
    table: Mapping[str, object],
    facts: Facts,
    hidden: int,
    config: Mapping[str, object],
    *,
    assumed: bool,
) -> Tower:
    plan = Plan()
    inner = Facts(table, f"{facts.where}: vision_config")
    plain_tower(kind, plan, inner, hidden, Facts(config, facts.where))
    inner.refuse_gaps("vision tower's")
    return Tower("vision", plan.done(), assumed)

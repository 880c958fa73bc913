"""How long does a decision take? The function alone, and as the gateway asks it for every call.

    allowed, refused    a strict policy with every section; a model that passes every rule, one that fails some
    presets             every shipped preset x every model of the catalogue, here and at a provider
    gateway             asked again (the usual case: facts and outcome are known), and for the first time (facts are
                        looked up, the decision gets its id and its evidence)

The ceiling is one attribute look-up a rule, some 30 ns each; the promise is under 10 us for a decision. Processor time.

    python bench/policy.py      last line: one JSON object
"""

from __future__ import annotations

import json
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from weighbridge.catalog import load_catalogue
from weighbridge.catalog.records import Licence
from weighbridge.cli.compose_gate import GatewayPolicy
from weighbridge.cli.compose_policy import load_policy
from weighbridge.cli.policy import PRESETS
from weighbridge.dispatch.policy import Asking
from weighbridge.engines import BackendRecord
from weighbridge.policy import Facts, Figure, Known, Link, Policy, PolicyFile, decide
from weighbridge.policy.file import Artefacts, Concentration, Documents, Origin, Serving
from weighbridge.policy.gather import Weights, of_model, run_here, served_by

ROUNDS = 20_000
MODEL = "deepseek-ai/DeepSeek-V3.2"


def main() -> None:
    found = dict(alone())
    found |= presets()
    found |= gateway()
    for name, microseconds in found.items():
        print(f"{name:<24} {microseconds:7.2f} us")
    print(json.dumps({f"{name}_us": round(microseconds, 3) for name, microseconds in found.items()}))


def alone() -> Iterator[tuple[str, float]]:
    policy = Policy(
        PolicyFile(
            origin=Origin(deny_countries=("RU", "IR", "KP"), deny_labs=("nobody",)),
            serving=Serving(
                allow_jurisdictions=("EEA", "US"), no_training_on_inputs=True, most_retention_days=30, data_in=("EEA",)
            ),
            artefacts=Artefacts(dated_names=True, served_as_asked=True, settled_days=7),
            documents=Documents(report=True),
            data={"personal": Serving(allow_jurisdictions=("EEA",))},
            concentration=(Concentration("lab", 0.6), Concentration("provider", 0.5)),
        ),
        "policy.toml",
    )
    good = Facts(
        model="lab/model",
        open_weights=True,
        licence=Licence(id="MIT", name="MIT", commercial_use="yes", source="s", read="2026-01-01"),
        chain=(Link("lab", "lab", Known("FR"), "lab"), Link("base model", "base", Known("US"), "other")),
        provider="host",
        jurisdiction=Known("DE"),
        data_location=Known("Paris, France"),
        trains_on_inputs=Known("no"),
        retention_days=Figure(7),
        report=Known("yes"),
        pinned=True,
        served_as_asked=True,
        data_class="personal",
    )
    bad = msgspec.structs.replace(good, jurisdiction=None, trains_on_inputs=None, pinned=None)
    shares = ({"lab": 0.4}, {"host": 0.3})
    assert decide(policy, good, shares).allowed
    yield "allowed", quickest(lambda: decide(policy, good, shares))
    yield "refused", quickest(lambda: decide(policy, bad, shares))


def presets() -> dict[str, float]:
    """Every decision once, by the quickest of three goes."""
    catalogue = load_catalogue()
    subjects: list[Facts] = []
    for model in catalogue.models.values():
        if not model.stub:
            facts = of_model(catalogue, model)
            subjects.append(run_here(catalogue, facts, Weights(audit="pass", pinned=True)))
            subjects.append(served_by(catalogue, facts, catalogue.providers["deepseek"]))
    times: list[float] = []
    for path in sorted(PRESETS.glob("*.toml")):
        policy = load_policy(path)
        for facts in subjects:
            asked = msgspec.structs.replace(facts, data_class=next(iter(policy.file.data), None))
            times.append(min(once(lambda p=policy, f=asked: decide(p, f)) for _ in range(3)))  # type: ignore[misc]
    times.sort()
    return {"presets, mean": sum(times) / len(times), "presets, 99%": times[int(len(times) * 0.99)]}


def gateway() -> dict[str, float]:
    """Asked again, and for the first time; the catalogue is loaded before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        path.write_text((PRESETS / "eu-personal-data.toml").read_text())
        record = BackendRecord(name="lab", kind="openai", base_url="https://api.deepseek.com/v1", api_key="env:KEY")
        gate = GatewayPolicy(path, {"lab": record}, now=time.monotonic, unix=time.time, tell=print)
        asking = Asking("route", data_class="personal")
        gate.decide(asking, "lab", MODEL)
        again = quickest(lambda: gate.decide(asking, "lab", MODEL))

        def first() -> None:
            gate._forget()
            gate.decide(asking, "lab", MODEL)

        return {"gateway, asked again": again, "gateway, first time": quickest(first, rounds=500)}


def quickest(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Microseconds of processor time for one call, the best of five."""
    return min(timeit.repeat(work, timer=time.process_time, number=rounds, repeat=5)) / rounds * 1e6


def once(work: Callable[[], object]) -> float:
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1000


if __name__ == "__main__":
    main()

"""Shared by all tests: loopback only, a home of their own, and no quiet skips where CI promised the means."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("WEIGHBRIDGE_HYPOTHESIS", "same"))
"""`same` makes a run repeatable; `search` looks for what nobody has seen yet."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""Where Ctrl-C was switched off for us (a background job), the processes that tests interrupt would not hear it."""

REAL_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"
REAL_DATA = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "weighbridge"
MUST_RUN = frozenset(filter(None, os.environ.get("WEIGHBRIDGE_TESTS_MUST_RUN", "").split(",")))
"""Markers whose tests may not skip, or `all`: CI installs what they need and says so here."""
ELSEWHERE = frozenset(filter(None, os.environ.get("WEIGHBRIDGE_TESTS_ELSEWHERE", "").split(",")))
"""Markers whose tests are left out: CI runs them in an environment of their own, where they may not skip either."""


LONG = frozenset(
    {
        "test_agreement.py",
        "test_arena.py",
        "test_artefact.py",
        "test_audit_fuzz.py",
        "test_audit_hub.py",
        "test_audit_red_team.py",
        "test_audit_repository.py",
        "test_audit_template_triggers.py",
        "test_audit_templates.py",
        "test_backends.py",
        "test_bets.py",
        "test_brief_records.py",
        "test_calls.py",
        "test_cli_fit.py",
        "test_command_engines.py",
        "test_continuation.py",
        "test_cost_command.py",
        "test_crash.py",
        "test_detect.py",
        "test_devices.py",
        "test_dialect_fuzz.py",
        "test_dialect_roundtrips.py",
        "test_every_engine.py",
        "test_failover.py",
        "test_feeds_command.py",
        "test_feeds_epoch.py",
        "test_feeds_held.py",
        "test_feeds_hubs.py",
        "test_feeds_prices.py",
        "test_feeds_update.py",
        "test_from_logs.py",
        "test_from_tables.py",
        "test_fuzz_targets.py",
        "test_gguf.py",
        "test_http.py",
        "test_judges.py",
        "test_judges_and_people.py",
        "test_keys_and_budgets.py",
        "test_ledger.py",
        "test_llamacpp_engine.py",
        "test_llamacpp_labels.py",
        "test_llamacpp_process.py",
        "test_llamacpp_tools.py",
        "test_openai_decode.py",
        "test_outline.py",
        "test_patience.py",
        "test_pick_command.py",
        "test_plan.py",
        "test_policy_evidence.py",
        "test_ppi.py",
        "test_promise.py",
        "test_prompts_kept.py",
        "test_pull_cache.py",
        "test_pull_command.py",
        "test_pull_hub.py",
        "test_pull_pypi.py",
        "test_race_ability.py",
        "test_race_command.py",
        "test_rank.py",
        "test_real_sdks.py",
        "test_repeated.py",
        "test_replay.py",
        "test_report_page.py",
        "test_report_text.py",
        "test_rivals.py",
        "test_router_training.py",
        "test_run.py",
        "test_run_bad_backends.py",
        "test_run_parts.py",
        "test_safetensors.py",
        "test_samples_table.py",
        "test_scorers.py",
        "test_snapshot.py",
        "test_speed_calibration.py",
        "test_task_check.py",
        "test_tls.py",
        "test_traces.py",
        "test_weigh_and_pick.py",
        "test_weights_headers.py",
        "test_workers_together.py",
    }
)
"""Files that start processes, servers or engines, or work through many cases: they take a second and more."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`-m 'not slow'` leaves them out, so that what one runs while working takes less than a minute."""
    for item in items:
        if item.path.name in LONG:
            item.add_marker(pytest.mark.slow)
    elsewhere = [item for item in items if ELSEWHERE & _marks(item)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not ELSEWHERE & _marks(item)]


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new folder at each `next`; the numbering of pytest would list all earlier ones first, thousands of times."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the developer's own state."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name in (
        "HF_ENDPOINT",
        "HF_TOKEN",
        "HF_HOME",
        "MODELSCOPE_ENDPOINT",
        "MODELSCOPE_API_TOKEN",
        "WEIGHBRIDGE_POLICY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A skip of a test that CI promised to run is a failure."""
    report = yield
    promised = MUST_RUN & {"all", *_marks(item)}
    if report.skipped and promised and not hasattr(report, "wasxfail"):
        _refuse(report, promised)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """So is a file that skips as a whole, for it wants a package."""
    report = yield
    if report.skipped and "all" in MUST_RUN:
        _refuse(report, {"all"})
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport, promised: set[str] | frozenset[str]) -> None:
    report.outcome = "failed"
    report.longrepr = f"skipped, but WEIGHBRIDGE_TESTS_MUST_RUN names {sorted(promised)}: {report.longrepr}"


SHA256_OF = {
    "smollm2": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "gemma3": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
}
"""The two real models of the shipped example."""


def real_weights(name: str) -> Path:
    """One of the example's two weights files in the developer's real cache, or skip with the command that brings it."""
    digest = SHA256_OF[name]
    path = REAL_CACHE / "sha256" / digest[:2] / digest
    if not path.exists():
        pytest.skip(f"{name} is not in the cache: run `weighbridge pull` as README's Quick start does")
    return path


@pytest.fixture
def smollm2() -> Path:
    return real_weights("smollm2")


@pytest.fixture
def gemma3() -> Path:
    return real_weights("gemma3")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium, or skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    return path

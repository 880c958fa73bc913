"""A repository on a hub is audited without pulling it: what decides is fetched, and what was not is named."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from click.testing import CliRunner

sys.path.append(str(Path(__file__).parent.parent / "pull"))

from hub_server import Hub, ignoring_ranges, running, sha256

from weighbridge.cli.main import main

TENSOR = {"a": {"dtype": "F32", "shape": [2_000_000], "data_offsets": [0, 8_000_000]}}
WEIGHTS = hostile.safetensors(TENSOR, bytes(8_000_000))
CARD = b"---\nlicense: mit\n---\n"


def torch_zip(pickled: bytes, size: int = 9_000_000) -> bytes:
    """A checkpoint as torch.save lays it out, its numbers first."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data/0", bytes(size))
        archive.writestr("archive/data.pkl", pickled)
    return buffer.getvalue()


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {"README.md": CARD, "LICENSE": hostile.mit().encode(), "model.safetensors": WEIGHTS}
    with running(Hub(files)) as hub:
        yield hub


def audited(hub: Hub, home: Path, *more: str, place: str = "hf:org/model") -> tuple[int, dict[str, Any]]:
    environ = {"HF_ENDPOINT": hub.url, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    done = CliRunner().invoke(main, ["audit", place, "--json", *more], env=environ)
    assert done.stdout, done.stderr
    return done.exit_code, json.loads(done.stdout)


def ids(found: dict[str, Any]) -> set[str]:
    return {each["id"] for each in found["findings"]}


def test_of_large_files_only_the_headers_are_fetched(hub: Hub, tmp_path: Path) -> None:
    code, found = audited(hub, tmp_path)

    asked = [headers.get("range") for _, path, headers in hub.asked("/cdn/") if sha256(WEIGHTS) in path]
    assert (code, found["verdict"]) == (0, "pass")
    assert asked
    assert all(asked)
    assert {"path": "model.safetensors", "sha256": sha256(WEIGHTS), "format": "safetensors"} in found["files"]
    assert any(said.startswith("model.safetensors: only the parts") for said in found["not_checked"])


def test_a_call_at_the_end_of_a_large_checkpoint_is_found(hub: Hub, tmp_path: Path) -> None:
    hub.files["pytorch_model.bin"] = torch_zip(hostile.evil())

    code, found = audited(hub, tmp_path)

    assert code == 1
    assert "pickle-code" in ids(found)


def test_a_header_that_lies_about_the_remote_file_fails(hub: Hub, tmp_path: Path) -> None:
    hub.files["model.safetensors"] = hostile.safetensors(TENSOR, bytes(7_000_000))

    assert "safetensors-structure" in ids(audited(hub, tmp_path)[1])


def test_a_file_that_is_not_what_the_hub_says_fails(hub: Hub, tmp_path: Path) -> None:
    def lying(listing: dict[str, Any]) -> dict[str, Any]:
        for entry in listing["siblings"]:
            if entry["rfilename"] == "README.md":
                entry["blobId"] = "0" * 40
        return listing

    hub.listing = lying

    assert "baseline-differs" in ids(audited(hub, tmp_path)[1])


def test_a_folder_is_held_against_the_hubs_hashes(hub: Hub, tmp_path: Path) -> None:
    copy = hostile.write(tmp_path / "copy", {"README.md": CARD, "model.safetensors": WEIGHTS[:-1] + b"\1"})

    _, found = audited(hub, tmp_path, "--baseline", "hf:org/model", place=str(copy))

    told = {(each["id"], each["path"]) for each in found["findings"]}
    assert {("baseline-differs", "model.safetensors"), ("baseline-missing", "LICENSE")} <= told
    assert ("baseline-differs", "README.md") not in told


def test_what_was_pulled_is_read_where_it_lies(hub: Hub, tmp_path: Path) -> None:
    environ = {"HF_ENDPOINT": hub.url, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    environ["XDG_CACHE_HOME"] = str(tmp_path)
    assert CliRunner().invoke(main, ["pull", "hf:org/model"], env=environ).exit_code == 0
    hub.seen.clear()

    _, found = audited(hub, tmp_path)

    assert hub.seen == []
    assert {"path": "model.safetensors", "sha256": sha256(WEIGHTS), "format": "safetensors"} in found["files"]


def test_a_server_that_ignores_ranges_or_has_no_such_repository_is_named(hub: Hub, tmp_path: Path) -> None:
    environ = {"HF_ENDPOINT": hub.url, "HOME": str(tmp_path)}
    hub.troubles = [ignoring_ranges] * 4
    ignored = CliRunner().invoke(main, ["audit", "hf:org/model"], env=environ)
    absent = CliRunner().invoke(main, ["audit", f"hf:org/model@{'9' * 40}"], env=environ)

    assert (ignored.exit_code, absent.exit_code) == (1, 1)
    assert "does not send the bytes" in ignored.stderr
    assert "revision" in absent.stderr

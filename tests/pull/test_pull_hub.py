"""Weights from hubs that cut, redirect, limit, ignore ranges, lie about hashes and sizes, and never end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hub_server import (
    COMMIT,
    Hub,
    Trouble,
    cut,
    endless,
    ignoring_ranges,
    running,
    sending,
    sha256,
    status,
    wrong_part,
)
from make_wheel import left_in, settings_for

from gguf_bytes import small_model
from weighbridge.engines.pull import Pulled, Silent, pull
from weighbridge.errors import HashMismatch, PullError, RunStopped, SourceNotFound, WeightsError

MODEL = small_model(floats=500_000)  # 2 MB: several reads of a socket
README = b"---\nlicense: apache-2.0\n---\n"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub({"README.md": README, "model-Q4_K_M.gguf": MODEL})) as hub:
        yield hub


class Slept(list[float]):
    """Instead of sleeping: how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def bring(hub: Hub, home: Path, source: str = "hf:org/model", **options: Any) -> Pulled:
    environ = {"HF_ENDPOINT": hub.url, "MODELSCOPE_ENDPOINT": hub.url, **options.pop("environ", {})}
    options.setdefault("sleep", Slept())
    return pull(source, settings=settings_for(home, **environ), **options)


def listing(*siblings: dict[str, Any]) -> bytes:
    return json.dumps({"sha": COMMIT, "siblings": siblings}).encode()


BOTH = pytest.mark.parametrize("source", ["hf:org/model", "modelscope:org/model"])


@BOTH
def test_the_only_model_of_a_repository_is_brought_and_verified(hub: Hub, tmp_path: Path, source: str) -> None:
    pulled = bring(hub, tmp_path, source)

    assert pulled.path.read_bytes() == MODEL
    assert pulled.path.name == "model-Q4_K_M.gguf"
    assert pulled.sha256 == sha256(MODEL)
    assert pulled.checked == ("the hub's published hashes",)
    assert pulled.licence.name == "Apache-2.0"
    assert left_in(settings_for(tmp_path)) == [
        f"models/{sha256(MODEL)[:16]}/model-Q4_K_M.gguf",
        f"sha256/{sha256(MODEL)[:2]}/{sha256(MODEL)}",
    ]


def test_a_branch_is_pinned_to_its_commit(hub: Hub, tmp_path: Path) -> None:
    pulled = bring(hub, tmp_path)

    assert (pulled.pinned, pulled.revision) == (f"hf:org/model@{COMMIT}", COMMIT)
    seen = len(hub.seen)
    assert bring(hub, tmp_path, pulled.pinned).sha256 == pulled.sha256
    assert len(hub.seen) == seen


@BOTH
def test_a_cut_file_goes_on_where_it_stopped(hub: Hub, tmp_path: Path, source: str) -> None:
    hub.troubles = [cut(700_000), cut(500_000)]

    assert bring(hub, tmp_path, source).path.read_bytes() == MODEL

    ranges = [headers.get("range") for _, path, headers in hub.seen if "cdn" in path or "FilePath" in path]
    assert ranges[0] is None
    starts = [int(text[6:-1]) for text in ranges[1:] if text]
    assert len(starts) == 2
    assert 600_000 < starts[0] <= 700_000
    assert 1_000_000 < starts[1] <= 1_200_000


def test_what_an_ended_process_had_is_gone_on_with(hub: Hub, tmp_path: Path) -> None:
    """Six cuts in a row without progress end the first pull; the second asks for the rest only."""
    hub.troubles = [cut(900_000), *[cut(0)] * 5]
    with pytest.raises(PullError, match="Tried 6 times in a row"):
        bring(hub, tmp_path)
    assert any(path.endswith("model-Q4_K_M.gguf.partial") for path in left_in(settings_for(tmp_path)))
    hub.seen.clear()

    assert bring(hub, tmp_path).path.read_bytes() == MODEL

    (asked,) = hub.asked("/cdn/")
    assert 800_000 < int(asked[2]["range"][6:-1]) <= 900_000
    assert asked[2]["if-range"].startswith('"')


def test_a_file_that_changed_between_two_tries_is_not_glued_together(hub: Hub, tmp_path: Path) -> None:
    """The ETag of the first part does not fit any more, so the server sends the whole new file."""
    hub.troubles = [cut(900_000), *[cut(0)] * 5]
    with pytest.raises(PullError):
        bring(hub, tmp_path)
    other = small_model(floats=500_000, fill=b"\x02")
    hub.files["model-Q4_K_M.gguf"] = other

    assert bring(hub, tmp_path).path.read_bytes() == other


def test_a_kept_part_that_rotted_is_thrown_away_once(hub: Hub, tmp_path: Path) -> None:
    hub.troubles = [cut(900_000), *[cut(0)] * 5]
    with pytest.raises(PullError):
        bring(hub, tmp_path)
    (partial,) = (settings_for(tmp_path).cache_dir / "staging").rglob("*.partial")
    with partial.open("r+b") as file:
        file.write(b"rot")

    assert bring(hub, tmp_path).path.read_bytes() == MODEL


@BOTH
@pytest.mark.parametrize("trouble", [ignoring_ranges, wrong_part], ids=["ignores-ranges", "wrong-part"])
def test_a_server_bad_at_ranges_is_put_up_with(hub: Hub, tmp_path: Path, source: str, trouble: Trouble) -> None:
    hub.troubles = [cut(700_000), trouble]

    assert bring(hub, tmp_path, source).path.read_bytes() == MODEL


def test_a_server_that_always_starts_over_and_cuts_is_given_up(hub: Hub, tmp_path: Path) -> None:
    """Bytes come each time, but never further than before: that is no progress."""

    def whole_then_cut(handler: Any, content: bytes) -> bool:
        del handler.headers["Range"]
        handler.send_range(content, promise=900_000)
        return True

    hub.troubles = [whole_then_cut] * 50
    slept = Slept()

    with pytest.raises(PullError, match=r"cut with \d+ bytes to go\. Tried 6 times"):
        bring(hub, tmp_path, sleep=slept)

    assert len(slept) == 5


def test_the_token_goes_to_the_hub_and_never_to_the_cdn(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_secret"

    bring(hub, tmp_path, environ={"HF_TOKEN": "hf_secret"})

    by_host = {host: headers.get("authorization") for host, _, headers in hub.seen}
    assert by_host[hub.url.removeprefix("http://")] == "Bearer hf_secret"
    assert by_host[hub.cdn.removeprefix("http://")] is None


def test_a_token_saved_by_other_tools_is_used(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_saved"
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_saved\n")

    assert bring(hub, tmp_path, environ={"HF_HOME": str(tmp_path / "hf")}).sha256 == sha256(MODEL)


def test_modelscope_gets_its_token_as_the_session_cookie(hub: Hub, tmp_path: Path) -> None:
    hub.token = "m_session_id=ms-secret"

    assert bring(hub, tmp_path, "modelscope:org/model", environ={"MODELSCOPE_API_TOKEN": "ms-secret"}).bytes == len(
        MODEL
    )


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        pytest.param({"Retry-After": "17"}, 17.0, id="seconds"),
        pytest.param({"RateLimit": '"resolvers";r=0;t=42'}, 42.0, id="ratelimit"),
        pytest.param({"Retry-After": formatdate(0, usegmt=True)}, 0.0, id="a-date-gone-by"),
    ],
)
def test_a_rate_limit_is_waited_out_as_asked(hub: Hub, tmp_path: Path, headers: dict[str, str], waited: float) -> None:
    hub.troubles = [status(429, headers)]
    slept = Slept()

    bring(hub, tmp_path, sleep=slept)

    assert slept == [waited]


def test_a_wait_that_is_too_long_is_said_and_not_slept(hub: Hub, tmp_path: Path) -> None:
    hub.listing_troubles = [status(429, {"Retry-After": "3600"})]
    slept = Slept()

    with pytest.raises(PullError, match="answered 429, asked us to wait 1 h 0 min"):
        bring(hub, tmp_path, sleep=slept)

    assert slept == []


def test_a_hub_that_is_down_is_asked_six_times_with_growing_pauses(hub: Hub, tmp_path: Path) -> None:
    hub.listing_troubles = [status(503)] * 10
    slept = Slept()

    with pytest.raises(PullError, match=r"answered 503\. Tried 6 times in a row"):
        bring(hub, tmp_path, sleep=slept)

    assert len(hub.seen) == 6
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(slept))


@BOTH
def test_bytes_that_are_not_the_published_ones_are_refused(hub: Hub, tmp_path: Path, source: str) -> None:
    lie = bytearray(MODEL)
    lie[-1] ^= 1
    hub.troubles = [sending(bytes(lie))] * 3

    with pytest.raises(HashMismatch, match="not what the hub promises"):
        bring(hub, tmp_path, source)

    assert left_in(settings_for(tmp_path)) == []


def test_small_files_are_compared_with_their_git_hash(hub: Hub, tmp_path: Path) -> None:
    hub.files["LICENSE"] = b"Apache License\nVersion 2.0\n"
    hub.troubles = [sending(MODEL), sending(b"Apache License\nVersion 2.1\n")]

    with pytest.raises(HashMismatch, match="LICENSE is not what the hub promises"):
        bring(hub, tmp_path)


@BOTH
def test_more_bytes_than_promised_are_refused(hub: Hub, tmp_path: Path, source: str) -> None:
    hub.troubles = [sending(MODEL + b"more")]

    with pytest.raises(PullError, match=f"more than the {len(MODEL)} that were promised"):
        bring(hub, tmp_path, source)


@BOTH
def test_bytes_without_an_end_are_cut_off_at_the_promise(hub: Hub, tmp_path: Path, source: str) -> None:
    hub.troubles = [endless]

    with pytest.raises(PullError, match=f"more than the {len(MODEL)} that were promised"):
        bring(hub, tmp_path, source)


def test_a_listing_without_an_end_is_cut_off(hub: Hub, tmp_path: Path) -> None:
    hub.listing_troubles = [endless]

    with pytest.raises(PullError, match=r"longer than 64\.0 MiB"):
        bring(hub, tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"<html>log in</html>", "a web page", id="html"),
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b'{"sha": "0123', "truncated", id="half-a-json"),
        pytest.param(b'{"sha": "main", "siblings": []}', "matching regex", id="no-commit"),
        pytest.param(b'{"siblings": []}', "missing required field `sha`", id="no-sha"),
        pytest.param(listing({"rfilename": "../../evil.gguf"}), "would leave its folder", id="traversal"),
        pytest.param(
            listing({"rfilename": "a.gguf", "lfs": {"sha256": "../x", "size": 1}}),
            r"matching regex .* at `\$.siblings\[0\].lfs.sha256`",
            id="hash-as-path",
        ),
        pytest.param(listing({"rfilename": "a.gguf", "size": -5}), r"siblings\[0\].size", id="negative"),
    ],
)
def test_an_unreadable_listing_is_one_error(hub: Hub, tmp_path: Path, answer: bytes, said: str) -> None:
    hub.listing = lambda _: answer

    with pytest.raises(PullError, match=said):
        bring(hub, tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"<html>log in</html>", "a web page", id="html"),
        pytest.param(b'{"Code": 10010205001, "Message": "no such repo"}', "no such repo", id="code"),
        pytest.param(b'{"Code": 200, "Data": null}', "has no org/model", id="no-data"),
    ],
)
def test_an_unreadable_modelscope_listing_is_one_error(hub: Hub, tmp_path: Path, answer: bytes, said: str) -> None:
    hub.listing = lambda _: answer

    with pytest.raises(PullError, match=said):
        bring(hub, tmp_path, "modelscope:org/model")


@pytest.mark.parametrize(
    ("code", "headers", "said"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, "HF_TOKEN"),
        (401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}, "Accept its terms"),
        (403, {"X-Error-Code": "GatedRepo"}, "Accept its terms"),
        (404, {"X-Error-Code": "RepoNotFound"}, "Check the spelling"),
        (418, {}, "status|refused"),
    ],
)
def test_a_refusal_names_the_next_move(hub: Hub, tmp_path: Path, code: int, headers: dict[str, str], said: str) -> None:
    hub.refusal = (code, headers)

    with pytest.raises(PullError, match=said):
        bring(hub, tmp_path)

    assert len(hub.seen) == 1


def without_hashes(listing: dict[str, Any]) -> dict[str, Any]:
    return {**listing, "siblings": [{"rfilename": one["rfilename"]} for one in listing["siblings"]]}


def test_a_mirror_that_lists_no_hashes_is_asked_about_the_file(hub: Hub, tmp_path: Path) -> None:
    hub.listing = without_hashes
    hub.token = "hf_secret"

    pulled = bring(hub, tmp_path, environ={"HF_TOKEN": "hf_secret"})

    assert pulled.checked == ("the hub's published hashes",)
    assert all("authorization" not in headers for _, _, headers in hub.asked("/cdn/"))


def test_a_lie_is_found_out_by_what_such_a_mirror_says_about_the_file(hub: Hub, tmp_path: Path) -> None:
    hub.listing = without_hashes
    hub.troubles = [sending(small_model(floats=500_000, fill=b"\x02"))] * 2

    with pytest.raises(HashMismatch):
        bring(hub, tmp_path)


def test_bytes_that_nobody_vouches_for_are_brought_with_a_note(hub: Hub, tmp_path: Path) -> None:
    """A hub without hashes is no reason to refuse: the user is told, and can pin what came."""

    def plain(listing: dict[str, Any]) -> dict[str, Any]:
        files = [{**one, "Sha256": ""} for one in listing["Data"]["Files"]] if "Files" in listing["Data"] else []
        return {**listing, "Data": {**listing["Data"], **({"Files": files} if files else {})}}

    hub.listing = plain

    pulled = bring(hub, tmp_path, "modelscope:org/model")

    assert pulled.checked == ()
    assert pulled.notes == ("no hash is published for model-Q4_K_M.gguf",)


def test_a_revision_that_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="revision 'v9'"):
        bring(hub, tmp_path, "hf:org/model@v9")


def test_several_variants_are_listed_instead_of_guessed(hub: Hub, tmp_path: Path) -> None:
    hub.files["model-Q8_0.gguf"] = MODEL
    hub.files["mmproj-f16.gguf"] = MODEL

    with pytest.raises(PullError, match="2 GGUF models") as caught:
        bring(hub, tmp_path)

    assert "model-Q4_K_M.gguf  2.0 MiB" not in str(caught.value)  # 1.9 MiB: binary units
    assert "model-Q4_K_M.gguf  1.9 MiB" in str(caught.value)
    assert "hf:org/model/model-Q4_K_M.gguf" in str(caught.value)
    assert bring(hub, tmp_path, "hf:org/model/model-Q8_0.gguf").path.name == "model-Q8_0.gguf"


def test_a_split_model_comes_whole_and_its_first_part_is_opened(hub: Hub, tmp_path: Path) -> None:
    """llama.cpp is given the first part and finds the others by their names, beside it."""
    hub.files = {f"Q8/big-{n:05d}-of-00003.gguf": small_model(floats=800 + n) for n in (1, 2, 3)}

    pulled = bring(hub, tmp_path)

    assert pulled.path.name == "big-00001-of-00003.gguf"
    assert sorted(path.name for path in pulled.path.parent.iterdir()) == [
        f"big-{n:05d}-of-00003.gguf" for n in (1, 2, 3)
    ]
    assert len(pulled.files) == 3


def test_a_split_model_with_a_part_missing_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.files = {f"big-{n:05d}-of-00003.gguf": MODEL for n in (1, 3)}

    with pytest.raises(PullError, match="1 of the 3 parts are missing"):
        bring(hub, tmp_path)


def test_safetensors_come_as_a_folder_without_pickles_and_code(hub: Hub, tmp_path: Path) -> None:
    hub.files = {
        "model-00001-of-00002.safetensors": b"a" * 5_000,
        "model-00002-of-00002.safetensors": b"b" * 5_000,
        "model.safetensors.index.json": b"{}",
        "config.json": b'{"a": 1}',
        "tokenizer.json": b'{"b": 2}',
        "consolidated.safetensors": b"c" * 5_000,
        "pytorch_model.bin": b"p" * 5_000,
        "modeling_evil.py": b"import os",
        "onnx/model.onnx": b"o" * 5_000,
    }

    pulled = bring(hub, tmp_path)

    assert pulled.path.is_dir()
    assert sorted(path.name for path in pulled.path.iterdir()) == sorted(
        name for name in hub.files if name.startswith(("model-", "model.", "config", "tokenizer"))
    )
    assert pulled.notes == ("left out: pytorch_model.bin",)


def test_a_repository_of_pickles_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"pytorch_model.bin": MODEL}

    with pytest.raises(SourceNotFound, match="1 pickles, which could run code"):
        bring(hub, tmp_path)


def test_the_same_bytes_from_another_source_are_not_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path, "hf:org/model")
    hub.seen.clear()

    pulled = bring(hub, tmp_path, "modelscope:org/model")

    assert pulled.sha256 == sha256(MODEL)
    assert hub.asked("FilePath") == []


def test_a_file_that_was_changed_in_the_cache_is_brought_again(hub: Hub, tmp_path: Path) -> None:
    pulled = bring(hub, tmp_path)
    pulled.path.chmod(0o644)
    pulled.path.write_bytes(b"GGUF" + b"x" * 100)

    assert bring(hub, tmp_path).path.read_bytes() == MODEL


def test_a_file_that_was_only_touched_is_hashed_and_kept(hub: Hub, tmp_path: Path) -> None:
    pulled = bring(hub, tmp_path)
    pulled.path.touch()
    seen = len(hub.seen)

    assert bring(hub, tmp_path) == pulled
    assert len(hub.seen) == seen


def test_verify_finds_a_change_that_size_and_time_hide(hub: Hub, tmp_path: Path) -> None:
    import os

    pulled = bring(hub, tmp_path)
    rotten = bytearray(MODEL)
    rotten[-1] ^= 1
    pulled.path.chmod(0o644)
    pulled.path.write_bytes(rotten)
    os.utime(pulled.path, ns=(0, pulled.files[0].mtime_ns))

    assert bring(hub, tmp_path).path.read_bytes() == rotten  # cheap look: not seen
    assert bring(hub, tmp_path, verify=True).path.read_bytes() == MODEL


def test_a_pin_that_the_hub_does_not_promise_is_refused_before_a_byte_comes(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HashMismatch):
        bring(hub, tmp_path, sha256="f" * 64)

    assert hub.asked("/cdn/") == []


def test_a_truncated_model_is_refused_although_its_hash_is_right(hub: Hub, tmp_path: Path) -> None:
    """A publisher may have uploaded half a file."""
    hub.files["model-Q4_K_M.gguf"] = MODEL[:1_000_000]

    with pytest.raises(WeightsError, match="truncated"):
        bring(hub, tmp_path)

    assert left_in(settings_for(tmp_path)) == []


def test_a_stopped_pull_keeps_what_had_come(hub: Hub, tmp_path: Path) -> None:
    """Another thread may end it: a run that is cancelled must not go on downloading."""
    stop = threading.Event()

    class Watcher(Silent):
        def bar(self, label: str, total: int | None) -> Any:
            outer = super().bar(label, total)

            class Bar:
                def __enter__(self) -> Bar:
                    outer.__enter__()
                    return self

                def __exit__(self, *args: Any) -> None:
                    outer.__exit__(*args)

                def at(self, done: int, total: int | None = None) -> None:
                    if done > 500_000:
                        stop.set()

            return Bar()

    with pytest.raises(RunStopped, match="stopped"):
        bring(hub, tmp_path, stop=stop, progress=Watcher())

    partial = [path for path in left_in(settings_for(tmp_path)) if path.endswith(".partial")]
    assert len(partial) == 1
    assert bring(hub, tmp_path).path.read_bytes() == MODEL


def test_a_proxy_from_the_environment_is_used(hub: Hub, tmp_path: Path) -> None:
    """The loopback server stands in for a proxy: it is asked for a host that does not exist."""
    pulled = bring(hub, tmp_path, environ={"HF_ENDPOINT": "http://hub.invalid", "http_proxy": hub.url})

    assert pulled.sha256 == sha256(MODEL)
    assert hub.seen[0][0] == "hub.invalid"
    assert hub.seen[0][1].startswith("http://hub.invalid/api/models/")


def test_a_redirect_from_https_to_http_or_in_circles_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.listing_troubles = [status(302, {"Location": "/api/models/org/model/revision/main"})] * 20

    with pytest.raises(PullError, match="more than 10 redirects"):
        bring(hub, tmp_path)


def test_compressed_bytes_are_not_mistaken_for_weights(hub: Hub, tmp_path: Path) -> None:
    hub.troubles = [status(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100)]

    with pytest.raises(PullError, match="compressed"):
        bring(hub, tmp_path)


def test_a_signature_in_a_redirect_is_never_shown(hub: Hub, tmp_path: Path) -> None:
    hub.troubles = [status(404)]

    with pytest.raises(PullError) as caught:
        bring(hub, tmp_path)

    assert "signature" not in str(caught.value)


def test_a_disputed_licence_shows_both_claims(hub: Hub, tmp_path: Path) -> None:
    """The card says one thing, the file another; neither is dropped."""
    hub.card = {"license": "mit"}

    licence = bring(hub, tmp_path).licence

    assert licence.disputed
    assert licence.name == "disputed: MIT (model card), Apache-2.0 (GGUF general.license)"


def test_a_licence_of_its_own_keeps_its_name_and_link(hub: Hub, tmp_path: Path) -> None:
    hub.files["model-Q4_K_M.gguf"] = small_model(None)
    hub.card = {"license": "other", "license_name": "acme-1", "license_link": "https://acme.example/terms"}

    licence = bring(hub, tmp_path).licence

    assert (licence.name, licence.url) == ("acme-1", "https://acme.example/terms")


def test_no_claim_leaves_the_licence_unknown(hub: Hub, tmp_path: Path) -> None:
    hub.files["model-Q4_K_M.gguf"] = small_model(None)
    hub.card = {}

    assert bring(hub, tmp_path).licence.name is None


def test_licence_texts_are_kept_beside_the_record(hub: Hub, tmp_path: Path) -> None:
    hub.files["LICENSE"] = b"Apache License\n   Version 2.0, January 2004\n"

    pulled = bring(hub, tmp_path)

    (text,) = pulled.licence.texts
    assert Path(text).read_bytes() == hub.files["LICENSE"]
    assert Path(text).is_relative_to(settings_for(tmp_path).data_dir)

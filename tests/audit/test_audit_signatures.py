"""A signed model is held against its signature, and the signature against whom the caller expects."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import hostile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.audit.audit import audit
from weighbridge.audit.records import Audit
from weighbridge.audit.signatures import Signed, _resources

FILES = {"config.json": {"model_type": "llama"}, "notes.txt": "plain"}


def folder_of(tmp_path: Path) -> Path:
    return hostile.write(tmp_path / "model", FILES)


def named(found: Audit) -> set[tuple[str, str]]:
    return {(each.id, each.severity) for each in found.findings}


def unsigned_list(folder: Path) -> dict[str, Any]:
    """A signature as far as its list goes; nobody signed it."""
    resources = [
        {"name": path.name, "algorithm": "sha256", "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"resources": resources, "serialization": {"method": "files", "hash_type": "sha256"}},
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    return {"dsseEnvelope": {"payload": payload, "signatures": []}}


def test_files_are_held_against_the_signed_list_without_any_key(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "model.sig").write_text(json.dumps(unsigned_list(folder)))
    same = audit(folder)
    (folder / "notes.txt").write_text("other")
    (folder / "config.json").rename(folder / "config2.json")
    changed = audit(folder)

    assert not [pair for pair in named(same) if pair[0].startswith("signature")]
    assert any("who made this signature" in said for said in same.not_checked)
    wanted = {
        ("signature-differs", "high"),
        ("signature-missing-file", "medium"),
        ("signature-unsigned-file", "medium"),
    }
    assert wanted <= named(changed)


def test_a_signature_that_is_asked_for_and_not_there_fails(tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text("")

    found = audit(folder_of(tmp_path), signed=Signed(public_key=key))

    assert ("signature-missing", "high") in named(found)


def keys(tmp_path: Path, name: str) -> tuple[Path, Path]:
    """A new private key and its public half."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import ec

    made = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
    private.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def signed_folder(tmp_path: Path, private: Path) -> Path:
    pytest.importorskip("OpenSSL", reason="model-signing needs pyOpenSSL (the extra `signing`)")
    signing = pytest.importorskip("model_signing.signing", reason="the extra `signing`")
    folder = folder_of(tmp_path)
    signing.Config().use_elliptic_key_signer(private_key=private).sign(folder, folder / "model.sig")
    return folder


def test_a_signature_holds_for_its_key_and_for_no_other(tmp_path: Path) -> None:
    private, public = keys(tmp_path, "ours")
    _, other = keys(tmp_path, "other")
    folder = signed_folder(tmp_path, private)

    ours = audit(folder, signed=Signed(public_key=public))
    theirs = audit(folder, signed=Signed(public_key=other))

    assert ("signature-verified", "info") in named(ours)
    assert ("signature-invalid", "high") in named(theirs)


def test_a_changed_file_breaks_its_signature(tmp_path: Path) -> None:
    private, public = keys(tmp_path, "ours")
    folder = signed_folder(tmp_path, private)
    (folder / "notes.txt").write_text("other")

    found = audit(folder, signed=Signed(public_key=public))

    assert {("signature-differs", "high"), ("signature-invalid", "high")} <= named(found)


def test_a_keyless_signature_is_not_checked_against_the_network(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "model.sig").write_text(json.dumps(unsigned_list(folder)))

    found = audit(folder, signed=Signed(identity="a@example.org", issuer="https://accounts.example.org"))

    assert any("--trust" in said or "not installed" in said for said in found.not_checked)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["dsseEnvelope", "payload", "predicate", "resources", "name"]), inner)
            | st.lists(inner)
        ),
        max_leaves=8,
    )
)
def test_no_text_breaks_the_reader_of_signatures(value: object) -> None:
    text = json.dumps(value)
    enveloped = json.dumps({"dsseEnvelope": {"payload": base64.b64encode(text.encode()).decode()}})

    assert _resources(text) is None
    assert _resources(enveloped) is None

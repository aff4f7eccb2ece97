"""The files of TLS: what they may be, and that every fault is said at once."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from crossply.config import MeshConfig
from crossply.errors import ConfigError
from crossply.tls import TlsFiles, from_mapping
from tests.support.authority import Authority


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """A whole and valid set."""
    return Authority(tmp_path).issue("orders")


def environ(files: TlsFiles) -> dict[str, str]:
    return {
        "CROSSPLY_NATS_URL": "nats://127.0.0.1:4222",
        "CROSSPLY_TLS_CA": str(files.ca),
        "CROSSPLY_TLS_CERT": str(files.certificate),
        "CROSSPLY_TLS_KEY": str(files.key),
    }


def test_without_the_variables_there_is_no_tls() -> None:
    assert from_mapping({"CROSSPLY_TLS_CA": ""}) == (None, [])


def test_the_variables_name_the_files(files: TlsFiles) -> None:
    assert MeshConfig.from_mapping(environ(files)).tls == files


def test_a_context_checks_names_and_speaks_nothing_older_than_1_2(files: TlsFiles) -> None:
    context = files.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version in {ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.MAXIMUM_SUPPORTED}


def test_without_an_authority_the_systems_are_trusted() -> None:
    assert TlsFiles().context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("alone", ["CROSSPLY_TLS_CERT", "CROSSPLY_TLS_KEY"])
def test_a_certificate_needs_its_key_and_a_key_its_certificate(files: TlsFiles, alone: str) -> None:
    found, [fault] = from_mapping({alone: environ(files)[alone]})
    assert found is None
    assert f"{alone} is of use only together with it" in fault


def test_all_faults_are_said_with_those_of_the_other_variables(tmp_path: Path) -> None:
    wrong = {
        "CROSSPLY_NATS_URL": "http://x",
        "CROSSPLY_TLS_CA": str(tmp_path),
        "CROSSPLY_TLS_CERT": str(tmp_path / "none"),
        "CROSSPLY_TLS_KEY": str(tmp_path / "none"),
    }
    with pytest.raises(ConfigError) as caught:
        MeshConfig.from_mapping(wrong)
    said = caught.value.faults
    assert {each.partition(":")[0] for each in said} == {"CROSSPLY_NATS_URL", "CROSSPLY_TLS_CA", "CROSSPLY_TLS_CERT"}
    assert any("Is a directory" in each for each in said)
    assert any("No such file" in each for each in said)


def test_what_is_no_pem_is_refused_by_its_name(files: TlsFiles, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_text("junk")
    _, [of_ca] = from_mapping({"CROSSPLY_TLS_CA": str(junk)})
    assert of_ca == f"CROSSPLY_TLS_CA: {junk}: no certificate in PEM is in it"
    _, [of_key] = from_mapping(environ(files) | {"CROSSPLY_TLS_KEY": str(junk)})
    assert of_key.startswith("CROSSPLY_TLS_CERT, CROSSPLY_TLS_KEY: ")


def test_the_key_of_another_certificate_is_refused(files: TlsFiles, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other").issue("other")
    _, [fault] = from_mapping(environ(files) | {"CROSSPLY_TLS_KEY": str(other.key)})
    assert "its key does not belong to the certificate" in fault


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_passphrase(files: TlsFiles) -> None:
    key = generate_private_key(SECP256R1())
    assert files.key is not None
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    _, [fault] = from_mapping(environ(files))
    assert "is encrypted" in fault

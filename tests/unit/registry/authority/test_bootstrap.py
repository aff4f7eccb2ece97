"""`init` makes what is missing and keeps what is there; secrets are for their owner's eyes only."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.certificates import CertificateFault, expires, identity_of
from crossply_registry.authority.folder import Folder, certificate
from crossply_registry.authority.kek import KekFault
from crossply_registry.authority.signer_certificate import signs
from tests.unit.registry.authority.standing import ENVIRONMENT, KEK, Time

SECRET = {
    "callout.key",
    "ca.key",
    "issuer.key",
    "tls.key",
    "signing.key",
    "kek",
    "token",
    "tokens.json",
    "operators.json",
}


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    wanted = Wanted(out=tmp_path, services=("orders", "web"))
    assert sorted(Bootstrap(wanted, {}).run()) == sorted(files(tmp_path))
    before = files(tmp_path)
    assert Bootstrap(wanted, {}).run() == []
    assert files(tmp_path) == before


def test_a_run_with_one_more_service_adds_its_token_and_nothing_else(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, services=("orders",)), {}).run()
    made = Bootstrap(Wanted(out=tmp_path, services=("web",)), {}).run()
    assert made == ["authority/tokens.json", "services/web/token", "services/web/ca.pem"]
    assert [each.service for each in Folder(tmp_path / "authority").read_tokens()] == ["orders", "web"]


def test_secrets_are_for_their_owner_and_no_token_or_key_lies_in_clear_elsewhere(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, services=("orders",)), ENVIRONMENT).run()
    for path in tmp_path.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0 if path.is_dir() or path.name in SECRET else mode == 0o644, path
    token = (tmp_path / "services/orders/token").read_bytes().strip()[-64:]
    operator = (tmp_path / "operator/token").read_bytes().strip()
    for name, content in files(tmp_path / "authority").items():
        assert token not in content, name
        assert operator not in content, name
    assert not (tmp_path / "authority/kek").exists()
    assert b"PRIVATE KEY" not in (tmp_path / "authority/issuer.key").read_bytes()


def test_everything_leads_to_one_root(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, hosts=("nats", "10.0.0.7")), ENVIRONMENT).run()
    root = certificate(tmp_path / "root/ca.pem")
    issuer = Folder(tmp_path / "authority").read_issuer(KEK)
    for place in ("authority", "broker", "registry"):
        held, issuing = x509.load_pem_x509_certificates((tmp_path / place / "tls.pem").read_bytes())
        held.verify_directly_issued_by(issuing)
        issuing.verify_directly_issued_by(root)
        assert identity_of(held).service == place
        assert certificate(tmp_path / place / "ca.pem") == root
    assert issuer.root == root
    names = certificate(tmp_path / "broker/tls.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(name.value) for name in names.value][1:] == ["10.0.0.7", "nats"]

    signing = certificate(tmp_path / "registry/signing.pem")
    signing.verify_directly_issued_by(issuer.certificate)
    assert signs(signing)
    assert not any(map(signs, (certificate(tmp_path / place / "tls.pem") for place in ("authority", "registry"))))
    assert not signing.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    seed = bytes.fromhex((tmp_path / "registry/signing.key").read_text())
    assert Ed25519PrivateKey.from_private_bytes(seed).public_key() == signing.public_key()


def test_certificates_are_renewed_in_the_last_third_of_their_life_without_the_roots_key(tmp_path: Path) -> None:
    time = Time()
    wanted = Wanted(out=tmp_path, hosts=("nats",))
    Bootstrap(wanted, ENVIRONMENT, now=time).run()
    (tmp_path / "root/ca.key").unlink()
    time.seconds += 200 * 86_400
    assert Bootstrap(wanted, ENVIRONMENT, now=time).run() == []
    time.seconds += 60 * 86_400
    made = Bootstrap(wanted, ENVIRONMENT, now=time).run()
    assert made == [f"{place}/tls.{kind}" for place in ("authority", "broker", "registry") for kind in ("key", "pem")]
    assert expires(certificate(tmp_path / "broker/tls.pem")) > time.seconds + 364 * 86_400


def test_the_brokers_configuration_takes_certificates_only_and_stays_as_it_was_changed(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, broker_port=4333), ENVIRONMENT).run()
    path = tmp_path / "broker" / "nats.conf"
    text = path.read_text()
    assert "port: 4333" in text
    assert 'host: "127.0.0.1"' in text
    assert "verify: true" in text
    assert 'min_version: "1.3"' in text
    assert "password" not in text
    path.write_text("mine")
    Bootstrap(Wanted(out=tmp_path, hosts=("nats",)), ENVIRONMENT).run()
    assert path.read_text() == "mine"


def test_a_broker_with_another_name_than_this_machines_own_listens_to_others(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, hosts=("nats",)), ENVIRONMENT).run()
    assert 'host: "0.0.0.0"' in (tmp_path / "broker" / "nats.conf").read_text()


def test_hosts_are_added_and_none_is_lost(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path, hosts=("one",)), ENVIRONMENT).run()
    Bootstrap(Wanted(out=tmp_path, hosts=("two",)), ENVIRONMENT).run()
    assert Bootstrap(Wanted(out=tmp_path, hosts=("one",)), ENVIRONMENT).run() == []
    names = certificate(tmp_path / "broker/tls.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["one", "two"]


def test_a_folder_of_another_mesh_and_a_wrong_key_are_refused_and_left_alone(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path), ENVIRONMENT).run()
    before = files(tmp_path)
    with pytest.raises(CertificateFault, match=r"root of mesh\.local, not of other\.local"):
        Bootstrap(Wanted(out=tmp_path, trust_domain="other.local"), ENVIRONMENT).run()
    with pytest.raises(KekFault, match="another key-encryption key"):
        Bootstrap(Wanted(out=tmp_path), {"CROSSPLY_AUTHORITY_KEK": "00" * 32}).run()
    assert files(tmp_path) == before


def test_another_signing_key_comes_before_the_one_that_there_was_which_counts_for_a_day_more(tmp_path: Path) -> None:
    time = Time()
    wanted = Wanted(out=tmp_path)
    Bootstrap(wanted, ENVIRONMENT, now=time).run()
    (tmp_path / "root/ca.key").unlink()
    first = certificate(tmp_path / "registry/signing.pem")
    time.seconds += 10.0
    made = Bootstrap(replace(wanted, new_signing_key=True), ENVIRONMENT, now=time).run()
    assert made == ["registry/signing.key", "registry/signing.pem", "authority/registry.pem"]
    new, former = Folder(tmp_path / "authority").read_registry()
    assert former.public_key() == first.public_key() != new.public_key()
    assert expires(former) == time.seconds + 86_400
    assert expires(new) > time.seconds + 364 * 86_400
    seed, *publics = (tmp_path / "registry/signing.key").read_text().split()
    assert Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key() == new.public_key()
    key = former.public_key()
    assert isinstance(key, Ed25519PublicKey)
    assert publics == [key.public_bytes_raw().hex()]
    assert Bootstrap(wanted, ENVIRONMENT, now=time).run() == []


def test_a_signing_key_that_the_root_certified_is_certified_by_the_issuer(tmp_path: Path) -> None:
    wanted = Wanted(out=tmp_path)
    Bootstrap(wanted, ENVIRONMENT).run()
    seed, path = (tmp_path / "registry" / name for name in ("signing.key", "signing.pem"))
    before = seed.read_bytes()
    path.write_bytes((tmp_path / "registry/tls.pem").read_bytes())
    assert Bootstrap(wanted, ENVIRONMENT).run() == ["registry/signing.pem", "authority/registry.pem"]
    assert seed.read_bytes() == before
    assert signs(certificate(path))


def test_a_signing_key_that_is_none_is_said(tmp_path: Path) -> None:
    wanted = Wanted(out=tmp_path)
    Bootstrap(wanted, ENVIRONMENT).run()
    (tmp_path / "registry/signing.key").write_text("mine")
    with pytest.raises(CertificateFault, match="does not hold the seed"):
        Bootstrap(wanted, ENVIRONMENT).run()

"""What the issuer makes: certificates that name one identity, credentials that verify, nothing beyond its own life."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from crossply.wire import credential
from crossply_registry.authority import certificates, issuer
from crossply_registry.authority.certificates import CertificateFault, WorkloadKey, expires, identity_of, instance_of
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import Issuer, WorkloadKeys

NOW = 1_790_000_000.0
ORDERS = Identity("mesh.local", "default", "orders")


@dataclass
class Chain:
    """A root and its issuer, with their keys."""

    root: x509.Certificate
    root_key: Ed25519PrivateKey
    issuer: Issuer
    issuer_key: Ed25519PrivateKey


def chain(trust_domain: str = "mesh.local") -> Chain:
    """Return fresh ones."""
    root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    root = certificates.make_root(root_key, trust_domain, NOW)
    made = certificates.make_issuer(key.public_key(), root, root_key, NOW)
    return Chain(root, root_key, Issuer(root, made, key), key)


def keys(tls: WorkloadKey | None = None) -> WorkloadKeys:
    """Return the public keys of a fresh process."""
    return WorkloadKeys(
        tls or Ed25519PrivateKey.generate().public_key(),
        Ed25519PrivateKey.generate().public_key().public_bytes_raw(),
        X25519PrivateKey.generate().public_key().public_bytes_raw(),
    )


@pytest.mark.parametrize(
    "tls", [Ed25519PrivateKey.generate().public_key(), ec.generate_private_key(ec.SECP256R1()).public_key()]
)
def test_a_certificate_names_its_identity_and_nothing_else(tls: WorkloadKey) -> None:
    made = chain().issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(tls), now=NOW, lifetime=86_400.0)
    held = made.certificate

    assert identity_of(held) == ORDERS
    assert [each.value for each in held.subject] == ["default", "orders", "k7q2mzp4x3ab"]
    assert instance_of(held) == "k7q2mzp4x3ab"
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert [name.value for name in names.value] == [str(ORDERS)]
    usage = held.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert held.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert held.not_valid_before_utc.timestamp() == NOW - 300
    assert expires(held) == made.not_after == NOW + 86_400
    assert held.serial_number == int.from_bytes(made.serial, "big")


def subjected(*attributes: x509.NameAttribute[str]) -> x509.Certificate:
    """Return a certificate of whatever subject, which nothing here makes."""
    key = Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name(list(attributes)), key.public_key(), 1)
    moment = datetime.fromtimestamp(NOW, UTC)
    uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(ORDERS))])
    builder = builder.add_extension(uri, critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.not_valid_before(moment).not_valid_after(moment + timedelta(days=1)).sign(key, None)


TENANT, SERVICE = (NameOID.ORGANIZATION_NAME, "default"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "orders")
INSTANCE = (NameOID.SERIAL_NUMBER, "k7q2mzp4x3ab")


@pytest.mark.parametrize(
    "attributes",
    [
        [],
        [INSTANCE],
        [TENANT, (NameOID.ORGANIZATIONAL_UNIT_NAME, "web"), INSTANCE],
        [(NameOID.ORGANIZATION_NAME, "other"), SERVICE, INSTANCE],
        [TENANT, SERVICE, INSTANCE, (NameOID.SERIAL_NUMBER, "k7q2mzp4x3ac")],
        [TENANT, SERVICE, INSTANCE, INSTANCE],
        [TENANT, SERVICE, (NameOID.COMMON_NAME, "k7q2mzp4x3ab")],
        [TENANT, SERVICE, (NameOID.SERIAL_NUMBER, "k7q2mzp4x3a")],
        [TENANT, SERVICE, (NameOID.SERIAL_NUMBER, "k7q2mzp4x3ab.a")],
        [TENANT, SERVICE, (NameOID.SERIAL_NUMBER, "K7Q2MZP4X3AB")],
    ],
)
def test_a_subject_that_is_not_who_the_certificate_is_of_is_refused(
    attributes: list[tuple[x509.ObjectIdentifier, str]],
) -> None:
    held = subjected(*(x509.NameAttribute(oid, value) for oid, value in attributes))
    with pytest.raises(CertificateFault, match="subject"):
        instance_of(held)


def test_a_certificate_of_no_instance_says_so() -> None:
    assert instance_of(subjected(*(x509.NameAttribute(oid, value) for oid, value in (TENANT, SERVICE)))) == ""


def test_a_verifier_that_knows_the_root_alone_accepts_the_chain() -> None:
    made = chain()
    held = made.issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(), now=NOW, lifetime=600.0).certificate
    tls = Ed25519PrivateKey.generate().public_key()
    hosts = ["localhost", "127.0.0.1"]
    serial = issuer.new_serial()
    server = made.issuer.certify(ORDERS, tls, serial=serial, now=NOW, lifetime=600.0, hosts=hosts)
    moment = held.not_valid_before_utc
    server.verify_directly_issued_by(made.issuer.certificate)
    made.issuer.certificate.verify_directly_issued_by(made.root)
    # What a stranger's root vouches for is nobody here.
    other = PolicyBuilder().store(Store([chain().root])).time(moment).build_client_verifier()
    with pytest.raises(x509.verification.VerificationError):
        other.verify(held, [made.issuer.certificate])


def test_a_credential_is_signed_over_its_whole_and_says_what_the_certificate_says() -> None:
    made = chain()
    own = keys()
    issued = made.issuer.issue(ORDERS, "k7q2mzp4x3ab", own, now=NOW, lifetime=600.0)
    opened = credential.unpack(issued.credential)

    assert (opened.identity, opened.instance, opened.serial) == (str(ORDERS), "k7q2mzp4x3ab", issued.serial)
    assert (opened.sign_key, opened.kem_key) == (own.sign, own.kem)
    assert (opened.not_before, opened.not_after) == (int(NOW) - 300, issued.not_after)
    made.issuer.public_key.verify(opened.signature, b"crossply-cred-v1\0" + issued.credential[:-64])
    with pytest.raises(InvalidSignature):
        made.issuer.public_key.verify(opened.signature, b"crossply-cred-v1\0" + b"x" + issued.credential[1:-64])


def test_issuer_and_signature_are_those_of_the_pinned_vector() -> None:
    pinned = json.loads((Path(__file__).parents[3] / "contract" / "envelope_v1.json").read_text())
    raw = bytes.fromhex(pinned["credential"])
    public = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"crossply test registry sign").digest()).public_key()

    assert hashlib.sha256(issuer.KID_LABEL + public.public_bytes_raw()).digest()[:8] == raw[4:12]
    public.verify(raw[-64:], issuer.LABEL + raw[:-64])


def test_nothing_outlives_its_issuer() -> None:
    made = chain()
    late = expires(made.issuer.certificate) - 60
    held = made.issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(), now=late, lifetime=86_400.0)
    assert held.not_after == int(late) + 60


def test_an_issuer_is_one_that_its_root_made_for_its_key() -> None:
    one, other = chain(), chain()
    workload = one.issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(one.issuer_key.public_key()), now=NOW, lifetime=60.0)
    by_root = certificates.make_workload(
        one.issuer_key.public_key(), ORDERS, issuer=one.root, issuer_key=one.root_key, serial=7, now=NOW, lifetime=60.0
    )
    for root, certificate, key in (
        (other.root, one.issuer.certificate, one.issuer_key),
        (one.root, one.issuer.certificate, other.issuer_key),
        (one.root, workload.certificate, one.issuer_key),
        (one.root, by_root, one.issuer_key),
    ):
        with pytest.raises(CertificateFault):
            Issuer(root, certificate, key)


def test_a_certificate_of_an_authority_or_of_two_identities_names_nobody() -> None:
    made = chain()
    with pytest.raises(CertificateFault, match="authority's"):
        identity_of(made.issuer.certificate)
    key = Ed25519PrivateKey.generate()
    two = [x509.UniformResourceIdentifier(f"spiffe://mesh.local/t/default/svc/{name}") for name in ("web", "orders")]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(made.root.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(made.root.not_valid_before_utc)
        .not_valid_after(made.root.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName(two), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    with pytest.raises(CertificateFault, match="names 2 identities"):
        identity_of(builder.sign(made.root_key, None))


def test_serials_are_positive_16_byte_numbers_and_random() -> None:
    made = {issuer.new_serial() for _ in range(1000)}
    assert len(made) == 1000
    assert all(0 < each[0] < 0x80 and len(each) == 16 for each in made)


def test_what_is_issued_after_a_moment_begins_in_a_later_second_though_clocks_lag() -> None:
    made = chain()
    issued = made.issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(), now=NOW, lifetime=600.0, after=NOW - 300 + 0.9)
    assert issued.certificate.not_valid_before_utc.timestamp() == NOW - 299
    assert credential.unpack(issued.credential).not_before == NOW - 299
    late = made.issuer.issue(ORDERS, "k7q2mzp4x3ab", keys(), now=NOW, lifetime=600.0, after=NOW - 200)
    assert credential.unpack(late.credential).not_before == NOW - 199

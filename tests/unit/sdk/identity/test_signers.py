"""Whose revisions are believed: keys that the issuer certified for that alone, for as long as it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.identity.issued import IssuedFault
from crossply.identity.signers import Signers, vouched
from crossply_registry.authority import certificates
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import Issuer, new_serial
from tests.unit.registry.authority.standing import NOW, Time

REGISTRY = Identity("mesh.local", "default", "registry")
KEY = Ed25519PrivateKey.generate()


def issuer() -> Issuer:
    root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    root = certificates.make_root(root_key, "mesh.local", NOW)
    return Issuer(root, certificates.make_issuer(key.public_key(), root, root_key, NOW), key)


def signer(by: Issuer, key: Ed25519PrivateKey = KEY, identity: Identity = REGISTRY, **said: float) -> x509.Certificate:
    return by.certify_signer(identity, key.public_key(), now=said.get("now", NOW), lifetime=said.get("lifetime", 100.0))


def test_what_a_certified_key_signed_is_believed_and_nothing_else() -> None:
    by = issuer()
    signers = Signers(wall=Time())
    with pytest.raises(InvalidSignature):
        signers.verify(KEY.sign(b"it"), b"it")
    assert signers.missed
    other = Ed25519PrivateKey.generate()
    signers.adopt(vouched([signer(by), signer(by, other)], by.certificate, str(REGISTRY)), 1)
    assert (signers.missed, signers.number) == (False, 1)
    for key in (KEY, other):
        signers.verify(key.sign(b"it"), b"it")
    with pytest.raises(InvalidSignature):
        signers.verify(KEY.sign(b"it"), b"that")
    signers.adopt(vouched([signer(by, other)], by.certificate, str(REGISTRY)), 2)
    with pytest.raises(InvalidSignature):
        signers.verify(KEY.sign(b"it"), b"it")


def test_a_key_counts_from_when_its_certificate_begins_until_it_ends() -> None:
    by, time = issuer(), Time()
    signers = Signers(vouched([signer(by)], by.certificate, str(REGISTRY)), wall=time)
    for moment, good in ((NOW - 301.0, False), (NOW - 300.0, True), (NOW + 99.0, True), (NOW + 100.0, False)):
        time.seconds = moment
        if good:
            signers.verify(KEY.sign(b"it"), b"it")
        else:
            with pytest.raises(InvalidSignature):
                signers.verify(KEY.sign(b"it"), b"it")


def workload(by: Issuer) -> x509.Certificate:
    return by.certify(REGISTRY, KEY.public_key(), serial=new_serial(), now=NOW, lifetime=100.0)


WRONG: dict[str, tuple[Callable[[Issuer], x509.Certificate], str]] = {
    "of another issuer": (lambda _: signer(issuer()), "does not vouch"),
    "of another identity": (lambda by: signer(by, identity=Identity("mesh.local", "default", "web")), "is not that of"),
    "of another tenant": (lambda by: signer(by, identity=Identity("mesh.local", "acme", "registry")), "is not that of"),
    "one for connections": (workload, "is not for signing revisions"),
    "the issuer's own": (lambda by: by.certificate, "does not vouch"),
    "the root": (lambda by: by.root, "does not vouch"),
}


@pytest.mark.parametrize("case", WRONG)
def test_another_certificate_is_refused_with_the_reason_and_what_to_do(case: str) -> None:
    make, why = WRONG[case]
    by = issuer()
    with pytest.raises(IssuedFault, match=f"{why}.*run `crossply authority init` again"):
        vouched([make(by)], by.certificate, str(REGISTRY))

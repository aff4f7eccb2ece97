"""This instance's credential and keys, which must be each other's."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.seal.holder import holder
from crossply.wire import credential, envelope
from tests.unit.sdk.seal.members import Authority


def test_a_holder_knows_its_ids_and_how_it_is_introduced() -> None:
    own = Authority().holder("web", "k7q2mzp4x3ab")
    assert own.cid == own.digest[:8] == credential.cid(own.raw)
    assert own.identity == "spiffe://mesh.test/t/acme/svc/web"
    assert own.credential == envelope.tlv(envelope.CREDENTIAL, own.raw)


def test_keys_that_the_credential_does_not_name_are_refused() -> None:
    own = Authority().holder("web", "k7q2mzp4x3ab")
    with pytest.raises(ValueError, match="other keys"):
        holder(own.raw, X25519PrivateKey.generate(), own.signing)
    with pytest.raises(ValueError, match="other keys"):
        holder(own.raw, own.kem, Ed25519PrivateKey.generate())

"""What was issued is believed if it names this process, and no other."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.identity.authority import opened
from crossply.identity.issued import IssuedFault, checked
from crossply.identity.keys import Keys
from crossply_registry.authority import certificates
from crossply_registry.authority.answer import answer
from crossply_registry.authority.identity import parse
from crossply_registry.authority.issuer import Issuer, WorkloadKeys
from tests.unit.registry.authority.standing import NOW

ORDERS = "spiffe://mesh.local/t/default/svc/orders"


def test_a_certificate_of_another_instance_than_the_answer_says_is_not_believed() -> None:
    root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    root = certificates.make_root(root_key, "mesh.local", NOW)
    issuer = Issuer(root, certificates.make_issuer(key.public_key(), root, root_key, NOW), key)
    keys = Keys.make()
    named = parse(ORDERS)
    own = WorkloadKeys(keys.tls.public_key(), bytes(32), bytes(32))
    made = issuer.issue(named, "k7q2mzp4x3ab", own, now=NOW, lifetime=600.0)
    said = opened(msgspec.json.encode(answer(made, issuer, (), NOW)))
    lying = msgspec.structs.replace(said, instance="otherinstanc")
    assert checked(said, keys, ORDERS, certificates.pem(root)) == said
    with pytest.raises(IssuedFault, match="not of instance otherinstanc"):
        checked(lying, keys, ORDERS, certificates.pem(root))

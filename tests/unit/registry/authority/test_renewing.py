"""A renewal: proved by what was issued, for as long as that lasts and is not revoked; nothing else gets anything."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from crossply.wire import credential
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.holders import holders
from crossply_registry.authority.identity import parse
from crossply_registry.authority.refusal import Refused
from tests.unit.registry.authority.joiner import INSTANCE, ORDERS, Joiner
from tests.unit.registry.authority.standing import NOW, Standing, journal
from tests.unit.registry.authority.test_issuer import chain, keys

OTHER = "aaaaaaaaaaaa"


async def joined(standing: Standing, authority: Authority) -> tuple[Joiner, bytes]:
    """Return a process that has joined, and its credential."""
    joiner = Joiner()
    issued = await authority.parts.joining.join(joiner.raw(standing.token("orders")))
    return joiner, issued.credential


def renewal(before: Joiner, held: bytes, after: Joiner | None = None, **other: Any) -> bytes:
    """Return the renewal of a process, with fresh keys; `other` replaces fields of it."""
    after = after or Joiner(identity=before.identity, instance=before.instance)
    body = after.body()
    der = x509.load_pem_x509_csr(body["request"].encode()).public_bytes(Encoding.DER)
    public = b64decode(body["sign_key"]) + b64decode(body["kem_key"])
    proof = before.sign.sign(b"crossply-renew-v1\0" + hashlib.sha256(der).digest() + public)
    said = {"credential": b64encode(held).decode(), "proof": b64encode(proof).decode()}
    return json.dumps({**body, **said, **other}).encode()


async def test_a_process_gets_a_new_certificate_and_credential_for_new_keys(
    standing: Standing, authority: Authority
) -> None:
    before, held = await joined(standing, authority)
    standing.time.seconds += 43_200
    after = Joiner()
    issued = await authority.parts.renewing.renew(renewal(before, held, after))
    opened = credential.unpack(issued.credential)

    assert (opened.identity, opened.instance) == (ORDERS, INSTANCE)
    assert opened.sign_key == after.sign.public_key().public_bytes_raw()
    assert issued.not_after == NOW + 43_200 + 86_400
    assert [entry.what for entry in await journal(authority)] == ["issued", "renewed"]
    assert (await journal(authority))[1].by == f"serial {credential.unpack(held).serial.hex()}"
    [holder] = await holders(authority.parts.journal, {}, standing.time())
    assert (holder.certificates, holder.instances) == (2, {INSTANCE})

    again = await authority.parts.renewing.renew(renewal(after, issued.credential))
    assert again.serial != issued.serial


async def refused(standing: Standing, authority: Authority, raw: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        await authority.parts.renewing.renew(raw)
    entries = await journal(authority)
    assert entries[-1].what == "refused"
    assert "renewed" not in [entry.what for entry in entries]


async def test_what_has_ended_is_not_renewed(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    standing.time.seconds += 86_400
    await refused(standing, authority, renewal(before, held), "has ended")


async def test_what_is_revoked_is_not_renewed(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    standing.time.seconds += 1
    await authority.parts.revocations.void(ORDERS, "rotated")
    await refused(standing, authority, renewal(before, held), "what it was issued is revoked")

    standing.time.seconds += 1
    issued = await authority.parts.joining.join(Joiner().raw(standing.token("orders")))
    assert issued.not_after > standing.time()
    await authority.parts.revocations.bar(ORDERS, "stolen")
    await refused(standing, authority, renewal(before, held), "what it was issued is revoked")


async def test_a_thief_of_the_credential_without_its_key_gets_nothing(standing: Standing, authority: Authority) -> None:
    _, held = await joined(standing, authority)
    await refused(standing, authority, renewal(Joiner(), held), "proof: is not the signature")


async def test_a_proof_for_other_keys_gets_nothing(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    proof = json.loads(renewal(before, held))["proof"]
    await refused(standing, authority, renewal(before, held, proof=proof), "proof: is not the signature")


async def test_nobody_renews_as_another_service_or_instance(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    web = Joiner(identity=ORDERS.replace("orders", "web"))
    await refused(standing, authority, renewal(before, held, web), "credential: is of")
    sibling = Joiner(instance=OTHER)
    await refused(standing, authority, renewal(before, held, sibling), "credential: is of")


async def test_a_credential_of_another_issuer_or_changed_gets_nothing(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    stranger = chain().issuer.issue(parse(ORDERS), INSTANCE, keys(), now=NOW, lifetime=600.0)
    for forged in (stranger.credential, held[:-1] + bytes([held[-1] ^ 1]), held[:20], b"", b"\xc7" * 300):
        await refused(standing, authority, renewal(before, forged), "credential: is not one that this issuer signed")


async def test_keys_are_checked_as_at_a_join(standing: Standing, authority: Authority) -> None:
    before, held = await joined(standing, authority)
    small = b64encode(bytes([1, *bytes(31)])).decode()
    await refused(standing, authority, renewal(before, held, sign_key=small), "sign_key: is of small order")
    await refused(standing, authority, b"{}", "is not a renewal")
    await refused(standing, authority, b" " * 70_000, "is longer than")

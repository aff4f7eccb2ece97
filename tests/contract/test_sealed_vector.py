"""The pinned vectors of sealed messages, byte for byte, sealed and opened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossply.handler import Kind
from crossply.seal import schedule, session
from crossply.seal.credentials import Credentials, Recipient, issue
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.events import EventOpener
from crossply.seal.group import Group
from crossply.seal.holder import Holder, holder
from crossply.seal.lineage import Lineage
from crossply.seal.opener import Opener
from crossply.seal.ring import Ring
from crossply.wire import credential, envelope
from crossply.wire.envelope import tlv

FILE = Path(__file__).with_name("envelope_v1.json")
VECTOR: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
INPUTS: dict[str, Any] = VECTOR["inputs"]
GROUP: dict[str, Any] = VECTOR["group"]
CREDENTIAL = bytes.fromhex(VECTOR["credential"])
SUBJECT, REPLY = INPUTS["subject"].encode(), INPUTS["reply_subject"].encode()
CHANNEL = INPUTS["group_channel"].encode()
CONTENT = b"\0\0" + INPUTS["body"].encode()
IAT = INPUTS["iat_ms"]


def secret(label: str) -> bytes:
    return hashlib.sha256(b"crossply test " + label.encode()).digest()


AUTHORITY = Ed25519PrivateKey.from_private_bytes(secret("registry sign"))
SIGNING = Ed25519PrivateKey.from_private_bytes(secret("a sign"))
KEM = X25519PrivateKey.from_private_bytes(secret("a kem"))
SERVICE = X25519PrivateKey.from_private_bytes(secret("b svc kem"))
EPHEMERAL = X25519PrivateKey.from_private_bytes(secret("a eph"))
SERVICE_KID = schedule.kid(SERVICE.public_key().public_bytes_raw())


def sender() -> Holder:
    return holder(CREDENTIAL, KEM, SIGNING)


def known() -> Credentials:
    """Credentials that know the vector's own, which its messages name without carrying it."""
    authority = AUTHORITY.public_key()
    made = Credentials({schedule.issuer_kid(authority.public_bytes_raw()): authority}, "mesh.test", "acme")
    made.learn(CREDENTIAL)
    return made


def test_the_vectors_are_the_ones_that_were_pinned() -> None:
    pinned = "d6fc2e19bcc09c4b016cd51fcad0bc279816658e903815e8b2b5c6282894d714"
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == pinned


def test_the_authority_of_the_vector_signs_the_same_credential() -> None:
    assert issue(credential.unpack(CREDENTIAL), AUTHORITY) == CREDENTIAL


def test_ids_and_keys_come_out_as_pinned() -> None:
    info = schedule.pair_info(sender().digest, INPUTS["destination"], SERVICE_KID)
    key, enc = schedule.encap_pair(SERVICE.public_key(), EPHEMERAL, KEM, info)
    assert SERVICE_KID.hex() == VECTOR["kid_b"]
    assert info.hex() == VECTOR["info"]
    assert enc.hex() == VECTOR["enc"]
    assert (key.key.hex(), f"{key.base_nonce:024x}") == (VECTOR["key"], VECTOR["base_nonce"])
    assert schedule.decap_pair(enc, SERVICE, KEM.public_key(), info) == key
    assert schedule.group_kid(secret("group")).hex() == GROUP["gkid"]
    made = schedule.group_key(schedule.GROUP_SIGNED, secret("group"), secret("salt"), CHANNEL, sender().digest)
    assert f"{made.key.hex()}{made.base_nonce:024x}" == GROUP["okm"]


def test_the_request_of_the_vector_seals_to_the_same_bytes() -> None:
    to = Recipient(INPUTS["destination"], SERVICE_KID, SERVICE.public_key().public_bytes_raw())
    made = session.pair(sender(), to, now=IAT, lineage=Lineage(), aead=AESGCM, ephemeral=EPHEMERAL)
    block = b"".join(
        (
            tlv(envelope.CONTENT_TYPE, INPUTS["content_type"].encode()),
            tlv(envelope.TRACEPARENT, INPUTS["traceparent"].encode()),
            tlv(envelope.OPERATION, INPUTS["operation"].encode()),
            tlv(envelope.REPLY_SUBJECT, REPLY),
        )
    )
    wire = made.seal(Kind.REQUEST, SUBJECT, IAT, INPUTS["ttl_ms"], secret("mid")[:16], block, CONTENT)
    assert wire.hex() == VECTOR["wire"]
    assert len(wire) == VECTOR["wire_len"]


def test_the_request_of_the_vector_opens() -> None:
    own = another_service()
    ring = Ring(own, Epochs([Epoch(0, SERVICE_KID, SERVICE)]))
    opener = Opener(ring, known(), Lineage(), clock=lambda: IAT)
    opened = opener.open_request(bytes.fromhex(VECTOR["wire"]), SUBJECT, REPLY)
    assert opened.parts.body == INPUTS["body"].encode()
    assert opened.parts.metadata == b""
    assert opened.member.peer.identity == INPUTS["source"]
    assert not opened.strict


def another_service() -> Holder:
    """An instance of the vector's destination, whose service key opens."""
    kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    said = credential.Credential(
        identity=INPUTS["destination"],
        instance="m7q2mzp4x3ab",
        not_after=2**40,
        sign_key=signing.public_key().public_bytes_raw(),
        kem_key=kem.public_key().public_bytes_raw(),
    )
    return holder(issue(said, AUTHORITY), kem, signing)


def test_the_event_of_the_vector_seals_to_the_same_bytes() -> None:
    made = session.group(
        sender(), secret("group"), CHANNEL, signed=True, now=IAT, lineage=Lineage(), aead=AESGCM, salt=secret("salt")
    )
    block = tlv(envelope.CONTENT_TYPE, INPUTS["group_content_type"].encode())
    wire = b""
    for _ in range(INPUTS["group_seq"] + 1):
        wire = made.seal(Kind.EVENT, CHANNEL, IAT, INPUTS["group_ttl_ms"], secret("mid2")[:16], block, CONTENT)
    assert wire.hex() == GROUP["wire"]
    assert wire[-64:].hex() == GROUP["sig"]


def test_the_event_of_the_vector_opens() -> None:
    group = Group(Epochs([Epoch(0, schedule.group_kid(secret("group")), secret("group"))]))
    opened = EventOpener(known(), Lineage()).open_event(bytes.fromhex(GROUP["wire"]), CHANNEL, group, stored=IAT)
    assert opened.parts.body == INPUTS["body"].encode()
    assert opened.parts.seq == INPUTS["group_seq"]


def unsigned_event() -> bytes:
    """Return the event of the vector under suite 0x12, made of what docs/protocol.md says by primitives alone."""
    block = tlv(envelope.CONTENT_TYPE, INPUTS["group_content_type"].encode())
    head = bytearray(bytes.fromhex(GROUP["wire"])[: 92 + len(block)])
    head[2] = 0x12
    kid, salt = bytes(head[16:24]), bytes(head[24:56])
    lengths = [len(each).to_bytes(2, "big") + each for each in (CHANNEL, INPUTS["source"].encode(), CHANNEL)]
    info = b"crossply-v1\0group\x12" + lengths[0] + kid + hashlib.sha256(CREDENTIAL).digest()
    okm = HKDF(SHA256(), 44, salt, info).derive(secret("group"))
    nonce = int.from_bytes(okm[32:], "big") ^ INPUTS["group_seq"]
    return bytes(head) + AESGCM(okm[:32]).encrypt(nonce.to_bytes(12, "big"), CONTENT, bytes(head) + b"".join(lengths))


def test_an_event_without_a_signature_is_what_the_protocol_says_in_both_directions() -> None:
    made = session.group(
        sender(), secret("group"), CHANNEL, signed=False, now=IAT, lineage=Lineage(), aead=AESGCM, salt=secret("salt")
    )
    block = tlv(envelope.CONTENT_TYPE, INPUTS["group_content_type"].encode())
    wire = b""
    for _ in range(INPUTS["group_seq"] + 1):
        wire = made.seal(Kind.EVENT, CHANNEL, IAT, INPUTS["group_ttl_ms"], secret("mid2")[:16], block, CONTENT)
    assert wire.hex() == unsigned_event().hex()
    assert hashlib.sha256(wire).hexdigest() == "e80400d134fda27b8441c93f7abc898e911860b4640705c0507d86590762ddc8"
    group = Group(Epochs([Epoch(0, schedule.group_kid(secret("group")), secret("group"))]), signed=False)
    opened = EventOpener(known(), Lineage()).open_event(unsigned_event(), CHANNEL, group, stored=IAT)
    assert (opened.parts.body, opened.parts.seq) == (INPUTS["body"].encode(), INPUTS["group_seq"])


@pytest.mark.parametrize(("vector", "signed"), [(VECTOR, False), (GROUP, True)], ids=["pair", "group"])
def test_what_a_message_authenticates_is_as_pinned(vector: dict[str, Any], signed: bool) -> None:
    payload = bytes.fromhex(vector["wire"])
    head = payload[: len(payload) - len(CONTENT) - 16 - (64 if signed else 0)]
    subject, destination = (CHANNEL, CHANNEL) if signed else (SUBJECT, INPUTS["destination"].encode())
    made = schedule.authenticated(head, subject, schedule.names(INPUTS["source"], destination))
    assert hashlib.sha256(made).hexdigest() == vector["aad_sha256"]

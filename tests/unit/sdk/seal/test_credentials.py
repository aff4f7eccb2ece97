"""Whom a credential names: what is believed, what is remembered, and what a look-alike gains."""

from __future__ import annotations

import secrets

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.seal.credentials import Credentials, Recipient, issue
from crossply.seal.faults import Reason, SealFault
from crossply.seal.opener import Opener
from crossply.seal.revoked import Revoked, sign
from crossply.seal.schedule import issuer_kid, kid
from crossply.wire import credential
from tests.unit.sdk.seal.members import DAY, NOW, Authority, Pair, parts, refused

SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
POINTS = [point for each in map(bytes.fromhex, SMALL_ORDER) for point in (each, each[:31] + bytes([each[31] ^ 0x80]))]


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def credentials(authority: Authority) -> Credentials:
    return Credentials(authority.trusted, "mesh.test", "acme")


def test_a_credential_of_the_authority_names_its_sender(authority: Authority, credentials: Credentials) -> None:
    own = authority.holder("web", "k7q2mzp4x3ab")
    member = credentials.learn(own.raw)
    public = own.kem.public_key().public_bytes_raw()
    assert (member.peer.service, member.peer.instance) == ("web", "k7q2mzp4x3ab")
    assert (member.inbox, member.operations) == (b"_INBOX.web.k7q2mzp4x3ab.", "web.")
    assert member.recipient == Recipient("spiffe://mesh.test/t/acme/svc/web", kid(public), public, "k7q2mzp4x3ab")
    assert (member.begins, member.ends) == (NOW - 300_000, NOW + DAY * 1000)


def test_it_is_verified_once(authority: Authority, credentials: Credentials) -> None:
    raw = authority.holder("web", "k7q2mzp4x3ab").raw
    assert credentials.learn(raw) is credentials.learn(bytes(bytearray(raw)))


def test_no_bit_of_a_credential_may_be_another(authority: Authority, credentials: Credentials) -> None:
    raw = authority.holder("web", "k7q2mzp4x3ab").raw
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(credentials.learn, bytes(changed)) is Reason.CREDENTIAL_INVALID
    for end in range(len(raw)):
        assert refused(credentials.learn, raw[:end]) is Reason.CREDENTIAL_INVALID
    assert refused(credentials.learn, raw + b"\0") is Reason.CREDENTIAL_INVALID
    assert credentials.with_id(credential.cid(raw)) == ()


@pytest.mark.parametrize(
    "identity",
    [
        "spiffe://mesh.test/t/other/svc/web",
        "spiffe://other.test/t/acme/svc/web",
        "spiffe://mesh.test/t/acme/svc/web/",
        "spiffe://mesh.test/t/acme/svc/Web",
        "spiffe://mesh.test/t/acme/svc/",
        "spiffe://mesh.test/t/acme/svc/web.evil",
        "spiffe://mesh.test/t/acme/svc/web\0",
        "spiffe://mesh.test/t/acme/svc/web\0.orders",
        "spiffe://mesh.test/t/acme/svc/web.",
        "spiffe://mesh.test/t/acme/svc/\u0440ay",  # a Cyrillic letter
        "spiffe://mesh.test/t/acme/svc/pay\u00adments",
        "spiffe://mesh.test/t/acme/svc/PAY",
        "spiffe://mesh.test/t/acme/svc/../svc/web",
        "spiffe://mesh.test/t/acme/svc/web/svc/pay",
        "spiffe://mesh.test/t/acme/svc/%70ay",
        "spiffe://mesh.test/t/acme/svc/foreign",
        "spiffe://mesh.test/t/acme/svc/*",
        "SPIFFE://mesh.test/t/acme/svc/web",
        "spiffe://mesh.test/t/acme%2fsvc/web",
    ],
)
def test_a_name_that_the_grammar_does_not_know_is_refused_though_it_is_signed(
    authority: Authority, credentials: Credentials, identity: str
) -> None:
    kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    said = parts("web", "k7q2mzp4x3ab", kem, signing, identity=identity)
    assert refused(credentials.learn, issue(said, authority.key)) is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize("instance", ["", "k7q2mzp4x3a", "k7q2mzp4x3a1", "*", "k7q2mzp4x3ab.x"])
def test_an_instance_that_the_grammar_does_not_know_is_refused(
    authority: Authority, credentials: Credentials, instance: str
) -> None:
    assert refused(credentials.learn, authority.holder("web", instance).raw) is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize("point", POINTS, ids=bytes.hex)
def test_a_signing_key_under_which_a_signature_verifies_anything_is_refused(authority: Authority, point: bytes) -> None:
    """The test holds the list to the library: under a key of small order some signature without a secret verifies."""
    forgeries = [bytes((1,)) + bytes(63), *(other + bytes(32) for other in POINTS)]
    try:
        key = Ed25519PublicKey.from_public_bytes(point)
    except ValueError:
        forged = True  # the library refuses it already
    else:
        forged = any(_verifies(key, forgery, secrets.token_bytes(8)) for _ in range(64) for forgery in forgeries)
    assert forged or int.from_bytes(point, "little") & ~(1 << 255) >= 2**255 - 19
    said = parts("web", "k7q2mzp4x3ab", X25519PrivateKey.generate(), Ed25519PrivateKey.generate(), sign_key=point)
    with pytest.raises(SealFault, match="signing key of small order"):
        issue(said, authority.key)


def _verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("point", ["00" * 32, "01" + "00" * 31, "ed" + "ff" * 30 + "7f"])
def test_a_sealing_key_of_small_order_is_refused(authority: Authority, point: str) -> None:
    kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with pytest.raises(SealFault, match="sealing key of small order"):
        issue(parts("web", "k7q2mzp4x3ab", kem, signing, kem_key=bytes.fromhex(point)), authority.key)


def test_keys_of_small_order_are_refused_by_receivers_too(authority: Authority, credentials: Credentials) -> None:
    kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    said = parts("web", "k7q2mzp4x3ab", kem, signing, sign_key=bytes(32), issuer=next(iter(authority.trusted)))
    body = credential.pack(said)[:-64]
    careless = body + authority.key.sign(b"crossply-cred-v1\0" + body)
    assert refused(credentials.learn, careless) is Reason.CREDENTIAL_INVALID


def test_an_unsigned_credential_is_not_believed(credentials: Credentials) -> None:
    said = credential.Credential(identity="spiffe://mesh.test/t/acme/svc/web", instance="k7q2mzp4x3ab")
    assert refused(credentials.learn, credential.pack(said)) is Reason.CREDENTIAL_INVALID


def test_a_credential_under_another_id_than_its_own_is_refused(authority: Authority, credentials: Credentials) -> None:
    raw = authority.holder("web", "k7q2mzp4x3ab").raw
    assert refused(credentials.named, bytes(8), raw) is Reason.CREDENTIAL_INVALID
    assert refused(credentials.named, bytes(8), None) is Reason.CREDENTIAL_MISSING


def test_the_number_remembered_is_bounded_and_the_oldest_goes(authority: Authority) -> None:
    credentials = Credentials(authority.trusted, "mesh.test", "acme", limit=3)
    raws = [authority.holder("web", f"k7q2mzp4x3a{end}").raw for end in "abcde"]
    for raw in raws:
        credentials.learn(raw)
    known = [len(credentials.with_id(credential.cid(raw))) for raw in raws]
    assert known == [0, 0, 1, 1, 1]


def same_id(_: bytes) -> bytes:
    """The id of every credential, as if somebody had found collisions of 64 bits."""
    return b"collide!"


@pytest.mark.parametrize("first", ["web", "evil"])
def test_credentials_that_share_an_id_are_told_apart_whichever_came_first(first: str) -> None:
    pair = Pair()
    web, evil = pair.caller, pair.instance("evil", "k7q2mzp4x3ax")
    callee = pair.callee
    callee.credentials = Credentials(pair.authority.trusted, "mesh.test", "acme", identify=same_id)
    callee.opener = Opener(callee.ring, callee.credentials, callee.lineage, clock=pair.clock)
    senders = {"web": web, "evil": evil}
    for name in sorted(senders, key=lambda name: name != first):
        callee.credentials.learn(senders[name].own.raw)
    assert len(callee.credentials.with_id(b"collide!")) == 2
    for sender in (web, evil):
        pair.caller = sender
        object.__setattr__(sender.own, "cid", b"collide!")
        opened = pair.open(pair.request(introduce=False))
        assert opened.member.peer.service == sender.service
        assert pair.open(pair.request(introduce=False)).member.peer.service == sender.service


def test_one_that_shares_an_id_cannot_speak_as_the_other() -> None:
    pair = Pair()
    evil = pair.instance("evil", "k7q2mzp4x3ax")
    callee = pair.callee
    callee.credentials = Credentials(pair.authority.trusted, "mesh.test", "acme", identify=same_id)
    callee.opener = Opener(callee.ring, callee.credentials, callee.lineage, clock=pair.clock)
    callee.credentials.learn(pair.caller.own.raw)  # evil's own credential never arrives
    evil.reply = pair.caller.reply
    pair.caller = evil
    object.__setattr__(evil.own, "cid", b"collide!")
    assert refused(pair.open, pair.request(introduce=False)) is Reason.FORGED


def test_a_list_of_revoked_credentials_counts_from_when_it_says(authority: Authority, credentials: Credentials) -> None:
    member = credentials.learn(authority.holder("web", "k7q2mzp4x3ab").raw)
    credentials.revoke(sign(Revoked(3, {member.serial: NOW // 1000 + 60}), authority.key))
    assert refused(credentials.check, member, NOW) is Reason.CREDENTIAL_REVOKED
    credentials.check_stored(member, NOW + 59_999)
    assert refused(credentials.check_stored, member, NOW + 60_000) is Reason.CREDENTIAL_REVOKED
    assert refused(credentials.check_stored, member, NOW + DAY * 1000) is Reason.CREDENTIAL_EXPIRED
    assert refused(credentials.check_stored, member, NOW - 300_001) is Reason.CREDENTIAL_EXPIRED


def test_a_list_is_never_replaced_by_an_older_one(authority: Authority, credentials: Credentials) -> None:
    credentials.revoke(sign(Revoked(3, {bytes(16): 5}), authority.key))
    assert refused(credentials.revoke, sign(Revoked(2), authority.key)) is Reason.STALE
    assert credentials.revoked == Revoked(3, {bytes(16): 5})
    credentials.revoke(sign(Revoked(4), authority.key))
    assert credentials.revoked.since == {}


def test_the_id_of_an_authority_is_of_its_whole_key(authority: Authority) -> None:
    other = Authority()
    public = authority.key.public_key()
    # One whose id is the authority's by chance: the signature is what counts.
    posing = Credentials({issuer_kid(public.public_bytes_raw()): other.key.public_key()}, "mesh.test", "acme")
    assert refused(posing.learn, authority.holder("web", "k7q2mzp4x3ab").raw) is Reason.CREDENTIAL_INVALID

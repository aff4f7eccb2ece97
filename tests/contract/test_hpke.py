"""RFC 9180: every vector of the KEM, KDF and AEADs, and pyca's own HPKE in both directions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke as pyca
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from crossply.seal import hpke
from crossply.seal.hpke import Aead, HpkeFault, Mode

VECTORS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("rfc9180_x25519_sha256.json").read_text(encoding="utf-8")
)["vectors"]
AEADS = {1: Aead(1, 16), 2: hpke.AES_256_GCM, 3: Aead(3, 32), 0xFFFF: Aead(0xFFFF, 0)}
SHOWN = [f"{Mode(each['mode']).name.lower()}-{each['aead_id']}" for each in VECTORS]
LOW_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def raw(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector.get(name, ""))


def private(vector: dict[str, Any], name: str) -> X25519PrivateKey | None:
    return X25519PrivateKey.from_private_bytes(raw(vector, name)) if name in vector else None


def schedule(vector: dict[str, Any], secret: bytes) -> hpke.Schedule:
    return hpke.key_schedule(
        Mode(vector["mode"]),
        secret,
        raw(vector, "info"),
        aead=AEADS[vector["aead_id"]],
        psk=raw(vector, "psk"),
        psk_id=raw(vector, "psk_id"),
    )


def cipher(vector: dict[str, Any], key: bytes) -> AESGCM | ChaCha20Poly1305:
    return ChaCha20Poly1305(key) if vector["aead_id"] == 3 else AESGCM(key)


def test_the_vectors_are_all_modes_with_all_aeads() -> None:
    expected = {(mode, aead) for mode in range(4) for aead in AEADS}
    assert {(each["mode"], each["aead_id"]) for each in VECTORS} == expected
    assert sum(len(each["encryptions"]) for each in VECTORS) == 12 * 257


@pytest.mark.parametrize("vector", VECTORS, ids=SHOWN)
def test_both_ends_agree_on_the_vectors_secret(vector: dict[str, Any]) -> None:
    ephemeral, recipient = private(vector, "skEm"), private(vector, "skRm")
    assert ephemeral is not None
    assert recipient is not None
    sender = private(vector, "skSm")
    secret, enc = hpke.encap(recipient.public_key(), ephemeral, sender)
    assert (secret, enc) == (raw(vector, "shared_secret"), raw(vector, "enc"))
    assert hpke.decap(enc, recipient, None if sender is None else sender.public_key()) == secret


@pytest.mark.parametrize("vector", VECTORS, ids=SHOWN)
def test_the_key_schedule_gives_the_vectors_keys_and_exports(vector: dict[str, Any]) -> None:
    made = schedule(vector, raw(vector, "shared_secret"))
    assert made == (raw(vector, "key"), raw(vector, "base_nonce"), raw(vector, "exporter_secret"))
    for each in vector["exports"]:
        context = bytes.fromhex(each["exporter_context"])
        value = hpke.export(made.exporter, context, each["L"], AEADS[vector["aead_id"]])
        assert value.hex() == each["exported_value"]


@pytest.mark.parametrize("vector", VECTORS, ids=SHOWN)
def test_every_message_of_the_vectors_seals_and_opens_out_of_order(vector: dict[str, Any]) -> None:
    made = schedule(vector, raw(vector, "shared_secret"))
    base = int.from_bytes(made.base_nonce, "big")
    encryptions: list[dict[str, Any]] = vector["encryptions"]
    for sequence, each in reversed([*enumerate(encryptions)]):
        nonce = (base ^ sequence).to_bytes(12, "big")
        assert nonce == raw(each, "nonce")
        aead = cipher(vector, made.key)
        assert aead.encrypt(nonce, raw(each, "pt"), raw(each, "aad")) == raw(each, "ct")
        assert aead.decrypt(nonce, raw(each, "ct"), raw(each, "aad")) == raw(each, "pt")


SUITE = pyca.Suite(pyca.KEM.X25519, pyca.KDF.HKDF_SHA256, pyca.AEAD.AES_256_GCM)


def test_what_is_sealed_here_in_base_mode_opens_with_pycas_hpke() -> None:
    recipient = X25519PrivateKey.generate()
    secret, enc = hpke.encap(recipient.public_key(), X25519PrivateKey.generate())
    made = hpke.key_schedule(Mode.BASE, secret, b"info")
    sealed = enc + AESGCM(made.key).encrypt(made.base_nonce, b"said", b"")
    assert SUITE.decrypt(sealed, recipient, info=b"info") == b"said"


def test_what_pycas_hpke_seals_opens_here_in_base_mode() -> None:
    recipient = X25519PrivateKey.generate()
    sealed = SUITE.encrypt(b"said", recipient.public_key(), info=b"info")
    enc, text = sealed[:32], sealed[32:]
    made = hpke.key_schedule(Mode.BASE, hpke.decap(enc, recipient), b"info")
    assert AESGCM(made.key).decrypt(made.base_nonce, text, b"") == b"said"


def test_another_sender_than_the_one_named_does_not_open() -> None:
    recipient, sender, other = (X25519PrivateKey.generate() for _ in range(3))
    secret, enc = hpke.encap(recipient.public_key(), X25519PrivateKey.generate(), other)
    made = hpke.key_schedule(Mode.AUTH, secret, b"")
    text = AESGCM(made.key).encrypt(made.base_nonce, b"said", b"")
    opened = hpke.key_schedule(Mode.AUTH, hpke.decap(enc, recipient, sender.public_key()), b"")
    with pytest.raises(InvalidTag):
        AESGCM(opened.key).decrypt(opened.base_nonce, text, b"")


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_key_of_small_order_is_refused_as_recipient_as_sender_and_as_enc(point: str) -> None:
    own, small = X25519PrivateKey.generate(), X25519PublicKey.from_public_bytes(bytes.fromhex(point))
    with pytest.raises(HpkeFault, match="small order"):
        hpke.encap(small, X25519PrivateKey.generate())
    with pytest.raises(HpkeFault, match="small order"):
        hpke.decap(bytes.fromhex(point), own)
    with pytest.raises(HpkeFault, match="small order"):
        hpke.decap(own.public_key().public_bytes_raw(), own, small)

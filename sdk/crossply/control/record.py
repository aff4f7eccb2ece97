"""Signed change records: what a revision changed, chained by hash, and the head that names the newest one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

RECORD_LIMIT = 64 * 1024
CARRIED_DOCUMENT = 4 * 1024
CHECKPOINT_EVERY = 100
_HEAD, _CHECKPOINT = b"crossply-v1\0head", b"crossply-v1\0checkpoint"
_DEVELOPMENT = b"crossply development registry key"


class RecordFault(ValueError):
    """A record, a head or a checkpoint is not what it must be: wrong form, wrong hash or wrong signature."""


class VerifyKey(Protocol):
    """What knows the registry's signatures: one Ed25519 key, or all that may sign now."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Raise ``InvalidSignature`` unless it is one over ``data``."""
        ...


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One document's new digest (``None``: deleted), and whom it concerns: service names, or ``*`` for all."""

    hash: str | None
    concerns: tuple[str, ...] = ("*",)


class Record(msgspec.Struct, frozen=True):
    """One revision. ``at`` is unix seconds; ``changed`` maps ``kind/name``; ``None`` when it would be too long."""

    generation: int
    revision: int
    parent: int
    prev_hash: str
    at: float
    author: str
    reason: str
    changed: dict[str, Change] | None


class Head(msgspec.Struct, frozen=True):
    """The newest record: its place, its hash, and a signature over both."""

    generation: int
    revision: int
    hash: str
    signature: bytes


class Kept(msgspec.Struct, frozen=True):
    """A document in force: its digest, the revision that set it, whom it concerns."""

    hash: str
    revision: int
    concerns: tuple[str, ...] = ("*",)


class Checkpoint(msgspec.Struct, frozen=True):
    """Every document in force at a revision, for joiners and gaps; ``record_hash`` ties it to the chain."""

    generation: int
    revision: int
    record_hash: str
    documents: dict[str, Kept]


class Signed(msgspec.Struct, frozen=True):
    """Bytes with an Ed25519 signature."""

    body: bytes
    signature: bytes


class Announcement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What travels on the head subject: the head, once with its record and small documents, then alone."""

    head: Head
    record: bytes = b""
    documents: dict[str, bytes] = {}


_order = msgspec.msgpack.Encoder(order="deterministic")


def encode(message: Record | Head | Checkpoint | Signed | Announcement) -> bytes:
    """Return the canonical msgpack form: the same value gives the same bytes."""
    return _order.encode(message)


def digest(record: bytes) -> str:
    """Return the hash that the next record's ``prev_hash`` and the head carry."""
    return hashlib.sha256(record).hexdigest()


def development_key() -> Ed25519PrivateKey:
    """Return the key every mesh shares until an authority certifies one of its own: it authenticates nothing."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(_DEVELOPMENT).digest())


def public_key(raw: bytes | None) -> Ed25519PublicKey:
    """Return the key that records must verify under: ``raw`` (32 bytes), or the development key's public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return development_key().public_key() if raw is None else Ed25519PublicKey.from_public_bytes(raw)


def _head_bytes(generation: int, revision: int, record_hash: str) -> bytes:
    return _HEAD + msgspec.msgpack.encode([generation, revision, record_hash])


def sign_head(record: Record, key: Ed25519PrivateKey) -> tuple[bytes, Head]:
    """Return a record's bytes and its signed head; the head's signature covers the record through its hash."""
    raw = encode(record)
    if len(raw) > RECORD_LIMIT:
        raw = encode(msgspec.structs.replace(record, changed=None))
    name = digest(raw)
    signature = key.sign(_head_bytes(record.generation, record.revision, name))
    return raw, Head(record.generation, record.revision, name, signature)


def sign_place(head: Head, key: Ed25519PrivateKey) -> Head:
    """Return a head as another key signs it."""
    signature = key.sign(_head_bytes(head.generation, head.revision, head.hash))
    return Head(head.generation, head.revision, head.hash, signature)


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Return a signed checkpoint as one blob."""
    body = encode(checkpoint)
    return encode(Signed(body, key.sign(_CHECKPOINT + body)))


def verify_head(head: Head, key: VerifyKey) -> None:
    """Raise ``RecordFault`` unless ``head`` was signed by ``key``."""
    _verify(key, head.signature, _head_bytes(head.generation, head.revision, head.hash), "head")


def open_record(raw: bytes, expected: str) -> Record:
    """Return the record in ``raw``; raise ``RecordFault`` unless its hash is ``expected``."""
    if digest(raw) != expected:
        raise RecordFault(f"record does not hash to {expected[:12]}: it was changed on the way")
    try:
        return msgspec.msgpack.decode(raw, type=Record)
    except msgspec.DecodeError as error:
        raise RecordFault(f"record does not decode: {error}") from error


def open_checkpoint(raw: bytes, key: VerifyKey) -> Checkpoint:
    """Return the checkpoint in ``raw``; raise ``RecordFault`` unless ``key`` signed it."""
    try:
        signed = msgspec.msgpack.decode(raw, type=Signed)
        _verify(key, signed.signature, _CHECKPOINT + signed.body, "checkpoint")
        return msgspec.msgpack.decode(signed.body, type=Checkpoint)
    except msgspec.DecodeError as error:
        raise RecordFault(f"checkpoint does not decode: {error}") from error


def open_announcement(raw: bytes) -> Announcement:
    """Return the announcement in ``raw``, unverified; raise ``RecordFault`` when it does not decode."""
    try:
        return msgspec.msgpack.decode(raw, type=Announcement)
    except msgspec.DecodeError as error:
        raise RecordFault(f"announcement does not decode: {error}") from error


def _verify(key: VerifyKey, signature: bytes, body: bytes, what: str) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, body)
    except InvalidSignature as error:
        raise RecordFault(f"{what} was not signed by the registry's key; check CROSSPLY_REGISTRY_KEY") from error

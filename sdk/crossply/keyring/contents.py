"""What the authority says of keys: the public ones of a service, a process's private ones, and what has changed."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from crossply.keyring.signed import KeyFault

T = TypeVar("T")

KEY: Final = 32


class Key(msgspec.Struct, frozen=True, array_like=True):
    """A key of 32 bytes, and from when on it seals, in unix milliseconds."""

    begins: int
    key: bytes


class PublicKeys(msgspec.Struct, frozen=True):
    """What lies at ``keys.<service>``: the X25519 keys to which calls to the service are sealed, by epoch.

    ``number`` only grows.
    """

    identity: str
    number: int
    epochs: tuple[Key, ...]


class KeySet(msgspec.Struct, frozen=True):
    """Private keys by epoch: X25519 ones of a service, or those of a channel, ``signed`` unless ``auth: group``."""

    number: int
    epochs: tuple[Key, ...]
    signed: bool = True


class Bundle(msgspec.Struct, frozen=True):
    """All private keys that a process may have by now; groups by the channel pattern that they are the keys of."""

    service: KeySet
    groups: dict[str, KeySet] = {}


class RegistryKeys(msgspec.Struct, frozen=True):
    """What lies at ``registry``: DER certificates of the keys that sign revisions, newest first."""

    number: int
    certificates: tuple[bytes, ...]


class Changed(msgspec.Struct, frozen=True):
    """What is announced: the numbers of what changed, by service, by group, and of the registry's keys."""

    services: dict[str, int] = {}
    groups: dict[str, int] = {}
    registry: int = 0


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a process asks keys by: its credential, and channels it publishes on or subscribes to."""

    credential: bytes
    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()


def encode(value: PublicKeys | Bundle | RegistryKeys | Changed | Asked) -> bytes:
    """Return the bytes that are signed, wrapped or sent."""
    return msgspec.msgpack.encode(value)


def decode(raw: bytes, kind: type[T], what: str) -> T:
    """Return the value of a body; raise ``KeyFault``, which calls it ``what``."""
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise KeyFault(f"{what}: does not decode: {error}") from error


def check(epochs: tuple[Key, ...], what: str) -> None:
    """Raise ``KeyFault`` unless there is a key, and each has 32 bytes."""
    if not epochs or any(len(each.key) != KEY for each in epochs):
        raise KeyFault(f"{what}: has no key, or one that is not {KEY} bytes")

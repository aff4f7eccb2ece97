"""A keyring and who feeds it: an authority that signs keys as it is told to, and a clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.clock import chance
from crossply.keyring import contents, signed
from crossply.keyring.contents import Bundle, Changed, Key, KeySet, PublicKeys
from crossply.keyring.keyring import Keyring
from crossply.keyring.wrapping import wrapped
from crossply.seal.holder import Holder
from crossply.seal.schedule import issuer_kid
from crossply.wire import credential
from tests.unit.sdk.seal.members import NOW, Authority, WallClock

HOUR = 3_600_000


def key_set(number: int, *begins: int, fill: int = 1) -> KeySet:
    """Return keys that begin then; which ones, ``fill`` and the time say."""
    return KeySet(number, tuple(Key(each, (each + fill).to_bytes(32, "big")) for each in begins))


@dataclass
class Feeding:
    """One process's keyring, and the authority's words."""

    authority: Authority = field(default_factory=Authority)
    clock: WallClock = field(default_factory=WallClock)
    own: Holder = field(init=False)
    ring: Keyring = field(init=False)

    def __post_init__(self) -> None:
        self.own = self.authority.holder("orders", "k7q2mzp4x3ab")
        self.ring = self.keyring()

    def keyring(self, **seen: int) -> Keyring:
        trusted = self.authority.trusted
        return Keyring(self.own, trusted, "mesh.test", "acme", chance(3), clock=self.clock, seen=seen)

    def sign(self, label: bytes, body: bytes) -> bytes:
        return self.authority.key.sign(label + b"\0" + body)

    @property
    def kid(self) -> bytes:
        return issuer_kid(self.authority.key.public_key().public_bytes_raw())

    def signed(self, purpose: str, body: bytes) -> bytes:
        return signed.pack(self.kid, body, self.sign(signed.label(purpose), body))

    def public(self, service: str, keys: KeySet, *, identity: str = "") -> bytes:
        """Return the public halves of keys as they lie in the store."""
        whose = identity or credential.identity("mesh.test", "acme", service)
        epochs = tuple(
            Key(each.begins, X25519PrivateKey.from_private_bytes(each.key).public_key().public_bytes_raw())
            for each in keys.epochs
        )
        return self.signed(signed.KEYS, contents.encode(PublicKeys(whose, keys.number, epochs)))

    def bundle(self, service: KeySet, to: Holder | None = None, **groups: KeySet) -> bytes:
        """Return private keys wrapped for a process; ``groups`` by family."""
        to = to or self.own
        named = {f"{family}.>": each for family, each in groups.items()}
        kem = to.kem.public_key().public_bytes_raw()
        return wrapped(Bundle(service, named), to.digest, kem, self.kid, self.sign)

    def changed(self, changed: Changed) -> bytes:
        return self.signed(signed.CHANGED, contents.encode(changed))


__all__ = ["HOUR", "NOW", "Feeding", "key_set"]

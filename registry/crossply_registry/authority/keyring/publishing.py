"""What everybody may know of keys: the public ones of services, signed, in the store; and that some have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.keyring import contents, signed
from crossply.keyring.contents import Changed, Key, PublicKeys
from crossply.keyring.places import public_keys
from crossply.keyring.signed import KeyFault
from crossply.telemetry.logs import get_logger
from crossply.wire.link import Conflict, StoreUnavailable
from crossply_registry.authority.identity import Identity

if TYPE_CHECKING:
    from crossply.keyring.contents import KeySet
    from crossply.wire.link import Entry, Link
    from crossply_registry.authority.issuer import Issuer

_TRIES: Final = 20
_log = get_logger("authority.keys")


class Publishing:
    """Writes and announces; of two replicas the higher number stays."""

    def __init__(self, link: Link, issuer: Issuer, tenant: str) -> None:
        self._link = link
        self._issuer = issuer
        self._tenant = tenant
        self._published: dict[str, int] = {}

    async def publish(self, service: str, keys: KeySet) -> None:
        """Have the public halves of these keys, or newer ones, lie in the store; announce them where they are new.

        Raise ``StoreUnavailable``.
        """
        if self._published.get(service, 0) >= keys.number:
            return
        place, raw = public_keys(service), self._signed(service, keys)
        for _ in range(_TRIES):
            entry = await self._link.store.get(place, leader=True)
            if entry is not None and self._number(service, entry) >= keys.number:
                break
            try:
                if entry is None:
                    await self._link.store.create(place, raw)
                else:
                    await self._link.store.update(place, raw, entry.revision)
            except Conflict:
                continue
            self.announce(Changed(services={service: keys.number}))
            break
        else:
            raise StoreUnavailable(f"{place}: other replicas wrote first {_TRIES} times")
        self._published[service] = keys.number

    def announce(self, changed: Changed) -> None:
        """Tell every data plane; one that does not hear it asks later by itself."""
        body = contents.encode(changed)
        signature = self._issuer.sign(signed.label(signed.CHANGED), body)
        self._link.keys.notices.tell(signed.pack(self._issuer.kid, body, signature))

    def _signed(self, service: str, keys: KeySet) -> bytes:
        identity = str(Identity(self._issuer.trust_domain, self._tenant, service))
        body = contents.encode(PublicKeys(identity, keys.number, tuple(map(_public, keys.epochs))))
        return signed.pack(self._issuer.kid, body, self._issuer.sign(signed.label(signed.KEYS), body))

    def _number(self, service: str, entry: Entry) -> int:
        """Return the number of what lies in the store; what the issuer did not sign counts for nothing there."""
        what = f"keys of {service}"
        try:
            body = signed.opened(entry.value, signed.KEYS, what, {self._issuer.kid: self._issuer.public_key})
            return contents.decode(body, PublicKeys, what).number
        except KeyFault as fault:
            _log.error("keys_replaced", service=service, why=str(fault))
            return 0


def _public(key: Key) -> Key:
    return Key(key.begins, X25519PrivateKey.from_private_bytes(key.key).public_key().public_bytes_raw())

"""Whose revisions are believed: the registry's keys, as init certified them, signed by the issuer in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from crossply.identity.issued import IssuedFault
from crossply.identity.signers import Signers, vouched
from crossply.keyring import contents, signed
from crossply.keyring.contents import Changed, RegistryKeys
from crossply.keyring.registry_keys import PLACE
from crossply.keyring.signed import KeyFault
from crossply.telemetry.logs import get_logger
from crossply.wire.link import Conflict, StoreUnavailable
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.identity import REGISTRY, Identity

if TYPE_CHECKING:
    from crossply.wire.link import Store
    from crossply_registry.authority.folder import Folder
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.keyring.publishing import Publishing

LOOK_EVERY: Final = 5.0
_log = get_logger("authority.keys")


class SigningKeys:
    """One replica's view of them; ``signers`` are what this process itself believes revisions by.

    Of replicas whose folders differ, as while init's files are being carried to them, the newest certificate counts.
    """

    def __init__(
        self,
        folder: Folder,
        store: Store,
        issuer: Issuer,
        publishing: Publishing,
        tenant: str,
        *,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._store = store
        self._issuer = issuer
        self._publishing = publishing
        self._identity = str(Identity(issuer.trust_domain, tenant, REGISTRY))
        self._now = now
        self._pause = pause
        self.certificates: tuple[x509.Certificate, ...] = ()
        self.signers = Signers(wall=now)

    async def refresh(self) -> None:
        """Publish what the folder holds, unless what lies in the store is newer; believe whichever that is.

        Raise ``CertificateFault`` for a folder whose certificates the issuer did not make, ``StoreUnavailable``.
        """
        own = tuple(self._folder.read_registry())
        number, held = await self._held()
        if held == own or (held and _begins(held) > _begins(own)):
            self._believe(held, number)
        elif own:
            await self._publish(own, number)

    async def looking(self) -> None:
        """Look once whether init, or another replica, has others."""
        await self._pause(LOOK_EVERY)
        try:
            await self.refresh()
        except (StoreUnavailable, CertificateFault) as error:
            _log.warning("registry_keys_not_read", why=str(error))

    async def _publish(self, own: tuple[x509.Certificate, ...], held: int) -> None:
        number = max(held + 1, int(self._now() * 1000))
        self._believe(own, number)
        body = contents.encode(RegistryKeys(number, tuple(each.public_bytes(Encoding.DER) for each in own)))
        raw = signed.pack(self._issuer.kid, body, self._issuer.sign(signed.label(signed.REGISTRY), body))
        entry = await self._store.get(PLACE, leader=True)
        try:
            if entry is None:
                await self._store.create(PLACE, raw)
            else:
                await self._store.update(PLACE, raw, entry.revision)
        except Conflict:
            return  # another replica was first; the next look says whose stays
        self._publishing.announce(Changed(registry=number))

    async def _held(self) -> tuple[int, tuple[x509.Certificate, ...]]:
        """Return what lies in the store; what the issuer did not sign counts for nothing there."""
        entry = await self._store.get(PLACE, leader=True)
        if entry is None:
            return 0, ()
        what = "list of the registry's keys"
        try:
            authorities = {self._issuer.kid: self._issuer.public_key}
            said = contents.decode(signed.opened(entry.value, signed.REGISTRY, what, authorities), RegistryKeys, what)
            return said.number, tuple(map(x509.load_der_x509_certificate, said.certificates))
        except (KeyFault, ValueError) as fault:
            _log.error("registry_keys_replaced", why=str(fault))
            return 0, ()

    def _believe(self, certificates: tuple[x509.Certificate, ...], number: int) -> None:
        try:
            found = vouched(certificates, self._issuer.certificate, self._identity)
        except IssuedFault as fault:
            raise CertificateFault(str(fault)) from fault
        self.certificates = certificates
        self.signers.adopt(found, number)


def _begins(certificates: tuple[x509.Certificate, ...]) -> float:
    return max((each.not_valid_before_utc.timestamp() for each in certificates), default=0.0)

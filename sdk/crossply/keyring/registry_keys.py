"""Follows who may sign revisions: the authority's list of the registry's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509

from crossply.identity.issued import IssuedFault
from crossply.identity.signers import vouched
from crossply.keyring import contents, signed
from crossply.keyring.contents import RegistryKeys
from crossply.keyring.signed import KeyFault
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.identity.signers import Signers
    from crossply.keyring.keyring import Keyring
    from crossply.wire.link import Store

PLACE: Final = "registry"
SEEN: Final = ".registry"
"""Under which its number is kept; no service has such a name."""
_WHAT: Final = "list of the registry's keys"


class SignerFeed:
    """Reads the list when it has changed; ``believed`` is called with each new one, to look at revisions again."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        signers: Signers,
        issuer: x509.Certificate,
        identity: str,
        believed: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._signers = signers
        self._issuer = issuer
        self._identity = identity
        self._believed = believed
        self._log = get_logger("keys")

    @property
    def missed(self) -> bool:
        """Whether something came that no known key signed."""
        return self._signers.missed

    def behind(self, number: int) -> bool:
        """Return whether a list of that number is newer than the one that is believed."""
        return number > self._signers.number

    async def read(self) -> bool:
        """Believe what lies in the store, if the authority signed it and it is newer; return whether it was."""
        try:
            entry = await self._store.get(PLACE, leader=True)
            if entry is None or not self._adopt(entry.value):
                return False
        except StoreUnavailable as error:
            self._log.debug("registry_keys_not_read", why=str(error))
            return False
        except (KeyFault, IssuedFault) as fault:
            self._log.warning("registry_keys_refused", why=str(fault))
            return False
        await self._believed()
        return True

    def _adopt(self, raw: bytes) -> bool:
        body = signed.opened(raw, signed.REGISTRY, _WHAT, self._keyring.authorities)
        said = contents.decode(body, RegistryKeys, _WHAT)
        seen = max(self._signers.number, self._keyring.seen.get(SEEN, 0))
        if said.number < seen:
            raise KeyFault(f"{_WHAT}: went back from {seen} to {said.number}; an older state was put in its place")
        if said.number == self._signers.number:
            self._signers.missed = False
            return False
        try:
            certificates = [x509.load_der_x509_certificate(each) for each in said.certificates]
        except ValueError as error:
            raise KeyFault(f"{_WHAT}: holds what is no certificate: {error}") from error
        self._signers.adopt(vouched(certificates, self._issuer, self._identity), said.number)
        self._keyring.seen[SEEN] = said.number
        return True

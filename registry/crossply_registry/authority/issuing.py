"""All that one process is issued: a certificate, a credential that others find in the store, keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply_registry.authority.credentials import IssuedCredentials
    from crossply_registry.authority.identity import Identity
    from crossply_registry.authority.issuer import Issued, Issuer, WorkloadKeys
    from crossply_registry.authority.keyring.granting import Granting
    from crossply_registry.authority.terms import Terms


class Issuing:
    """Issues for as long as the terms say; ``now`` is unix seconds."""

    def __init__(
        self,
        issuer: Issuer,
        granting: Granting,
        credentials: IssuedCredentials,
        terms: Terms,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self._granting = granting
        self._credentials = credentials
        self._terms = terms
        self._now = now

    async def issue(
        self,
        identity: Identity,
        instance: str,
        keys: WorkloadKeys,
        publishes: Iterable[str] = (),
        subscribes: Iterable[str] = (),
        *,
        after: float = 0.0,
    ) -> Issued:
        """Return it, the credential being in the store; raise ``Refused``, ``StoreUnavailable`` or ``StateFault``."""
        lifetime = self._terms.lifetime(identity.service)
        made = self.issuer.issue(identity, instance, keys, now=self._now(), lifetime=lifetime, after=after)
        keyring = await self._granting.grant(made.credential, publishes, subscribes)
        await self._credentials.put(made.credential)
        return replace(made, keyring=keyring)

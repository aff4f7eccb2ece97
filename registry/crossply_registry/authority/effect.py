"""What is decided about identities takes effect at once: members hear of it, connections that must end do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply_registry.authority.callout.admitting import SYSTEM
from crossply_registry.authority.expelling import Expelling, identities, revoked
from crossply_registry.authority.outdated import Outdated
from crossply_registry.authority.spreading import Spreading

if TYPE_CHECKING:
    from crossply.wire.link import Link, LinkConfig
    from crossply.wire.system import System
    from crossply_policy.access.rules import Access
    from crossply_registry.authority.expelling import ConnectSystem
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.revocations import Revocations

_CLOSING: Final = 0.5
_log: Final = get_logger("authority")


class Effect:
    """One replica's; `now` is unix seconds."""

    def __init__(
        self, link: Link, issuer: Issuer, revocations: Revocations, tenant: str, now: Callable[[], float]
    ) -> None:
        self._tasks = Tasks(_failed)
        self._system: System | None = None
        identity_of = identities(issuer.trust_domain)
        self._outdated = Outdated(tenant, identity_of, now)
        self._expelling = Expelling((revoked(revocations, identity_of), self._outdated), self._tasks, now)
        self._spreading = Spreading(link, issuer, revocations, self._tasks, self._expelling.changed)

    async def begin(self, config: LinkConfig, connect: ConnectSystem | None) -> None:
        """Follow what is decided, and have what was decided before take effect.

        Without a way to the brokers' own account, connections stay until they end by themselves.
        """
        if connect is not None:
            servers = tuple(each.replace("://", f"://{SYSTEM}@", 1) for each in config.servers)
            try:
                self._system = await connect(replace(config, servers=servers))
                self._expelling.begin(self._system)
            except Unavailable as error:
                _log.error("system_account_not_reached", why=error.message)
        await self._spreading.start()

    def adopt(self, access: Access) -> None:
        """Have what policy allows no more take effect on connections that were let in with it."""
        if self._outdated.adopt(access):
            self._expelling.changed()

    async def spread(self) -> None:
        """Have what was decided just now take effect; raise StoreUnavailable: then it is tried again soon."""
        await self._spreading.spread()

    async def aclose(self) -> None:
        """Follow nothing any more."""
        await self._spreading.aclose()
        await self._tasks.aclose()
        if self._system is not None:
            try:
                await asyncio.wait_for(self._system.aclose(), _CLOSING)
            except TimeoutError:
                _log.info("closed_late", reason="the brokers' own account")


def _failed(name: str, error: BaseException) -> None:
    _log.error("task_failed", task=name, reason=repr(error))

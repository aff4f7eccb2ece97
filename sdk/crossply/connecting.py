"""The first connection of a mesh: what it is opened with, and how long a broker is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossply.errors import Unavailable
from crossply.wire.link import LinkConfig

if TYPE_CHECKING:
    from crossply.audit.audit import Audit
    from crossply.clock import Clock
    from crossply.config import MeshConfig
    from crossply.identity.member import Member
    from crossply.identity.stranger import Stranger
    from crossply.telemetry.logs import Logger
    from crossply.wire.link import Connect, Link

_PAUSE = 0.5
_ONE_TRY = 5.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Who connects: a service, with what it has of an authority, and who hears of messages that were not opened.

    ``needs`` are the channel patterns whose events it will take.
    """

    service: str
    member: Member | Stranger
    audit: Audit
    needs: tuple[str, ...]

    def link(self, config: MeshConfig) -> LinkConfig:
        """Return what its connections are opened with."""
        return LinkConfig(
            servers=config.nats,
            service=self.service,
            instance=self.member.instance,
            tenant=config.tenant,
            trust_domain=config.trust_domain,
            connect_timeout=min(_ONE_TRY, config.connect_timeout),
            tls=self.member.tls,
            renewals=self.member.renewals,
            keys=self.member.keyring,
            audit=self.audit,
            needs=self.needs,
        )


async def reached(config: LinkConfig, connect: Connect, within: float, now: Clock, log: Logger) -> Link:
    """Return a link; raise ``Unavailable`` when no broker answers within some seconds, however often it is tried."""
    if config.keys is None:
        log.info("not_sealed", why="no authority vouches for this process; docs/authority.md says how one is had")
    until, said = now() + within, False
    while True:
        try:
            return await connect(config)
        except Unavailable as error:
            if now() + _PAUSE >= until:
                raise
            if not said:
                log.warning("broker_unreachable", why=error.message, retrying_for=within)
            said = True
        await asyncio.sleep(_PAUSE)

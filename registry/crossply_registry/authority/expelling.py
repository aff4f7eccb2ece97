"""Ends the connections that nobody may have any more, at whichever broker they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.errors import CallError
from crossply.telemetry.logs import get_logger
from crossply.wire import credential
from crossply_registry.authority.state import Pause

if TYPE_CHECKING:
    from crossply.tasks import Tasks
    from crossply.wire.link import LinkConfig
    from crossply.wire.system import Connected, System
    from crossply_registry.authority.revocations import Revocations

SWEEPS: Final = (0.0, 0.3, 1.0, 3.0, 6.0, 12.0)
"""When connections are looked through after a change, in seconds: again and again, as a broker may have taken one at
the word of a replica that had not heard, and as moving takes its time."""
SERVICE, TENANT, INSTANCE = "OU", "O", "SERIALNUMBER"
"""What of a certificate's subject says who it is."""

ConnectSystem: TypeAlias = Callable[["LinkConfig"], Awaitable["System"]]
Ended: TypeAlias = Callable[["Connected", float], str]
"""Returns why a connection must end, and an empty text for one that may stay.

Its second argument is the time in unix seconds at which brokers were asked. Ages are theirs to tell, so that clocks
need not agree, and are at least as long as they were then.
"""
_log: Final = get_logger("authority")


class Expelling:
    """Looks through all connections after each change, and ends those that one of ``rules`` ends."""

    def __init__(
        self, rules: tuple[Ended, ...], tasks: Tasks, now: Callable[[], float], pause: Pause = asyncio.sleep
    ) -> None:
        self._system: System | None = None
        self._rules = rules
        self._tasks = tasks
        self._now = now
        self._pause = pause
        self._sweeping: asyncio.Task[None] | None = None

    def begin(self, system: System) -> None:
        """Look through the connections of these brokers from now on."""
        self._system = system

    def changed(self) -> None:
        """Begin to look; a change while it is looked begins anew."""
        if self._system is None:
            _log.warning("connections_stay", why="this authority has no way to the brokers' system account")
            return
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._sweeping = self._tasks.spawn(self._sweep_often(self._system), "connections looked through")

    async def _sweep_often(self, system: System) -> None:
        past = 0.0
        for moment in SWEEPS:
            await self._pause(moment - past)
            past = moment
            try:
                await self._sweep(system)
            except CallError as error:
                _log.warning("connections_not_looked_through", why=error.message)

    async def _sweep(self, system: System) -> None:
        asked = self._now()
        due = [(each, why) for each in await system.connections() if (why := self._why(each, asked))]
        ended = await asyncio.gather(*(system.end(each) for each, _ in due))
        for (each, why), done in zip(due, ended, strict=True):
            if done:
                who = {"service": each.subject.get(SERVICE, ""), "instance": each.subject.get(INSTANCE, "")}
                _log.info("connection_ended", **who, why=why)

    def _why(self, connection: Connected, asked: float) -> str:
        return next((why for rule in self._rules if (why := rule(connection, asked))), "")


def identities(trust_domain: str) -> Callable[[Connected], str]:
    """Return what tells the identity of a connection; of one that shows no certificate of ours it is empty."""

    def identity_of(connection: Connected) -> str:
        tenant, service = connection.subject.get(TENANT), connection.subject.get(SERVICE)
        return credential.identity(trust_domain, tenant, service) if tenant and service else ""

    return identity_of


def revoked(revocations: Revocations, identity_of: Callable[[Connected], str]) -> Ended:
    """Return the rule that ends whoever is barred at once, and what became void after the time to move."""

    def ending(connection: Connected, asked: float) -> str:
        identity = identity_of(connection)
        verdict = revocations.verdicts.get(identity)
        if verdict is None:
            return ""
        if verdict.barred:
            return f"{identity} is revoked"
        since = asked - verdict.before
        return f"{identity} was issued anew" if since >= verdict.moving and connection.age > since else ""

    return ending

"""Keeps a process connected to one of its brokers, whatever happens to them.

A connection that is lost is replaced by a new one, on which everything that listens listens again; one whose broker
is about to leave (lame duck) is replaced before it ends, and both overlap.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

from crossply.errors import NotConnected, Origin, Unavailable
from crossply.tasks import Tasks
from crossply.wire.dial import DialFault
from crossply.wire.link import ConnectionEvent
from crossply.wire.listening import Listening
from crossply.wire.servers import Servers
from crossply.wire.watchdog import TICK, watch_for_ever

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Chance, Clock
    from crossply.wire.connection import Connection, Take
    from crossply.wire.denials import OnRefusal
    from crossply.wire.dial import Dial
    from crossply.wire.link import LinkConfig

_DIAL_WITHIN: Final = 15.0
"""Longer than a broker waits for the authority: whoever gave up before it would ask for everything again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_OVERLAP: Final = 1.0
_FOREVER: Final = 3600.0
_MAX_PAYLOAD: Final = 1024 * 1024


class Supervisor:
    """One process's way to the broker; sends and listens whatever connection there is."""

    def __init__(
        self,
        config: LinkConfig,
        dial: Dial,
        now: Clock,
        chance: Chance,
        *,
        on_event: Callable[[ConnectionEvent], None],
        report: Callable[[str, BaseException], None],
        on_refusal: OnRefusal = lambda _why, _first, _last: False,
    ) -> None:
        self._config = config
        self._open = dial
        self._tasks = Tasks(report)
        self._now = now
        self._chance = chance
        self._on_event = on_event
        self._report = report
        self._on_refusal = on_refusal
        self._servers = Servers(config.servers)
        self.current: Connection | None = None
        self.arrived = self._since = now()
        self._connected = asyncio.Event()
        self._listenings: dict[int, Listening] = {}
        self._numbers = itertools.count(1)
        self._retiring: set[Connection] = set()
        self._moving = False
        self._closed = False

    async def open(self) -> None:
        """Connect to the first broker that answers; raise ``Unavailable`` when none does in time."""
        until = self._now() + self._config.connect_timeout
        reasons: list[str] = []
        for address in list(self._servers.addresses):
            left = until - self._now()
            if left <= 0:
                break
            try:
                used = self._use(await self._dial(address, min(left, _DIAL_WITHIN)))
            except DialFault as fault:
                reasons.append(str(fault))
                continue
            if used:
                self._tasks.spawn(watch_for_ever(lambda: self.current), "watchdog")
                return
            reasons.append("it closed the connection at once")
        raise Unavailable(
            f"broker {', '.join(self._servers.addresses)} did not accept a connection within"
            f" {self._config.connect_timeout:g} s ({'; '.join(dict.fromkeys(reasons))});"
            " is it running, and is CROSSPLY_NATS_URL right?",
            origin=Origin.WIRE,
        )

    # What the parts of a link use

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.current is not None and self.current.open

    @property
    def server(self) -> str:
        """Host and port of the broker; empty when not connected."""
        return self.current.server if self.current is not None and self.current.open else ""

    @property
    def max_payload(self) -> int:
        """The broker's bound on headers and payload, in bytes."""
        return self.current.max_payload if self.current is not None else _MAX_PAYLOAD

    def send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        """Send one message; raise ``Unavailable`` when there is no connection: nothing waits for one here."""
        connection = self.current
        if connection is None:
            raise NotConnected(f"{subject.decode()}: not connected to the broker", origin=Origin.WIRE)
        connection.send(subject, payload, reply, headers)

    async def ready(self, what: str, deadline: float) -> None:
        """Return once there is a connection with room; raise ``Unavailable`` when neither came by the deadline."""
        while True:
            connection = self.current
            if connection is not None and connection.open:
                if not await connection.room(min(_FOREVER, max(0.0, deadline - self._now()))):
                    raise NotConnected(
                        f"{what}: the broker has not taken what was sent before, so this was not sent",
                        origin=Origin.WIRE,
                    )
                if self.connected:
                    return
                continue
            try:
                async with asyncio.timeout(min(_FOREVER, max(0.0, deadline - self._now()))):
                    await self._connected.wait()
            except TimeoutError:
                raise NotConnected(
                    f"{what}: not connected to the broker, and it did not come back in time", origin=Origin.WIRE
                ) from None

    @property
    def busy(self) -> bool:
        """Whether a sender must wait with ``ready``: no connection, or one that takes nothing at the moment."""
        connection = self.current
        return connection is None or not connection.open or connection.full

    async def connection(self) -> None:
        """Return once there is a connection."""
        await self._connected.wait()

    def listen(self, subject: bytes, take: Take, *, queue: bytes = b"") -> Listening:
        """Hand each message on ``subject`` to ``take``, on this connection and those that follow it."""
        number = next(self._numbers)
        listening = Listening(self, number, subject, queue, take)
        self._listenings[number] = listening
        if self.current is not None and self.current.open:
            self.current.subscribe(number, subject, queue, take)
        return listening

    async def flush(self, timeout: float) -> None:
        """Return when the broker has taken everything sent so far; raise ``Unavailable`` when it has not in time."""
        connection = self.current
        try:
            if connection is None:
                raise ConnectionError("not connected to the broker")  # noqa: TRY301 - said in one way
            async with asyncio.timeout(timeout):
                await connection.ping()
        except (TimeoutError, ConnectionError) as error:
            raise Unavailable(
                f"flush: {str(error) or 'the broker did not answer in time'}", origin=Origin.WIRE
            ) from error

    async def unlisten(self, number: int, timeout: float) -> None:
        """End a listening after what is under way to it; a broker that is away cannot hold this up."""
        if self._listenings.pop(number, None) is None:
            return
        connections = [each for each in (self.current, *self._retiring) if each is not None]
        for each in connections:
            each.unsubscribe(number)
        await asyncio.wait({each.ping() for each in connections} or {_done()}, timeout=timeout)
        for each in connections:
            each.forget(number)

    async def aclose(self) -> None:
        """Send what is unsent and close."""
        self._closed = True
        self._connected.clear()
        await self._tasks.aclose()
        connections = [each for each in (self.current, *self._retiring) if each is not None]
        await asyncio.gather(*(each.aclose() for each in connections))

    # What connections tell

    def reading(self) -> None:
        """What is taken now has ``arrived`` together, however long it takes to go through it."""
        self.arrived = self._now()

    def lost(self, connection: Connection, why: str) -> None:
        """Replace a connection that is gone."""
        self._retiring.discard(connection)
        if connection is not self.current or self._closed:
            return
        self._connected.clear()
        self._report("connection lost", ConnectionError(f"{connection.server}: {why}"))
        self._on_event(ConnectionEvent.DISCONNECTED)
        if self._config.reconnect:
            self._tasks.spawn(self._reopen(connection.server), "reconnect")
        else:
            self._on_event(ConnectionEvent.CLOSED)

    def informed(self, connection: Connection, info: dict[str, Any]) -> None:
        """Learn of other brokers; leave one that is about to end."""
        self._servers.learn(info.get("connect_urls") or ())
        if info.get("ldm") and connection is self.current and not self._moving:
            self._on_event(ConnectionEvent.LAME_DUCK)
            self.move()

    def move(self) -> None:
        """Replace the connection by a new one, make before break."""
        if self.current is not None and not self._moving:
            self._tasks.spawn(self._move(self.current), "make before break")

    def refused(self, connection: Connection, why: str) -> None:
        """Say what the broker refused, unless whoever asked for it was told."""
        first, last = (self._since, math.inf) if connection is self.current else (-math.inf, self._since)
        if not self._on_refusal(why, first, last):
            self._report("broker error", ConnectionError(f"{connection.server}: {why}"))

    def dropped(self, subject: bytes, error: Exception) -> None:
        """Say which message was dropped."""
        self._report(f"message on {subject.decode(errors='replace')} dropped", error)

    # Connections come and go

    async def _dial(self, address: str, timeout: float) -> Connection:
        return await self._open(address, self._servers.credentials, self._config, self, timeout)

    def _use(self, connection: Connection) -> bool:
        """Listen on a connection, then send on it; return False when it ended before it was used."""
        if not connection.open:
            return False
        for each in self._listenings.values():
            connection.subscribe(each.number, each.subject, each.queue, each.take)
        self.current, self._since = connection, self._now()
        self._connected.set()
        return True

    async def _reopen(self, last: str) -> None:
        """Connect again: to another broker first, then again and again to all, with pauses."""
        pause = _FIRST_PAUSE
        while not self._closed:
            connection = await self._any(avoid=last, timeout=_DIAL_WITHIN)
            if connection is not None and self._use(connection):
                self._on_event(ConnectionEvent.RECONNECTED)
                return
            await asyncio.sleep(pause * (0.5 + self._chance.random()))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _any(self, *, avoid: str, timeout: float) -> Connection | None:
        for address in self._servers.in_turn(self._chance, avoid):
            try:
                return await self._dial(address, timeout)
            except DialFault:
                continue
        return None

    async def _move(self, old: Connection) -> None:
        """Make before break: listen on another broker as well, send there, then leave the old one."""
        self._moving = True
        try:
            while self._uses(old):
                new = await self._any(avoid=old.server, timeout=_DIAL_WITHIN)
                if new is None:
                    await asyncio.sleep(TICK)
                elif self._uses(old) and self._use(new):
                    self._retiring.add(old)
                    await self._retire(old)
                else:
                    await new.aclose()
        finally:
            self._moving = False

    def _uses(self, connection: Connection) -> bool:
        return connection.open and connection is self.current and not self._closed

    async def _retire(self, old: Connection) -> None:
        # The new broker's routes must know of the listenings before the old ones end.
        await asyncio.sleep(_OVERLAP)
        for number in list(self._listenings):
            old.unsubscribe(number)
        await asyncio.wait({old.ping()}, timeout=_OVERLAP)
        self._retiring.discard(old)
        await old.aclose()


def _done() -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done

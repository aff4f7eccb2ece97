"""Keeps a keyring current: hears what the authority announces, reads public keys, asks for private ones."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.errors import CallError
from crossply.keyring import contents
from crossply.keyring.contents import Asked, Changed
from crossply.keyring.places import public_keys
from crossply.keyring.signed import KeyFault
from crossply.telemetry.logs import get_logger
from crossply.wire.link import ConnectionEvent, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from crossply.clock import Chance, Clock
    from crossply.keyring.keyring import Keyring
    from crossply.keyring.registry_keys import SignerFeed
    from crossply.seal.credentials import Recipient
    from crossply.seal.group import Group
    from crossply.tasks import Tasks
    from crossply.wire.link import Link

    Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]

LOOK_EVERY: Final = 30.0
SPREAD: Final = 0.5
"""Seconds within which those who heard an announcement ask, so that a service's instances do not ask at once."""
ABSENT_FOR: Final = 1.0
_CHANNELS: Final = 1024


class KeyFeed:
    """What a running mesh knows of keys. ``ask`` sends a question to the authority; ``keep`` keeps what came of it."""

    def __init__(
        self,
        link: Link,
        keyring: Keyring,
        ask: Ask,
        keep: Callable[[], None],
        *,
        tasks: Tasks,
        now: Clock,
        chance: Chance,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._link = link
        self._keyring = keyring
        self._ask = ask
        self._keep = keep
        self._tasks = tasks
        self._now = now
        self._chance = chance
        self._pause = pause
        self._log = get_logger("keys")
        self._wanted: set[str] = set()
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._absent: dict[str, float] = {}
        self._announced: dict[str, int] = {}
        self._changed = Changed()
        self._asking: asyncio.Task[None] | None = None
        self._signers: SignerFeed | None = None

    def start(self, subscriptions: Iterable[str] = (), signers: SignerFeed | None = None) -> None:
        """Listen, and ask for what is not here yet: neither authority nor store is waited for."""
        if signers is not None:
            self._signers = signers
            self._tasks.spawn(self._read_signers(), "the registry's keys")
        self._keyring.subscribes.update(subscriptions)
        self._link.keys.notices.watch(self._heard)
        self._link.on_event(self._happened)
        self._tasks.for_ever(self._look, "keys")
        if self._lacking(self._keyring.outlived()[0]):
            self._fetch_private()

    async def want(self, service: str) -> Recipient | None:
        """Return to whom to seal calls to a service, whose keys are kept current from now on; None: it has no keys."""
        self._wanted.add(service)
        known = self._keyring.recipient(service)
        if known is not None or self._absent.get(service, 0.0) > self._now():
            return known
        await asyncio.shield(self._fetch(service))
        return self._keyring.recipient(service)

    def unwant(self, service: str) -> None:
        """Keep the keys of a service current no more."""
        self._wanted.discard(service)
        self._absent.pop(service, None)
        self._announced.pop(service, None)
        self._keyring.forget(service)

    async def want_channel(self, channel: str, *, subscribe: bool = False) -> Group | None:
        """Return the keys of a channel or pattern, asked for once; None when this process may not have them."""
        known = self._keyring.group(channel)
        wanted = self._keyring.subscribes if subscribe else self._keyring.publishes
        key = f"{'>' if subscribe else '<'}{channel}"
        if known is not None or self._absent.get(key, 0.0) > self._now():
            return known
        if len(wanted) < _CHANNELS:
            wanted.add(channel)
        await _ended(self._asking)  # it was sent without this channel
        await asyncio.shield(self._fetch_private())
        found = self._keyring.group(channel)
        if found is None:
            self._absent[key] = self._now() + ABSENT_FOR
        return found

    def _heard(self, raw: bytes) -> None:
        try:
            changed = self._keyring.heard(raw)
        except KeyFault as fault:
            self._log.warning("announcement_dropped", why=str(fault))
            return
        self._tasks.spawn(self._follow(changed), "keys announced")

    async def _follow(self, changed: Changed) -> None:
        await self._pause(SPREAD * self._chance.random())
        if self._signers is not None and self._signers.behind(changed.registry):
            self._tasks.spawn(self._read_signers(), "the registry's keys")
        if self._keyring.behind(changed):
            self._changed = changed
            await _ended(self._asking)  # it may have been answered before the change
            if self._keyring.behind(changed):
                self._fetch_private()
        for service, number in changed.services.items():
            if service in self._wanted and self._keyring.older(service, number):
                self._announced[service] = number
                await _ended(self._reading.get(service))
                if self._keyring.older(service, number):
                    self._fetch(service)

    def _happened(self, event: ConnectionEvent) -> None:
        if event is ConnectionEvent.RECONNECTED:
            # Whatever was announced meanwhile was not heard.
            self._absent.clear()
            self._tasks.spawn(self._read_again(), "keys after a reconnect")

    async def _read_again(self) -> None:
        await self._pause(SPREAD * self._chance.random())
        self._fetch_private()
        for service in self._wanted:
            self._fetch(service)
        await self._read_signers()

    async def _read_signers(self) -> None:
        if self._signers is not None and await self._signers.read():
            self._keep()

    async def _look(self) -> None:
        """Ask again for what should have a successor by now: an announcement may have been lost."""
        await self._pause(LOOK_EVERY * (0.5 + self._chance.random()))
        private, services = self._keyring.outlived()
        if self._lacking(private or self._keyring.behind(self._changed)):
            self._fetch_private()
        if self._signers is not None and self._signers.missed:
            await self._read_signers()
        missed = [service for service, number in self._announced.items() if self._keyring.older(service, number)]
        for service in {*services, *missed} & self._wanted:
            self._fetch(service)

    def _lacking(self, outlived: bool) -> bool:  # noqa: FBT001 - one of two reasons
        """Return whether private keys are to be asked for: those here have ended, or there are none of a channel."""
        keyring = self._keyring
        return outlived or any(keyring.group(each) is None for each in (*keyring.subscribes, *keyring.publishes))

    def _fetch(self, service: str) -> asyncio.Task[None]:
        reading = self._reading.get(service)
        if reading is None or reading.done():
            reading = self._reading[service] = self._tasks.spawn(self._read(service), "keys of a service")
            reading.add_done_callback(lambda done: self._was_read(service, done))
        return reading

    def _was_read(self, service: str, done: asyncio.Task[None]) -> None:
        if self._reading.get(service) is done:
            del self._reading[service]

    async def _read(self, service: str) -> None:
        try:
            new = await self._learned(service)
        except StoreUnavailable as error:
            self._log.debug("keys_not_read", service=service, why=str(error))
        except KeyFault as fault:
            self._absent[service] = self._now() + ABSENT_FOR
            self._log.warning("keys_refused", service=service, why=str(fault))
        else:
            if new:
                self._keep()

    async def _learned(self, service: str) -> bool:
        """Read the keys of a service; where a replica lags behind what was announced, the leader's word is final."""
        place, expected = public_keys(service), self._announced.get(service, 0)
        entry = await self._link.store.get(place)
        if entry is None:
            self._absent[service] = self._now() + ABSENT_FOR
            return False
        with suppress(KeyFault):
            new = self._keyring.learn(service, entry.value)
            if not self._keyring.older(service, expected):
                return new
        entry = await self._link.store.get(place, leader=True)
        return entry is not None and self._keyring.learn(service, entry.value)

    def _fetch_private(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = self._tasks.spawn(self._request(), "keys of this process")
            self._asking.add_done_callback(self._answered)
        return self._asking

    def _answered(self, done: asyncio.Task[None]) -> None:
        if self._asking is done:
            self._asking = None

    async def _request(self) -> None:
        keyring = self._keyring
        asked = Asked(keyring.own.raw, tuple(sorted(keyring.publishes)), tuple(sorted(keyring.subscribes)))
        try:
            if keyring.adopt(await self._ask(contents.encode(asked))):
                self._absent.clear()
                self._keep()
        except CallError as error:
            self._log.info("keys_not_given", why=str(error))
        except KeyFault as fault:
            self._log.warning("keys_refused", why=str(fault))


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.shield(task)

"""Turns the keys of every service and channel in time, whichever replica comes first."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.keyring.contents import Changed, KeySet
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.keyring import life
from crossply_registry.authority.keyring.vault import Kind
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from crossply.clock import Chance
    from crossply_registry.authority.keyring.publishing import Publishing
    from crossply_registry.authority.keyring.vault import Vault
    from crossply_registry.authority.terms import Terms

_PART: Final = 16
"""A replica looks sixteen times an epoch; the next key is made a whole epoch ahead, so that late is early enough."""
_LONGEST: Final = 600.0
_KEY: Final = 32
_log = get_logger("authority.keys")


class Keys:
    """The keys of one tenant's services and channels."""

    def __init__(
        self,
        vault: Vault,
        publishing: Publishing,
        terms: Terms,
        chance: Chance,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vault = vault
        self._publishing = publishing
        self._terms = terms
        self._changed = asyncio.Event()
        terms.on_change(self._changed.set)
        self._chance = chance
        self._pause = pause
        self._told: dict[str, int] = {}
        self.services = Kind("services", lambda name: life.of_services(terms.epoch(name)), _private)
        self.groups = Kind("groups", lambda _: life.of_channels(terms.channels), _shared)

    async def service(self, name: str) -> KeySet:
        """Return the private keys of a service, whose public ones lie in the store by then."""
        found = await self._vault.turn(self.services, name)
        await self._publishing.publish(name, found)
        return found

    async def group(self, name: str) -> KeySet:
        """Return the keys of a channel pattern."""
        return self._tell(name, await self._vault.turn(self.groups, name))

    async def replace(self, service: str) -> None:
        """Give a service other keys at once: somebody who has those in force has lost the right to them."""
        index = await self._vault.index()
        if service in index.services:
            await self._publishing.publish(service, await self._vault.replace(self.services, service))
        for name in index.groups:
            self._tell(name, await self._vault.replace(self.groups, name))

    async def turn(self) -> None:
        """Turn whatever is due; one that cannot be turned now does not keep the others from it."""
        index = await self._vault.index()
        for kind, names, make in (
            (self.services, index.services, self.service),
            (self.groups, index.groups, self.group),
        ):
            for name in names:
                if self._vault.due(kind, name):
                    try:
                        await make(name)
                    except (StoreUnavailable, StateFault, Refused) as error:
                        _log.warning("keys_not_turned", name=name, why=str(error))

    async def turning(self) -> None:
        """Turn once, after a pause of this replica's own; at once where documents say that keys seal for less time."""
        await self._due()
        try:
            await self.turn()
        except (StoreUnavailable, StateFault) as error:
            _log.warning("keys_not_turned", why=str(error))

    async def _due(self) -> None:
        length = min(_LONGEST, self._terms.shortest / _PART) * (0.5 + self._chance.random())
        waits = [asyncio.ensure_future(self._pause(length)), asyncio.ensure_future(self._changed.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        self._changed.clear()

    def _tell(self, name: str, found: KeySet) -> KeySet:
        if self._told.get(name, 0) < found.number:
            self._told[name] = found.number
            self._publishing.announce(Changed(groups={name: found.number}))
        return found


def _private() -> bytes:
    return X25519PrivateKey.generate().private_bytes_raw()


def _shared() -> bytes:
    return secrets.token_bytes(_KEY)

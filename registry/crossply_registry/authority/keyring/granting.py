"""Which private keys a process gets: its service's own, and those of channels that it may use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.keyring.contents import Bundle, KeySet
from crossply.keyring.wrapping import wrapped
from crossply.wire import credential
from crossply_policy import names
from crossply_registry.authority.refusal import malformed

if TYPE_CHECKING:
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.keyring.turning import Keys

May: TypeAlias = Callable[[str, str, str], bool]
"""Says whether a service may ``publish`` on, or ``subscribe`` to, a channel or a pattern of channels."""
GroupOf: TypeAlias = Callable[[str], str]
"""Says which channel pattern's keys the events of a channel are sealed under."""

PUBLISH: Final = "publish"
SUBSCRIBE: Final = "subscribe"
MOST: Final = 256


def family(channel: str) -> str:
    """Return the pattern of a channel's whole family: what has keys where no document speaks of less."""
    return f"{channel.partition('.')[0]}.>"


class Granting:
    """Wraps keys for credentials that were just issued, or were checked by whoever asks for it."""

    def __init__(self, issuer: Issuer, keys: Keys, *, may: May, group_of: GroupOf = family) -> None:
        self._issuer = issuer
        self._keys = keys
        self._may = may
        self._group_of = group_of

    async def grant(self, raw: bytes, publishes: Iterable[str] = (), subscribes: Iterable[str] = ()) -> bytes:
        """Return the keys of a credential's holder, for it alone.

        A channel that it may not have is left out. Raise ``Refused`` for what is no channel, ``StoreUnavailable`` or
        ``StateFault``.
        """
        held = credential.unpack(raw)
        wanted = [*_checked(PUBLISH, publishes, names.channel), *_checked(SUBSCRIBE, subscribes, names.pattern)]
        if len(wanted) > MOST:
            raise malformed(f"channels: {len(wanted)} are asked for, at most {MOST} are given keys of at a time")
        allowed = {self._group_of(channel) for verb, channel in wanted if self._may(held.service, channel, verb)}
        groups: dict[str, KeySet] = {name: await self._keys.group(name) for name in sorted(allowed)}
        bundle = Bundle(await self._keys.service(held.service), groups)
        digest = hashlib.sha256(raw).digest()
        return wrapped(bundle, digest, held.kem_key, self._issuer.kid, self._issuer.sign)


def _checked(verb: str, channels: Iterable[str], check: Callable[[str], str]) -> Iterable[tuple[str, str]]:
    for channel in channels:
        try:
            yield verb, check(channel)
        except names.NameFault as fault:
            raise malformed(str(fault)) from fault

"""A process as a member of the mesh: it joins, keeps who it is, and renews that at half of its life."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from crossply.errors import CallError, ConfigError, Unavailable
from crossply.identity.authority import Authority, Refused, opened
from crossply.identity.issued import Issued, IssuedFault, authorities, checked, holding, show, trusting
from crossply.identity.kept import Held, Kept
from crossply.identity.keys import Keys
from crossply.identity.life import Life
from crossply.identity.signers import Signers, named
from crossply.identity.standing import Standing
from crossply.identity.token import proof, token
from crossply.keyring.keyring import Keyring
from crossply.keyring.signed import KeyFault
from crossply.names import new_instance
from crossply.telemetry.logs import get_logger
from crossply.wire.credential import identity, read
from crossply.wire.renewals import Renewals
from crossply_policy.access.decision import Caller

if TYPE_CHECKING:
    import ssl

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from crossply.clock import Chance
    from crossply.config import MeshConfig
    from crossply.control.record import VerifyKey
    from crossply.identity.place import Place

Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Sends a renewal to the authority over the mesh, and returns its answer; raises CallError."""

RENEW = b"crossply-renew-v1\0"
_ONE_TRY, _PAUSE = 5.0, 0.5
_LEFT = 60.0
_JITTER = 0.1
_LOST = 5_000
"""For how long after a restart requests may be older than it, and seen before: the skew of clocks, milliseconds."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0


class Member:
    """Who this process is; connections are opened with it, and ``renewals`` tells them of a new certificate."""

    def __init__(
        self,
        config: MeshConfig,
        service: str,
        chance: Chance,
        *,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if config.authority_ca is None:
            raise ConfigError(
                ["CROSSPLY_AUTHORITY_CA: is missing; CROSSPLY_AUTHORITY needs the root by which to know it"]
            )
        try:
            self._root = config.authority_ca.read_bytes()
            self._tls = trusting(config.authority_ca)
            self.ca = config.authority_ca
        except (OSError, ValueError) as error:
            raise ConfigError([f"CROSSPLY_AUTHORITY_CA: cannot read {str(config.authority_ca)!r}: {error}"]) from error
        self._config = config
        self._service = service
        self._identity = identity(config.trust_domain, config.tenant, service)
        self._authority = Authority(config.authority, config.authority_ca, config.trust_domain, config.tenant)
        self._chance = chance
        self._wall = wall
        self._pause = pause
        self._log = get_logger("identity").bind(service=service)
        self._life = Life(wall, self._log)
        self.renewals = Renewals()
        self._kept = None if config.state is None else Kept(config.state, service, config.state_key)
        if self._kept is not None and not self._kept.take():
            self._kept = None
        self._held = self._usable()
        self._keyring: Keyring | None = None
        self.signers = Signers(wall=wall)
        self.registry_identity = identity(config.trust_domain, config.tenant, "registry")
        self.instance = config.instance or (self._held.issued.instance if self._held else new_instance())

    @property
    def issued(self) -> Issued:
        """Return what was issued last; raise ``Unavailable`` before ``begin``."""
        if self._held is None:
            raise Unavailable(f"{self._identity} has not joined yet")
        return self._held.issued

    @property
    def vouched_for(self) -> bool:
        """Return that an authority says who this is."""
        return True

    @property
    def claims(self) -> Mapping[str, str]:
        """Return what its credential claims beside its names; nothing before ``begin``."""
        return {} if self._held is None else read(self._held[1].credential).claimed

    @property
    def keys(self) -> Keys:
        """Return the keys that it was issued for."""
        if self._held is None:
            raise Unavailable(f"{self._identity} has not joined yet")
        return self._held.keys

    @property
    def keyring(self) -> Keyring:
        """Return the keys that this process seals and opens with; raise ``Unavailable`` before ``begin``."""
        if self._keyring is None:
            raise Unavailable(f"{self._identity} has not joined yet")
        return self._keyring

    def context(self) -> ssl.SSLContext:
        """Return what shows this process's newest certificate."""
        return self._tls

    @property
    def tls(self) -> Member:
        """Return what connections are opened with: itself."""
        return self

    @property
    def registry_key(self) -> VerifyKey | bytes:
        """Return by what revisions are known: the configuration's key, else those that the issuer certified."""
        return self._config.registry_key or self.signers

    @property
    def authorities(self) -> dict[bytes, Ed25519PublicKey]:
        """Return the keys that may vouch for members, by their ``issuer_kid``."""
        return authorities(self.issued)

    def standing(self, place: Place) -> Standing:
        """Return what keeps this process in good standing while it is connected."""
        return Standing(self, place, Caller(service=self._service, identity=self._identity), self._chance)

    async def begin(self) -> None:
        """Join, or go on as who this process was when no authority answers.

        Raise ``ConfigError`` when the authority refuses, ``Unavailable`` when nobody answers within
        ``connect_timeout`` and nothing usable was kept.
        """
        until = time.monotonic() + self._config.connect_timeout
        said = False
        while True:
            try:
                await self._join()
                return
            except Refused as refused:
                raise ConfigError([f"CROSSPLY_TOKEN: the authority refuses: {refused}"]) from refused
            except IssuedFault as fault:
                raise ConfigError(
                    [f"CROSSPLY_AUTHORITY: {self._authority.url} is not to be trusted: {fault}"]
                ) from fault
            except Unavailable as error:
                if self._held is not None:
                    self._log.warning("identity_kept", until=self._held.issued.not_after, why=error.message)
                    self._hold(self._held.keys, self._held.issued, resumed=True)
                    return
                if time.monotonic() + _PAUSE >= until:
                    raise
                if not said:
                    self._log.warning("authority_unreachable", why=error.message)
                said = True
            await self._pause(_PAUSE)

    async def renew_for_ever(self, ask: Ask) -> None:
        """Renew at half of what is left, again and again; what fails is tried again until it works."""
        while True:
            left = self._life.left(self.issued)
            await self._pause(max(_FIRST_PAUSE, left * (0.5 + _JITTER * (2 * self._chance.random() - 1))))
            await self.renew_until_it_works(ask)

    async def renew_until_it_works(self, ask: Ask) -> None:
        """Renew, or join again, as often as that takes."""
        pause = _FIRST_PAUSE
        while not await self.renew(ask):
            await self._pause(pause * (0.5 + self._chance.random()))
            pause = min(2 * pause, _LONGEST_PAUSE, max(_FIRST_PAUSE, self._life.left(self.issued) / 4))

    def close(self) -> None:
        """Leave the file of the identity to the next process."""
        if self._kept is not None:
            self._kept.release()

    async def renew(self, ask: Ask) -> bool:
        """Renew now, or else join again with the token; return whether either worked."""
        keys = Keys.make()
        body, der = self._body(keys)
        message = RENEW + hashlib.sha256(der).digest() + body["sign_key"] + body["kem_key"]
        renewal = msgspec.json.encode(
            {**body, "credential": self.issued.credential, "proof": self.keys.sign.sign(message)}
        )
        try:
            self._take(keys, opened(await ask(renewal)))
        except (CallError, IssuedFault) as error:
            self._log.warning("not_renewed", why=str(error), until=self.issued.not_after)
            return await self._joined_again()
        self.renewals.tell()
        return True

    async def _joined_again(self) -> bool:
        """Join with the token instead, as at a start; return whether that worked."""
        if not token(self._config, self._log):
            return False
        try:
            await self._join()
        except (Refused, Unavailable, IssuedFault) as error:
            self._log.warning("not_joined_again", why=str(error))
            return False
        self.renewals.tell()
        return True

    async def _join(self) -> None:
        shown = proof(self._config, self._log)
        if not shown:
            raise Unavailable("there is no token: set CROSSPLY_TOKEN or CROSSPLY_TOKEN_FILE")
        keys = Keys.make()
        body, _ = self._body(keys)
        self._take(keys, await self._authority.join({**body, **shown}, _ONE_TRY))

    def _body(self, keys: Keys) -> tuple[dict[str, Any], bytes]:
        request = keys.request()
        der = request.public_bytes(Encoding.DER)
        said = {
            "identity": self._identity,
            "instance": self.instance,
            "request": request.public_bytes(Encoding.PEM).decode(),
            "sign_key": keys.sign.public_key().public_bytes_raw(),
            "kem_key": keys.kem.public_key().public_bytes_raw(),
            "publishes": [] if self._keyring is None else sorted(self._keyring.publishes),
            "subscribes": [] if self._keyring is None else sorted(self._keyring.subscribes),
            "possession": keys.possession(self._identity, self.instance, der),
        }
        return said, der

    def _take(self, keys: Keys, issued: Issued) -> None:
        checked(issued, keys, self._identity, self._root)
        if issued.instance != self.instance:
            raise IssuedFault(f"it is for instance {ascii(issued.instance)[:40]} instead of {self.instance}")
        self._life.issued(issued)
        self._hold(keys, issued)
        self.keep()
        self._log.info("identity", identity=issued.identity, until=issued.not_after)

    def _hold(self, keys: Keys, issued: Issued, *, resumed: bool = False) -> None:
        """Be who was issued; ``resumed`` says that these keys were in use before this process began."""
        own = holding(issued, keys)
        if self.signers.number == 0:  # no list of the registry's keys was read yet: they are newer than an answer
            self.signers.adopt(named(issued, self.registry_identity), 0)
        seen: Mapping[str, int] = {} if self._held is None else self._held.seen
        if self._keyring is None:
            since = round(self._wall() * 1000) + _LOST if resumed else 0
            place = self._config.trust_domain, self._config.tenant
            self._keyring = Keyring(own, authorities(issued), *place, self._chance, since=since, seen=seen)
        else:
            self._keyring.renew(own)
        self._held = Held(keys, issued, seen)
        show(self._tls, issued, keys)
        if issued.keyring:
            try:
                self._keyring.adopt(issued.keyring)
            except KeyFault as fault:
                self._log.warning("keys_refused", why=str(fault))

    def keep(self) -> None:
        """Keep who this process is, and its keys as they are now, for a restart."""
        held, keyring = self._held, self._keyring
        if self._kept is not None and held is not None and keyring is not None:
            issued = msgspec.structs.replace(held.issued, keyring=keyring.wrapped)
            self._held = Held(held.keys, issued, keyring.seen)
            self._kept.save(*self._held)

    def _usable(self) -> Held | None:
        """Return what was kept, if it still is who this process is to be."""
        held = None if self._kept is None else self._kept.load()
        if held is None:
            return None
        keys, issued = held.keys, held.issued
        if self._config.instance not in {None, issued.instance} or issued.not_after - self._wall() < _LEFT:
            return None
        try:
            checked(issued, keys, self._identity, self._root)
        except IssuedFault as fault:
            self._log.warning("identity_not_used", why=str(fault))
            return None
        return held

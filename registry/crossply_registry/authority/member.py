"""The authority as a service of the mesh: `authority.renew` and `authority.keys`, whichever replica gets the call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import msgspec

from crossply.config import MeshConfig
from crossply.errors import Code, EndpointFailed, MeshError
from crossply.mesh import Mesh
from crossply.telemetry.logs import get_logger
from crossply.wire import connect as connect_nats
from crossply.wire.link import Connect, Link, LinkConfig, StoreUnavailable
from crossply_policy.snapshot import Snapshot
from crossply_registry.authority.answer import answer
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.identity import AUTHORITY
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import StateFault
from crossply_registry.connecting import TRY_AGAIN
from crossply_registry.version import version

_log: Final = get_logger("authority")


class AuthorityProcess:
    """The authority, and its place in the mesh: both start and stop together."""

    def __init__(self, config: AuthorityConfig, connect: Connect = connect_nats) -> None:
        self.authority = Authority(config, connect=connect)
        self._config = config
        self._connect = connect
        self._mesh: Mesh | None = None

    @property
    def instance(self) -> str:
        """Name this process."""
        return self.authority.instance

    async def start(self) -> None:
        """Start the authority, then serve renewals; raise what ``Authority.start`` raises."""
        await self.authority.start()
        mesh = self._mesh = serving(self.authority, self._config, self._connected)
        while True:
            try:
                await mesh.start()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is: joins are served, and a broker comes back
                _log.warning("renewals_wait", why=str(error) or type(error).__name__)
            await asyncio.sleep(TRY_AGAIN)

    async def aclose(self) -> None:
        """Take no renewals any more, and stop."""
        if self._mesh is not None:
            await self._mesh.stop()
        await self.authority.aclose()

    async def _connected(self, config: LinkConfig) -> Link:
        return await self._connect(replace(config, tls=self.authority.tls))


def serving(authority: Authority, config: AuthorityConfig, connect: Connect) -> Mesh:
    """Return the mesh that serves renewals with an authority that runs."""
    parts = authority.parts
    mesh = Mesh(
        AUTHORITY,
        version=version(),
        description="issues identities",
        config=MeshConfig(
            nats=config.servers,
            tenant=config.tenant,
            trust_domain=parts.issuer.trust_domain,
            registry_key=parts.signing.signers,
        ),
        connect=connect,
    )

    def snapshot() -> Snapshot | None:
        try:
            return mesh.running.routes.snapshot
        except MeshError:
            return None  # a join, before this replica has its place in the mesh

    parts.judging.watch(snapshot)

    @mesh.endpoint(idempotent=True)
    async def renew(renewal: bytes) -> bytes:  # pyright: ignore[reportUnusedFunction]  # the mesh has it
        try:
            issued = await parts.renewing.renew(renewal)
        except (Refused, StoreUnavailable, StateFault) as error:
            raise _told(error) from error
        return msgspec.json.encode(answer(issued, parts.issuer, parts.signing.certificates, authority.now()))

    @mesh.endpoint(idempotent=True)
    async def keys(asked: bytes) -> bytes:  # pyright: ignore[reportUnusedFunction]  # as above
        try:
            return await parts.asking.answer(asked)
        except (Refused, StoreUnavailable, StateFault) as error:
            raise _told(error) from error

    return mesh


def _told(refused: Refused | StoreUnavailable | StateFault) -> EndpointFailed:
    if not isinstance(refused, Refused):
        return EndpointFailed(f"state: {refused}", code=Code.UNAVAILABLE)
    codes = {401: Code.UNAUTHENTICATED, 403: Code.PERMISSION_DENIED}
    return EndpointFailed(refused.why, code=codes.get(refused.status, Code.INVALID_ARGUMENT))

"""A mesh whose broker takes certificates only: the broker, an authority, and how services are told of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.names import new_instance
from crossply.tls import TlsFiles
from crossply.wire import connect
from crossply.wire.link import LinkConfig
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.policies import Policies
from tests.support.registry_process import RegistryProcess


@dataclass
class Closed:
    """A broker, an authority, and how a service is told of both."""

    broker: ClosedBroker
    authority: AuthorityProcess
    out: Path
    state: Path

    def config(self, service: str, **other: Any) -> MeshConfig:
        said: dict[str, Any] = {
            "nats": (self.broker.url,),
            "authority": self.authority.url,
            "authority_ca": self.out / "services" / service / "ca.pem",
            "token_file": self.out / "services" / service / "token",
            "state": self.state,
            "connect_timeout": 3.0,
        }
        return MeshConfig(**{**said, **other})

    @property
    def registry_tls(self) -> TlsFiles:
        """Return what a registry shows to the broker."""
        files = self.out / "registry"
        return TlsFiles(ca=files / "ca.pem", certificate=files / "tls.pem", key=files / "tls.key")

    @asynccontextmanager
    async def policies(self, tenant: str = "default") -> AsyncGenerator[Policies]:
        """Write policy as a registry does, with its certificate and its key; for meshes that have none running."""
        config = LinkConfig(
            servers=(self.broker.url,),
            service="registry",
            instance=new_instance(),
            tenant=tenant,
            tls=self.registry_tls,
        )
        seed = bytes.fromhex((self.out / "registry" / "signing.key").read_text())
        link = await connect(config)
        try:
            made = Policies(link, Ed25519PrivateKey.from_private_bytes(seed))
            await made.begin()
            yield made
        finally:
            await link.aclose()

    def orders(self, **other: Any) -> Mesh:
        mesh = Mesh("orders", config=self.config("orders", **other))

        @mesh.endpoint()
        async def quote(number: int) -> int:
            await asyncio.sleep(0.002)
            return number + 1

        return mesh

    def web(self, **other: Any) -> Mesh:
        return Mesh("web", config=self.config("web", **other))

    def registry(self, folder: Path, **other: str) -> RegistryProcess:
        """Return a registry that has what init wrote for it."""
        tls = self.registry_tls
        environ = {
            "CROSSPLY_TLS_CA": str(tls.ca),
            "CROSSPLY_TLS_CERT": str(tls.certificate),
            "CROSSPLY_TLS_KEY": str(tls.key),
            "CROSSPLY_SIGNING_KEY": str(self.out / "registry" / "signing.key"),
            **other,
        }
        return RegistryProcess(folder, self.broker.url, **environ)


def access(
    name: str, callers: Iterable[str], *targets: dict[str, Any], effect: str = "allow", **more: Any
) -> dict[str, Any]:
    """Return an `Access` document."""
    return {"kind": "Access", "name": name, "spec": {"effect": effect, "from": [*callers], "to": [*targets], **more}}


WEB_TO_ORDERS = access("web-orders", ["web"], {"service": "orders"})


@asynccontextmanager
async def closed_mesh(folder: Path, services: Iterable[str], *documents: dict[str, Any]) -> AsyncGenerator[Closed]:
    """Run a broker and an authority for these services, under a policy of these documents."""
    out = initialised(folder / "mesh", *services)
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, folder / "authority", broker.url) as authority:
            await authority.ready()
            made = Closed(broker, authority, out, folder / "state")
            async with made.policies() as policies:
                await policies.apply(*documents)
            yield made

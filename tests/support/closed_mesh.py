"""A mesh whose broker takes certificates only: the broker, an authority, and how services are told of both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossply import Mesh
from crossply.config import MeshConfig
from tests.support.authority_process import AuthorityProcess
from tests.support.closed_broker import ClosedBroker
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
        files = self.out / "registry"
        environ = {
            "CROSSPLY_TLS_CA": str(files / "ca.pem"),
            "CROSSPLY_TLS_CERT": str(files / "tls.pem"),
            "CROSSPLY_TLS_KEY": str(files / "tls.key"),
            "CROSSPLY_SIGNING_KEY": str(files / "signing.key"),
            **other,
        }
        return RegistryProcess(folder, self.broker.url, **environ)

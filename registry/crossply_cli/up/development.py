"""The mesh itself, started in order: broker, authority and registry, gateway; each reported once it answers."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from crossply.identity.issued import trusting
from crossply_cli.failure import Failure
from crossply_cli.registry_api import RegistryApi
from crossply_cli.up import access, probes
from crossply_cli.up.directory import MeshFile
from crossply_cli.up.ports import LOOPBACK, is_free
from crossply_policy.parse import parse
from crossply_registry import broker_config
from crossply_registry.broker_config import BrokerConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import httpx

    from crossply_cli.up.access import Opening
    from crossply_cli.up.child import Child
    from crossply_cli.up.directory import DataDirectory
    from crossply_cli.up.lines import Lines
    from crossply_cli.up.ports import Ports
    from crossply_cli.up.programs import Programs
    from crossply_cli.up.supervisor import Supervisor

_SAMPLE_ALL: Final = {"kind": "Telemetry", "name": "mesh", "spec": {"sampling": 1}}
_USUAL: Final = {"broker": 4222, "authority": 8701, "registry": 8700, "gateway": 8600}
_GATEWAY: Final = "gateway"
_TENANT: Final = "default"
_PATIENCE: Final = 30.0
_RACES: Final = 5


@dataclass(slots=True, kw_only=True)
class Bench:
    """What every step of a run needs at hand."""

    directory: DataDirectory
    supervisor: Supervisor
    programs: Programs
    ports: Ports
    lines: Lines
    client: httpx.AsyncClient
    left: Mapping[str, int]
    """The ports of a run that crashed; services that outlived it reconnect there."""


class Development:
    """One broker, one authority, one registry, one gateway on loopback; the services named get a token each."""

    def __init__(self, bench: Bench, opening: Opening, services: Iterable[str] = ()) -> None:
        self._bench = bench
        self._opening = opening
        identities = bench.directory.identities
        identities.prepare((_GATEWAY, *services))
        self._choices = {name: bench.ports.choose(port, bench.left.get(name)) for name, port in _USUAL.items()}
        self.mesh = MeshFile(
            nats=(),
            authority=self._address("authority"),
            registry=self._address("registry"),
            gateway=self._address(_GATEWAY),
            tenant=_TENANT,
            trust_domain=identities.trust_domain,
            pid=os.getpid(),
            **identities.found(),
        )

    @property
    def ports(self) -> dict[str, int]:
        """The port of each part."""
        return {name: choice.port for name, choice in self._choices.items()}

    async def start(self) -> None:
        """Start all four; raise Failure when one does not come up."""
        await self._on_a_port("broker", self._broker)
        starts = {"authority": self._authority, "registry": self._registry}
        beside = [asyncio.ensure_future(self._on_a_port(name, start)) for name, start in starts.items()]
        try:
            await asyncio.gather(*beside)
        finally:
            for each in beside:
                each.cancel()
        await self._on_a_port(_GATEWAY, self._gateway)

    async def _on_a_port(self, name: str, start: Callable[[int], Awaitable[None]]) -> None:
        """Start a child on its port; on the next free one, if another program was faster to take it."""
        for race in range(_RACES):
            choice = self._choices[name]
            for port in choice.taken:
                self._bench.lines.say(f"port {port} is taken: the {name} tries the next")
            try:
                return await start(choice.port)
            except Failure:
                await self._bench.supervisor.end([name])
                if race + 1 == _RACES or is_free(choice.port):
                    raise
                after = _USUAL[name] if choice.port == self._bench.left.get(name) else choice.port + 1
                self._choices[name] = self._bench.ports.choose(after)
        return None

    async def _broker(self, port: int) -> None:
        directory = self._bench.directory
        config = BrokerConfig(
            server_name=f"crossply-{os.getpid()}-{port}",
            port=port,
            store_dir=str(directory.store.resolve()),
            certificates=directory.identities.certificates,
            callout=directory.identities.callout,
        )
        broker_config.write(config, directory.broker_config)
        child = await self._bench.supervisor.start(self._bench.programs.broker())
        await probes.ready(probes.broker(port, config.server_name), "broker", _PATIENCE, child)
        version = (await probes.greeting(port)).get("version", "of unknown version")
        note = f"nats-server {version} with JetStream; data in {directory.path}"
        address = broker_config.url(config)
        self._bench.lines.fact("broker", address, note)
        self._publish(nats=(address,))

    async def _authority(self, _port: int) -> None:
        self._publish(authority=self._address("authority"))
        child = await self._bench.supervisor.start(self._bench.programs.authority(self.mesh))
        trusted = trusting(self._bench.directory.path / self.mesh.ca)
        async with probes.loopback_client(trusted) as client:
            await probes.ready(probes.http(client, f"{self.mesh.authority}/readyz"), "authority", _PATIENCE, child)
        note = f"identities of {self.mesh.trust_domain}, which no other mesh takes"
        self._bench.lines.fact("authority", self.mesh.authority, note)

    async def _registry(self, port: int) -> None:
        self._publish(registry=self._address("registry"))
        child = await self._bench.supervisor.start(self._bench.programs.registry(self.mesh))
        await self._answers("registry", port, child)
        # Whoever develops wants to see everything; what the data directory has of it already is left alone.
        api = RegistryApi(self._bench.client, self.mesh.registry)
        await api.create(parse(_SAMPLE_ALL), _SAMPLE_ALL, "this mesh is for development")
        # Before anybody connects: what a connection may is decided then.
        await access.begin(api, self._opening)
        note = "policies, services, status; its API is described at /openapi.json"
        self._bench.lines.fact("registry", self.mesh.registry, note)

    async def _gateway(self, port: int) -> None:
        self._publish(gateway=self._address(_GATEWAY))
        child = await self._bench.supervisor.start(self._bench.programs.gateway(self.mesh))
        await self._answers(_GATEWAY, port, child)
        note = "POST /SERVICE/ENDPOINT is a call, /svc/SERVICE/PATH is passed on as HTTP"
        self._bench.lines.fact(_GATEWAY, self.mesh.gateway, note)

    async def _answers(self, name: str, port: int, child: Child) -> None:
        probe = probes.http(self._bench.client, f"http://{LOOPBACK}:{port}/readyz")
        await probes.ready(probe, name, _PATIENCE, child)

    def _address(self, name: str) -> str:
        return f"{'https' if name == 'authority' else 'http'}://{LOOPBACK}:{self._choices[name].port}"

    def _publish(self, **changed: Any) -> None:
        """Tell clients as soon as the broker is up: services need no more, and commands wait for the rest."""
        self.mesh = replace(self.mesh, **changed)
        self._bench.directory.publish(self.mesh)

"""What tests of the SDK set up again and again: requests, surroundings, policies, meshes in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from crossply.config import MeshConfig
from crossply.handler import Request
from crossply.mesh import Mesh
from crossply.routing.instances import Callee, Instance
from crossply.stacks import Surroundings
from crossply.telemetry.recorder import MemoryRecorder
from crossply.testing import MemoryBroker, chance
from crossply.wire.link import LinkConfig

if TYPE_CHECKING:
    from crossply.handler import Handler, Layer, Response
    from crossply.testing import MemoryLink

ID = bytes(range(16))


class Always:
    """Chance that always falls the same way."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def getrandbits(self, k: int, /) -> int:
        return int(self.value * (2**k - 1)) or 1


def now() -> float:
    """Return the running loop's time."""
    return asyncio.get_running_loop().time()


def request(operation: str = "orders.create", body: bytes = b"", **fields: Any) -> Request:
    """Return a request with an id."""
    made = Request(operation, body, id=ID)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def call(layer: Layer, inner: Handler, made: Request | None = None) -> Any:
    """Send one request through one layer."""
    return layer.wrap(inner)(made or request())


def surroundings() -> Surroundings:
    """Return what stacks share, on the running loop's time."""
    return Surroundings(recorder=MemoryRecorder(), now=now, chance=chance(7))


def instance(name: str, *endpoints: str, heard: float = 0.0) -> Instance:
    """Return an instance that has some endpoints."""
    return Instance(name, heard, endpoints=frozenset(endpoints))


def callee(*instances: Instance, service: str = "orders") -> Callee:
    """Return a service with the instances that its caller knows."""
    known = Callee(service, "own")
    for each in instances:
        known.add(each)
    return known


def config(**fields: Any) -> MeshConfig:
    """Return a configuration that looks at no environment."""
    return MeshConfig(**fields)


def mesh(broker: MemoryBroker, service: str, **options: Any) -> Mesh:
    """Return a mesh on a broker in memory."""
    options.setdefault("config", config())
    return Mesh(service, connect=broker.connect, **options)


async def link(broker: MemoryBroker, service: str = "web", instance: str = "aaaaaaaaaaaa") -> MemoryLink:
    """Return a bare link to a broker in memory."""
    await broker.connect(LinkConfig(servers=("memory",), service=service, instance=instance))
    return broker.links[instance]


async def settle() -> None:
    """Let everything happen that takes no time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def answered(response: Response) -> Response:
    """Return a response, later."""
    await asyncio.sleep(0)
    return response

"""``/v1/status``: the mesh at one glance, from memory alone."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from crossply.wire.plans import ConsumerPlan, StreamPlan
from crossply_registry.api.bodies import (
    BrokerBody,
    ConsumerBody,
    DataPlaneBody,
    HeadBody,
    RegistryBody,
    StatusBody,
    StreamBody,
)
from crossply_registry.api.problems import refusals
from crossply_registry.catalog.catalog import Catalog
from crossply_registry.catalog.instance import Instance
from crossply_registry.provisioning import Provisioning
from crossply_registry.registry import Registry
from crossply_registry.version import version


@get("/v1/status", tags=["status"], responses=refusals(503))
async def read_status(registry: NamedDependency[Registry]) -> StatusBody:
    """Read how far every data plane is with policy, and what the broker provides."""
    parts = registry.parts
    contents, head = parts.revisions.contents, parts.revisions.head
    planes = [_data_plane(parts.catalog, one, contents.place) for one in parts.catalog.data_planes()]
    return StatusBody(
        generation=contents.generation,
        revision=contents.revision,
        head=HeadBody(hash=head.hash, signature=head.signature.hex()),
        fault=parts.revisions.fault or "",
        registry=RegistryBody(instance=registry.instance, version=version(), started=registry.started),
        broker=BrokerBody(connected=parts.link.connected, server=parts.link.server),
        data_planes=planes,
        behind=sum(plane.behind for plane in planes),
        streams=_streams(parts.provisioning),
        consumers=_consumers(parts.provisioning),
    )


def _data_plane(catalog: Catalog, one: Instance, place: tuple[int, int]) -> DataPlaneBody:
    return DataPlaneBody(
        service=one.hello.service,
        instance=one.hello.instance,
        kind=one.hello.kind,
        generation=one.generation,
        revision=one.revision,
        behind=one.place < place,
        applied=one.applied,
        refused=one.refused,
        last_seen=round(catalog.age(one), 3),
    )


def _streams(provisioning: Provisioning) -> list[StreamBody]:
    return [
        StreamBody(family=one.plan.family, ready=one.ready, error=one.error)
        for one in provisioning.streams()
        if isinstance(one.plan, StreamPlan)
    ]


def _consumers(provisioning: Provisioning) -> list[ConsumerBody]:
    return [
        ConsumerBody(service=one.plan.service, pattern=one.plan.pattern, ready=one.ready, error=one.error)
        for one in provisioning.consumers()
        if isinstance(one.plan, ConsumerPlan)
    ]

"""What `crossply check` asks: authority, broker, registry, each data plane; every fault with a hint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crossply.errors import Unavailable
from crossply.identity.stranger import who
from crossply.names import new_instance
from crossply.wire import connect
from crossply.wire.link import LinkConfig
from crossply_cli.acknowledged import laggard
from crossply_cli.broker_failure import broker_failure
from crossply_cli.failure import Failure
from crossply_cli.target import CLIENT, registry_url, start_hint

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.tls import Tls
    from crossply_cli.registry_api import RegistryApi

_SILENT = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what it is, whether it is well, what was seen, what to do if not."""

    what: str
    well: bool
    seen: str
    hint: str = ""


async def all_checks(config: MeshConfig, api: RegistryApi) -> list[Finding]:
    """Look at everything; what cannot be reached is a finding, not an error."""
    connecting, registry = await asyncio.gather(_joined_and_connected(config), _registry(config, api))
    return [*connecting, *registry]


async def _joined_and_connected(config: MeshConfig) -> list[Finding]:
    member = who(config, CLIENT)
    try:
        await member.begin()
        broker = await _broker(config, member.tls)
    except Unavailable as error:
        failure = broker_failure(config, error)
        return [Finding(what="authority", well=False, seen=failure.lines()[0], hint=failure.hint)]
    finally:
        member.close()
    joined = Finding(what="authority", well=True, seen=f"{config.authority} lets {CLIENT} join")
    return [joined, broker] if config.authority else [broker]


async def _broker(config: MeshConfig, tls: Tls | None) -> Finding:
    link_config = LinkConfig(
        servers=config.nats,
        service=CLIENT,
        instance=new_instance(),
        tenant=config.tenant,
        trust_domain=config.trust_domain,
        connect_timeout=config.connect_timeout,
        tls=tls,
        reconnect=False,
    )
    try:
        link = await connect(link_config)
    except Unavailable as error:
        failure = broker_failure(config, error)
        return Finding(what="broker", well=False, seen=failure.lines()[0], hint=failure.hint)
    try:
        return Finding(what="broker", well=True, seen=f"{link.server} accepts connections")
    finally:
        await link.aclose()


async def _registry(config: MeshConfig, api: RegistryApi) -> list[Finding]:
    where = registry_url(config)
    try:
        status = await api.status()
    except Failure as failure:
        hint = failure.hint or start_hint(config, "CROSSPLY_REGISTRY_URL")
        return [Finding(what="registry", well=False, seen=failure.lines()[0], hint=hint)]
    found = [
        _well_registry(where, status),
        *(_data_plane(plane, status["revision"]) for plane in status["data_planes"]),
    ]
    if not status["data_planes"]:
        found.append(Finding(what="data planes", well=True, seen="there are none yet"))
    return found + [_missing(each) for each in (*status["streams"], *status["consumers"]) if not each["ready"]]


def _well_registry(where: str, status: dict[str, Any]) -> Finding:
    place = f"{where} at revision {status['revision']}"
    if status["fault"]:
        hint = "its log says which revision does not verify; restore the store from a backup"
        return Finding(
            what="registry", well=False, seen=f"{place}, which it cannot follow: {status['fault']}", hint=hint
        )
    if not status["broker"]["connected"]:
        hint = "look at the broker first; the registry reconnects by itself"
        return Finding(what="registry", well=False, seen=f"{place}, without its broker", hint=hint)
    return Finding(what="registry", well=True, seen=place)


def _data_plane(plane: dict[str, Any], revision: int) -> Finding:
    what = f"{plane['service']} {plane['instance']}"
    if plane["refused"]:
        hint = "bring it to the version that wrote the document, or take the document back"
        return Finding(what=what, well=False, seen=laggard(plane), hint=hint)
    if plane["last_seen"] > _SILENT:
        hint = "look at its log; it is dropped when it stays silent"
        return Finding(what=what, well=False, seen=f"was last heard {plane['last_seen']:.0f} s ago", hint=hint)
    if plane["behind"]:
        hint = f"it should have revision {revision} by itself within seconds; look at its log, else restart it"
        return Finding(what=what, well=False, seen=laggard(plane), hint=hint)
    return Finding(what=what, well=True, seen=f"has revision {plane['revision']}")


def _missing(provided: dict[str, Any]) -> Finding:
    what = (
        f"consumer {provided['service']} {provided['pattern']}"
        if "pattern" in provided
        else f"stream {provided['family']}"
    )
    hint = "the registry goes on trying; its log and the broker's say more"
    return Finding(what=what, well=False, seen=f"is not there: {provided['error'] or 'no reason given'}", hint=hint)

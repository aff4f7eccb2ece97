"""A thousand idle connections whose broker starts again: all are back, through two replicas of the callout."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.clock import chance_of_loop, of_loop
from crossply.identity.issued import trusting
from crossply.names import new_instance
from crossply.wire.connection import Connection, Owner
from crossply.wire.dial import DialFault, dial
from crossply.wire.link import ConnectionEvent, LinkConfig
from crossply.wire.supervisor import Supervisor
from crossply_registry.authority import kek
from crossply_registry.authority.certificates import key_pem, pem
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import Issuer, new_serial
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import Closed, access
from tests.support.waiting import eventually

CONNECTIONS, AT_ONCE = 1_000, 50
ATTEMPTS = 3
WITHIN = 30.0


@dataclass(frozen=True)
class Shown:
    """One instance's certificate."""

    made: ssl.SSLContext
    ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        return self.made


@dataclass
class Idle:
    """One connection that does nothing but be there."""

    config: LinkConfig
    attempts: int = 0
    events: list[ConnectionEvent] = field(default_factory=list[ConnectionEvent])

    async def open(self) -> None:
        self.supervisor = Supervisor(
            self.config, self.dialled, of_loop(), chance_of_loop(), on_event=self.events.append, report=_unsaid
        )
        await self.supervisor.open()

    async def dialled(
        self, address: str, credentials: dict[str, str], config: LinkConfig, owner: Owner, timeout: float, /
    ) -> Connection:
        try:
            made = await dial(address, credentials, config, owner, timeout)
        except DialFault as fault:
            # What finds nobody there is no attempt at being let in.
            self.attempts += "refused" not in str(fault)
            raise
        self.attempts += 1
        return made


def _unsaid(_what: str, _error: BaseException) -> None: ...


def made(issuer: Issuer, out: Path, folder: Path, url: str) -> Idle:
    """Return an instance of web, with a certificate as if it had joined."""
    instance, key = new_instance(), Ed25519PrivateKey.generate()
    identity = Identity("mesh.local", "default", "web")
    held = issuer.certify(
        identity, key.public_key(), serial=new_serial(), now=time.time(), lifetime=3_600.0, instance=instance
    )
    path = folder / "one.pem"
    path.write_bytes(key_pem(key) + pem(held, issuer.certificate))
    context = trusting(out / "broker" / "ca.pem")
    context.load_cert_chain(path)
    return Idle(LinkConfig(servers=(url,), service="web", instance=instance, tls=Shown(context)))


@asynccontextmanager
async def opened(idle: list[Idle]) -> AsyncGenerator[None]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: Idle) -> None:
        async with room:
            await each.open()

    try:
        await asyncio.gather(*map(one, idle))
        yield
    finally:
        await asyncio.gather(*(each.supervisor.aclose() for each in idle))


def admitted(*authorities: AuthorityProcess) -> Counter[str]:
    """Return how often each instance was let in."""
    lines = (line for each in authorities for line in each.program.log.splitlines() if '"admitted"' in line)
    return Counter(msgspec.json.decode(line)["instance"] for line in lines)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_thousand_idle_connections_are_back_after_their_broker_started_again(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "web")
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(ClosedBroker(out))
        authorities = [
            await stack.enter_async_context(
                AuthorityProcess(out, tmp_path / name, broker.url, CROSSPLY_LOG_LEVEL="debug")
            )
            for name in ("one", "two")
        ]
        for replica in authorities:
            await replica.ready()
        async with Closed(broker, authorities[0], out, tmp_path / "state").policies() as policies:
            await policies.apply(access("web-orders", ["web"], {"service": "orders"}))
        folder = Folder(out / "authority")
        issuer = folder.read_issuer(kek.read({}, folder.kek))
        idle = [made(issuer, out, tmp_path, broker.url) for _ in range(CONNECTIONS)]
        began = time.monotonic()
        await stack.enter_async_context(opened(idle))
        print(f"{CONNECTIONS} connected in {time.monotonic() - began:.1f} s")
        assert admitted(*authorities).total() >= CONNECTIONS

        before = admitted(*authorities)
        for one in idle:
            one.attempts = 0
        broker.kill()
        await eventually(lambda: not any(each.supervisor.connected for each in idle), WITHIN)
        broker.start()
        began = time.monotonic()
        await eventually(lambda: all(each.supervisor.connected for each in idle), 4 * WITHIN)
        took = time.monotonic() - began
        attempts = Counter(each.attempts for each in idle)
        again = admitted(*authorities) - before
        print(f"all back after {took:.1f} s; attempts {dict(attempts)}; let in {dict(Counter(again.values()))}")
        assert max(attempts) <= ATTEMPTS
        own = {each.config.instance for each in idle}
        assert {name: count for name, count in again.items() if name in own and count != 1} == {}

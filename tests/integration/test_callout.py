"""What a broker lets connections do, on the word of an authority: real TLS, real answers, clients that want more."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats.errors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply import Mesh
from crossply.errors import Code, Executed, PermissionDenied
from crossply.identity.issued import trusting
from crossply.identity.member import Member
from crossply_registry.authority.certificates import key_pem, pem_request
from tests.support.authority_process import AuthorityProcess, CalloutProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed, access
from tests.support.raw_client import RawClient
from tests.support.waiting import eventually, eventually_awaited

AT_ONCE, LAG = 0.05, 1.0
SIBLING = "otherinstanc"
# Nothing is sealed, and no callee or keyring stands in the broker's place: what is denied here, the broker denies.
RULES = (
    {"kind": "Security", "name": "mesh", "spec": {"encryption": "off"}},
    WEB_TO_ORDERS,
    access("web-events", ["web"], {"channel": "orders.*", "actions": ["publish", "subscribe"]}),
    access("reports", ["foreign"], {"service": "orders", "endpoints": ["quote"]}),
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return initialised(tmp_path / "mesh", "orders", "web", "stock")


@pytest.fixture
def closed_broker(out: Path) -> Iterator[ClosedBroker]:
    with ClosedBroker(out) as running:
        yield running


@pytest.fixture
async def closed(closed_broker: ClosedBroker, out: Path, tmp_path: Path) -> AsyncIterator[Closed]:
    async with AuthorityProcess(out, tmp_path / "authority", closed_broker.url) as authority:
        await authority.ready()
        made = Closed(closed_broker, authority, out, tmp_path / "state")
        async with made.policies() as policies:
            await policies.apply(*RULES)
        yield made


def stolen(mesh: Mesh) -> ssl.SSLContext:
    """Return what shows the certificate of a running mesh."""
    found = mesh.running.member
    assert isinstance(found, Member)
    return found.context()


def shown(closed: Closed, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what shows a certificate in files."""
    context = trusting(closed.out / "broker" / "ca.pem")
    context.load_cert_chain(certificate, key)
    return context


async def connects(closed: Closed, context: ssl.SSLContext) -> bool:
    try:
        async with RawClient(closed.broker.url, context):
            return True
    except (nats.errors.Error, OSError):
        return False


async def refused(closed: Closed, context: ssl.SSLContext) -> None:
    assert not await connects(closed, context)


async def test_who_shows_no_certificate_or_one_of_another_root_is_refused(closed: Closed, tmp_path: Path) -> None:
    await refused(closed, trusting(closed.out / "broker" / "ca.pem"))
    other = initialised(tmp_path / "other", "web")
    await refused(closed, shown(closed, other / "registry" / "tls.pem", other / "registry" / "tls.key"))


async def test_certificates_that_are_for_other_things_connect_nobody(closed: Closed, tmp_path: Path) -> None:
    files = closed.out / "broker"
    await refused(closed, shown(closed, files / "tls.pem", files / "tls.key"))
    signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex((closed.out / "registry" / "signing.key").read_text()))
    (tmp_path / "signing.key").write_bytes(key_pem(signing))
    await refused(closed, shown(closed, closed.out / "registry" / "signing.pem", tmp_path / "signing.key"))


async def test_a_connection_says_and_hears_what_is_its_own_and_nothing_else(closed: Closed) -> None:
    async with closed.orders(), closed.web() as web:
        own = web.instance
        async with RawClient(closed.broker.url, stolen(web)) as raw:
            assert await raw.may_publish("mesh.rpc.orders.any.quote")
            assert await raw.may_subscribe(f"_INBOX.web.{own}.x")
            assert await raw.may_subscribe("mesh.rpc.web.any.page", "web")
            assert await raw.may_subscribe(f"mesh.rpc.web.i-{own}.*", f"i-{own}")
            for subject in (
                "mesh.rpc.stock.any.take",
                "mesh.rpc.web.any.page",
                "mesh.rpc.*.any.quote",
                "mesh.rpc.>",
                "mesh.*.stock.any.take",
                "mesh.rpc.stock..take",
                "*.rpc.stock.any.take",
                f"mesh.hb.web.{SIBLING}",
                f"mesh.hb.orders.{SIBLING}",
                "mesh.ctl.head",
                "mesh.ctl.keys",
                "mesh.evt.stock.low",
                f"_INBOX.orders.{SIBLING}.1",
                "$KV.MESH_default.head",
                "$KV.MESH_default.authority.revoked",
                "$JS.API.STREAM.LIST",
                "$JS.API.STREAM.DELETE.KV_MESH_default",
                "$JS.API.CONSUMER.MSG.NEXT.MESH_EVT_orders.stock_orders_ANY",
                "$SYS.REQ.SERVER.PING",
            ):
                assert not await raw.may_publish(subject), subject
            for subject, queue in (
                (">", ""),
                ("mesh.>", ""),
                ("*.rpc.orders.>", ""),
                ("mesh.rpc.orders.any.quote", "orders"),
                ("mesh.rpc.web.any.page", ""),
                ("mesh.rpc.web.any.page", "tap"),
                ("mesh.rpc.*.any.page", "web"),
                ("mesh.rpc.*.any.quote", "orders"),
                ("mesh.rpc.>", "web"),
                ("mesh.rpc.web.*.page", "web"),
                ("mesh.rpc.web.>", "web"),
                ("mesh.rpc.web.any.page", "web.*"),
                (f"mesh.rpc.*.i-{own}.*", f"i-{own}"),
                (f"_INBOX.*.{own}.x", ""),
                (f"mesh.rpc.web.i-{SIBLING}.*", f"i-{SIBLING}"),
                (f"_INBOX.web.{SIBLING}.>", ""),
                ("_INBOX.>", ""),
                ("_INBOX.web.>", ""),
                ("mesh.evt.>", ""),
                ("mesh.hb.>", f"i-{own}"),
                ("$SYS.>", ""),
            ):
                assert not await raw.may_subscribe(subject, queue), subject
            assert raw.connected


async def test_the_caller_of_a_forbidden_service_is_told_at_once_and_its_connection_stays(closed: Closed) -> None:
    lost: list[object] = []
    async with closed.orders(), closed.web() as web:
        web.link.on_event(lost.append)
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(PermissionDenied) as denied:
                await web.call("stock.take", {"number": 1}, timeout=10.0)
            took = time.monotonic() - began
            assert took < AT_ONCE + LAG
            assert (denied.value.code, denied.value.executed) == (Code.PERMISSION_DENIED, Executed.NO)
            assert denied.value.rule
            print(f"told after {took * 1000:.1f} ms")
        with pytest.raises(PermissionDenied):
            await web.publish("stock.low", {"number": 1}, timeout=10.0)
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
        assert not lost


async def test_a_service_takes_the_events_it_declared_and_may_have_and_no_others(
    closed: Closed, tmp_path: Path
) -> None:
    taken: list[tuple[str, int]] = []
    web, orders = closed.web(), closed.orders()

    @web.on("orders.created")
    async def at_web(number: int) -> None:
        taken.append(("web", number))

    @orders.on("orders.created")
    async def at_orders(number: int) -> None:
        taken.append(("orders", number))

    async with closed.registry(tmp_path / "registry") as registry:
        await registry.ready()
        async with web, orders:
            # A consumer begins with what is published after it was made.
            async with asyncio.timeout(20.0):
                while not taken:
                    await web.publish("orders.created", 1, timeout=20.0)
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)
            assert set(taken) == {("web", 1)}
            with pytest.raises(PermissionDenied):
                await orders.publish("orders.created", 9, timeout=10.0)


async def test_a_client_without_the_sdk_asks_what_its_rule_allows_and_nothing_else(
    closed: Closed, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    operator = {"Authorization": f"Bearer {(closed.out / 'operator' / 'token').read_text().strip()}"}
    body = {"service": "reports", "request": pem_request(key).decode(), "lifetime": 600}
    answer = await closed.authority.api.post("/v1/identities/foreign", json=body, headers=operator)
    (tmp_path / "reports.pem").write_text(answer.json()["certificate"])
    (tmp_path / "reports.key").write_bytes(key_pem(key))
    context = shown(closed, tmp_path / "reports.pem", tmp_path / "reports.key")
    async with closed.orders(), RawClient(closed.broker.url, context, inbox="_INBOX.reports") as reports:
        assert b"2" in await reports.request("mesh.rpc.orders.any.quote", b'{"number": 1}')
        assert not await reports.may_publish("mesh.rpc.web.any.page")
        assert not await reports.may_subscribe("_INBOX.web.>")
        assert not await reports.may_subscribe(">")


async def test_who_is_revoked_connects_no_more_and_is_told_so_in_our_words_alone(
    closed: Closed, caplog: pytest.LogCaptureFixture
) -> None:
    async with closed.web() as web:
        async with RawClient(closed.broker.url, stolen(web)) as raw:
            assert raw.connected
        operator = {"Authorization": f"Bearer {(closed.out / 'operator' / 'token').read_text().strip()}"}
        await closed.authority.api.post("/v1/identities/web/revoke", json={}, headers=operator)
        await refused(closed, stolen(web))
        await eventually(lambda: closed.authority.program.log.count("connection_refused") >= 4)
    assert "eof_received" not in caplog.text, "asyncio warns of what nobody can help"


async def test_while_one_replica_answers_services_connect_and_with_none_nobody_does(
    closed: Closed, tmp_path: Path
) -> None:
    async with CalloutProcess(closed.out, tmp_path / "callout", closed.broker.url) as second:
        await second.ready()
        async with closed.orders(), closed.web() as web:
            closed.authority.program.kill()
            for _ in range(5):
                await eventually_awaited(lambda: connects(closed, stolen(web)), 15.0)
            second.program.kill()
            await refused(closed, stolen(web))
            # Whoever is in stays in.
            assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2


async def test_a_broker_that_reads_its_configuration_again_drops_nobody(closed: Closed) -> None:
    lost: list[object] = []
    async with closed.orders() as orders, closed.web() as web:
        for each in (orders, web):
            each.link.on_event(lost.append)
        for number in range(3):
            closed.broker.reload()
            for _ in range(20):
                assert await web.call("orders.quote", {"number": number}, timeout=5.0) == number + 1
                await asyncio.sleep(0.02)
        assert not lost

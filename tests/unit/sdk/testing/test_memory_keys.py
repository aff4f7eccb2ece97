"""Keys between the links of one broker in memory: what is told reaches everybody, credentials lie in their bucket."""

from __future__ import annotations

from crossply.testing.memory.broker import MemoryBroker
from crossply.wire.link import Entry, LinkConfig
from crossply.wire.plans import CredentialsPlan


async def test_what_is_told_reaches_every_link_until_it_listens_no_more() -> None:
    broker = MemoryBroker()
    one = await broker.connect(LinkConfig(servers=(), service="web", instance="k7q2mzp4x3ab"))
    other = await broker.connect(LinkConfig(servers=(), service="orders", instance="m7q2mzp4x3ac"))
    heard: list[bytes] = []
    watching = other.keys.notices.watch(heard.append)
    one.keys.notices.tell(b"it")
    await one.flush()
    await other.flush()
    assert heard == [b"it"]
    await watching.aclose()
    one.keys.notices.tell(b"that")
    await other.flush()
    assert heard == [b"it"]
    await one.aclose()
    await other.aclose()


async def test_credentials_lie_in_a_bucket_of_their_own() -> None:
    broker = MemoryBroker()
    link = await broker.connect(LinkConfig(servers=(), service="orders", instance="k7q2mzp4x3ab"))
    assert not await link.keys.ensure_credentials(CredentialsPlan())
    await link.keys.credentials.create("cred.00", b"it")
    assert await link.keys.credentials.get("cred.00") == Entry(b"it", 1)
    assert await link.store.get("cred.00") is None
    await link.aclose()

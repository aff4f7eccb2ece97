"""A pod joins by its projected service-account token, which the cluster's API server is asked about."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossply import Mesh
from crossply.errors import ConfigError
from tests.support.authority import Authority
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed

POD = "head.claims-of-shop-orders.signature"
EXTRA = {"authentication.kubernetes.io/pod-name": ["orders-7c9"], "authentication.kubernetes.io/pod-uid": ["a1-b2"]}


class Cluster:
    """An API server that knows one token of one pod; ``asked`` are the tokens it was asked about."""

    def __init__(self, folder: Path) -> None:
        files = Authority(folder).issue("apiserver", "127.0.0.1")
        assert files.certificate is not None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._folder, self._ca = folder, files.ca
        self.asked: list[str] = []

    async def start(self) -> Path:
        """Serve, and return the configuration by which an authority finds it."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        own, config = self._folder / "own-token", self._folder / "kubernetes.json"
        own.write_text("own.service.account")
        said = {"accounts": {"shop/orders": "orders"}, "server": f"https://127.0.0.1:{port}"}
        config.write_text(json.dumps({**said, "ca": str(self._ca), "token": str(own)}))
        return config

    def close(self) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        token: str = json.loads(await reader.readexactly(length))["spec"]["token"]
        self.asked.append(token)
        status: dict[str, Any] = {"authenticated": False, "error": "not one of ours"}
        if token == POD and b"bearer own.service.account" in head.lower():
            user = {"username": "system:serviceaccount:shop:orders", "extra": EXTRA}
            status = {"authenticated": True, "audiences": ["crossply-authority"], "user": user}
        body = json.dumps({"kind": "TokenReview", "status": status}).encode()
        writer.write(b"HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    yield made
    made.close()


@pytest.fixture
async def closed(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Closed]:
    out = initialised(tmp_path / "mesh", "web", "orders")
    config = await cluster.start()
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(
            out, tmp_path / "authority", broker.url, CROSSPLY_KUBERNETES=str(config)
        ) as authority:
            await authority.ready()
            made = Closed(broker, authority, out, tmp_path / "state")
            async with made.policies() as policies:
                await policies.apply(WEB_TO_ORDERS)
            yield made


def projected(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "projected"
    path.write_text(text)
    return path


async def test_a_pod_joins_by_its_service_account_and_serves(closed: Closed, cluster: Cluster, tmp_path: Path) -> None:
    async with closed.orders(token_file=projected(tmp_path, POD)), closed.web() as web:
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
    assert cluster.asked == [POD]


@pytest.mark.parametrize(
    ("service", "text", "why"),
    [("web", POD, "is mapped to orders, not web"), ("orders", "head.other.signature", "not one of ours")],
)
async def test_another_service_or_another_token_does_not_join(
    closed: Closed, tmp_path: Path, service: str, text: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        await Mesh(service, config=closed.config(service, token_file=projected(tmp_path, text))).start()

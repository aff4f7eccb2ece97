"""Service-account tokens: the API server says whose they are, and only what it vouches for in full is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.kubernetes import ApiServer, ClusterConfig, Reviewed, read_cluster
from crossply_registry.authority.refusal import Refused

POD = {"authentication.kubernetes.io/pod-name": ["orders-7c9"], "authentication.kubernetes.io/pod-uid": ["a1-b2"]}


class FakeApiServer:
    """Answers TokenReview as a cluster does; tokens are `good`, `expired` and whatever a test adds."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.statuses: dict[str, dict[str, Any]] = {
            "good": self.vouched(),
            "expired": {"authenticated": False, "error": "[invalid bearer token, token has expired]"},
        }

    def vouched(self, **other: Any) -> dict[str, Any]:
        user = {"username": "system:serviceaccount:shop:orders", "extra": POD}
        return {"authenticated": True, "audiences": ["crossply-authority"], "user": user, **other}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path != "/apis/authentication.k8s.io/v1/tokenreviews":
            return httpx.Response(404)
        if request.headers["authorization"] != "Bearer own-token":
            return httpx.Response(403)
        spec = json.loads(request.content)["spec"]
        return httpx.Response(201, json={"kind": "TokenReview", "status": self.statuses.get(spec["token"], {})})


@pytest.fixture
def cluster() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def server(cluster: FakeApiServer, tmp_path: Path) -> ApiServer:
    return reviewing(cluster, tmp_path)


def reviewing(answer: Callable[[httpx.Request], httpx.Response], folder: Path) -> ApiServer:
    own = folder / "token"
    own.write_text("own-token\n")
    config = ClusterConfig(accounts={"shop/orders": "orders"}, server="https://cluster", token=str(own))
    return ApiServer(config, httpx.MockTransport(answer))


async def test_a_pods_token_is_its_service_accounts_service(server: ApiServer, cluster: FakeApiServer) -> None:
    assert await server.review("good") == Reviewed("shop/orders", "orders-7c9", "a1-b2", "orders")
    body = json.loads(cluster.asked[0].content)
    assert body["apiVersion"] == "authentication.k8s.io/v1"
    assert body["spec"] == {"token": "good", "audiences": ["crossply-authority"]}
    await server.aclose()


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"authenticated": False, "error": "token has expired"}, "token has expired"),
        ({"authenticated": False}, "not authenticated"),
        ({"audiences": []}, "not for the audience crossply-authority"),
        ({"audiences": ["https://kubernetes.default.svc"]}, "not for the audience crossply-authority"),
        ({"user": {"username": "alice", "extra": POD}}, "not a service account's"),
        ({"user": {"username": "system:serviceaccount:shop:orders", "extra": {}}}, "bound to no pod"),
        ({"user": {"username": "system:serviceaccount:shop:orders"}}, "bound to no pod"),
        ({"user": {"username": "system:serviceaccount:other:orders", "extra": POD}}, "no service is mapped"),
        ({"user": {"username": "system:serviceaccount:shop:orders:x", "extra": POD}}, "no service is mapped"),
    ],
)
async def test_what_is_not_vouched_for_in_full_is_refused(
    server: ApiServer, cluster: FakeApiServer, other: dict[str, Any], why: str
) -> None:
    cluster.statuses["odd"] = cluster.vouched(**other)
    with pytest.raises(Refused, match=why) as refused:
        await server.review("odd")
    assert refused.value.status in {401, 403}


async def test_an_expired_token_is_refused_in_the_api_servers_words(server: ApiServer) -> None:
    with pytest.raises(Refused, match="token has expired"):
        await server.review("expired")


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(403), httpx.Response(201, text="no json"), httpx.Response(302)]
)
async def test_an_api_server_that_does_not_say_is_no_yes(tmp_path: Path, answer: httpx.Response) -> None:
    server = reviewing(lambda _: answer, tmp_path)
    with pytest.raises(StoreUnavailable, match="did not review"):
        await server.review("good")


def test_a_clusters_configuration_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    path.write_text('{"accounts": {"shop/orders": "orders"}}')
    assert read_cluster(path).audience == "crossply-authority"
    for text in (
        "{}",
        '{"accounts": {"orders": "orders"}}',
        '{"accounts": {"shop/orders": "Orders"}}',
        '{"accounts": {}, "server": "http://cluster"}',
        '{"accounts": {}, "sever": "https://cluster"}',
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"."):
            read_cluster(path)

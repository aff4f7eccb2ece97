"""What operators do through the API: only with their token, and each deed in the log."""

from __future__ import annotations

import httpx
import pytest

from crossply_registry.authority.authority import Authority
from tests.unit.registry.authority.joiner import Joiner, request
from tests.unit.registry.authority.standing import NOW, Standing, journal

WAYS = [
    ("GET", "/v1/tokens"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/tokens/aaaaaaaaaaaa/rotate"),
    ("DELETE", "/v1/tokens/aaaaaaaaaaaa"),
    ("GET", "/v1/identities"),
    ("POST", "/v1/identities/foreign"),
    ("POST", "/v1/identities/orders/revoke"),
    ("POST", "/v1/identities/orders/restore"),
    ("POST", "/v1/identities/orders/rotate"),
    ("GET", "/v1/log"),
]
BODIES = {"/v1/tokens": {"service": "stock"}, "/v1/identities/foreign": {"service": "x", "request": "x"}}


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {}", "{}"])
async def test_nothing_is_told_or_done_without_an_operators_token(
    standing: Standing, authority: Authority, api: httpx.AsyncClient, shown: str
) -> None:
    token = standing.operator["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": shown.format(token)} if shown else {}
    for method, path in WAYS:
        answer = await api.request(method, path, json=BODIES.get(path, {}), headers=headers)
        assert answer.status_code == 401, path
        assert "operator's token is needed" in answer.json()["detail"]
    assert await journal(authority) == []
    assert [each.service for each in await authority.parts.tokens.all()] == ["orders", "web"]


async def test_a_token_is_made_listed_without_secret_rotated_and_revoked(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    api.headers.update(standing.operator)
    made = (await api.post("/v1/tokens", json={"service": "stock", "single_use": True, "lifetime": 60})).json()
    listed = (await api.get("/v1/tokens")).json()["tokens"]
    assert [each["service"] for each in listed] == ["orders", "web", "stock"]
    assert listed[2]["expires"] == NOW + 60
    assert made["token"][-64:] not in (await api.get("/v1/tokens")).text

    rotated = (await api.post(f"/v1/tokens/{made['id']}/rotate", json={"grace": 0})).json()
    assert rotated["id"] == made["id"]
    assert rotated["token"] != made["token"]
    assert (await api.delete(f"/v1/tokens/{made['id']}")).json()["revoked"] == NOW
    assert [entry.what for entry in await journal(authority)] == ["token created", "token rotated", "token revoked"]
    assert {entry.by for entry in await journal(authority)} == {"operator operator"}


@pytest.mark.parametrize("service", ["Stock", "authority", "any", "", "a.b", "st\u043eck"])
async def test_no_token_is_made_for_what_is_no_service(
    standing: Standing, api: httpx.AsyncClient, service: str
) -> None:
    answer = await api.post("/v1/tokens", json={"service": service}, headers=standing.operator)
    assert answer.status_code in {400, 403}


async def test_a_client_without_the_sdk_gets_a_certificate_that_is_listed_and_revoked(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    api.headers.update(standing.operator)
    csr = Joiner().body(csr=request(Joiner().tls))["request"]
    made = await api.post("/v1/identities/foreign", json={"service": "nats-cli", "request": csr, "lifetime": 3600})
    assert made.status_code == 201
    assert made.json()["identity"] == "spiffe://mesh.local/t/default/svc/nats-cli"
    await api.post("/v1/join", content=Joiner().raw(standing.token("orders")))

    listed = (await api.get("/v1/identities")).json()["identities"]
    assert [(each["service"], each["certificates"], each["instances"]) for each in listed] == [
        ("nats-cli", 1, 0),
        ("orders", 1, 1),
    ]
    assert listed[0]["until"] == NOW + 3600

    standing.time.seconds += 1
    verdict = (await api.post("/v1/identities/nats-cli/revoke", json={"reason": "lost"})).json()
    assert verdict == {"identity": "spiffe://mesh.local/t/default/svc/nats-cli", "revoked": True}
    again = await api.post("/v1/identities/foreign", json={"service": "nats-cli", "request": csr})
    assert again.status_code == 403
    await api.post("/v1/identities/orders/rotate", json={})
    listed = (await api.get("/v1/identities")).json()["identities"]
    assert [(each["service"], each["certificates"], each["revoked"], each["reason"]) for each in listed] == [
        ("nats-cli", 0, True, "lost")
    ]
    whats = [entry.what for entry in await journal(authority)]
    assert whats == ["issued", "issued", "revoked", "rotated"]


async def test_the_log_is_read_in_pages(standing: Standing, authority: Authority, api: httpx.AsyncClient) -> None:
    for number in range(250):
        await authority.parts.journal.append(f"{number}")
    api.headers.update(standing.operator)
    first = (await api.get("/v1/log")).json()
    second = (await api.get("/v1/log", params={"after": first["next"]})).json()
    assert (len(first["entries"]), first["next"], len(second["entries"]), second["next"]) == (200, 200, 50, None)
    assert (await api.get("/v1/log", params={"after": 10_000})).json()["entries"] == []


async def test_a_store_that_somebody_changed_is_said_and_nothing_is_issued(
    standing: Standing, api: httpx.AsyncClient
) -> None:
    standing.link.store.put("authority.revoked", b"x" * 40)
    answer = await api.post("/v1/join", content=Joiner().raw(standing.token("orders")))
    assert answer.status_code == 503
    assert "was not written under this key-encryption key" in answer.json()["detail"]


async def test_health_says_whether_joins_are_possible(standing: Standing, api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).status_code == 200
    assert (await api.get("/readyz")).status_code == 200
    standing.link.connected = False
    assert (await api.get("/readyz")).status_code == 503

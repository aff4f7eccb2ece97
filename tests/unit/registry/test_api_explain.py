"""What the API explains of a call: whether it is allowed, and where each value comes from."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


async def put(api: httpx.AsyncClient, kind: str, name: str, spec: dict[str, Any]) -> int:
    path = f"/v1/documents/{kind}/{name}"
    answer = (await api.put(path, json={"spec": spec}, headers={"If-None-Match": "*"})).raise_for_status()
    revision: int = answer.json()["revision"]
    return revision


async def explained(api: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get("/v1/explain", params=asked)).raise_for_status().json()
    return found


async def test_each_value_comes_with_its_document_and_revision(api: httpx.AsyncClient) -> None:
    await put(api, "Defaults", "mesh", {"timeout": {"idle": 3}})
    revision = await put(api, "Service", "orders", {"endpoints": {"create": {"timeout": {"total": 2}}}})
    found = await explained(api, **{"from": "web", "to": "orders.create"})
    values = {one["path"]: (one["value"], one["source"], one["revision"]) for one in found["values"]}
    assert values["timeout.total"] == (2.0, "Service/orders endpoints.create", revision)
    assert values["timeout.idle"] == (3.0, "Defaults/mesh", 1)
    assert values["retry.attempts"] == (2, "built-in", None)
    assert values["retry.on"][0] == sorted(values["retry.on"][0])
    assert (found["caller"], found["operation"], found["revision"]) == ("web", "orders.create", revision)


async def test_how_messages_to_the_service_are_protected_is_among_them(api: httpx.AsyncClient) -> None:
    revision = await put(api, "Security", "orders", {"key_epoch": "6h", "replay": "strict"})
    found = await explained(api, **{"from": "web", "to": "orders.create"})
    values = {one["path"]: (one["value"], one["source"], one["revision"]) for one in found["values"]}
    assert values["security.key_epoch"] == (21_600.0, "Security/orders", revision)
    assert values["security.replay"] == ("strict", "Security/orders", revision)
    assert values["security.credential_lifetime"] == values["security.encryption"] == (None, "built-in", None)


async def test_the_decision_comes_with_its_rule(api: httpx.AsyncClient) -> None:
    asked = {"from": "web", "to": "orders.create"}
    assert (await explained(api, **asked))["access"] == {
        "allowed": False,
        "rule": "default",
        "revision": None,
        "would": False,
        "would_rule": "default",
    }
    mine = {"effect": "allow", "from": ["spiffe://mesh.local/t/default/svc/web"], "to": [{"service": "orders"}]}
    revision = await put(api, "Access", "web", mine)
    denied = {"effect": "deny", "from": ["*"], "to": [{"service": "orders"}], "mode": "audit"}
    await put(api, "Access", "tighter", denied)
    assert (await explained(api, **asked))["access"] == {
        "allowed": True,
        "rule": "web",
        "revision": revision,
        "would": False,
        "would_rule": "tighter",
    }


async def test_the_path_of_a_call_through_a_bridge_counts(api: httpx.AsyncClient) -> None:
    spec = {"effect": "allow", "from": ["foreign"], "to": [{"service": "stock", "paths": ["/items"]}]}
    await put(api, "Access", "items", spec)
    asked = {"from": "foreign", "to": "stock.http-get"}
    for path, allowed in (("/items", True), ("/other", False)):
        assert (await explained(api, **asked, path=path))["access"]["allowed"] is allowed


@pytest.mark.parametrize("asked", [{"from": "web"}, {"from": "Web", "to": "a.b"}, {"from": "web", "to": "orders"}])
async def test_a_malformed_question_is_refused(api: httpx.AsyncClient, asked: dict[str, str]) -> None:
    assert (await api.get("/v1/explain", params=asked)).status_code == 400

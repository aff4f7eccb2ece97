"""The generated description: at one address, exact, and answered without looking elsewhere."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
async def described(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    value: dict[str, Any] = answer.json()
    return value


async def test_every_route_is_described(described: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in described["paths"].items()} == {
        "/v1/documents": {"get"},
        "/v1/documents/{kind}/{name}": {"get", "put", "delete"},
        "/v1/warnings": {"get"},
        "/v1/diff": {"post"},
        "/v1/revisions": {"get"},
        "/v1/services": {"get"},
        "/v1/services/{name}": {"get"},
        "/v1/status": {"get"},
        "/v1/stat": {"get"},
        "/v1/traces": {"get"},
        "/v1/traces/{trace_id}": {"get"},
        "/v1/explain": {"get"},
        "/v1/audit": {"get"},
        "/metrics": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
    }


async def test_a_write_describes_its_body_its_headers_and_its_refusals(described: dict[str, Any]) -> None:
    write = described["paths"]["/v1/documents/{kind}/{name}"]["put"]
    body = write["requestBody"]["content"]["application/json"]["schema"]
    assert (body["required"], set(body["properties"])) == (["spec"], {"kind", "name", "spec"})
    assert {(one["in"], one["name"]) for one in write["parameters"]} == {
        ("path", "kind"),
        ("path", "name"),
        ("query", "reason"),
        ("header", "If-Match"),
        ("header", "If-None-Match"),
        ("header", "Crossply-Author"),
        ("header", "Crossply-Reason"),
    }
    assert set(write["responses"]) == {"200", "201", "400", "408", "412", "413", "415", "422", "428", "503"}


async def test_every_refusal_is_described_as_a_problem(described: dict[str, Any]) -> None:
    refusals = [
        (path, status, response)
        for path, methods in described["paths"].items()
        for method in methods.values()
        for status, response in method["responses"].items()
        if status >= "400"
    ]
    assert refusals
    for path, status, response in refusals:
        assert list(response["content"]) == ["application/problem+json"], (path, status)


async def test_types_are_named_and_the_status_is_exact(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert {"Problem", "FaultBody", "DocumentBody", "StatusBody", "DataPlaneBody"} <= set(schemas)
    assert set(schemas["DataPlaneBody"]["required"]) == set(schemas["DataPlaneBody"]["properties"])

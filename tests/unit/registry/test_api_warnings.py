"""Warnings and previews over HTTP: nothing is written, and everything in doubt is said."""

from __future__ import annotations

from typing import Any

import httpx

from crossply.wire.presence import Hello
from tests.unit.registry.fakes import FakeLink
from tests.unit.registry.problems import CREATE, problem

TRAFFIC = "/v1/documents/Traffic/orders"
SPEC: dict[str, Any] = {"subsets": {"v1": {"release": "1"}}, "routes": [{"split": {"v1": 1, "v2": 1}}]}
UNDEFINED = {
    "code": "CP101",
    "document": "Traffic/orders",
    "path": "spec.routes[0].split.v2",
    "detail": "names the subset v2, which nobody defines; it defines v1",
}
NOBODY = {"code": "CP106", "document": "Traffic/orders", "path": "name", "detail": "no instance of orders is known"}


async def warnings(api: httpx.AsyncClient) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await api.get("/v1/warnings")).json()["warnings"]
    return found


async def diff(api: httpx.AsyncClient, *documents: object) -> dict[str, Any]:
    answer = await api.post("/v1/diff", json={"documents": documents})
    assert answer.status_code == 200
    value: dict[str, Any] = answer.json()
    return value


def document(spec: dict[str, Any] = SPEC) -> dict[str, Any]:
    return {"kind": "Traffic", "name": "orders", "spec": spec}


async def test_a_warning_refuses_nothing_and_is_listed(api: httpx.AsyncClient) -> None:
    assert await warnings(api) == []
    assert (await api.put(TRAFFIC, json={"spec": SPEC}, headers=CREATE)).status_code == 201
    assert await warnings(api) == [NOBODY, UNDEFINED]


async def test_who_lives_decides_what_is_in_doubt(api: httpx.AsyncClient, link: FakeLink) -> None:
    await api.put(TRAFFIC, json={"spec": SPEC}, headers=CREATE)
    link.hear(Hello("orders", "aaaaaaaaaaaa", labels={"release": "2"}))
    unlabelled = {
        "code": "CP102",
        "document": "Traffic/orders",
        "path": "spec.subsets.v1",
        "detail": "no living instance of orders has release=1",
    }
    assert await warnings(api) == [UNDEFINED, unlabelled]
    link.hear(Hello("orders", "bbbbbbbbbbbb", labels={"release": "1"}))
    assert await warnings(api) == [UNDEFINED]


async def test_version_and_zone_count_as_labels(api: httpx.AsyncClient, link: FakeLink) -> None:
    spec = {"subsets": {"v1": {"version": "1.2.3", "zone": "a"}}}
    await api.put(TRAFFIC, json={"spec": spec}, headers=CREATE)
    link.hear(Hello("orders", "aaaaaaaaaaaa", version="1.2.3", zone="a"))
    assert await warnings(api) == []


async def test_a_diff_says_what_would_change_and_changes_nothing(api: httpx.AsyncClient) -> None:
    await api.put(TRAFFIC, json={"spec": SPEC}, headers=CREATE)
    other = {"kind": "Service", "name": "billing", "spec": {"timeout": {"total": "2s"}}}
    said = await diff(api, document({"subsets": {"v1": {"release": "1"}}}), other)
    assert said == {
        "generation": 1,
        "revision": 1,
        "changes": [
            {
                "document": "Traffic/orders",
                "action": "changed",
                "before": {**SPEC, "routes": [{"split": {"v1": 1.0, "v2": 1.0}}]},
                "after": {"subsets": {"v1": {"release": "1"}}},
            },
            {"document": "Service/billing", "action": "created", "before": None, "after": {"timeout": {"total": 2.0}}},
        ],
        "warnings": [NOBODY],
    }
    assert (await diff(api, document()))["changes"][0]["action"] == "unchanged"
    assert (await api.get("/v1/documents")).json()["revision"] == 1


async def test_a_diff_tells_of_the_documents_asked_about_as_they_stand_with_the_others(api: httpx.AsyncClient) -> None:
    redirect: dict[str, Any] = {"routes": [{"redirect": "stock"}]}
    await api.put("/v1/documents/Traffic/billing", json={"spec": redirect}, headers=CREATE)
    back = {"kind": "Traffic", "name": "stock", "spec": {"routes": [{"redirect": "billing"}]}}
    found = (await diff(api, back))["warnings"]
    assert {one["document"] for one in found} == {"Traffic/stock"}
    assert "leads in a circle: stock -> billing -> stock" in {one["detail"] for one in found}


async def test_faulty_documents_are_refused_with_their_number_and_path(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/diff", json={"documents": [document(), document({"routes": [{"split": {}}]}), 3]})
    errors = problem(answer, 422, "invalid_argument")["errors"]
    assert [one["path"] for one in errors] == ["documents[1].spec.routes[0].split", "documents[2]"]
    assert errors[0]["pointer"] == "/documents/1/spec/routes/0/split"


async def test_one_document_twice_is_refused(api: httpx.AsyncClient) -> None:
    problem(await api.post("/v1/diff", json={"documents": [document(), document()]}), 422, "invalid_argument")


async def test_a_body_of_another_form_is_a_bad_request(api: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"[]", b'{"documents": 3}', b"\xff"):
        problem(await api.post("/v1/diff", content=body), 400, "invalid_argument")


async def test_a_large_set_of_documents_is_compared_and_one_without_bounds_is_not(api: httpx.AsyncClient) -> None:
    many = [
        {
            "kind": "Traffic",
            "name": f"s{number}",
            "spec": {"subsets": {f"v{one}": {"a": "b" * 200} for one in range(9)}},
        }
        for number in range(300)
    ]
    assert len((await diff(api, *many))["changes"]) == 300
    problem(await api.post("/v1/diff", content=b" " * 9 * 1024 * 1024), 413, "payload_too_large")
    problem(await api.post("/v1/diff", json={"documents": [3] * 1001}), 422, "invalid_argument")


async def test_a_section_that_the_brokers_choice_leaves_idle_is_told_of_before_and_after_it_is_written(
    api: httpx.AsyncClient,
) -> None:
    spec: dict[str, Any] = {"balance": {"method": "queue"}, "warmup": {"duration": "5s"}}
    said = (await diff(api, {"kind": "Service", "name": "billing", "spec": spec}))["warnings"]
    assert [(one["code"], one["document"], one["path"]) for one in said] == [
        ("CP109", "Service/billing", "spec.warmup")
    ]
    assert (await api.put("/v1/documents/Service/billing", json={"spec": spec}, headers=CREATE)).status_code == 201
    assert await warnings(api) == said

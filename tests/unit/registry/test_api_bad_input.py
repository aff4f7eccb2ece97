"""Bad documents over HTTP: every fault at once, with its place, and the old document stays in force."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.unit.registry.fakes import FakeLink
from tests.unit.registry.problems import BILLING, CREATE, SPEC, create, problem


@pytest.mark.parametrize("headers", [{"If-Match": "1.1"}, {"If-None-Match": '"1.1"'}])
async def test_a_malformed_precondition_is_refused(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    problem(await api.put(BILLING, json=SPEC, headers=headers), 400, "invalid_argument")


async def test_three_faults_are_reported_with_their_places_and_the_old_document_stays(
    api: httpx.AsyncClient, link: FakeLink
) -> None:
    etag = await create(api)
    heads = list(link.heads)
    wrong = {"spec": {"retry": {"attempts": -1, "on": ["sometimes"]}, "timeuot": {}}}
    said = problem(await api.put(BILLING, json=wrong, headers={"If-Match": etag}), 422, "invalid_argument")
    assert sorted(fault["pointer"] for fault in said["errors"]) == [
        "/spec/retry/attempts",
        "/spec/retry/on/0",
        "/spec/timeuot",
    ]
    assert "spec.retry.attempts" in {fault["path"] for fault in said["errors"]}
    assert all(fault["detail"] for fault in said["errors"])
    read = await api.get(BILLING)
    assert (read.headers["etag"], read.json()["spec"]) == (etag, SPEC["spec"])
    assert link.heads == heads


async def test_a_document_must_be_the_one_its_address_names(api: httpx.AsyncClient) -> None:
    other: dict[str, Any] = {"kind": "Defaults", "name": "mesh", "spec": {"timeuot": {}}}
    said = problem(await api.put(BILLING, json=other, headers=CREATE), 422, "invalid_argument")
    assert [fault["pointer"] for fault in said["errors"]] == ["/kind", "/name", "/spec/timeuot"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Service", "two words"),
        ("Service", "*"),
        ("Service", "\x00"),
        ("Service", "x" * 300),
        ("Service", "any"),
        ("Srevice", "billing"),
        ("Gateway", "billing"),
        ("Defaults", "other"),
    ],
)
async def test_a_bad_name_is_refused(api: httpx.AsyncClient, kind: str, name: str) -> None:
    address = f"/v1/documents/{quote(kind)}/{quote(name)}"
    said = problem(await api.put(address, json={"spec": {}}, headers=CREATE), 422, "invalid_argument")
    assert said["errors"][0]["pointer"] in {"/kind", "/name"}
    assert (await api.get(address)).status_code in {400, 404}
    assert (await api.delete(address, headers={"If-Match": "*"})).status_code in {400, 404}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"spec: {}", b'{"spec": {}} x'])
async def test_what_is_no_json_is_a_bad_request(api: httpx.AsyncClient, body: bytes) -> None:
    headers = CREATE | {"content-type": "application/json"}
    problem(await api.put(BILLING, content=body, headers=headers), 400, "invalid_argument")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{}",
        b'{"spec": {}, "spec": {}}',
        b'{"spec": {}, "name": 5}',
        b'{"spec": 5}',
        b'{"spec": {"retry": {"base": NaN}}}',
        b'{"spec": {}, "more": 1}',
        b'{"Spec": {}}',
        b'{"spec": {}, "SPEC": {"retry": {}}}',
        b'{"spec": {}, "\\u0073pec": {}}',
        b'{"spec": {"Retry": {"attempts": 1}}}',
        b'{"spec": {"retry": {"attempts": 1, "Attempts": 9}}}',
        b'{"spec": {"retry": {"attempts": 1, "attempts": 9}}}',
        b"[" * 5_000 + b"]" * 5_000,
        json.dumps({"spec": {"endpoints": {"a": {"retry": {"retry": {"retry": {}}}}}}}).encode(),
    ],
)
async def test_json_that_is_no_document_has_its_faults_listed(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.put(BILLING, content=body, headers=CREATE | {"content-type": "application/json"})
    assert problem(answer, 422, "invalid_argument")["errors"]


LONG = "a" * 2_000
PATTERNS = [
    f"/{LONG}*",
    "/" + "*/" * 1_000,
    "/" + "%" * 2_000,
    "/" + "%2" * 1_000,
    "/" + "%25" * 600 + "2f",
    "/" + "a/" * 1_000 + "..",
    "/" + ";" * 2_000,
    "/" + "." * 2_000 + "/..",
]
CALLERS = [f"{LONG}!", "spiffe://" + "a-" * 1_000, "spiffe://" + "a." * 1_000 + "!", f"spiffe://{LONG}/t/a/svc/b"]


@pytest.mark.parametrize(
    "spec",
    [
        {"effect": "allow", "from": ["web"], "to": [{"service": f"s{number}"} for number in range(5_000)]},
        {"effect": "allow", "from": [f"s{number}" for number in range(20_000)], "to": [{"service": "orders"}]},
        {"effect": "deny", "from": ["*"], "to": [{"service": "orders", "paths": PATTERNS}]},
        {"effect": "deny", "from": CALLERS, "to": [{"service": "orders"}]},
        {"effect": "deny", "from": ["*"], "to": [{"channel": "a" + ".*" * 5_000, "actions": ["publish"]}]},
        {"effect": "deny", "from": ["*"], "to": [{"service": "o", "endpoints": ["e" * 60_000]}]},
        {"effect": "deny", "Effect": "allow", "from": ["*"], "to": [{"service": "orders"}]},
        {"effect": "deny", "from": ["*"], "to": [{"service": "orders", "Paths": ["/a"]}]},
    ],
    ids=["targets", "callers", "paths", "identities", "channel", "endpoint", "another case", "another case inside"],
)
async def test_text_that_is_made_to_stall_whoever_reads_it_is_refused_with_few_words(
    api: httpx.AsyncClient, link: FakeLink, spec: dict[str, Any]
) -> None:
    heads = list(link.heads)
    answer = await api.put("/v1/documents/Access/long", json={"spec": spec}, headers=CREATE)
    said = problem(answer, 422, "invalid_argument")
    assert 1 <= len(said["errors"]) <= 100
    assert len(answer.content) < 64 * 1024
    assert link.heads == heads
    assert (await api.get("/v1/documents")).status_code == 200


async def test_a_body_above_the_limit_is_refused(api: httpx.AsyncClient) -> None:
    long = b'{"spec": {}' + b" " * 256 * 1024 + b"}"
    headers = CREATE | {"content-type": "application/json"}
    problem(await api.put(BILLING, content=long, headers=headers), 413, "payload_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(long), 10_000):
            yield long[at : at + 10_000]

    problem(await api.put(BILLING, content=chunks(), headers=headers), 413, "payload_too_large")


async def test_a_wrong_media_type_is_refused_and_none_is_taken_for_json(api: httpx.AsyncClient) -> None:
    body = json.dumps(SPEC).encode()
    for said in ("application/x-www-form-urlencoded", "application/yaml", "text/plain; charset=utf-8"):
        answer = await api.put(BILLING, content=body, headers=CREATE | {"content-type": said})
        problem(answer, 415, "invalid_argument")
    spelled = CREATE | {"content-type": "Application/JSON; charset=utf-8"}
    assert (await api.put(BILLING, content=body, headers=spelled)).status_code == 201
    assert (await api.delete(BILLING, headers={"If-Match": "*"})).status_code == 200
    assert (await api.put(BILLING, content=body, headers=CREATE)).status_code == 201


@pytest.mark.parametrize("headers", [{"Crossply-Author": "a" * 201}, {"Crossply-Author": "a\tb"}])
async def test_an_author_that_is_too_long_or_does_not_print_is_refused(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    problem(await api.put(BILLING, json=SPEC, headers=CREATE | headers), 400, "invalid_argument")


async def test_a_reason_that_is_too_long_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.put(BILLING, json=SPEC, headers=CREATE, params={"reason": "x" * 1001})
    problem(answer, 400, "invalid_argument")


async def test_a_page_of_the_history_has_bounds(api: httpx.AsyncClient) -> None:
    said = problem(await api.get("/v1/revisions", params={"limit": 1000}), 400, "invalid_argument")
    assert [fault["path"] for fault in said["errors"]] == ["limit"]
    problem(await api.get("/v1/revisions", params={"limit": "all"}), 400, "invalid_argument")
    assert (await api.get("/v1/revisions", params={"before": 0})).json() == {"revisions": [], "next": None}

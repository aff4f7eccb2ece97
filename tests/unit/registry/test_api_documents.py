"""Documents over HTTP: compare-and-set, and nothing half done."""

from __future__ import annotations

import httpx
import pytest

from crossply.control.record import open_announcement, open_record
from crossply.wire.link import StoreUnavailable
from crossply_registry.registry import Registry
from tests.unit.registry.fakes import FakeLink
from tests.unit.registry.problems import BILLING, CREATE, SPEC, create, problem


async def test_a_document_is_created_read_changed_and_deleted(api: httpx.AsyncClient) -> None:
    created = await api.put(BILLING, json=SPEC, headers=CREATE)
    assert created.status_code == 201
    assert created.headers["etag"] == '"1.1"'
    expected = {"kind": "Service", "name": "billing", "etag": "1.1", "generation": 1, "revision": 1}
    assert created.json() == expected | SPEC
    read = await api.get(BILLING)
    assert (read.status_code, read.headers["etag"], read.json()) == (200, '"1.1"', created.json())
    whole = {"kind": "Service", "name": "billing", "spec": {"retry": {"attempts": 2}}}
    changed = await api.put(BILLING, json=whole, headers={"If-Match": '"1.1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1.2"')
    deleted = await api.delete(BILLING, headers={"If-Match": '"1.2"'})
    assert deleted.status_code == 200
    assert deleted.json() == {"kind": "Service", "name": "billing", "generation": 1, "revision": 3}
    problem(await api.get(BILLING), 404, "not_found")


async def test_an_etag_stays_while_other_documents_change(api: httpx.AsyncClient) -> None:
    etag = await create(api)
    await api.put("/v1/documents/Service/orders", json=SPEC, headers=CREATE)
    assert (await api.get(BILLING)).headers["etag"] == etag
    assert (await api.put(BILLING, json={"spec": {}}, headers={"If-Match": etag})).status_code == 200


@pytest.mark.parametrize("kind", ["Foo", "service", "Gateway", ""])
async def test_a_kind_that_there_is_not_is_refused_in_a_listing(api: httpx.AsyncClient, kind: str) -> None:
    said = problem(await api.get("/v1/documents", params={"kind": kind}), 400, "invalid_argument")
    assert "kind" in said["detail"]


async def test_the_documents_in_force_are_listed(api: httpx.AsyncClient) -> None:
    await create(api)
    await api.put("/v1/documents/Defaults/mesh", json={"spec": {"timeout": {"total": 2}}}, headers=CREATE)
    listed = (await api.get("/v1/documents")).json()
    assert (listed["generation"], listed["revision"]) == (1, 2)
    assert [(one["kind"], one["name"], one["etag"]) for one in listed["documents"]] == [
        ("Defaults", "mesh", "1.2"),
        ("Service", "billing", "1.1"),
    ]
    some = (await api.get("/v1/documents", params={"kind": "Service"})).json()
    assert [one["name"] for one in some["documents"]] == ["billing"]


async def test_the_same_content_makes_no_new_revision(api: httpx.AsyncClient, link: FakeLink) -> None:
    etag = await create(api)
    heads = len(link.heads)
    again = await api.put(BILLING, json=SPEC, headers={"If-Match": etag})
    assert (again.status_code, again.headers["etag"]) == (200, etag)
    assert len(link.heads) == heads


async def test_a_write_without_a_base_is_refused(api: httpx.AsyncClient) -> None:
    problem(await api.put(BILLING, json=SPEC), 428, "failed_precondition")
    etag = await create(api)
    said = problem(await api.put(BILLING, json={"spec": {}}), 428, "failed_precondition")
    assert f'"{said["etag"]}"' == etag
    problem(await api.delete(BILLING), 428, "failed_precondition")


async def test_a_stale_etag_is_refused_and_the_current_one_told(api: httpx.AsyncClient) -> None:
    old = await create(api)
    await api.put(BILLING, json={"spec": {}}, headers={"If-Match": old})
    for stale in (
        await api.put(BILLING, json=SPEC, headers={"If-Match": old}),
        await api.delete(BILLING, headers={"If-Match": old}),
    ):
        said = problem(stale, 412, "failed_precondition")
        assert (said["etag"], stale.headers["etag"]) == ("1.2", '"1.2"')
    assert (await api.get(BILLING)).json()["spec"] == {}


async def test_creating_what_is_there_is_refused(api: httpx.AsyncClient) -> None:
    await create(api)
    problem(await api.put(BILLING, json=SPEC, headers=CREATE), 412, "failed_precondition")


@pytest.mark.parametrize("demanded", ['"1.0"', "*"])
async def test_changing_what_is_not_there_is_refused(api: httpx.AsyncClient, demanded: str) -> None:
    problem(await api.put(BILLING, json=SPEC, headers={"If-Match": demanded}), 412, "failed_precondition")


async def test_deleting_what_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    problem(await api.delete(BILLING, headers={"If-Match": "*"}), 404, "not_found")


@pytest.mark.parametrize("demanded", ["*", '"0.9", "1.1"', ' "1.1" '])
async def test_any_of_several_etags_will_do(api: httpx.AsyncClient, demanded: str) -> None:
    await create(api)
    answer = await api.put(BILLING, json={"spec": {}}, headers={"If-Match": demanded})
    assert answer.status_code == 200


@pytest.mark.parametrize("demanded", ['W/"1.1"', '"*"', '""'])
async def test_weak_and_foreign_etags_never_match(api: httpx.AsyncClient, demanded: str) -> None:
    await create(api)
    answer = await api.put(BILLING, json={"spec": {}}, headers={"If-Match": demanded})
    problem(answer, 412, "failed_precondition")


async def test_a_reader_that_has_the_newest_gets_no_body(api: httpx.AsyncClient) -> None:
    etag = await create(api)
    answer = await api.get(BILLING, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await api.get(BILLING, headers={"If-None-Match": '"1.0"'})).status_code == 200


async def test_author_and_reason_are_kept_in_the_record(api: httpx.AsyncClient, link: FakeLink) -> None:
    text = "Zoë Ω".encode().decode("latin-1")  # what a client sends that writes headers in UTF-8
    headers = httpx.Headers(CREATE | {"Crossply-Author": text, "Crossply-Reason": "because"}, encoding="latin-1")
    await api.put(BILLING, json=SPEC, headers=headers)
    announced = open_announcement(link.heads[-1])
    record = open_record(announced.record, announced.head.hash)
    assert (record.author, record.reason) == ("Zoë Ω", "because")
    deleted = await api.delete(BILLING, params={"reason": "tidy up"}, headers={"If-Match": "*"})
    assert deleted.status_code == 200
    announced = open_announcement(link.heads[-1])
    record = open_record(announced.record, announced.head.hash)
    assert (record.author, record.reason) == ("anonymous", "tidy up")


async def test_a_store_that_does_not_answer_makes_a_write_retryable_and_reads_go_on(
    api: httpx.AsyncClient, link: FakeLink
) -> None:
    etag = await create(api)
    link.store.available = False
    answer = await api.put(BILLING, json={"spec": {}}, headers={"If-Match": etag})
    assert problem(answer, 503, "unavailable")["retryable"] is True
    assert answer.headers["retry-after"] == "1"
    assert (await api.get(BILLING)).headers["etag"] == etag


async def test_a_write_is_not_reported_before_the_head_has_moved(
    api: httpx.AsyncClient, link: FakeLink, registry: Registry
) -> None:
    async def leave() -> None:
        raise StoreUnavailable("leader went away")

    link.store.once("update", "head", leave)
    problem(await api.put(BILLING, json=SPEC, headers=CREATE), 503, "unavailable")
    assert registry.parts.revisions.contents.place == (1, 0)


async def test_the_history_is_listed_newest_first_in_pages(api: httpx.AsyncClient) -> None:
    etag = await create(api)
    changed = await api.put(BILLING, json={"spec": {}}, headers={"If-Match": etag, "Crossply-Author": "ada"})
    await api.delete(BILLING, headers={"If-Match": changed.headers["etag"]}, params={"reason": "gone"})
    first = (await api.get("/v1/revisions", params={"limit": 2})).json()
    assert [(one["revision"], one["author"], one["reason"]) for one in first["revisions"]] == [
        (3, "anonymous", "gone"),
        (2, "ada", ""),
    ]
    assert first["revisions"][0]["changes"][0]["action"] == "deleted"
    rest = (await api.get("/v1/revisions", params={"before": first["next"]})).json()
    assert [one["revision"] for one in rest["revisions"]] == [1, 0]
    assert rest["next"] is None
    assert first["revisions"][0]["hash"] != rest["revisions"][0]["hash"]

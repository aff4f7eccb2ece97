"""The registry's answers as commands tell them: things by their names, changes by compare-and-set."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.registry_api import RegistryApi
from crossply_policy.parse import parse, plain
from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry
from tests.unit.registry.fakes import FakeLink, api_client, service

BILLING = parse(service("billing", retry={"attempts": 0}))


@pytest.fixture
async def api() -> AsyncIterator[RegistryApi]:
    """A registry over fakes, as a command speaks to it."""
    running = Registry(RegistryConfig(), connect=FakeLink().connect)
    await running.start()
    async with api_client(running) as client:
        yield RegistryApi(client, "http://registry")
    await running.aclose()


def answering(status: int, text: str = "") -> RegistryApi:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=text, headers={"ETag": '"1.1"'}))
    return RegistryApi(httpx.AsyncClient(transport=transport), "http://registry")


async def test_what_is_not_there_is_named(api: RegistryApi) -> None:
    with pytest.raises(Failure) as no_service:
        await api.service("nope")
    assert no_service.value.lines() == [
        "there is no service nope",
        "  next: `crossply services` lists those there are",
    ]
    assert no_service.value.code is ExitCode.NOT_FOUND
    for asking in (api.document("Service", "nope"), api.delete("Service", "nope", "")):
        with pytest.raises(Failure) as no_document:
            await asking
        assert no_document.value.what == "there is no document Service/nope"
        assert no_document.value.code is ExitCode.NOT_FOUND


async def test_a_document_is_deleted_as_it_is_now(api: RegistryApi) -> None:
    written = await api.write(BILLING, plain(BILLING), "")
    deleted = await api.delete("Service", "billing", "it is stable")
    assert (deleted.before, deleted.after) == (written.after, written.after + 1)
    assert await api.documents() == []


async def test_a_refusal_names_the_thing_and_not_its_address() -> None:
    with pytest.raises(Failure) as failed:
        await answering(503).service("orders")
    assert failed.value.lines()[0] == "reading service orders failed: status 503"
    with pytest.raises(Failure) as conflict:
        await answering(412).document("Service", "billing")
    assert conflict.value.code is ExitCode.CONFLICT


async def test_an_address_that_is_no_registry_is_not_a_missing_service() -> None:
    with pytest.raises(Failure) as failed:
        await answering(404, "not here").services()
    assert failed.value.what == "reading the services failed"
    assert failed.value.code is ExitCode.FAILED

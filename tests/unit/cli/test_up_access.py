"""Who may reach what when a mesh on this machine begins: its documents, and those of another beginning gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossply_cli.registry_api import RegistryApi
from crossply_cli.up import access, examples
from crossply_cli.up.access import OWN, Opening
from crossply_policy.access.decision import Caller, may_call, may_publish, may_subscribe
from crossply_policy.access.rules import compile_access
from crossply_policy.documents import Document
from crossply_policy.parse import parse, plain
from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry
from tests.unit.registry.fakes import FakeLink, api_client

MINE = parse(
    {
        "kind": "Access",
        "name": "mine",
        "spec": {"effect": "allow", "from": ["web"], "to": [{"service": "billing"}]},
    }
)


@pytest.fixture
async def api() -> AsyncIterator[RegistryApi]:
    """A registry over fakes, as `crossply up` speaks to it."""
    running = Registry(RegistryConfig(), connect=FakeLink().connect)
    await running.start()
    async with api_client(running) as client:
        yield RegistryApi(client, "http://registry")
    await running.aclose()


def spec(document: Document) -> dict[str, Any]:
    said: Any = plain(document)["spec"]
    return dict(said)


async def in_force(api: RegistryApi) -> set[str]:
    return {each["name"] for each in await api.documents() if each["kind"] == "Access"}


def calls(opening: Opening, caller: str, operation: str, path: str | None = None) -> bool:
    rules = compile_access(access.documents(opening))
    service, _, endpoint = operation.partition(".")
    return may_call(rules, Caller(service=caller), service, endpoint, path).allowed


async def test_each_beginning_takes_the_place_of_another_and_leaves_what_the_user_wrote(api: RegistryApi) -> None:
    await api.create(MINE, plain(MINE), "")
    await access.begin(api, Opening.ALL)
    assert await in_force(api) == {"mine", "dev-allow-all"}
    await access.begin(api, Opening.SHOP)
    shop = await in_force(api) - {"mine", "dev-own"}
    assert "dev-allow-all" not in shop
    assert all(name.startswith("shop-") for name in shop)
    await access.begin(api, Opening.CLOSED)
    assert await in_force(api) == {"mine"}


async def test_what_the_user_changed_stays_and_a_second_start_writes_nothing(api: RegistryApi) -> None:
    await access.begin(api, Opening.SHOP)
    own = parse({"kind": "Access", "name": "dev-own", "spec": {**spec(MINE), "from": ["mine"]}})
    await api.write(own, plain(own), "")
    revision = (await api.status())["revision"]
    await access.begin(api, Opening.SHOP)
    assert (await api.status())["revision"] == revision
    assert (await api.document("Access", "dev-own"))["spec"]["from"] == ["mine"]


async def test_where_the_shop_is_not_installed_the_others_begin_all_the_same(
    api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "_FOLDERS", ())
    await access.begin(api, Opening.ALL)
    await access.begin(api, Opening.CLOSED)
    assert await in_force(api) == set()


def test_plainly_everybody_may_do_everything() -> None:
    assert calls(Opening.ALL, "anyone", "anything.at-all")
    rules = compile_access(access.documents(Opening.ALL))
    for may in (may_publish, may_subscribe):
        assert may(rules, Caller(service="anyone"), "any.family").allowed


@pytest.mark.parametrize(
    ("caller", "operation", "path", "allowed"),
    [
        ("web", "orders.quote", None, True),
        ("web", "orders.create", None, True),
        ("orders", "billing.charge", None, True),
        ("orders", "stock.http-get", "/items/a", True),
        ("orders", "stock.http-post", "/reservations", True),
        ("gateway", "orders.create", None, True),
        ("gateway", "stock.http-get", "/items/a", True),
        ("crossply-cli", "web.stats", None, True),
        (OWN, "billing.charge", None, True),
        ("web", "billing.charge", None, False),
        ("gateway", "billing.charge", None, False),
        ("gateway", "stock.http-post", "/reservations", False),
        ("mailer", "orders.quote", None, False),
        ("newcomer", "orders.quote", None, False),
    ],
)
def test_the_shop_has_its_pairs_and_no_other_service_has_any(
    caller: str, operation: str, path: str | None, allowed: bool
) -> None:
    assert calls(Opening.SHOP, caller, operation, path) is allowed


def test_orders_alone_publishes_and_mailer_alone_subscribes() -> None:
    rules = compile_access(access.documents(Opening.SHOP))
    services = ("web", "orders", "billing", "stock", "mailer", "gateway", "newcomer")
    told = [each for each in services if may_publish(rules, Caller(service=each), "orders.created").allowed]
    heard = [each for each in services if may_subscribe(rules, Caller(service=each), "orders.created").allowed]
    assert (told, heard) == (["orders"], ["mailer"])


def test_no_document_of_the_shop_lets_everybody_in() -> None:
    assert not [each.name for each in access.documents(Opening.SHOP) if "*" in spec(each)["from"]]
    assert access.documents(Opening.CLOSED) == []

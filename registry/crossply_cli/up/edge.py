"""What a user with curl would see: HTTP through the gateway, as a call and passed whole."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import httpx

_WITHIN: Final = 10.0
_TRIES: Final = 6
_PAUSE: Final = 0.2


async def faults(client: httpx.AsyncClient, gateway: str, application: str) -> list[str]:
    """Return what does not work at the gateway; nothing when all does.

    `GET /svc/stock/items/a` must say what the application says; `POST /orders/create` must make an order, at
    the latest at the sixth attempt, as every twelfth charge fails on purpose.
    """
    found = [await _passed(client, gateway, application), await _called(client, gateway)]
    return [fault for fault in found if fault]


async def _passed(client: httpx.AsyncClient, gateway: str, application: str) -> str:
    path = "/items/a"
    try:
        passed = await client.get(f"{gateway}/svc/stock{path}", timeout=_WITHIN)
        direct = await client.get(f"{application}{path}", timeout=_WITHIN)
        same = all(passed.json()[name] == direct.json()[name] for name in ("sku", "cents"))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return f"GET {gateway}/svc/stock{path} does not work: {str(error) or type(error).__name__}"
    return "" if same else f"GET {gateway}/svc/stock{path} says {passed.text}, the application {direct.text}"


async def _called(client: httpx.AsyncClient, gateway: str) -> str:
    url = f"{gateway}/orders/create"
    said: Any = ""
    for _ in range(_TRIES):
        try:
            answer = await client.post(url, json={"sku": "a", "quantity": 1}, timeout=_WITHIN)
            said = answer.json()
            if answer.status_code == HTTPStatus.OK and "order" in said:
                return ""
            if said.get("code") != "aborted":
                break
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return f"POST {url} does not work: {str(error) or type(error).__name__}"
        await asyncio.sleep(_PAUSE)
    return f"POST {url} makes no order; it says {said}"

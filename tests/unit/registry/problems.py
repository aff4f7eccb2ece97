"""The document that API tests write, and what a problem must look like."""

from __future__ import annotations

from typing import Any

import httpx

BILLING = "/v1/documents/Service/billing"
CREATE = {"If-None-Match": "*"}
SPEC = {"spec": {"retry": {"attempts": 0}}}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem of an answer, which must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["type"]
    assert said["title"]
    assert said["detail"]
    return said


async def create(api: httpx.AsyncClient) -> str:
    """Create Service/billing and return its ETag."""
    answer = await api.put(BILLING, json=SPEC, headers=CREATE)
    assert answer.status_code == 201
    return answer.headers["etag"]

"""``POST /v1/join``: a process shows who it is, and gets certificate and credential."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from crossply_registry.api.problems import refusals
from crossply_registry.authority.answer import JoinedBody, answer
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.joining import LONGEST
from crossply_registry.authority.refusal import Refused


@post("/v1/join", tags=["join"], status_code=200, responses=refusals(400, 401, 403, 413, 503))
async def join(request: Request[Any, Any, Any], authority: NamedDependency[Authority]) -> JoinedBody:
    """Issue a certificate and a credential for the keys of a process that proves its identity."""
    parts = authority.parts
    try:
        raw = await request.body()
    except HTTPException as error:
        refused = Refused(error.status_code, f"body is longer than {LONGEST} bytes")
        await parts.joining.refused(refused)
        raise refused from error
    issued = await parts.joining.join(raw)
    return answer(issued, parts.issuer, parts.signing.certificates, authority.now())

"""Who may use the operators' part of the API: whoever shows a token whose hash is known."""

from __future__ import annotations

import hmac
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from crossply_registry.authority.authority import Authority
from crossply_registry.authority.folder import operator_hash
from crossply_registry.authority.refusal import unknown

Shown = Annotated[str | None, HeaderParameter(name="Authorization", description="`Bearer <operator token>`")]


async def operator(authority: NamedDependency[Authority], authorization: Shown = None) -> str:
    """Return the operator's name; raise Refused."""
    return known(authority, authorization or "")


def known(authority: Authority, authorization: str) -> str:
    """Return whose token it is; raise Refused."""
    scheme, _, token = authorization.partition(" ")
    shown = operator_hash(token)
    found = [each.name for each in authority.operators if hmac.compare_digest(each.hash, shown)]
    if scheme.lower() != "bearer" or not found:
        raise unknown("an operator's token is needed; set CROSSPLY_OPERATOR_TOKEN_FILE to the file that init wrote")
    return found[0]

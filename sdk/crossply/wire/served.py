"""One served endpoint as the wire knows it, and what stands for one that is not served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossply.errors import NotFound, Unavailable
from crossply.handler import Request, Response
from crossply.seal.credentials import Member
from crossply.wire.forms import ReplyWriter, RequestForm
from crossply.wire.sealed.writers import ReplyWriter as SealedWriter

if TYPE_CHECKING:
    from crossply.handler import Handler


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is served under one name, and the forms of what comes and of what goes.

    ``prompt`` says that the handler ends without waiting, but for its turn. ``short`` are the forms of replies that
    leave this instance's credential out, as their requests left out the caller's; ``sealed`` those to each member.
    """

    name: str
    operation: str
    handler: Handler
    prompt: bool = False
    requests: dict[bytes, RequestForm] = field(default_factory=dict[bytes, RequestForm])
    replies: dict[str, ReplyWriter] = field(default_factory=dict[str, ReplyWriter])
    sealed: dict[Member | None, SealedWriter] = field(default_factory=dict[Member | None, SealedWriter])
    short: dict[str, ReplyWriter] = field(default_factory=dict[str, ReplyWriter])


def absent(name: str, service: str, *, left: bool) -> Endpoint:
    """Return what answers for an endpoint that is not served here, or no longer as the instance has ``left``."""
    return Endpoint(name, f"{service}.{name}", _gone if left else _nobody)


async def _gone(request: Request) -> Response:
    return Response(failure=Unavailable(f"{request.operation}: this instance has left"))


async def _nobody(request: Request) -> Response:
    return Response(failure=NotFound(f"{request.operation}: no such endpoint at this instance"))

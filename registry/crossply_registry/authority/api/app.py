"""The application: routes, and problem details for everything that goes wrong."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from crossply_registry.api.problems import ApiFault, Problem, to_response
from crossply_registry.authority.api.health import live, ready
from crossply_registry.authority.api.identities import IdentityApi
from crossply_registry.authority.api.join import join
from crossply_registry.authority.api.log import read_log
from crossply_registry.authority.api.operators import operator
from crossply_registry.authority.api.tokens import TokenApi
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.joining import LONGEST
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import StateFault


def build(authority: Authority) -> Litestar:
    """Return the application that serves ``authority``."""

    def provide() -> Authority:
        return authority

    return Litestar(
        [join, TokenApi, IdentityApi, read_log, live, ready],
        dependencies={"authority": Provide(provide, sync_to_thread=False), "operator": Provide(operator)},
        exception_handlers={Exception: told},
        request_max_body_size=LONGEST,
        logging_config=None,
        debug=False,
        openapi_config=OpenAPIConfig(
            title="Crossply authority",
            version="1",
            description="Identities: joins, tokens, revocation, the issuance log.",
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin()],
            path="/openapi",
        ),
    )


def told(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return the problem details of any exception."""
    match error:
        case Refused():
            return to_response(request, ApiFault(error.status, error.why))
        case StateFault():
            return to_response(request, ApiFault(503, f"state is refused: {error}"))
        case _:
            return to_response(request, error)

"""The application: routes, their OpenAPI, and problem details for everything that goes wrong."""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from crossply_registry.api.audit import read_audit
from crossply_registry.api.authorship import authorship
from crossply_registry.api.document_text import LONGEST
from crossply_registry.api.documents import Documents, list_documents
from crossply_registry.api.explaining import explain_call
from crossply_registry.api.health import live, ready
from crossply_registry.api.history import list_revisions
from crossply_registry.api.observed import list_traces, metrics, read_stat, read_trace
from crossply_registry.api.problems import to_response
from crossply_registry.api.services import Services
from crossply_registry.api.status import read_status
from crossply_registry.api.warnings import compare, list_warnings
from crossply_registry.registry import Registry

_OPENAPI: Final = "/openapi.json"


def build(registry: Registry) -> Litestar:
    """Return the application that serves ``registry``."""

    def provide() -> Registry:
        return registry

    return Litestar(
        [
            list_documents,
            Documents,
            list_warnings,
            compare,
            explain_call,
            list_revisions,
            Services,
            read_status,
            read_stat,
            list_traces,
            read_trace,
            read_audit,
            metrics,
            live,
            ready,
        ],
        dependencies={
            "registry": Provide(provide, sync_to_thread=False),
            "said": Provide(authorship),
        },
        exception_handlers={Exception: to_response},
        request_max_body_size=LONGEST,
        logging_config=None,
        debug=False,
        openapi_config=_openapi(),
    )


def _openapi() -> OpenAPIConfig:
    """Return the generated description, at one address and without pages that load scripts from elsewhere."""
    return OpenAPIConfig(
        title="Crossply registry",
        version="1",
        description="The control plane: policy documents in, signed revisions out; who is in the mesh.",
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin(path=["/", _OPENAPI], media_type=MediaType.JSON)],
        openapi_router=Router(_OPENAPI, route_handlers=[], include_in_schema=False, before_request=_only_here),
    )


def _only_here(request: Request[Any, Any, Any]) -> None:
    """Hide the pages that the framework adds below the description."""
    if request.url.path != _OPENAPI:
        raise NotFoundException

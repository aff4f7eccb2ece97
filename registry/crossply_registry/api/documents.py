"""``/v1/documents``: read, write and delete documents by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast

from litestar import Controller, Request, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, RawBody

from crossply.telemetry.logs import get_logger
from crossply_policy import names
from crossply_policy.canonical import canonical
from crossply_policy.parse import plain
from crossply_registry.api.authorship import Authorship
from crossply_registry.api.bodies import DeletedBody, DocumentBody, DocumentList, DocumentSummary
from crossply_registry.api.document_text import PutOperation, check_media_type, read_document
from crossply_registry.api.preconditions import ANY, Preconditions, tags
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.registry import Registry
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.next_revision import Changes

_log = get_logger("registry.api")

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="the ETag a change is based on")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", description="`*` creates")]
Known = Annotated[str | None, HeaderParameter(name="If-None-Match", description="the ETags the reader has")]


@get("/v1/documents", tags=["documents"], responses=refusals(400, 503))
async def list_documents(registry: NamedDependency[Registry], kind: FromQuery[str | None] = None) -> DocumentList:
    """List the documents in force, of one kind or of all."""
    if kind is not None:
        _checked(names.kind, kind)
    contents = registry.parts.revisions.contents
    listed = [
        DocumentSummary(
            kind=held.document.kind,
            name=held.document.name,
            etag=contents.etag(key) or "",
            revision=held.kept.revision,
            hash=held.kept.hash,
        )
        for key, held in sorted(contents.held.items())
        if kind in {None, held.document.kind}
    ]
    return DocumentList(generation=contents.generation, revision=contents.revision, documents=listed)


class Documents(Controller):
    """One document."""

    path = "/v1/documents/{kind:str}/{name:str}"
    tags = ("documents",)

    @get(responses=refusals(400, 404, 503))
    async def read(
        self,
        registry: NamedDependency[Registry],
        kind: FromPath[str],
        name: FromPath[str],
        if_none_match: Known = None,
    ) -> Response[DocumentBody]:
        """Read a document; its ETag is what a change of it must send as `If-Match`."""
        _check_names(kind, name)
        contents = registry.parts.revisions.contents
        body = _body(contents, f"{kind}/{name}")
        if if_none_match is not None and tags(if_none_match, "If-None-Match") & {body.etag, ANY}:
            return Response(None, status_code=304, headers=_tag(body.etag))  # type: ignore[arg-type]
        return Response(body, headers=_tag(body.etag))

    @put(
        operation_class=PutOperation,
        responses={201: ResponseSpec(DocumentBody, generate_examples=False, description="Created")}
        | refusals(400, 408, 412, 413, 415, 422, 428, 503),
    )
    async def write(
        self,
        request: Request[Any, Any, Any],
        registry: NamedDependency[Registry],
        said: NamedDependency[Authorship],
        kind: FromPath[str],
        name: FromPath[str],
        body: RawBody,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[DocumentBody]:
        """Create a document (`If-None-Match: *`) or change it (`If-Match`); the same changes nothing."""
        check_media_type(request.headers.get("content-type", ""))
        demanded = Preconditions.of(if_match, if_none_match)
        document = read_document(body, kind, name)
        created = False

        def decide(contents: Contents) -> Changes:
            nonlocal created
            held = contents.held.get(document.key)
            demanded.check(contents.etag(document.key))
            created = held is None
            same = held is not None and held.raw == canonical(document)
            return {} if same else {document.key: document}

        written = await registry.parts.revisions.apply(decide, author=said.author, reason=said.reason)
        if written.changed:
            _log_change("created" if created else "changed", document.key, written.contents, said)
        answer = _body(written.contents, document.key)
        return Response(answer, status_code=201 if created else 200, headers=_tag(answer.etag))

    @delete(status_code=200, responses=refusals(400, 404, 412, 428, 503))
    async def remove(
        self,
        registry: NamedDependency[Registry],
        said: NamedDependency[Authorship],
        kind: FromPath[str],
        name: FromPath[str],
        if_match: IfMatch = None,
    ) -> DeletedBody:
        """Delete a document; whoever it concerned falls back to what else is in force."""
        _check_names(kind, name)
        key = f"{kind}/{name}"
        demanded = Preconditions.of(if_match, None)

        def decide(contents: Contents) -> Changes:
            if key not in contents.held:
                raise _missing(key)
            demanded.check(contents.etag(key))
            return {key: None}

        written = await registry.parts.revisions.apply(decide, author=said.author, reason=said.reason)
        generation, revision = written.contents.place
        _log_change("deleted", key, written.contents, said)
        return DeletedBody(kind=kind, name=name, generation=generation, revision=revision)


def _check_names(kind: str, name: str) -> None:
    _checked(names.kind, kind)
    _checked(names.service, name)


def _checked(check: Callable[[str], str], text: str) -> None:
    try:
        check(text)
    except names.NameFault as fault:
        raise ApiFault(400, str(fault)) from fault


def _missing(key: str) -> ApiFault:
    return ApiFault(404, f"document {key} does not exist")


def _body(contents: Contents, key: str) -> DocumentBody:
    held, etag = contents.held.get(key), contents.etag(key)
    if held is None or etag is None:
        raise _missing(key)
    return DocumentBody(
        kind=held.document.kind,
        name=held.document.name,
        spec=cast("dict[str, Any]", plain(held.document)["spec"]),
        etag=etag,
        generation=contents.generation,
        revision=held.kept.revision,
    )


def _tag(etag: str) -> dict[str, str]:
    return {"ETag": f'"{etag}"'}


def _log_change(action: str, key: str, contents: Contents, said: Authorship) -> None:
    _log.info(
        f"document_{action}",
        document=key,
        generation=contents.generation,
        revision=contents.revision,
        author=said.author,
        reason=said.reason,
    )

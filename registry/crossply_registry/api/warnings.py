"""``/v1/warnings`` and ``/v1/diff``: what is in doubt about the documents in force, and about those that may come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import RawBody
from msgspec import Struct

from crossply_policy.canonical import canonical
from crossply_policy.compile import unique
from crossply_policy.defaults import LIMITS
from crossply_policy.documents import Document
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_policy.lint import Doubt, lint
from crossply_policy.parse import parse, plain
from crossply_registry.api.previews import DiffBody, PreviewBody, WarningBody, WarningList
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.catalog.living import living
from crossply_registry.registry import Registry
from crossply_registry.revisions.contents import Contents, Held

_LONGEST: Final = 2 * LIMITS.apply
"""JSON is longer than the canonical form that the limit is for."""


class _Asked(Struct):
    documents: list[Any]


@get("/v1/warnings", tags=["documents"], responses=refusals(503))
async def list_warnings(registry: NamedDependency[Registry]) -> WarningList:
    """List what is allowed and probably not meant in the documents in force."""
    contents = registry.parts.revisions.contents
    found = lint((held.document for held in contents.held.values()), living(registry.parts.catalog))
    return WarningList(
        generation=contents.generation, revision=contents.revision, warnings=[_warning(one) for one in found]
    )


@post(
    "/v1/diff",
    tags=["documents"],
    status_code=200,
    request_max_body_size=_LONGEST,
    responses=refusals(400, 408, 413, 422, 503),
)
async def compare(registry: NamedDependency[Registry], body: RawBody) -> DiffBody:
    """Say what `{"documents": [...]}` would change, and what would be in doubt about them then; nothing is written."""
    contents = registry.parts.revisions.contents
    coming = _read(body)
    after = {**{key: held.document for key, held in contents.held.items()}, **coming}
    found = lint(after.values(), living(registry.parts.catalog))
    return DiffBody(
        generation=contents.generation,
        revision=contents.revision,
        changes=[_preview(contents, document) for document in coming.values()],
        warnings=[_warning(one) for one in found if one.document in coming],
    )


def _read(raw: bytes) -> Mapping[str, Document]:
    try:
        asked = msgspec.json.decode(raw, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiFault(400, f'body is not JSON of the form {{"documents": [...]}}: {error}') from error
    faults: list[Fault] = []
    if len(asked.documents) > LIMITS.apply_documents:
        faults.append(Fault("documents", f"are {len(asked.documents)}, at most {LIMITS.apply_documents} at once"))
        raise PolicyInvalid(faults)
    return unique(_parsed(asked.documents))


def _parsed(values: Sequence[object]) -> list[Document]:
    found: list[Document] = []
    faults: list[Fault] = []
    for number, value in enumerate(values):
        try:
            found.append(parse(value))
        except PolicyInvalid as invalid:
            at = f"documents[{number}]"
            faults += [Fault(f"{at}.{one.path}" if one.path else at, one.detail) for one in invalid.faults]
    if faults:
        raise PolicyInvalid(faults)
    return found


def _preview(contents: Contents, document: Document) -> PreviewBody:
    held = contents.held.get(document.key)
    return PreviewBody(
        document=document.key,
        action=_action(held, document),
        before=None if held is None else _spec(held.document),
        after=_spec(document),
    )


def _action(held: Held | None, document: Document) -> Any:
    if held is None:
        return "created"
    return "unchanged" if held.raw == canonical(document) else "changed"


def _spec(document: Document) -> dict[str, Any]:
    return cast("dict[str, Any]", plain(document)["spec"])


def _warning(doubt: Doubt) -> WarningBody:
    return WarningBody(code=doubt.code, document=doubt.document, path=doubt.path, detail=doubt.detail)

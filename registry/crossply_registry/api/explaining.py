"""``/v1/explain``: what holds for the calls of one caller to one operation, and who said it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from crossply_policy import names
from crossply_policy.access.decision import Caller, may_call
from crossply_policy.access.language import FOREIGN
from crossply_policy.access.rules import compile_access
from crossply_policy.documents import Document
from crossply_policy.explain import Effective, explain, explain_security
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.registry import Registry
from crossply_registry.revisions.contents import Contents

_DEFAULT = "default"

From = Annotated[str, QueryParameter(name="from", description="the calling service, or `foreign`")]
To = Annotated[str, QueryParameter(name="to", description="`service.endpoint`")]
Path = Annotated[str | None, QueryParameter(name="path", description="the HTTP path of a call through a bridge")]


class EffectiveBody(Struct, frozen=True, kw_only=True):
    """One value in force."""

    path: Annotated[str, Meta(description="such as `retry.attempts`")]
    value: Any
    source: Annotated[str, Meta(description="`kind/name` and the place in it, or `built-in`")]
    revision: Annotated[int | None, Meta(description="the revision that made that document what it is")]


class AccessBody(Struct, frozen=True, kw_only=True):
    """Whether the caller may; `would` is what it would be if documents in audit mode decided as well."""

    allowed: bool
    rule: Annotated[str, Meta(description="the Access document that decides, or `default`")]
    revision: int | None
    would: bool
    would_rule: str


class ExplainBody(Struct, frozen=True, kw_only=True):
    """What holds for a caller's calls to an operation at one revision."""

    generation: int
    revision: int
    caller: str
    operation: str
    access: AccessBody
    values: list[EffectiveBody]


@get("/v1/explain", tags=["documents"], responses=refusals(400, 503))
async def explain_call(registry: NamedDependency[Registry], caller: From, to: To, path: Path = None) -> ExplainBody:
    """Say whether a service may call an operation, and each value that holds for it, with the documents that say so.

    Metadata of a call is not known here: of the routes of `Traffic` those count that ask for none.
    """
    try:
        service, endpoint = names.operation(to)
        known = caller if caller == FOREIGN else names.service(caller)
    except names.NameFault as fault:
        raise ApiFault(400, str(fault)) from fault
    contents = registry.parts.revisions.contents
    documents = [held.document for held in contents.held.values()]
    who = Caller(service=known, identity="" if known == FOREIGN else registry.identity_of(known))
    decision = may_call(compile_access(documents), who, service, endpoint, path)
    return ExplainBody(
        generation=contents.generation,
        revision=contents.revision,
        caller=known,
        operation=to,
        access=AccessBody(
            allowed=decision.allowed,
            rule=decision.rule or _DEFAULT,
            revision=_revision(contents, f"Access/{decision.rule}"),
            would=decision.audit_allowed,
            would_rule=decision.audit_rule or _DEFAULT,
        ),
        values=[
            EffectiveBody(
                path=one.path,
                value=msgspec.to_builtins(one.value, order="sorted", enc_hook=dict),
                source=one.source,
                revision=_revision(contents, one.source.partition(" ")[0]),
            )
            for one in (*explain(documents, service, endpoint, caller=known), *_protection(documents, service))
        ],
    )


def _protection(documents: Iterable[Document], service: str) -> Iterator[Effective]:
    """Yield how messages to the service are protected, as `security.<field>`."""
    return (replace(one, path=f"security.{one.path}") for one in explain_security(documents, service))


def _revision(contents: Contents, key: str) -> int | None:
    held = contents.held.get(key)
    return None if held is None else held.kept.revision

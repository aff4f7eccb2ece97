"""What the HTTP API answers about documents in doubt and documents to come, as types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class WarningBody(Struct, frozen=True, kw_only=True):
    """What is allowed in a document and probably not meant; docs/policies.md has the codes."""

    code: str
    document: Annotated[str, Meta(description="`kind/name`")]
    path: Annotated[str, Meta(description="the place within the document")]
    detail: str


class WarningList(Struct, frozen=True, kw_only=True):
    """The warnings about the documents in force at one revision."""

    generation: int
    revision: int
    warnings: list[WarningBody]


class PreviewBody(Struct, frozen=True, kw_only=True):
    """What a write of one document would change; `before` is null where it would be created."""

    document: Annotated[str, Meta(description="`kind/name`")]
    action: Literal["created", "changed", "unchanged"]
    before: dict[str, Any] | None
    after: dict[str, Any]


class DiffBody(Struct, frozen=True, kw_only=True):
    """What a write of some documents would change at this revision, and the warnings about them then."""

    generation: int
    revision: int
    changes: list[PreviewBody]
    warnings: list[WarningBody]

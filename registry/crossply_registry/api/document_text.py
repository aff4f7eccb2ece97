"""A request's body to a document: JSON, of the right length and kind, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from crossply_policy import json_text
from crossply_policy.documents import Document
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_policy.parse import parse
from crossply_registry.api.problems import ApiFault

LONGEST: Final = 256 * 1024
_JSON: Final = "application/json"


@dataclass
class PutOperation(Operation):
    """The OpenAPI of a write: its body is read as text, so that a key that stands twice is seen."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        self.request_body = RequestBody(
            required=True,
            description="The document, whole or as its `spec` alone; at most 256 KiB.",
            content={
                _JSON: OpenAPIMediaType(
                    schema=Schema(
                        type=OpenAPIType.OBJECT,
                        properties={"kind": text, "name": text, "spec": Schema(type=OpenAPIType.OBJECT)},
                        required=["spec"],
                        additional_properties=False,
                    )
                )
            },
        )


def check_media_type(header: str) -> None:
    """Raise a 415 unless the body is said to be JSON, or nothing is said."""
    said = header.partition(";")[0].strip().lower()
    if said not in {"", _JSON}:
        raise ApiFault(415, f"body must be {_JSON}, not {said}", headers={"Accept": _JSON})


def read_document(raw: bytes, kind: str, name: str) -> Document:
    """Return the document of a body; raise a 400 for what is no JSON, ``PolicyInvalid`` for other faults."""
    try:
        value = json_text.decode(raw)
    except PolicyInvalid as error:
        _refuse_no_json(raw, error)
        raise
    if not isinstance(value, Mapping):
        return parse(value)
    fields = cast("Mapping[str, object]", value)
    faults = [
        Fault(field, f"is {fields[field]!r}, but the address says {said!r}")
        for field, said in (("kind", kind), ("name", name))
        if isinstance(fields.get(field), str) and fields[field] != said
    ]
    return _parsed({"kind": kind, "name": name, **fields}, faults)


def _parsed(value: Mapping[str, Any], faults: list[Fault]) -> Document:
    try:
        document = parse(value)
    except PolicyInvalid as error:
        raise PolicyInvalid([*faults, *error.faults]) from error
    if faults:
        raise PolicyInvalid(faults)
    return document


def _refuse_no_json(raw: bytes, error: PolicyInvalid) -> None:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as unread:
        detail = error.faults[0].detail if len(error.faults) == 1 else str(unread)
        raise ApiFault(400, f"body {detail}") from error
    except RecursionError:
        return

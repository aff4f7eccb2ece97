"""Plain data or JSON to a document, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from crossply_policy import json_text, names
from crossply_policy.defaults import LIMITS
from crossply_policy.documents import Document
from crossply_policy.faults import Faults, described, step
from crossply_policy.language import KINDS, Kind
from crossply_policy.plain_data import is_object, places
from crossply_policy.shapes import listed, unknown

_FIELDS: Final = ("kind", "name", "spec")


def parse(value: object) -> Document:
    """Return the document that plain data (dicts, lists, text, numbers) says; raise PolicyInvalid."""
    faults = Faults()
    document = _document(value, faults)
    if document is None or faults:
        raise faults.invalid()
    return document


def parse_json(raw: bytes) -> Document:
    """Return the document of a JSON text of at most 256 KiB; raise PolicyInvalid."""
    return parse(json_text.decode(raw))


def plain(document: Document) -> dict[str, object]:
    """Return the document as plain data, silent fields left out, durations in seconds; `parse` inverts it."""
    spec = KINDS[document.kind].spec.plain(document.spec)
    return {"kind": document.kind, "name": document.name, "spec": spec}


def _document(value: object, faults: Faults) -> Document | None:
    if not is_object(value):
        faults.add("", f"must be an object with {listed(_FIELDS, 'and')}, not {described(value)}")
        return None
    if not _bounded(value, faults):
        return None
    _check_fields(value, faults)
    word = _kind(value, faults)
    if word is None:
        return None
    kind = KINDS[word]
    name = _name(value, kind, faults)
    spec: Any = kind.spec.read(value["spec"], "spec", faults) if "spec" in value else None
    return Document(kind=word, name=name, spec=spec)


def _bounded(value: object, faults: Faults) -> bool:
    """Return whether the document is neither too deep nor too large; note it if it is."""
    for number, place in enumerate(places(value, deepest=LIMITS.document_depth + 1)):
        if place.depth > LIMITS.document_depth:
            faults.add(place.path, f"is nested deeper than {LIMITS.document_depth} levels")
            return False
        if number > LIMITS.items:
            faults.add("", f"holds more than {LIMITS.items} values")
            return False
    return True


def _check_fields(value: Mapping[object, object], faults: Faults) -> None:
    for key in value:
        if faults.full:
            return
        if key not in _FIELDS:
            faults.add(step("", key), unknown(key, _FIELDS))
    for key in _FIELDS:
        if key not in value:
            faults.add(key, "is missing")


def _kind(value: Mapping[object, object], faults: Faults) -> str | None:
    kind = value.get("kind")
    if not isinstance(kind, str):
        if "kind" in value:
            faults.add("kind", f"must be text such as {listed(KINDS, 'or')}, not {described(kind)}")
        return None
    try:
        return names.kind(kind)
    except names.NameFault as fault:
        faults.add("kind", str(fault))
        return None


def _name(value: Mapping[object, object], kind: Kind, faults: Faults) -> str:
    name = value.get("name")
    if not isinstance(name, str):
        if "name" in value:
            faults.add("name", f"must be text, not {described(name)}; write it in quotes")
        return ""
    try:
        return kind.name(name)
    except names.NameFault as fault:
        faults.add("name", str(fault))
        return ""

"""The language's table as JSON Schema 2020-12, one schema a kind."""

from __future__ import annotations

import json
from typing import Any

from crossply_policy.language import KINDS, Kind

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every kind that parses, by kind."""
    return {name: _schema(name, kind) for name, kind in KINDS.items()}


def rendered(schema: dict[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema, indent=2) + "\n"


def file_name(kind: str) -> str:
    """Return the name of a kind's file."""
    return f"{kind.lower()}.json"


def _schema(name: str, kind: Kind) -> dict[str, Any]:
    return {
        "$schema": _DRAFT,
        "title": name,
        "description": kind.about,
        "type": "object",
        "properties": {
            "kind": {"const": name},
            "name": dict(kind.name_schema),
            "spec": kind.spec.schema(),
        },
        "required": ["kind", "name", "spec"],
        "additionalProperties": False,
    }

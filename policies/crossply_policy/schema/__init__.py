"""JSON Schemas of the documents, for editors; `python -m crossply_policy.schema` writes the files beside."""

from __future__ import annotations

from crossply_policy.schema.render import file_name, rendered, schemas

__all__ = ["file_name", "rendered", "schemas"]

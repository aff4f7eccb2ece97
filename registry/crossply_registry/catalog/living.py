"""Who lives, in the words of the policy language: what warnings are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply_policy.traffic import labelled

if TYPE_CHECKING:
    from crossply_policy.lint import Living
    from crossply_registry.catalog.catalog import Catalog


def living(catalog: Catalog) -> Living:
    """Return the labels of every data plane, by service."""
    found: dict[str, list[dict[str, str]]] = {}
    for one in catalog.data_planes():
        labels = labelled(one.labels, version=one.hello.version, zone=one.zone)
        found.setdefault(one.hello.service, []).append(labels)
    return found

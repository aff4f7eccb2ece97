"""Short ways to write documents in tests."""

from __future__ import annotations

from crossply_policy.documents import Document
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse


def service(name: str = "orders", /, **spec: object) -> dict[str, object]:
    """Return a Service document as plain data."""
    return {"kind": "Service", "name": name, "spec": spec}


def defaults(**spec: object) -> dict[str, object]:
    """Return the Defaults document as plain data."""
    return {"kind": "Defaults", "name": "mesh", "spec": spec}


def traffic(name: str = "orders", /, **spec: object) -> dict[str, object]:
    """Return a Traffic document as plain data."""
    return {"kind": "Traffic", "name": name, "spec": spec}


def parsed(*values: object) -> list[Document]:
    """Return the documents."""
    return [parse(value) for value in values]


def faults_of(value: object) -> dict[str, str]:
    """Return the faults of a document that is refused, by path; none where it is not."""
    try:
        parse(value)
    except PolicyInvalid as invalid:
        faults = invalid.faults
    else:
        faults = ()
    by_path = {fault.path: fault.detail for fault in faults}
    assert len(by_path) == len(faults), "a path has one fault"
    return by_path

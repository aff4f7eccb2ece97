"""Who may reach what in a mesh on this machine, to begin with: everybody everything, the shop's pairs, or nobody."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.policy_files import load
from crossply_cli.target import CLIENT
from crossply_cli.up import examples
from crossply_policy.parse import parse, plain

if TYPE_CHECKING:
    from crossply_cli.registry_api import RegistryApi
    from crossply_policy.documents import Document

OWN: Final = "hello"
"""The user's own service in a demo."""
_ANYTHING: Final[list[dict[str, Any]]] = [{"service": "*"}, {"channel": ">", "actions": ["publish", "subscribe"]}]
_REASON: Final = "the start of a mesh for development"


class Opening(Enum):
    """How a mesh begins."""

    ALL = "dev-allow-all"
    SHOP = "dev-own"
    CLOSED = ""


def documents(opening: Opening) -> list[Document]:
    """Return the `Access` documents that a mesh begins with; raise Failure for a shop that is not installed."""
    if opening is Opening.CLOSED:
        return []
    if opening is Opening.ALL:
        return [_allow(opening.value, ["*"])]
    return [*_shop(), _allow(opening.value, [CLIENT, OWN])]


async def begin(api: RegistryApi, opening: Opening) -> None:
    """Write what it begins with, unless it is there, and delete what only another beginning has; raise Failure.

    What the user changed, or wrote under other names, stays.
    """
    wanted = {each.name: each for each in documents(opening)}
    there = {each["name"] for each in await api.documents() if each["kind"] == "Access"}
    for name, document in wanted.items():
        if name not in there:
            await api.create(document, plain(document), _REASON)
    for name in sorted(there & _known() - wanted.keys()):
        try:
            await api.delete("Access", name, _REASON)
        except Failure as failure:
            if failure.code is not ExitCode.NOT_FOUND:
                raise


def _known() -> set[str]:
    """Return the names of all that any beginning has."""
    return {each.value for each in Opening} | ({each.name for each in _shop()} if examples.has_shop() else set())


def _shop() -> list[Document]:
    return [each.document for each in load([examples.shop() / "access.yaml"])]


def _allow(name: str, callers: list[str]) -> Document:
    return parse({"kind": "Access", "name": name, "spec": {"effect": "allow", "from": callers, "to": _ANYTHING}})

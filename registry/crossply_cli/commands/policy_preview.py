"""`crossply policy lint` and `diff`: look at documents before they are applied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossply_cli import warned
from crossply_cli.differences import Difference, differences
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.policy_files import files_option, load
from crossply_cli.session import with_registry
from crossply_policy.lint import lint as lint_documents
from crossply_policy.parse import plain

if TYPE_CHECKING:
    from crossply_cli.registry_api import RegistryApi


@click.command
@files_option
@format_option()
def lint(paths: tuple[Path, ...], output: Format) -> None:
    """Check documents of files and folders by themselves: every fault, and warnings. No registry is asked."""
    files = load(paths)
    warnings = warned.as_data(lint_documents(each.document for each in files))
    warned.tell(warnings)
    rows = [(each.document.key, len(warned.about(warnings, [each.document.key]))) for each in files]
    value = {"documents": [key for key, _ in rows], "warnings": warnings}
    show(output, value, Rows(("document", "warnings"), rows))


@click.command
@files_option
@format_option()
def diff(paths: tuple[Path, ...], output: Format) -> None:
    """Say what applying documents would change, value by value, with warnings. Nothing is applied."""
    files = load(paths)

    async def comparing(api: RegistryApi) -> dict[str, Any]:
        return await api.diff([plain(each.document) for each in files])

    found = with_registry(comparing)
    warned.tell(found["warnings"])
    changes = [(one, differences(one["before"], one["after"])) for one in found["changes"]]
    value = {
        "revision": found["revision"],
        "changes": [
            {"document": one["document"], "action": one["action"], "values": [each._asdict() for each in values]}
            for one, values in changes
        ],
        "warnings": found["warnings"],
    }
    rows = [row for one, values in changes for row in _rows(one, values)]
    show(output, value, Rows(("document", "", "before", "after"), rows))


def _rows(change: dict[str, Any], values: list[Difference]) -> list[tuple[str, str, str, str]]:
    inner = [("", each.path, each.before or "", each.after or "") for each in values]
    return [(change["document"], change["action"], "", ""), *inner]

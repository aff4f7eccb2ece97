"""`crossply policy`: apply documents from files, read and delete those in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crossply_cli import acknowledged, warned
from crossply_cli.commands.policy_explain import explain
from crossply_cli.commands.policy_preview import diff, lint
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, Rows, as_yaml, format_option, show
from crossply_cli.policy_files import PolicyFile, files_option, load
from crossply_cli.session import with_registry
from crossply_policy import names
from crossply_policy.parse import plain

if TYPE_CHECKING:
    from crossply_cli.acknowledged import Acknowledged
    from crossply_cli.registry_api import RegistryApi, Written

_WITHIN: Final = 5.0
_HEADS: Final = ("document", "revision", "")
_reason = click.option("--reason", default="", help="Why; kept in the history.")


@click.group
def policy() -> None:
    """Check, apply, read and delete policy documents."""


policy.add_command(lint)
policy.add_command(diff)
policy.add_command(explain)


@policy.command
@files_option
@_reason
@format_option()
def apply(paths: tuple[Path, ...], reason: str, output: Format) -> int:
    """Create or change the documents of files and folders, and wait until every data plane has them.

    Nothing is applied when any document is faulty. Each document is one revision.
    """
    files = load(paths)

    async def applying(
        api: RegistryApi,
    ) -> tuple[list[tuple[PolicyFile, Written]], Acknowledged, list[dict[str, str]]]:
        written = [(each, await api.write(each.document, plain(each.document), reason)) for each in files]
        outcome = await acknowledged.wait(api, _WITHIN)
        return written, outcome, warned.about(await api.warnings(), (each.document.key for each in files))

    written, outcome, warnings = with_registry(applying)
    warned.tell(warnings)
    show(
        output,
        _applied(written, outcome) | {"warnings": warnings},
        Rows(_HEADS, [_row(*each) for each in written]),
    )
    return _told(outcome)


@policy.command
@click.argument("which", required=False, metavar="[KIND[/NAME]]")
@format_option()
def get(which: str | None, output: Format) -> None:
    """List the documents in force, those of one kind, or print one."""
    kind, name = _which(which) if which else ("", None)
    if name is not None:
        document = with_registry(lambda api: api.document(kind, name))
        said = {part: document[part] for part in ("kind", "name", "spec")}
        if output is Format.TABLE:
            click.echo(as_yaml(said), nl=False)
            click.echo(f"# revision {document['revision']}", err=True)
        else:
            show(output, said)
        return
    listed = [each for each in with_registry(lambda api: api.documents()) if kind in {"", each["kind"]}]
    rows = [(f"{each['kind']}/{each['name']}", each["revision"], each["hash"][:12]) for each in listed]
    show(output, listed, Rows(("document", "revision", "hash"), rows))


@policy.command
@click.argument("which", metavar="KIND/NAME")
@_reason
@format_option()
def delete(which: str, reason: str, output: Format) -> int:
    """Delete a document as it is now, and wait until no data plane goes by it any more."""
    kind, name = _which(which)
    if name is None:
        raise Failure(f"{which} names a kind, not a document", hint=f"write {which}/NAME", code=ExitCode.USAGE)
    key = f"{kind}/{name}"

    async def deleting(api: RegistryApi) -> tuple[Written, Acknowledged]:
        return await api.delete(kind, name, reason), await acknowledged.wait(api, _WITHIN)

    written, outcome = with_registry(deleting)
    row = (key, f"{written.before} -> {written.after}", "deleted")
    deleted = [{"document": key, "before": written.before, "revision": written.after}]
    show(output, _summary(deleted, outcome), Rows(_HEADS, [row]))
    return _told(outcome)


def _which(text: str) -> tuple[str, str | None]:
    """Return the kind and, if there is one, the name of `KIND[/NAME]`; raise Failure when one cannot be."""
    kind, slash, name = text.partition("/")
    try:
        return names.kind(kind), names.service(name) if slash else None
    except names.NameFault as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault


def _told(outcome: Acknowledged) -> ExitCode:
    """Say who has the revision, and return the exit code."""
    click.echo(outcome.line(), err=True)
    for line in outcome.behind:
        click.echo(f"  behind: {line}", err=True)
    return ExitCode.CHECK_FAILED if outcome.behind else ExitCode.OK


def _applied(written: list[tuple[PolicyFile, Written]], outcome: Acknowledged) -> dict[str, Any]:
    documents = [
        {"document": file.document.key, "before": each.before, "revision": each.after} for file, each in written
    ]
    return _summary(documents, outcome)


def _summary(documents: list[dict[str, Any]], outcome: Acknowledged) -> dict[str, Any]:
    return {
        "documents": documents,
        "revision": outcome.revision,
        "applied": outcome.applied,
        "data_planes": outcome.planes,
        "seconds": round(outcome.took, 3),
        "behind": list(outcome.behind),
    }


def _row(file: PolicyFile, written: Written) -> tuple[str, str, str]:
    if written.before is None:
        return file.document.key, str(written.after), "created"
    if not written.changed:
        return file.document.key, str(written.after), "unchanged"
    return file.document.key, f"{written.before} -> {written.after}", "changed"
